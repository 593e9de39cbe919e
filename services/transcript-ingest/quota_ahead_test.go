package ingest

import (
	"errors"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/proto/subject"
)

func TestWhoAsksNowAndThenHasNothingCountedAhead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked  int64
		within time.Duration
		want   int64
	}{
		{0, 0, 0}, {1, time.Hour, 0}, {1, 51 * time.Millisecond, 0}, {10, time.Second, 0}, {20, time.Second, 1},
		{1, time.Millisecond, 2}, {100, 50 * time.Millisecond, 100}, {100, 10 * time.Millisecond, 200}, {1 << 40, time.Second, mostAhead},
	} {
		if got := target(c.asked, c.within); got != c.want {
			t.Errorf("%d within %v: %d ahead, want %d", c.asked, c.within, got, c.want)
		}
	}
	now := time.Now()
	for name, c := range map[string]struct {
		a    ahead
		want int64
	}{
		"a rush":       {ahead{asked: 100, most: 1e6}, 200},
		"enough left":  {ahead{asked: 100, most: 1e6, left: 60, level: 200}, 0},
		"some left":    {ahead{asked: 100, most: 1e6, left: 50, level: 200}, 150},
		"near the cap": {ahead{asked: 100, most: 1e6, top: 1e6 - nearCap - 199}, 0},
		"a small cap":  {ahead{asked: 100, most: nearCap}, 0},
		"to be empty":  {ahead{asked: 100, most: 1e6, back: true}, 0},
	} {
		c.a.since = now
		if got := c.a.more(0, now, false); got != c.want {
			t.Errorf("%s: %d ahead, want %d", name, got, c.want)
		}
	}
}

// A cap may be lowered while something is counted ahead under the old one.
func TestWhatWasCountedAheadIsNotUsedBeyondALowerCap(t *testing.T) {
	t.Parallel()
	a := ahead{left: 10, top: 100} // the answers 91 to 100
	for range 3 {
		if !a.use(93) {
			t.Fatal("the 93rd of 93 is refused")
		}
	}
	if a.use(93) || !a.use(94) || a.left != 6 {
		t.Errorf("%d are left", a.left)
	}
}

// settled is what the log has of a counter once nothing of it is counted ahead.
func (c *counting) settled(meter string, want int64) {
	c.t.Helper()
	eventuallyIn(c.t, func() bool { return c.counted(meter) == want })
}

func TestAheadOfRequestsTheCapIsExactOverReplicas(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	replicas := []*quota{c.replica(), c.replica()}
	const most = nearCap + 1500
	if let := crowd(t, replicas, 32, 125, most).Load(); let != most {
		t.Errorf("%d of %d are let through", let, most)
	}
	for _, q := range replicas {
		q.close(t.Context())
	}
	if n := c.counted(meter); n != most {
		t.Errorf("%d are counted, %d let through", n, most)
	}
}

func TestWhatWasCountedAheadAndDidNotComeIsTakenBack(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	q := c.replica()
	let := crowd(t, []*quota{q}, 16, 50, 1e6).Load()
	info, err := c.log.Info(t.Context(), subject.Meters)
	if err != nil || info.Last >= 400 {
		t.Errorf("%v: %d increments for %d answers", err, info.Last, let)
	}
	c.settled(meter, let) // by itself
	let += crowd(t, []*quota{q}, 16, 50, 1e6).Load()
	q.settle(t.Context(), meter)
	c.settled(meter, let)
	let += crowd(t, []*quota{q}, 16, 50, 1e6).Load()
	q.close(t.Context())
	if n := c.counted(meter); n != let || let != 3*800 {
		t.Errorf("%d are counted, %d let through", n, let)
	}
}

// A replica that is killed takes with it what it had counted ahead: fewer answers than the cap, never more.
func TestAKilledReplicaCostsAtMostWhatItHadCountedAhead(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	killed, other := c.replica(), c.replica()
	const most = nearCap + 1500
	let := crowd(t, []*quota{killed}, 16, 60, most).Load()
	killed.stop() // what it has in hand cannot be taken back any more
	let += crowd(t, []*quota{other}, 32, 120, most).Load()
	if let > most || let < most-2*mostAhead {
		t.Errorf("%d of %d are let through", let, most)
	}
	if err := other.count(t.Context(), meter, most); !errors.Is(err, errOverCap) {
		t.Error(err)
	}
}
