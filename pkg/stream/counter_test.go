package stream_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

const meters = "TEST_METERS"

func openCounters(t *testing.T, nc *nats.Conn, replicas int, perSubject int64) *stream.Log {
	t.Helper()
	l := open(t, nc, replicas)
	d := stream.Declaration{
		Name: meters, Subjects: []string{"test.meter.>"}, MaxBytes: 16 << 20, Counters: true, PerSubject: perSubject,
	}
	if _, _, err := l.Declare(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return l
}

// count increments and demands a total.
func count(t *testing.T, l *stream.Log, by int64, id string, want int64) {
	t.Helper()
	got, err := l.Increment(t.Context(), meters, "test.meter.a", by, id)
	if err != nil || got != want {
		t.Fatalf("%+d as %s gives %d, %v; want %d", by, id, got, err, want)
	}
	if got, ok, err := l.Counter(t.Context(), meters, "test.meter.a"); err != nil || !ok || got != want {
		t.Fatalf("after %s it reads %d, %v, %v; want %d", id, got, ok, err, want)
	}
}

func TestIncrementsAreCountedOnceEach(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	l := openCounters(t, s.Conn(t), 1, 0)
	if got, ok, err := l.Counter(t.Context(), meters, "test.meter.a"); got != 0 || ok || err != nil {
		t.Fatal(got, ok, err)
	}
	count(t, l, 3, "one", 3)
	count(t, l, 4, "two", 7)
	count(t, l, 3, "one", 7) // repeated: the present total, not that of then
	count(t, l, -7, "back", 0)
	count(t, l, math.MaxInt64, "all", math.MaxInt64)
	if _, err := l.Increment(t.Context(), meters, "test.meter.a", 1, "over"); fault.KindOf(err) != fault.Internal {
		t.Fatal(err)
	}
	if _, ok, err := l.Counter(t.Context(), meters, "test.meter.a"); ok || fault.KindOf(err) != fault.Internal {
		t.Fatal(err)
	}
}

func TestWhatIsNoCounterIsNotCounted(t *testing.T) {
	t.Parallel()
	l := openCounters(t, streamtest.Start(t).Conn(t), 1, 0)
	if _, err := l.Increment(t.Context(), name, "test.call.t.c", 1, "x"); fault.KindOf(err) != fault.Internal {
		t.Errorf("a stream that does not count: %v", err)
	}
	if _, err := l.Append(t.Context(), stream.NewGuard(meters, "test.meter.a"), 0, event("e")); err == nil {
		t.Error("a counter is written by hand")
	}
	if _, err := l.Increment(t.Context(), name, "test.meter.a", 1, "x"); err == nil {
		t.Error("counted in another stream than the one that was named")
	}
}

// A repetition is known over a restart as long as the message is kept that it repeats.
func TestARepetitionOverARestartIsKnownWhileItIsKept(t *testing.T) {
	t.Parallel()
	for kept, want := range map[int64]int64{1: 3, 3: 2} {
		s := streamtest.Start(t)
		l := openCounters(t, s.Conn(t), 1, kept)
		count(t, l, 1, "first", 1)
		count(t, l, 1, "second", 2)
		s.Restart(t)
		l = openCounters(t, s.Conn(t), 1, kept)
		count(t, l, 1, "second", 2)
		count(t, l, 1, "first", want)
	}
}

// countAll lets writers increment by one and demands that every total came once and each id counted once.
func countAll(t *testing.T, logs []*stream.Log, each int) {
	t.Helper()
	const writers = 8
	var mu sync.Mutex
	seen := map[int64]bool{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			l := logs[w%len(logs)]
			for n := range each {
				total, err := l.Increment(t.Context(), meters, "test.meter.all", 1, fmt.Sprintf("w%d-%d", w, n))
				mu.Lock()
				if err != nil || seen[total] {
					t.Errorf("total %d again, or %v", total, err)
				}
				seen[total] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if got, _, err := logs[0].Counter(t.Context(), meters, "test.meter.all"); err != nil || got != int64(writers*each) {
		t.Errorf("%d in all, %v", got, err)
	}
}

func TestManyWritersCountOnOneServer(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	countAll(t, []*stream.Log{openCounters(t, s.Conn(t), 1, 0), openCounters(t, s.Conn(t), 1, 0)}, 50)
}

func TestManyWritersCountOnAClusterAndRepetitionsSurviveItsLeader(t *testing.T) {
	t.Parallel()
	c := streamtest.StartCluster(t)
	logs := []*stream.Log{openCounters(t, c.ConnTo(t, 0), 3, 0), openCounters(t, c.ConnTo(t, 1), 3, 0), openCounters(t, c.ConnTo(t, 2), 3, 0)}
	countAll(t, logs, 20)
	count(t, logs[0], 5, "one", 5)
	count(t, logs[0], 5, "two", 10)
	count(t, logs[0], 5, "one", 10)
	leader := c.WaitLeader(t, meters)
	c.StopNode(t, leader)
	c.WaitLeader(t, meters)
	l := logs[(leader+1)%3]
	for range 100 {
		total, err := l.Increment(within(t, requestTime), meters, "test.meter.a", 5, "one")
		if err == nil {
			if total != 10 {
				t.Fatalf("%d: the new leader counts again what the old one had counted", total)
			}
			return
		}
		if !errors.Is(err, stream.ErrUnknown) && fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
	}
	t.Fatal("nothing is counted after the leader stopped")
}
