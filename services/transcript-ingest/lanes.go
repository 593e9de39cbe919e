package ingest

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// atOnce is how many calls one publisher's messages are worked on for at the same time: enough for the log to be handed
// many appends together, and few enough for the last of them to be answered before it is given up on a slow disk.
const atOnce = 128

// errand is an arrival on its way in. done is called once, from any goroutine.
type errand struct {
	arrival

	by   identity.Caller
	ref  ref
	done func(taken)
}

// lanes bring arrivals in: those of one call one after another, in the order they were put; those of different calls at
// once. What waits for the same call is brought in together, as far as it fits into one append. The number of arrivals in
// the lanes is bounded by whoever puts them.
type lanes struct {
	s *Service
	// again is asked after trouble of ours whether to try once more, which it may wait for; tries counts from 1. An
	// errand that is not tried again is done with its error. Without again the first trouble ends all lanes, so that
	// nothing overtakes what failed.
	again func(ctx context.Context, tries int, err error) bool

	slots   chan struct{}
	working sync.WaitGroup

	mu     sync.Mutex
	queues map[ref][]*errand
	over   error
}

func newLanes(s *Service, again func(ctx context.Context, tries int, err error) bool) *lanes {
	return &lanes{s: s, again: again, slots: make(chan struct{}, atOnce), queues: map[ref][]*errand{}}
}

// put adds an errand. Its context is that of the work, and the same for all errands.
func (l *lanes) put(ctx context.Context, e *errand) {
	l.mu.Lock()
	over := l.over
	if over == nil {
		queue, working := l.queues[e.ref]
		l.queues[e.ref] = append(queue, e)
		if !working {
			l.working.Go(func() { l.work(ctx, e.ref) })
		}
	}
	l.mu.Unlock()
	if over != nil {
		e.done(taken{err: over})
	}
}

// end lets nothing new begin: what waits and what is put from now on is done with the error.
func (l *lanes) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		l.over = err
	}
}

// wait returns when all that was put is done.
func (l *lanes) wait() { l.working.Wait() }

func (l *lanes) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// work empties the queue of a call.
func (l *lanes) work(ctx context.Context, r ref) {
	for batch := l.next(r); len(batch) > 0; batch = l.next(r) {
		l.bring(ctx, r, batch)
	}
}

// next takes the head of a queue, and the queue away once it is empty.
func (l *lanes) next(r ref) []*errand {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.queues[r]
	n := together(queue)
	if n == 0 {
		delete(l.queues, r)
		return nil
	}
	batch := slices.Clone(queue[:n])
	clear(queue[:n]) // their words are not to be held by the rest
	l.queues[r] = queue[n:]
	return batch
}

// together is how many errands at the head of a queue make one append: all that fit, up to the first that ends the call
// or says something about it.
func together(queue []*errand) int {
	count, text, stored := 0, 0, 0
	for i, e := range queue {
		count, text, stored = count+len(e.words), text+e.text, stored+e.stored
		fits := count <= maxUtterances && text <= maxAppend && stored <= maxStored
		plain := e.by == queue[0].by && proto.Size(e.details) == 0 && len(e.words) > 0
		switch {
		case i > 0 && (!fits || !plain):
			return i
		case e.ends:
			return i + 1
		}
	}
	return len(queue)
}

// bring brings a batch in. One that is refused as a whole is brought in one by one, to find out which is at fault.
func (l *lanes) bring(ctx context.Context, r ref, batch []*errand) {
	for tries := 1; ; tries++ {
		got := l.once(ctx, r, batch)
		switch {
		case got.err == nil, len(batch) == 1 && refused(got.err):
			settle(batch, got)
			return
		case len(batch) > 1 && fault.KindOf(got.err) != fault.Unavailable && l.ended() == nil:
			for _, e := range batch {
				l.bring(ctx, r, []*errand{e})
			}
			return
		case l.again != nil && l.again(ctx, tries, got.err):
			continue
		}
		if l.again == nil {
			l.end(got.err)
		}
		for _, e := range batch {
			e.done(taken{err: got.err})
		}
		return
	}
}

// once brings a batch in as one arrival, when it is its turn.
func (l *lanes) once(ctx context.Context, r ref, batch []*errand) taken {
	all := batch[0].arrival
	if len(batch) > 1 {
		all.passage = joined(batch)
		last := batch[len(batch)-1]
		all.ends, all.ended = last.ends, last.ended
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return taken{err: ctx.Err()}
	}
	if err := l.ended(); err != nil {
		return taken{err: err}
	}
	return l.s.bring(ctx, batch[0].by, r, all)
}

// joined are the words of a batch.
func joined(batch []*errand) (all passage) {
	count := 0
	for _, e := range batch {
		count += len(e.words)
	}
	all.words = make([]*eventv1.Entry, 0, count)
	for _, e := range batch {
		all.words = append(all.words, e.words...)
		all.text, all.stored = all.text+e.text, all.stored+e.stored
	}
	return all
}

// settle tells each errand of a batch what became of it. The counts are told once, with the first.
func settle(batch []*errand, got taken) {
	for _, e := range batch {
		e.done(got)
		got.res = nil
	}
}
