package follow

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// positionTime is how long a read waits for the position it asks for.
const positionTime = 2 * time.Second

// Position is how far the view has come in every stream it follows.
func (f *Follower) Position() stream.Position {
	p := make(stream.Position, 0, len(f.sources))
	for _, name := range f.names {
		s := f.sources[name]
		s.mu.Lock()
		p = append(p, stream.Mark{Stream: name, Incarnation: s.start.Incarnation, Sequence: s.applied})
		s.mu.Unlock()
	}
	return p
}

// WaitPosition waits until the view has come as far as a position's token says, at most 2 s, then Unavailable. Marks
// of streams that this view does not follow, or of another incarnation, say nothing about it and are passed over. It also
// waits for what a [Group] of this follower has written, so that whoever wrote here and asks here sees it without a token;
// for that it does not insist.
func (f *Follower) WaitPosition(ctx context.Context, token string) error {
	if token == "" && f.hasOwn() {
		return nil // as nearly every read: without a timer
	}
	p, err := stream.ParsePosition(token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, positionTime)
	defer cancel()
	for _, s := range f.sources {
		_ = s.wait(ctx, s.own.Load())
	}
	for _, m := range p {
		s, ok := f.sources[m.Stream]
		if !ok || s.start.Incarnation != m.Incarnation {
			continue
		}
		if err := s.wait(ctx, m.Sequence); err != nil {
			return behind(m.Stream, err)
		}
	}
	return nil
}

// hasOwn tells whether the view has all that groups of this follower have written.
func (f *Follower) hasOwn() bool {
	for _, s := range f.sources {
		if !s.has(s.own.Load()) {
			return false
		}
	}
	return true
}

// Wait waits until the view has applied everything of a stream up to a sequence, at most 2 s, then Unavailable. A stream
// that is not followed is an error at once.
func (f *Follower) Wait(ctx context.Context, name string, sequence uint64) error {
	s, ok := f.sources[name]
	if !ok {
		return fmt.Errorf("follow: %s is not followed", name)
	}
	ctx, cancel := context.WithTimeout(ctx, positionTime)
	defer cancel()
	if err := s.wait(ctx, sequence); err != nil {
		return behind(name, err)
	}
	return nil
}

// settle is Wait for somebody who lets the view linger.
func (f *Follower) settle(ctx context.Context, name string, sequence uint64) error {
	ctx, cancel := context.WithTimeout(ctx, positionTime)
	defer cancel()
	if err := f.sources[name].await(ctx, sequence); err != nil {
		return behind(name, err)
	}
	return nil
}

// Newest asks the leader for a guard's last sequence and waits until the view has it: what another replica has just
// acknowledged is then seen here. Unavailable when the leader does not answer within 5 s, or the view not within 2 s.
func (f *Follower) Newest(ctx context.Context, g stream.Guard) error {
	m, ok, err := f.cfg.Log.Last(ctx, g)
	if err != nil || !ok {
		return err
	}
	return f.Wait(ctx, g.Stream(), m.Sequence)
}

func behind(name string, err error) error {
	return fault.Op("follow.wait", fault.New(fault.Unavailable, "UNAVAILABLE",
		fault.Param("stream", name), fault.Wrapping(err), fault.RetryIn(time.Second)))
}

// Decide looks at the view, which has everything under the guard, and says what to write: an event, or nil for
// nothing. Its error ends the commit. It may be called several times.
type Decide func(tx *view.Tx) (*stream.Event, error)

// DecideAll is Decide for several events; none writes nothing.
type DecideAll func(tx *view.Tx) ([]stream.Event, error)

// Commit takes a decision under a guard upon a view that has everything the leader has, appends it, and waits until
// the view has it too, so that a read that follows sees it. It returns the position that includes it. See
// [stream.Log.Commit] for what happens when somebody else was first or no answer comes. The guard's stream must be among
// those followed. A view that is not there in time, after 2 s, is logged and is no error: the event is on the log.
func (f *Follower) Commit(ctx context.Context, g stream.Guard, eventID string, decide Decide) (stream.Position, error) {
	seq, err := f.cfg.Log.Commit(ctx, g, eventID, func(ctx context.Context, last uint64) (*stream.Event, error) {
		return upon(ctx, f, g, eventID, last, decide)
	})
	return f.committed(ctx, g, seq, err)
}

// CommitAll is Commit for several events, all of which are written or none; see [stream.Log.CommitAll]. Their stream must be
// declared with Batches.
func (f *Follower) CommitAll(ctx context.Context, g stream.Guard, eventID string, decide DecideAll) (stream.Position, error) {
	seq, err := f.cfg.Log.CommitAll(ctx, g, eventID, func(ctx context.Context, last uint64) ([]stream.Event, error) {
		return upon(ctx, f, g, eventID, last, decide)
	})
	return f.committed(ctx, g, seq, err)
}

// committed waits until the view has what was written.
func (f *Follower) committed(ctx context.Context, g stream.Guard, sequence uint64, err error) (stream.Position, error) {
	if err != nil {
		return nil, err
	}
	if err := f.Wait(ctx, g.Stream(), sequence); err != nil {
		f.log.WarnContext(ctx, "a write is on the log but not yet in the view", "guard", g.String(), "sequence", sequence)
	}
	return f.position(g.Stream(), sequence), nil
}

// acknowledged remembers that something of this follower's own is on the log.
func (f *Follower) acknowledged(name string, sequence uint64) { raise(&f.sources[name].own, sequence) }

// raise sets a sequence that never goes back.
func raise(at *atomic.Uint64, to uint64) {
	for {
		before := at.Load()
		if before >= to || at.CompareAndSwap(before, to) {
			return
		}
	}
}

// position is that of one message.
func (f *Follower) position(name string, sequence uint64) stream.Position {
	return stream.Position{{Stream: name, Incarnation: f.sources[name].start.Incarnation, Sequence: sequence}}
}

// upon takes a decision upon a view that has everything under a guard up to a sequence.
func upon[E any](
	ctx context.Context, f *Follower, g stream.Guard, eventID string, last uint64, decide func(*view.Tx) (E, error),
) (out E, err error) {
	if err := f.Wait(ctx, g.Stream(), last); err != nil {
		return out, err
	}
	err = f.view.Read(func(tx *view.Tx) error {
		if seq, ok := f.sources[g.Stream()].stored(eventID); ok {
			return &stream.Stored{Sequence: seq}
		}
		out, err = decide(tx)
		return err
	})
	return out, err
}
