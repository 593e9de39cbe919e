package analysis

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// erased tells whether an analysis's call is erased.
func erased(tx *view.Tx, r Record) bool {
	call, _, err := readCall(tx, r.Tenant, r.Call)
	return err == nil && call.Erased
}

// bury applies the erase of a call. Its analyses stay until each is deleted: what they have cost must be told once more.
// What a person has erased is to be wiped from the file, too.
func bury(tx *view.Tx, tenant string, event *eventv1.CallEvent) error {
	gone := CallState{Erased: true, Aged: event.GetMeta().GetBy() == nil}
	err := errors.Join(
		writeCall(tx, tenant, event.GetCallId(), gone),
		tx.Put(goneBucket, goneKey(event, tenant, ""), []byte{1}),
	)
	if err != nil || gone.Aged {
		return err
	}
	return tx.Forget()
}

// applyDeleted takes an analysis out of the view. Its end, too, may have been removed from the log by now: its call is
// not busy with it any more.
func applyDeleted(tx *view.Tx, tenant string, event *eventv1.CallEvent, call CallState) error {
	id := event.GetDeleted().GetAnalysisId()
	r, ok, err := readRecord(tx, tenant, id)
	if err != nil {
		return err
	}
	if ok {
		if err := dropRecord(tx, r); err != nil {
			return err
		}
	}
	if !call.Aged {
		if err := tx.Forget(); err != nil {
			return err
		}
	}
	if call.Erased {
		return nil
	}
	return errors.Join(
		tx.Put(goneBucket, goneKey(event, tenant, id), []byte{1}),
		writeCall(tx, tenant, event.GetCallId(), call.ended(id)),
	)
}

// goneKey sorts what was erased or deleted by when that was.
func goneKey(event *eventv1.CallEvent, tenant, analysis string) []byte {
	k := binary.BigEndian.AppendUint64(nil, uint64(timeOf(event.GetMeta().GetAt()).UnixNano()))
	return append(k, key(tenant, event.GetCallId(), analysis)...)
}

// goneSince are the calls that were erased and the analyses that were deleted at or after a time.
func goneSince(tx *view.Tx, since time.Time) (gone []erasure.Call, err error) {
	from := binary.BigEndian.AppendUint64(nil, uint64(since.UnixNano()))
	for k := range tx.Scan(goneBucket, nil, from) {
		parts := bytes.SplitN(k[8:], []byte{0}, 3)
		c := erasure.Call{Tenant: string(parts[0]), ID: string(parts[1]), Analysis: string(parts[2])}
		call, _, err := readCall(tx, c.Tenant, c.ID)
		if err != nil {
			return nil, err
		}
		c.Aged = call.Aged
		gone = append(gone, c)
	}
	return gone, nil
}

// applied learns from the log what waits, what has ended, and what was erased.
func (s *Service) applied(batch []stream.Message) {
	s.pool.applied(batch)
	for _, m := range batch {
		s.secrets.applied(m)
	}
	s.countUsage(batch)
	for _, m := range batch {
		_, _, rest, ok := subject.Parse(m.Subject)
		if ok && m.Stream == subject.Calls && len(rest) == 3 &&
			(rest[2] == subject.KindErased || rest[2] == subject.KindDeleted) {
			s.eraser.Rouse()
			return
		}
	}
}

func (s *Service) newEraser() *erasure.Sweeper {
	return erasure.NewSweeper(erasure.Config{
		Ready: s.follower.Ready,
		Erased: func(since time.Time) (gone []erasure.Call, err error) {
			err = s.follower.Read(func(tx *view.Tx) error { gone, err = goneSince(tx, since); return err })
			return gone, err
		},
		Finish: s.remove,
		Logger: s.log,
	})
}

// remove ends and deletes the analyses of an erased call, and then removes all that was said of them. Of an analysis that
// was deleted by itself it removes what was said of it, but the request, which may be about others, too.
func (s *Service) remove(ctx context.Context, c erasure.Call) error {
	if c.Analysis == "" {
		if err := s.endAll(ctx, c); err != nil {
			return err
		}
	}
	last, ok, err := s.deps.Log.Last(ctx, guard(c.Tenant, c.ID))
	if err != nil || !ok {
		return err
	}
	return erasure.Remove(ctx, s.deps.Log, remainsOf(c), last.Sequence+1, c.Aged)
}

func remainsOf(c erasure.Call) erasure.Remains {
	if c.Analysis != "" {
		return erasure.Remains{
			Stream: subject.Calls, Filter: subject.AnalysisOwn(c.Tenant, c.ID, c.Analysis),
			Keep: func(m stream.Message) bool {
				kind := kindOf(m)
				return kind == subject.KindDeleted || kind == subject.KindRequested
			},
		}
	}
	out := erasure.Remains{
		Stream: subject.Calls, Filter: subject.CallGuard(c.Tenant, c.ID),
		Keep: func(m stream.Message) bool { // what is the call's own, transcript-ingest removes
			_, _, rest, ok := subject.Parse(m.Subject)
			return !ok || rest[1] == subject.CallScope || kindOf(m) == subject.KindDeleted
		},
	}
	for _, kind := range []string{
		subject.KindRequested, subject.KindStarted, subject.KindSent, subject.KindPiece,
		subject.KindCompleted, subject.KindFailed, subject.KindCancelled,
	} {
		out.Purge = append(out.Purge, subject.KindOfAnalyses(c.Tenant, c.ID, kind))
	}
	return out
}

func kindOf(m stream.Message) string {
	_, _, rest, ok := subject.Parse(m.Subject)
	if !ok || len(rest) != 3 {
		return ""
	}
	return rest[2]
}

// endAll writes what may still be said of an erased call's analyses: that those which had not ended are cancelled, which
// also stops what is at the provider, and that all are deleted, with what they have cost.
func (s *Service) endAll(ctx context.Context, c erasure.Call) error {
	var left []string
	err := s.follower.Read(func(tx *view.Tx) error {
		for _, id := range tx.Scan(listBucket, append(key(c.Tenant, c.ID), 0), nil) {
			left = append(left, string(id))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range left {
		for _, last := range []func(Record) *fact{cancelledNameless, deletedFact} {
			if err := s.lastWord(ctx, c, id, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// cancelledNameless says that an analysis is cancelled, without a word about its call; nil when it has ended already.
func cancelledNameless(r Record) *fact {
	if r.Terminal() {
		return nil
	}
	r.Info = CallInfo{}
	return cancelledFact(r)
}

// lastWord writes what is left to say of an analysis, if it is still there.
func (s *Service) lastWord(ctx context.Context, c erasure.Call, id string, say func(Record) *fact) error {
	_, err := s.commit(ctx, c.Tenant, c.ID, self(c.Tenant), ids.New("event"), func(tx *view.Tx) (*fact, error) {
		r, ok, err := readRecord(tx, c.Tenant, id)
		if err != nil || !ok {
			return nil, err
		}
		return say(r), nil
	})
	return err
}
