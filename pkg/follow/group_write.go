package follow

import (
	"context"
	"errors"
	"sync"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// write decides what comes of everything taken, upon one look at the view, and appends it: in one batch, or each by
// itself where that is faster.
func (g *Group[R]) write(run context.Context, taken []*writing[R]) {
	var events []*writing[R]
	err := g.cfg.Follower.Read(func(tx *view.Tx) error {
		for _, w := range taken {
			seen := g.cfg.Expected(tx, w.requests[0].body)
			w.expected = max(seen, w.settling.last())
			var err error
			if w.event, err = g.decide(tx, w, seen); err != nil {
				g.finish(w, outcome{err: err})
			} else if w.event == nil {
				g.finish(w, outcome{sequence: w.expected})
			} else {
				events = append(events, w)
			}
		}
		return nil
	})
	if err != nil { // the view is closed
		for _, w := range taken {
			g.finish(w, outcome{err: err})
		}
		return
	}
	g.append(run, events)
}

// decide is the configured decision upon a view that has seen what is under the guard up to a sequence; the event
// carries its id.
func (g *Group[R]) decide(tx *view.Tx, w *writing[R], seen uint64) (*stream.Event, error) {
	event, err := g.cfg.Decide(tx, w.settling.beyond(seen), w.bodies())
	if event != nil {
		event.ID = w.id
	}
	return event, err
}

// append stores events. A batch that somebody's write has overtaken is divided until those at fault stand by themselves;
// they go on alone.
func (g *Group[R]) append(run context.Context, events []*writing[R]) {
	if len(events) == 0 {
		return
	}
	if len(events) == 1 || len(events) < g.cfg.Worthwhile {
		g.each(run, events)
		return
	}
	writes := make([]stream.Write, len(events))
	for i, w := range events {
		writes[i] = stream.Write{Guard: w.guard, Expected: w.expected, Event: *w.event}
	}
	sequences, err := g.cfg.Follower.cfg.Log.AppendAll(events[0].context(), g.cfg.Stream, writes) //nolint:contextcheck // see context
	if err == nil {
		g.stored(events, sequences) //nolint:contextcheck // see context
		return
	}
	conflict, lost := errors.AsType[*stream.Conflict](err)
	switch {
	case errors.Is(err, stream.ErrUnknown):
		for _, w := range events {
			g.goAlone(run, w)
		}
	case !lost:
		for _, w := range events {
			g.finish(w, outcome{err: err})
		}
	default:
		g.divide(run, events, conflict.Guard)
	}
}

// divide goes on without the guard at fault or, where nobody knows which it was, with each half by itself.
func (g *Group[R]) divide(run context.Context, events []*writing[R], guilty stream.Guard) {
	var rest []*writing[R]
	for _, w := range events {
		if w.guard == guilty {
			g.goAlone(run, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(rest) < len(events) {
		g.append(run, rest)
		return
	}
	g.append(run, events[:len(events)/2])
	g.append(run, events[len(events)/2:])
}

// each stores events at once, each by itself. They are on their way together, so that the disk does not wait for
// anybody's answer in between.
func (g *Group[R]) each(run context.Context, events []*writing[R]) {
	var others sync.WaitGroup
	for _, w := range events[1:] {
		others.Go(func() { g.single(run, w) })
	}
	g.single(run, events[0])
	others.Wait()
}

// single stores one event at once.
func (g *Group[R]) single(run context.Context, w *writing[R]) {
	seq, err := g.cfg.Follower.cfg.Log.Append(w.context(), w.guard, w.expected, *w.event) //nolint:contextcheck // see context
	_, lost := errors.AsType[*stream.Conflict](err)
	switch {
	case err == nil:
		g.stored([]*writing[R]{w}, []uint64{seq}) //nolint:contextcheck // see context
	case lost, errors.Is(err, stream.ErrUnknown):
		g.goAlone(run, w)
	default:
		g.finish(w, outcome{err: err})
	}
}

// stored answers everybody. What is under other guards does not wait for it, nor what comes under the same.
func (g *Group[R]) stored(events []*writing[R], sequences []uint64) {
	g.settle(events[0].context(), events, sequences)
	for i, w := range events {
		g.finish(w, outcome{sequence: sequences[i]})
	}
}

// goAlone lets one event find out by itself whether it is stored, and else decide anew, while others go on.
func (g *Group[R]) goAlone(run context.Context, w *writing[R]) {
	g.work.Go(func() {
		f := g.cfg.Follower
		ctx, cancel := context.WithCancel(w.context())
		defer cancel()
		defer context.AfterFunc(run, cancel)() // the group is ending: whoever asked may ask again
		again := func(ctx context.Context, last uint64) (*stream.Event, error) {
			return upon(ctx, f, w.guard, w.id, last, func(tx *view.Tx) (*stream.Event, error) {
				return g.decide(tx, w, g.cfg.Expected(tx, w.requests[0].body))
			})
		}
		seq, err := f.cfg.Log.Resume(ctx, w.guard, w.id, w.expected, again) //nolint:contextcheck // see context
		if err != nil {
			g.finish(w, outcome{err: err})
			return
		}
		g.stored([]*writing[R]{w}, []uint64{seq}) //nolint:contextcheck // see context
	})
}

// finish answers all requests of an event, and lets others write under its guard.
func (g *Group[R]) finish(w *writing[R], o outcome) {
	g.mu.Lock()
	delete(g.busy, w.guard)
	if _, more := g.waiting[w.guard]; more {
		g.poke()
	}
	g.mu.Unlock()
	for _, r := range w.requests {
		r.done <- o
	}
}

// context is that of the first request, for the trace; it does not end with it, since others wait for the event, too.
func (w *writing[R]) context() context.Context { return context.WithoutCancel(w.requests[0].ctx) }

// bodies are what was handed in.
func (w *writing[R]) bodies() []R {
	out := make([]R, len(w.requests))
	for i, r := range w.requests {
		out[i] = r.body
	}
	return out
}
