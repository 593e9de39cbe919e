package ingest

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Step is a step of ending a call.
type Step int

// Steps, in their order.
const (
	Ended Step = iota
	Sealed
	OnePart
	AllParts
)

// EndAndDie ends a call and stops behind a step, as a crash does.
func EndAndDie(ctx context.Context, s *Service, tenant, call string, last Step) error {
	r := ref{tenant, call}
	_, err := s.commitCall(ctx, self(r), r, func(record) (string, *eventv1.CallEvent, error) {
		ended := &eventv1.CallEnded{EndedAt: timestamppb.New(time.Now()), Cause: endByEvent}
		return subject.KindEnded, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: ended}}, nil
	})
	if err == nil && last >= Sealed {
		err = s.seal(ctx, r)
	}
	for left := err == nil && last >= OnePart; left; left = left && err == nil && last >= AllParts {
		_, left, err = s.foldPart(ctx, r)
	}
	return err
}

// CutSmall makes a replica that has not answered yet fold into parts of a few kilobytes.
func CutSmall(s *Service) { s.maxPart = 4 << 10 }

// AddLate adds a word to a call's parts, whatever state the call is in; unfolded tells whether that was the obstacle.
func AddLate(ctx context.Context, s *Service, tenant, call string) (unfolded bool, err error) {
	r := ref{tenant, call}
	_, _, err = s.addLate(ctx, self(r), r, []*eventv1.Entry{{UtteranceId: "late"}})
	return errors.Is(err, errUnfolded), err
}

// SweepAt does what a running replica does now and then, as if it were some time.
func SweepAt(ctx context.Context, s *Service, now time.Time) { s.foldAll(ctx, stillLive(now)) }

// Orders is what a receipt says of orders alone, in the order they came.
func Orders(orders []int64) *transcriptv1.Receipt {
	out := &transcriptv1.Receipt{}
	countOrders(out, slices.Clone(orders))
	return out
}

// AskOften makes a replica that has no streams yet ask every few milliseconds whether they may go on.
func AskOften(s *Service, resolve identity.Resolve) {
	s.resolve, s.recheck = resolve, 5*time.Millisecond
}

// SilentSince decides whether a call is over.
func SilentSince(opened, heard, now time.Time, after time.Duration) (time.Time, bool) {
	return silentSince(opened, heard, now, after)
}

// EndSilent ends the calls that are silent at a time of the server.
func EndSilent(ctx context.Context, s *Service, now time.Time) error { return s.endSilent(ctx, now) }

// EndIdle ends a call that was found to be silent at a time of the server.
func EndIdle(ctx context.Context, s *Service, tenant, call string, now time.Time) error {
	return s.endIdle(ctx, ref{tenant, call}, now)
}

// EraseStep is a step of erasing a call.
type EraseStep int

// Steps, in their order.
const (
	Tombstone EraseStep = iota
	PartsTombstone
	LiveSeal
	HistoryGone
	PartsGone
	WordsGone
)

// EraseAndDie erases a call and stops behind a step, as a crash does.
func EraseAndDie(ctx context.Context, s *Service, tenant, call string, last EraseStep) error {
	r := ref{tenant, call}
	_, err := s.commitCall(ctx, identity.Caller{Tenant: tenant, AccountID: "admin"}, r,
		func(record) (string, *eventv1.CallEvent, error) {
			return subject.KindErased, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}}, nil
		})
	if err != nil || last < PartsTombstone {
		return err
	}
	if _, err = s.entomb(ctx, r); err == nil && last >= LiveSeal {
		err = s.seal(ctx, r)
	}
	for i, part := range remainsOf(r) {
		if err != nil || last < HistoryGone+EraseStep(i) {
			return err
		}
		err = s.removePart(ctx, part, false)
	}
	return err
}

// NeverErase keeps a replica that has not started from finishing what is erased.
func NeverErase(s *Service) {
	s.eraser = erasure.NewSweeper(erasure.Config{
		Ready: s.follower.Ready, Logger: s.log,
		Erased: func(time.Time) ([]erasure.Call, error) { return nil, nil },
	})
}

// LookEvery sets how often streams of words look, check, and how long a client may take for what is written to it.
func LookEvery(s *Service, look, check, write time.Duration) {
	s.pace = pace{look: look, check: check, beats: 1, write: write}
}

// WatchMost sets how many streams of words may be open.
func WatchMost(s *Service, most int) { s.watches.most = most }

// Watching is how many streams of words are open.
func Watching(s *Service) int {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	return s.watches.n
}

// RetainAt erases what is too old, as if it were some time.
func RetainAt(ctx context.Context, s *Service, now time.Time) { s.retainOnce(ctx, now) }

// RetentionOf is how many days a replica knows that a tenant keeps its calls.
func RetentionOf(s *Service, tenant string) (days uint32) {
	_ = s.follower.Read(func(tx *view.Tx) error {
		set, err := readRetention(tx, tenant)
		days = set.GetDays()
		return err
	})
	return days
}

// ErasedBy is the account that a tombstone says has erased a call.
func ErasedBy(data []byte) string {
	e := &eventv1.CallEvent{}
	_ = proto.Unmarshal(data, e)
	return e.GetMeta().GetBy().GetAccountId()
}

// BuryAgain gives up on a message of the inbox, as a replica does that knows nothing of another one's having done so.
func BuryAgain(ctx context.Context, s *Service, m stream.Message) error {
	return s.bury(ctx, parcelOf(stream.Delivery{Message: m}), "", errors.New("refused"))
}
