package analysis

import (
	"context"
	"maps"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// guard is the one guard of a call: all that happens to it, its analyses included, is one history.
func guard(tenant, call string) stream.Guard {
	return stream.NewGuard(subject.Calls, subject.CallGuard(tenant, call))
}

// fact is an event of an analysis on its way to the log.
type fact struct {
	analysis, kind string
	event          *eventv1.CallEvent
}

// commit takes a decision about a call and writes what it decides; a nil fact writes nothing.
func (s *Service) commit(
	ctx context.Context, tenant, call string, by identity.Caller, eventID string, decide func(*view.Tx) (*fact, error),
) (stream.Position, error) {
	return s.follower.Commit(ctx, guard(tenant, call), eventID, func(tx *view.Tx) (*stream.Event, error) {
		f, err := decide(tx)
		if err != nil || f == nil {
			return nil, err
		}
		f.event.CallId = call
		f.event.Meta = &eventv1.Meta{At: timestamppb.New(time.Now()), By: by.Actor(), Service: Name}
		data, err := proto.Marshal(f.event)
		if err != nil {
			return nil, err
		}
		return &stream.Event{Subject: subject.Analysis(tenant, call, f.analysis, f.kind), Data: data}, nil
	})
}

func cancelledFact(r Record) *fact {
	return &fact{r.ID, subject.KindCancelled, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Cancelled{
		Cancelled: &eventv1.AnalysisCancelled{Outcome: r.outcome()},
	}}}
}

func deletedFact(r Record) *fact {
	return &fact{r.ID, subject.KindDeleted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Deleted{
		Deleted: &eventv1.AnalysisDeleted{AnalysisId: r.ID, Usage: r.total().proto()},
	}}}
}

func completedFact(r Record) *fact {
	return &fact{r.ID, subject.KindCompleted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Completed{
		Completed: &eventv1.AnalysisCompleted{Outcome: r.outcome()},
	}}}
}

// failedFact says beside the code what a screen needs to put it into words: the status, and whose provider it was.
func failedFact(r Record, e ProviderError) *fact {
	params := map[string]string{"keyKind": r.Key.Kind}
	if e.Status > 0 {
		params["status"] = strconv.Itoa(int(e.Status))
	}
	maps.Copy(params, e.Params)
	return &fact{r.ID, subject.KindFailed, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Failed{
		Failed: &eventv1.AnalysisFailed{Outcome: r.outcome(), Code: e.Code, Status: e.Status, Params: params},
	}}}
}

func startedFact(r Record, attempt uint32, deadline time.Time, worker string) *fact {
	return &fact{r.ID, subject.KindStarted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Started{
		Started: &eventv1.AnalysisStarted{
			AnalysisId: r.ID, Attempt: attempt, Deadline: timestamppb.New(deadline), Worker: worker, Pieces: 1,
		},
	}}}
}

func sentFact(r Record, s Sent) *fact {
	return &fact{r.ID, subject.KindSent, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Sent{
		Sent: &eventv1.RequestSent{
			AnalysisId: r.ID, Level: s.Level, Index: s.Index, Try: s.Try, OurRequestId: s.RequestID,
		},
	}}}
}

func pieceFact(r Record, p *eventv1.PieceAnswered) *fact {
	p.AnalysisId = r.ID
	return &fact{r.ID, subject.KindPiece, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Piece{Piece: p}}}
}
