package follow_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// lingering is a follower that applies nothing for an hour unless somebody waits for it.
func lingering(t *testing.T, log *stream.Log, applied *atomic.Int64) *follow.Follower {
	t.Helper()
	f := follow.New(follow.Config{
		Log: log, Path: filepath.Join(t.TempDir(), "view.db"), Buckets: []string{"things"}, Format: "1", Streams: []string{"ALL"},
		Apply: func(tx *view.Tx, m stream.Message) error {
			applied.Add(1)
			return tx.Put("things", []byte(m.Subject), m.Data)
		},
		Linger: map[string]time.Duration{"ALL": time.Hour},
	})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Stop(context.Background()) })
	return f
}

func TestNobodyWaitsForWhatLingers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var applied atomic.Int64
	f := lingering(t, b.log, &applied)
	g := stream.NewGuard("ALL", "test.thing.a")
	last := uint64(0)
	say := func() {
		t.Helper()
		seq, err := b.log.Append(t.Context(), g, last, stream.Event{ID: fmt.Sprint(last), Subject: "test.thing.a", Data: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		last = seq
	}
	for range 3 { // each time it lingers anew
		say()
		say()
		if n := applied.Load(); n > int64(last)-2 {
			t.Errorf("%d of %d were applied, and nobody has asked for the last two", n, last)
		}
		if err := f.Wait(t.Context(), "ALL", last); err != nil {
			t.Fatal(err)
		}
	}
	say()
	_, err := f.Commit(t.Context(), g, "decided", func(tx *view.Tx) (*stream.Event, error) {
		if got := f.Position()[0].Sequence; got != last {
			t.Errorf("decided at %d of %d", got, last)
		}
		return &stream.Event{Subject: "test.thing.a", Data: []byte("y")}, nil
	})
	if err != nil {
		t.Error(err)
	}

	again := lingering(t, b.log, &applied) // and a view that has to catch up does so
	for late := time.Now().Add(20 * time.Second); again.Ready(t.Context()) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal(again.Ready(t.Context()))
		}
	}
}
