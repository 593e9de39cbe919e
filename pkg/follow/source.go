package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

const (
	// inHand bounds the messages read but not yet applied: at 512 KiB for the largest, 64 MiB. Of a stream that lingers
	// two groups are in hand.
	inHand = 128
	// maxBatch is how many messages one transaction has, give or take a group.
	maxBatch = 1000
)

// errBehind says that the view has not yet read what was on the log when following began.
var errBehind = errors.New("not caught up")

// source is one stream on its way into the view.
type source struct {
	f      *Follower
	name   string
	start  view.Mark // where following began, and of which incarnation
	target uint64    // the last message on the log then
	queue  chan []stream.Message
	label  metric.MeasurementOption // which stream it is, to count under
	own    atomic.Uint64            // the newest that a group of this follower has written
	linger time.Duration            // how long a message waits for others, while nobody waits for it
	wanted atomic.Uint64            // the newest that somebody has waited for
	hurry  chan struct{}            // something is wanted

	mu      sync.Mutex
	moved   chan struct{} // closed and replaced when applied changes
	applied uint64
	failed  error
	newest  recent

	lag lag
}

func (f *Follower) newSource(ctx context.Context, name string, info stream.Info) (*source, error) {
	s := &source{
		f: f, name: name, moved: make(chan struct{}), linger: f.cfg.Linger[name], hurry: make(chan struct{}, 1),
		label: metric.WithAttributes(streamKey.String(name)),
	}
	if s.linger > 0 {
		s.queue = make(chan []stream.Message, 1) // of many each
	} else {
		s.queue = make(chan []stream.Message, inHand)
	}
	err := f.view.Read(func(tx *view.Tx) (err error) {
		if s.start, _, err = tx.Mark(name); err != nil {
			return err
		}
		seen, err := tx.Seen(name)
		for _, m := range seen {
			s.newest.add(m.EventID, m.Sequence)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.start.Incarnation, s.start.Created, s.applied = info.Incarnation, info.Created, s.start.Sequence
	var last stream.Message
	var ok bool
	err = f.insist(ctx, func() (err error) {
		last, ok, err = f.cfg.Log.Last(ctx, stream.NewGuard(name, ">"))
		return err
	})
	if err != nil {
		return nil, err
	}
	if ok {
		s.target = last.Sequence
		s.wanted.Store(s.target)
		s.lag.pending.Store(max(s.target, s.applied) - s.applied)
	}
	return s, nil
}

func (s *source) read(ctx context.Context) {
	defer close(s.queue)
	take := func(all []stream.Message) {
		for _, m := range all {
			s.lag.deliver(m.Pending)
		}
		select {
		case s.queue <- all:
		case <-ctx.Done():
		}
	}
	if s.linger > 0 {
		_ = s.f.cfg.Log.TailTogether(ctx, s.name, s.start.Sequence, s.rest, take)
	} else {
		_ = s.f.cfg.Log.Tail(ctx, s.name, s.start.Sequence, func(m stream.Message) { take([]stream.Message{m}) })
	}
}

// rest lets what comes soon go along, until that was long enough or somebody waits for what there is.
func (s *source) rest(ctx context.Context, after uint64) {
	late := time.NewTimer(s.linger)
	defer late.Stop()
	for s.wanted.Load() <= after {
		select {
		case <-s.hurry:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *source) apply(ctx context.Context) {
	batch := make([]stream.Message, 0, maxBatch)
	for {
		batch = s.gather(batch[:0])
		if len(batch) == 0 || ctx.Err() != nil {
			return
		}
		if err := s.applyBatch(ctx, batch); err != nil {
			s.fail(err)
			s.f.log.Error("following stopped: a message could not be applied", "stream", s.name, "error", err)
			for range s.queue {
			}
			return
		}
	}
}

// gather waits for messages and takes what else is at hand.
func (s *source) gather(batch []stream.Message) []stream.Message {
	more, ok := <-s.queue
	for ok {
		batch = append(batch, more...)
		if len(batch) >= maxBatch {
			return batch
		}
		select {
		case more, ok = <-s.queue:
		default:
			return batch
		}
	}
	return batch
}

// want has what there is up to a sequence applied without delay.
func (s *source) want(sequence uint64) {
	if s.linger == 0 {
		return
	}
	raise(&s.wanted, sequence)
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

func (s *source) applyBatch(ctx context.Context, batch []stream.Message) error {
	seen := make([]view.Seen, 0, len(batch))
	for _, m := range batch[max(0, len(batch)-view.Remembered):] {
		seen = append(seen, seenOf(m))
	}
	mark := s.start
	mark.Stream, mark.Sequence = s.name, batch[len(batch)-1].Sequence
	err := s.f.view.Apply(mark, seen, func(tx *view.Tx) error {
		for _, m := range batch {
			if err := s.f.cfg.Apply(tx, m); err != nil {
				return fmt.Errorf("message %d of %s (%s): %w", m.Sequence, s.name, m.Subject, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.f.cfg.Applied != nil {
		s.f.cfg.Applied(batch)
	}
	s.f.mayOwe()
	s.advance(mark.Sequence, seen)
	s.lag.applied.Add(uint64(len(batch)))
	s.f.meters.applied.Add(ctx, int64(len(batch)), s.label)
	return nil
}

func (s *source) advance(to uint64, seen []view.Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range seen {
		s.newest.add(m.EventID, m.Sequence)
	}
	s.applied = to
	close(s.moved)
	s.moved = make(chan struct{})
}

// stored is where an event lies that is among the newest the view has applied.
func (s *source) stored(eventID string) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest.sequence(eventID)
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *source) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if s.applied < s.target {
		return fmt.Errorf("%w: at %d of %d", errBehind, s.applied, s.target)
	}
	return nil
}

// has tells whether the view has applied everything of the stream up to a sequence.
func (s *source) has(sequence uint64) bool {
	if sequence == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied >= sequence
}

// wait returns when the view has applied everything of the stream up to a sequence, which then does not linger.
func (s *source) wait(ctx context.Context, sequence uint64) error {
	if !s.has(sequence) {
		s.want(sequence)
	}
	return s.await(ctx, sequence)
}

// await is wait for somebody who has time.
func (s *source) await(ctx context.Context, sequence uint64) error {
	for {
		s.mu.Lock()
		applied, failed, moved := s.applied, s.failed, s.moved
		s.mu.Unlock()
		if applied >= sequence {
			return nil
		}
		if failed != nil {
			return failed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
