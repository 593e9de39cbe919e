package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// errBusy is how the rule of the test says no: somebody else was first.
var errBusy = errors.New("busy")

// race lets writers try to be the one that writes round r, and returns the ids of those who believe they won.
func race(ctx context.Context, logs []*stream.Log, guard stream.Guard, r int) (won []string, err error) {
	const writers = 16
	var mu sync.Mutex
	var group sync.WaitGroup
	start := make(chan struct{})
	for w := range writers {
		group.Go(func() {
			<-start
			id := fmt.Sprintf("r%d-w%d", r, w)
			l := logs[w%len(logs)]
			_, e := l.Commit(ctx, guard, id, func(ctx context.Context, _ uint64) (*stream.Event, error) {
				_, taken, err := l.Last(ctx, stream.NewGuard(name, fmt.Sprintf("test.call.t.c.*.%d", r)))
				if err != nil || taken {
					return nil, errors.Join(err, errBusy)
				}
				return &stream.Event{Subject: fmt.Sprintf("test.call.t.c.w%d.%d", w, r), Data: []byte(id)}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case e == nil:
				won = append(won, id)
			case !errors.Is(e, errBusy):
				err = e
			}
		})
	}
	close(start)
	group.Wait()
	return won, err
}

// checkRounds races and compares who believes they won with what is stored.
func checkRounds(t *testing.T, logs []*stream.Log, rounds int) {
	t.Helper()
	guard := stream.NewGuard(name, scope)
	for r := range rounds {
		won, err := race(within(t, time.Minute), logs, guard, r)
		if err != nil {
			t.Fatal(err)
		}
		var stored []string
		of := stream.NewGuard(name, fmt.Sprintf("test.call.t.c.*.%d", r))
		if err := logs[0].Between(t.Context(), of, 0, 1<<62, func(m stream.Message) error {
			stored = append(stored, m.EventID)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(won) != 1 || len(stored) != 1 || won[0] != stored[0] {
			t.Fatalf("round %d: won by %v, stored %v", r, won, stored)
		}
	}
}

func TestOneOfManyWinsOnOneServer(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	checkRounds(t, []*stream.Log{open(t, s.Conn(t), 1), open(t, s.Conn(t), 1)}, 20)
}

func TestOneOfManyWinsOnAClusterWhoseLeaderStops(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	logs := []*stream.Log{open(t, c.ConnTo(t, 0), 3), open(t, c.ConnTo(t, 1), 3), open(t, c.ConnTo(t, 2), 3)}
	checkRounds(t, logs, 10)
	leader := c.WaitLeader(t, name)
	c.StopNode(t, leader)
	c.StartNode(t, leader)
	c.WaitReady(t)
	checkMore(t, logs)
}

// checkMore goes on after a fault with rounds of their own numbers.
func checkMore(t *testing.T, logs []*stream.Log) {
	t.Helper()
	won, err := race(within(t, time.Minute), logs, stream.NewGuard(name, scope), 1000)
	if err != nil || len(won) != 1 {
		t.Fatalf("after the leader came back: won by %v, error %v", won, err)
	}
}

func TestAWinnerWithoutAnAnswerFindsItsOwnEvent(t *testing.T) {
	t.Parallel()
	l := open(t, streamtest.Start(t).Conn(t), 1)
	guard := stream.NewGuard(name, scope)
	tries := 0
	// The first try is stored behind Commit's back, as a publish is whose answer got lost; what Commit then sends is
	// refused, because the guard has moved.
	seq, err := l.Commit(t.Context(), guard, "mine", func(ctx context.Context, last uint64) (*stream.Event, error) {
		tries++
		e := stream.Event{ID: "mine", Subject: "test.call.t.c.a.requested"}
		if _, err := l.Append(ctx, guard, last, e); err != nil {
			return nil, err
		}
		return &e, nil
	})
	if err != nil || seq != 1 || tries != 1 {
		t.Fatalf("sequence %d after %d tries, error %v: the winner took itself for a loser", seq, tries, err)
	}
	if _, more, _ := l.After(t.Context(), guard, 1); more {
		t.Fatal("the event is stored twice")
	}
}

// TestABatchWithoutAnAnswerFindsItsOwnEvents is a fence: a commit of several events whose answer got lost must not write
// them again, and what somebody else has written meanwhile is decided upon.
func TestABatchWithoutAnAnswerFindsItsOwnEvents(t *testing.T) {
	t.Parallel()
	l := openBatches(t, streamtest.Start(t).Conn(t), 1)
	guard := stream.NewGuard(name, "test.call.t.>")
	events := []stream.Event{{Subject: "test.call.t.a"}, {Subject: "test.call.t.b"}, {Subject: "test.call.t.c"}}
	seq, err := l.CommitAll(t.Context(), guard, "mine", func(ctx context.Context, last uint64) ([]stream.Event, error) {
		var writes []stream.Write
		for n, e := range events {
			e.ID = []string{"mine.0", "mine.1", "mine"}[n]
			writes = append(writes, stream.Write{Guard: guard, Expected: last, Event: e})
		}
		_, err := l.AppendAll(ctx, name, writes)
		return events, err
	})
	if n := messages(t, l); err != nil || seq != 3 || n != 3 {
		t.Fatalf("sequence %d of %d, %v", seq, n, err)
	}
	tries := 0
	seq, err = l.CommitAll(t.Context(), guard, "second", func(ctx context.Context, last uint64) ([]stream.Event, error) {
		if tries++; tries == 1 { // somebody is faster
			_, err := l.Append(ctx, guard, last, stream.Event{ID: "theirs", Subject: "test.call.t.d"})
			return events, err
		}
		return events[:2], nil
	})
	if n := messages(t, l); err != nil || seq != 6 || n != 6 || tries != 2 {
		t.Fatalf("sequence %d of %d after %d tries, %v", seq, n, tries, err)
	}
	if m, _, err := l.At(t.Context(), name, seq); err != nil || m.EventID != "second" || m.Subject != "test.call.t.b" {
		t.Fatalf("the last is %+v, %v", m, err)
	}
	seq, err = l.CommitAll(t.Context(), guard, "none", func(context.Context, uint64) ([]stream.Event, error) { return nil, nil })
	if err != nil || seq != 6 || messages(t, l) != 6 {
		t.Fatalf("nothing is written at %d, %v", seq, err)
	}
}

func TestADecisionThatIsRefusedWritesNothing(t *testing.T) {
	t.Parallel()
	l := open(t, streamtest.Start(t).Conn(t), 1)
	_, err := l.Commit(t.Context(), stream.NewGuard(name, scope), "e", func(context.Context, uint64) (*stream.Event, error) {
		return nil, fault.New(fault.Unprocessable, "NAME_TAKEN")
	})
	if !fault.Is(err, "NAME_TAKEN") {
		t.Fatalf("got %v", err)
	}
	if info, _ := l.Info(t.Context(), name); info.Messages != 0 {
		t.Fatalf("%d messages", info.Messages)
	}
}

func TestAStaleExpectationIsAConflict(t *testing.T) {
	t.Parallel()
	l := open(t, streamtest.Start(t).Conn(t), 1)
	guard := stream.NewGuard(name, scope)
	if _, err := l.Append(t.Context(), guard, 0, stream.Event{ID: "a", Subject: "test.call.t.c.a.x"}); err != nil {
		t.Fatal(err)
	}
	_, err := l.Append(t.Context(), guard, 0, stream.Event{ID: "b", Subject: "test.call.t.c.b.x"})
	var conflict *stream.Conflict
	if !errors.As(err, &conflict) || conflict.InFlight {
		t.Fatalf("got %v", err)
	}
}
