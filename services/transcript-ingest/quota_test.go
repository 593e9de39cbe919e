package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// counting is a log with meters.
type counting struct {
	t      *testing.T
	server *streamtest.Server
	log    *stream.Log
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{t: t, server: streamtest.Start(t)}
	c.log = c.open()
	if err := broker.Declare(t.Context(), c.log, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *counting) open() *stream.Log {
	c.t.Helper()
	log, err := stream.Open(c.server.Conn(c.t), stream.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	return log
}

// replica counts over a connection of its own.
func (c *counting) replica() *quota {
	c.t.Helper()
	q := newQuota(c.open(), slog.New(slog.DiscardHandler))
	c.t.Cleanup(func() { q.close(context.Background()) })
	return q
}

// counted is what the log has of a counter.
func (c *counting) counted(meter string) int64 {
	c.t.Helper()
	n, _, err := c.log.Counter(c.t.Context(), subject.Meters, meter)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

const meter = "kikigaki.meter.a.202611.voice_log"

func TestMonthsBeginAtMidnightInJapan(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"2026-11-30T14:59:59Z": "202611", "2026-11-30T15:00:00Z": "202612", "2026-12-31T15:00:00Z": "202701",
		"2026-11-30T23:59:59+09:00": "202611", "2026-12-01T00:00:00-11:00": "202612",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := monthOf(moment); got != want {
			t.Errorf("%s is in %s, want %s", at, got, want)
		}
	}
	moment := time.Date(2026, 12, 31, 14, 59, 0, 0, time.UTC)
	if got := usedUp(moment).retry; got != time.Minute {
		t.Errorf("a minute before midnight in Japan the next month is %v away", got)
	}
	if got := meterOf("a", moment); got != "kikigaki.meter.a.202612.voice_log" {
		t.Error(got)
	}
}

// plan is a replica of the model: its increment is on the log, and it has decided, or not yet.
type plan struct {
	batch []*asking
	total int64 // as answered; 0 where the answer was lost, and then the present total is taken
}

// However increments, decisions and what is taken back of any number of replicas interleave, and whatever answers are
// lost, never more are let through than the cap; and when all is taken back, the rest is let through.
func TestNeverMoreThanTheCapAndInTheEndAllOfIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.Int64Range(1, 30).Draw(rt, "cap")
		var counter, let int64
		var open []plan
		var back []int64
		decided := func(p plan) {
			total := p.total
			if total == 0 {
				total = counter
			}
			over := int64(0)
			for _, err := range decide(p.batch, total-int64(len(p.batch))) {
				if err != nil {
					over++
				} else {
					let++
				}
			}
			if back = append(back, over); let > most {
				rt.Fatalf("%d of %d are let through", let, most)
			}
		}
		count := func(n int, lost bool) plan {
			p := plan{}
			for range n {
				p.batch = append(p.batch, &asking{most: most, gone: rapid.IntRange(0, 9).Draw(rt, "gone") == 0})
			}
			if counter += int64(n); !lost {
				p.total = counter
			}
			return p
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 2).Draw(rt, "step"); {
			case step == 0:
				open = append(open, count(rapid.IntRange(1, 8).Draw(rt, "requests"), rapid.Bool().Draw(rt, "lost")))
			case step == 1 && len(open) > 0:
				i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
				decided(open[i])
				open = append(open[:i:i], open[i+1:]...)
			case step == 2 && len(back) > 0:
				counter -= back[0]
				back = back[1:]
			}
		}
		for _, p := range open {
			decided(p)
		}
		for _, n := range back {
			counter -= n
		}
		back = nil
		if counter != let {
			rt.Fatalf("%d are counted, %d let through", counter, let)
		}
		p := count(100, false)
		for _, a := range p.batch {
			a.gone = false
		}
		if decided(p); let != most {
			rt.Fatalf("%d of %d are let through in the end", let, most)
		}
	})
}

// crowd asks over replicas until all have been refused for good, and counts who was let through.
func crowd(t *testing.T, replicas []*quota, askers, each int, most int64) *atomic.Int64 {
	t.Helper()
	var let atomic.Int64
	var group sync.WaitGroup
	for i := range askers {
		group.Go(func() {
			for range each {
				switch err := replicas[i%len(replicas)].count(t.Context(), meter, most); {
				case err == nil:
					let.Add(1)
				case !errors.Is(err, errOverCap):
					t.Log(err) // the log was away: nothing was answered
				}
			}
		})
	}
	group.Wait()
	return &let
}

func TestReplicasTogetherLetExactlyTheCapThrough(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	replicas := []*quota{c.replica(), c.replica(), c.replica()}
	if let := crowd(t, replicas, 24, 10, 100).Load(); let != 100 {
		t.Errorf("%d of 100 are let through", let)
	}
	if let := crowd(t, replicas, 6, 10, 130).Load(); let != 30 { // a raised cap counts at once
		t.Errorf("%d of 30 more are let through", let)
	}
	for _, q := range replicas {
		q.close(t.Context())
	}
	if n := c.counted(meter); n != 130 {
		t.Errorf("%d are counted, 130 let through", n)
	}
	if err := replicas[0].count(t.Context(), meter, 1000); err == nil {
		t.Error("a replica that has stopped counts")
	}
}

func TestTheCapIsExactOverARestartOfTheLog(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	replicas := []*quota{c.replica(), c.replica()}
	const most = 300
	var let atomic.Int64
	var group sync.WaitGroup
	group.Go(func() { let.Add(crowd(t, replicas, 8, 60, most).Load()) })
	for range 2 {
		for before := c.counted(meter); c.counted(meter) < before+20 && c.counted(meter) < most; {
			continue
		}
		c.server.Restart(t)
	}
	group.Wait()
	eventuallyIn(t, func() bool { // what could not be counted meanwhile is asked for again
		err := replicas[0].count(t.Context(), meter, most)
		if err == nil {
			let.Add(1)
		}
		return errors.Is(err, errOverCap)
	})
	for _, q := range replicas {
		q.close(t.Context())
	}
	if n := c.counted(meter); let.Load() != most || n != most {
		t.Errorf("%d of %d are let through, %d counted", let.Load(), most, n)
	}
}

func eventuallyIn(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// What waits together is counted together, and who has gone is not counted.
func TestWhatWaitsTogetherIsOneIncrement(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	q := c.replica()
	l := q.lane(meter, time.Now())
	l.busy, l.idle = true, make(chan struct{}) // as if somebody were being counted
	var all []*asking
	for range 200 {
		a, err := q.ask(meter, 150)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	away, cancel := context.WithCancel(t.Context())
	cancel()
	for _, a := range all[:20] {
		if err := q.leave(away, a); err == nil {
			t.Fatal("who left was let through")
		}
	}
	q.serve(l)
	let := 0
	for _, a := range all[20:] {
		if err := <-a.said; err == nil {
			let++
		} else if !errors.Is(err, errOverCap) {
			t.Error(err)
		}
	}
	info, err := c.log.Info(t.Context(), subject.Meters)
	if err != nil || info.Last != 2 || let != 150 || c.counted(meter) != 150 {
		t.Errorf("%v: %d messages, %d let through, %d counted", err, info.Last, let, c.counted(meter))
	}
	if _, err := q.ask(meter, 150); !errors.Is(err, errOverCap) {
		t.Error("a month that is full is counted again at once")
	}
	if len(q.lanes) != 1 {
		t.Errorf("%d lanes", len(q.lanes))
	}
}
