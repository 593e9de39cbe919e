package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// sending is how words are sent: how many callers wait for their answers at once, and how many utterances a request has;
// or, streamed, how many calls one stream speaks of.
type sending struct{ callers, utterances, calls int }

// words is a row about words coming in: the whole system and a publisher, and a child that appends to the same kind of
// stream.
type words struct {
	sending

	dir, limits string
	seconds     float64
	system      *rig.System
	client      *rig.Client
	publisher   *rig.Publisher
	appender    *rig.Child
	appended    int
}

func (l *lab) openWords(how sending) func(context.Context) (measure.Trial, error) {
	return func(ctx context.Context) (t measure.Trial, err error) {
		binary, err := l.binary(ctx)
		if err != nil {
			return nil, err
		}
		w := &words{sending: how, seconds: l.seconds}
		defer func() {
			if err != nil {
				err = errors.Join(err, w.Close(ctx))
			}
		}()
		if w.limits, err = os.MkdirTemp(l.dir, "limit-"); err != nil {
			return nil, err
		}
		if w.dir, err = os.MkdirTemp(l.dir, "words-"); err != nil {
			return nil, err
		}
		if w.appender, _, _, err = rig.StartChild(ctx, child.Append, w.limits); err != nil {
			return nil, err
		}
		if w.system, _, _, err = rig.StartSystem(ctx, binary, w.dir); err != nil {
			return nil, err
		}
		if w.client, err = rig.LogIn(ctx, w.system.URL); err != nil {
			return nil, err
		}
		w.publisher, err = rig.NewPublisher(w.system, w.client)
		return w, err
	}
}

// Limit appends events, one waiting caller.
func (w *words) Limit(context.Context) (measure.Reading, error) {
	return hammer(w.appender, w.seconds, &w.appended)
}

// Subject sends words for as long, and counts what was acknowledged.
func (w *words) Subject(ctx context.Context) (measure.Reading, error) {
	w.publisher.Round()
	before, err := rig.CPUTime(w.system.PID())
	if err != nil {
		return measure.Reading{}, err
	}
	counts, failed := make([]int, w.callers), make([]error, w.callers)
	begun := time.Now()
	end := begun.Add(time.Duration(w.seconds * float64(time.Second)))
	var group sync.WaitGroup
	for c := range w.callers {
		group.Go(func() { counts[c], failed[c] = w.send(ctx, c, end) })
	}
	group.Wait()
	wall := time.Since(begun)
	after, err := rig.CPUTime(w.system.PID())
	n := 0.0
	for _, c := range counts {
		n += float64(c)
	}
	return measure.Reading{CPU: (after - before).Seconds() / n, Figure: wall.Seconds() / n}, errors.Join(err, errors.Join(failed...))
}

// send is one caller, until the time; it returns how many utterances were acknowledged.
func (w *words) send(ctx context.Context, caller int, end time.Time) (int, error) {
	if w.calls > 0 {
		return w.publisher.Stream(ctx, caller, w.calls, end)
	}
	n := 0
	for ; time.Now().Before(end); n++ {
		if err := w.publisher.Append(ctx, caller, n, w.utterances); err != nil {
			return 0, err
		}
	}
	return n * w.utterances, nil
}

// Check asks the system what it has, and the disk what the child has.
func (w *words) Check(ctx context.Context) error {
	if err := errors.Join(w.publisher.Check(ctx), w.appender.Stop()); err != nil {
		return err
	}
	return child.Verify(ctx, w.limits, uint64(w.appended))
}

// Close ends everything.
func (w *words) Close(context.Context) error {
	var err error
	if w.publisher != nil {
		err = w.publisher.Close()
	}
	if w.client != nil {
		w.client.Close()
	}
	return errors.Join(err, w.system.Stop(), w.appender.Stop(), os.RemoveAll(w.dir), os.RemoveAll(w.limits))
}
