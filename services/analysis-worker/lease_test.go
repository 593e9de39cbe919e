package analysis

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// having makes leases of a replica that has n shards, renewed at a time.
func having(n int, at time.Time, workers ...string) *leases {
	l := &leases{me: "me", mine: map[string]held{workerLease + "me": {sequence: 1, sent: at, won: at}}, others: map[string]string{}}
	for i := range n {
		l.mine[shardName(i)] = held{sequence: uint64(i + 2), sent: at, won: at}
	}
	for _, w := range workers {
		l.others[workerLease+w] = w
	}
	return l
}

func TestShardsAreSharedEvenly(t *testing.T) {
	t.Parallel()
	now := time.Now()
	alone := &leases{me: "me", mine: map[string]held{}, others: map[string]string{}}
	if p := alone.plan(now); len(p.acquire) != 1+shardCount {
		t.Errorf("alone it takes up %d", len(p.acquire))
	}
	if p := having(shardCount, now, "other").plan(now); len(p.release) != shardCount/2 || len(p.renew) != 0 {
		t.Errorf("beside another it hands back %d, renews %d", len(p.release), len(p.renew))
	}
	if p := having(6, now, "b", "c").plan(now); len(p.release) != 0 || len(p.acquire) != 0 {
		t.Errorf("with its share of three: %+v", p)
	}
	taken := having(0, now, "b")
	for n := range shardCount {
		taken.others[shardName(n)] = "b"
	}
	if p := taken.plan(now); len(p.acquire) != 0 {
		t.Errorf("it takes up what another has: %v", p.acquire)
	}
}

func TestWhoWasStoppedSendsNothingAndNeverRenews(t *testing.T) {
	t.Parallel()
	renewed := time.Now()
	l := having(shardCount, renewed)
	for _, c := range []struct {
		after                 time.Duration
		owns                  bool
		renew, forget, regain int
	}{
		{time.Second, true, 0, 0, 0},
		{renewEvery, true, shardCount + 1, 0, 0},
		{trustFor - time.Millisecond, true, shardCount + 1, 0, 0},
		{trustFor, false, 0, shardCount + 1, 0},
		{time.Hour, false, 0, shardCount + 1, 0},
	} {
		now := renewed.Add(c.after)
		p := l.plan(now)
		if l.owns("any lane", now) != c.owns || len(p.renew) != c.renew || len(p.forget) != c.forget {
			t.Errorf("after %s: owns %v, renews %d, forgets %d", c.after, l.owns("any lane", now), len(p.renew), len(p.forget))
		}
	}
}

// bench is a log for leases.
func leaseLog(t *testing.T) *stream.Log {
	t.Helper()
	l, _ := logIn(t)
	return l
}

// logIn is a log and the directory that it lies in.
func logIn(t *testing.T) (*stream.Log, string) {
	t.Helper()
	server := streamtest.Start(t)
	l, err := stream.Open(server.Conn(t), stream.Config{})
	if err == nil {
		err = broker.Declare(t.Context(), l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l, server.StoreDir()
}

func lanes() (out []string) {
	for n := range 200 {
		out = append(out, fmt.Sprint("lane-", n))
	}
	return out
}

func TestTwoReplicasNeverOwnOneLaneAndHandItOverAtOnce(t *testing.T) {
	t.Parallel()
	log := leaseLog(t)
	start := func(name string) (l *leaser, stop func()) {
		l = newLeaser(log, slog.New(slog.DiscardHandler), name, func() {})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { l.run(ctx); close(done) }()
		return l, func() { cancel(); <-done }
	}
	owned := func(ls ...*leaser) (n int) {
		for _, lane := range lanes() {
			owners := 0
			for _, l := range ls {
				if l.owns(lane) {
					owners++
				}
			}
			if owners > 1 {
				t.Fatalf("%s has %d owners", lane, owners)
			}
			n += owners
		}
		return n
	}
	await := func(what string, within time.Duration, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not within %s: %s", within, what)
			}
		}
	}
	one, stopOne := start("one")
	await("one owns every lane", 5*time.Second, func() bool { return owned(one) == 200 })
	two, stopTwo := start("two")
	await("both have a part of all", 10*time.Second, func() bool {
		return owned(one, two) == 200 && owned(one) > 40 && owned(two) > 40
	})
	stopOne()
	begun := time.Now()
	await("two owns every lane", 5*time.Second, func() bool { return owned(two) == 200 })
	t.Logf("handed over %s after the end of the other", time.Since(begun).Round(time.Millisecond))
	stopTwo()
}

// When the server that keeps the leases goes down, all are gone at once. Whoever had one sees so before anybody takes
// it up.
func TestLeasesThatAreGoneAreNotBelievedInAnyMore(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := having(4, now)
	seen := map[string]string{workerLease + "me": "me"}
	for n := range 4 {
		seen[shardName(n)] = "me"
	}
	if l.look(now, seen) || len(l.mine) != 5 {
		t.Fatalf("leases that are there were lost: %v", l.mine)
	}
	delete(seen, shardName(1))
	seen[shardName(2)] = "other"
	if !l.look(now, seen) || len(l.mine) != 3 || l.has(shardName(1)) || l.has(shardName(2)) {
		t.Fatalf("leases of nobody and of another are believed in: %v", l.mine)
	}
	l.look(now, map[string]string{})
	if p := l.plan(now.Add(missed - 1)); len(p.acquire) != 0 {
		t.Errorf("leases were taken up that others may still believe in: %v", p.acquire)
	}
	if p := l.plan(now.Add(missed)); len(p.acquire) != 1+shardCount {
		t.Errorf("%d leases are taken up again", len(p.acquire))
	}
}
