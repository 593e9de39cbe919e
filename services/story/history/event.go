package history

import (
	"encoding/hex"
	"fmt"
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// OfCall is the record of an event in a call's history, as it lies on the log.
func OfCall(stream, name string, sequence uint64, stored time.Time, eventID string, e *eventv1.CallEvent) Log {
	l := Log{Stream: stream, Subject: name, Sequence: sequence, Time: stored.UnixMicro(), EventID: eventID, Call: e.GetCallId()}
	if _, tenant, rest, ok := subject.Parse(name); ok && len(rest) == 3 {
		l.Tenant, l.Event = tenant, rest[2]
		if rest[1] != subject.CallScope {
			l.Analyses = []string{rest[1]}
		}
	}
	if r := e.GetRequested(); r != nil {
		l.Analyses, l.Key = nil, hex.EncodeToString(r.GetIdempotency())
		for _, a := range r.GetAnalyses() {
			l.Analyses = append(l.Analyses, a.GetId())
		}
	}
	if s := e.GetSent(); s != nil {
		l.Piece = fmt.Sprintf("%d/%d/%d", s.GetLevel(), s.GetIndex(), s.GetTry())
		l.Sent = []string{s.GetOurRequestId()}
	}
	if p := e.GetPiece(); p != nil {
		l.Piece = fmt.Sprintf("%d/%d/%d", p.GetLevel(), p.GetIndex(), p.GetTry())
		l.Failed = p.Text == nil
	}
	for _, o := range []*eventv1.Outcome{
		e.GetCompleted().GetOutcome(), e.GetFailed().GetOutcome(), e.GetCancelled().GetOutcome(),
	} {
		if o != nil {
			l.Maybe = o.GetUsage().GetMaybeRequests()
		}
	}
	return l
}
