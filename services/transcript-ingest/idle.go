package ingest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

const (
	// idleAfter is how long nothing may be heard of a call before it is over.
	idleAfter = 30 * time.Minute
	// idleEvery is how often a replica looks for such calls, at the longest.
	idleEvery = time.Minute

	endByIdle = "idle"
)

// silentSince decides whether a call is over because nothing was heard of it: when it was opened and when its newest
// words came, both by the server that stored them, and that server's time now. Then it ended with its last words.
func silentSince(opened, heard, now time.Time, after time.Duration) (end time.Time, over bool) {
	end = opened
	if heard.After(end) {
		end = heard
	}
	return end, now.Sub(end) >= after
}

// silent is silentSince of a call that has not ended, as the view has it.
func silent(tx *view.Tx, r ref, now time.Time, after time.Duration) (end time.Time, over bool, err error) {
	opened := tx.Get(openBucket, r.key())
	if len(opened) != 8 {
		return end, false, nil
	}
	c, err := readCounts(tx, r)
	if err != nil {
		return end, false, err
	}
	end, over = silentSince(time.UnixMilli(int64(binary.BigEndian.Uint64(opened))), time.UnixMilli(c.Heard), now, after)
	return end, over, nil
}

// idle ends calls that nobody ends. Every replica looks, and one of them writes it.
func (s *Service) idle(ctx context.Context) {
	tick := time.NewTicker(max(min(idleEvery, s.idleAfter/4), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s.follower.Ready(ctx) != nil {
			continue
		}
		// The clock that stamps messages says how old they are: ours, or a publisher's, may be wrong by hours.
		info, err := s.facts.Info(ctx, subject.Live)
		if err == nil && !info.Asked.IsZero() {
			err = s.endSilent(ctx, info.Asked)
		}
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "silent calls could not be looked for", "error", err)
		}
	}
}

// endSilent ends all calls that have been silent for too long at a time of the server. It looks at those that have not
// ended, and at no others.
func (s *Service) endSilent(ctx context.Context, now time.Time) error {
	var over []ref
	err := s.follower.Read(func(tx *view.Tx) error {
		for k := range tx.Scan(openBucket, nil, nil) {
			r := refOf(k)
			_, is, err := silent(tx, r, now, s.idleAfter)
			if err != nil {
				return err
			}
			if is {
				over = append(over, r)
			}
		}
		return nil
	})
	// Replicas begin in different places, lest they all end the same call at the same time.
	rand.Shuffle(len(over), func(i, j int) { over[i], over[j] = over[j], over[i] }) //nolint:gosec // spreads load, guards nothing
	for _, r := range over {
		err := s.endIdle(ctx, r, now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !fault.Is(err, "CALL_ERASED") {
			s.log.WarnContext(ctx, "a silent call could not be ended and is tried again",
				"tenant", r.tenant, "call", r.call, "error", err)
		}
	}
	return err
}

// endIdle ends one call and folds it, unless words have come meanwhile, or another end. Words that come between the
// question to the leaders and the end are folded with the others, those behind it are late: none is lost.
func (s *Service) endIdle(ctx context.Context, r ref, now time.Time) error {
	if err := s.newest(ctx, r); err != nil {
		return err
	}
	wrote := false
	pos, err := s.commit(ctx, r.callGuard(), func(tx *view.Tx) (*stream.Event, error) {
		wrote = false
		rec, err := readRecord(tx, r)
		if err != nil || !rec.open() {
			return nil, err
		}
		end, over, err := silent(tx, r, now, s.idleAfter)
		if err != nil || !over {
			return nil, err
		}
		wrote = true
		return encode(subject.Call(r.tenant, r.call, subject.KindEnded), &eventv1.CallEvent{
			CallId: r.call, Meta: meta(self(r)), Kind: &eventv1.CallEvent_Ended{
				Ended: &eventv1.CallEnded{EndedAt: timestamppb.New(end), Cause: endByIdle},
			},
		})
	})
	if err != nil || !wrote {
		return err
	}
	if err := s.follower.WaitPosition(ctx, pos.Encode()); err != nil {
		return err
	}
	s.hinting.add(r, 0, pos)
	_, err = s.fold(ctx, r)
	return err
}
