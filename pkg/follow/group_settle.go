package follow

import (
	"context"
	"slices"
)

// settling is what is on the log under one guard and perhaps not in the view yet: the next decision has to know it.
type settling[R any] struct {
	events []settled[R]
}

// settled is one event that was stored, and the requests it came of.
type settled[R any] struct {
	sequence uint64
	requests []R
}

// mostSettling bounds the events of a guard that the view may be behind. A view that is further behind is waited for.
const mostSettling = 32

func (s *settling[R]) tooMuch() bool { return s != nil && len(s.events) >= mostSettling }

// hurry has the view take in what is settling.
func (g *Group[R]) hurry(s *settling[R]) { g.cfg.Follower.sources[g.cfg.Stream].want(s.last()) }

func (s *settling[R]) copy() (out settling[R]) {
	if s != nil {
		out.events = slices.Clone(s.events)
	}
	return out
}

// beyond are the requests of the events that a view up to a sequence does not have, in their order.
func (s *settling[R]) beyond(sequence uint64) (out []R) {
	for _, e := range s.events {
		if e.sequence > sequence {
			out = append(out, e.requests...)
		}
	}
	return out
}

// last is the sequence of the newest event, 0 without one.
func (s *settling[R]) last() uint64 {
	if len(s.events) == 0 {
		return 0
	}
	return s.events[len(s.events)-1].sequence
}

// settle remembers what was stored until the view has it, and lets it go then.
func (g *Group[R]) settle(ctx context.Context, events []*writing[R], sequences []uint64) {
	g.cfg.Follower.acknowledged(g.cfg.Stream, sequences[len(sequences)-1])
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range events {
		s, ok := g.settles[w.guard]
		if !ok {
			s = &settling[R]{}
			g.settles[w.guard] = s
		}
		s.events = append(s.events, settled[R]{sequences[i], w.bodies()})
		g.newest = max(g.newest, sequences[i])
	}
	if !g.letting {
		g.letting = true
		g.work.Go(func() { g.let(ctx) })
	}
}

// let waits for the view until nothing is settling any more. A view that does not come is waited for 2 s: whoever decides
// upon it then is refused, and asks the leader.
func (g *Group[R]) let(ctx context.Context) {
	f := g.cfg.Follower
	for {
		g.mu.Lock()
		newest := g.newest
		g.mu.Unlock()
		if err := f.settle(ctx, g.cfg.Stream, newest); err != nil {
			f.log.WarnContext(ctx, "a write is on the log but not yet in the view", "stream", g.cfg.Stream, "sequence", newest)
		}
		if g.letGo(newest) {
			return
		}
	}
}

// letGo lets go what is settling up to a sequence. It tells whether that was all.
func (g *Group[R]) letGo(sequence uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for guard, s := range g.settles {
		s.events = slices.DeleteFunc(s.events, func(e settled[R]) bool { return e.sequence <= sequence })
		if len(s.events) == 0 {
			delete(g.settles, guard)
		}
	}
	if len(g.waiting) > 0 {
		g.poke() // those that waited for the view
	}
	g.letting = len(g.settles) > 0
	return !g.letting
}
