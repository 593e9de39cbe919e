package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Limits of one commit: a decision is taken again at most 8 times and for 20 s, which outlasts a leader election.
const (
	maxRounds  = 8
	commitTime = 20 * time.Second
)

// Decision is what a commit writes: decided upon the state that includes everything under the guard up to last.
// Returning a nil event and no error means that nothing is to be written; returning [Stored] that an earlier try was.
type Decision func(ctx context.Context, last uint64) (*Event, error)

// Decisions is what [Log.CommitAll] writes: as a [Decision], but several events, none for nothing.
type Decisions func(ctx context.Context, last uint64) ([]Event, error)

// Stored is what a decision returns when it knows by other means that this commit's event is on the log. It matters
// where only the newest message of a subject is kept: somebody's later event may have taken the place of ours.
type Stored struct {
	// Sequence that the event has on the log.
	Sequence uint64
}

// Error says so.
func (s *Stored) Error() string { return fmt.Sprintf("stream: stored at %d", s.Sequence) }

// Commit takes a decision under a guard and appends it, as often as it takes until the outcome is certain. Every try
// must use the event id that is handed in. It returns the sequence of the event, or the guard's last sequence when
// there was nothing to write.
//
// A refusal or a missing answer is not a verdict. Before deciding again, Commit looks for its own event id behind the
// sequence it had expected: there, and only there, an earlier try can have been stored. When the outcome stays open
// the error is Unavailable with code UNKNOWN_OUTCOME, and the same event id may be committed again.
//
// Commits of one Log under one guard take turns, so that only other processes are raced against.
func (l *Log) Commit(ctx context.Context, g Guard, eventID string, decide Decision) (uint64, error) {
	return l.commit(ctx, commit{log: l, guard: g, eventID: eventID, decide: decide.alone, pause: newPause()})
}

// CommitAll is Commit for several events under one guard, of which all are written or none, and which nobody reads without
// each other ([Log.AppendAll]): at most [MaxBatch], of a stream declared with Batches. The last has the event id that is
// handed in, the others one that is made of it; the sequence is that of the last.
func (l *Log) CommitAll(ctx context.Context, g Guard, eventID string, decide Decisions) (uint64, error) {
	return l.commit(ctx, commit{log: l, guard: g, eventID: eventID, decide: decide, pause: newPause()})
}

// alone makes a decision upon one event one upon several.
func (d Decision) alone(ctx context.Context, last uint64) ([]Event, error) {
	e, err := d(ctx, last)
	if err != nil || e == nil {
		return nil, err
	}
	return []Event{*e}, nil
}

// Resume is Commit for an event that somebody has already tried to append, expecting a sequence, and whose fate is not
// certain: it looks for the event first, and decides only when it is not there.
func (l *Log) Resume(ctx context.Context, g Guard, eventID string, expected uint64, decide Decision) (uint64, error) {
	return l.commit(ctx, commit{
		log: l, guard: g, eventID: eventID, decide: decide.alone, pause: newPause(), sent: true, expected: expected, size: 1,
	})
}

func (l *Log) commit(ctx context.Context, c commit) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	done, err := l.turns.take(ctx, c.guard)
	if err != nil {
		return 0, c.open(err)
	}
	defer done()
	for c.rounds < maxRounds {
		seq, done, err := c.try(ctx)
		if done {
			return seq, err
		}
		c.last = err
		select {
		case <-time.After(c.pause.NextBackOff()):
		case <-ctx.Done():
			return 0, c.open(ctx.Err())
		}
	}
	return c.lost(ctx)
}

// commit is one commit under way.
type commit struct {
	log     *Log
	guard   Guard
	eventID string
	decide  Decisions
	pause   *backoff.ExponentialBackOff
	rounds  int
	// sent is set once events may be on their way, expected is what they expected then, and size how many they are.
	sent     bool
	expected uint64
	size     int
	// inFlight is set when the last refusal was about another write in flight.
	inFlight bool
	last     error
}

// lost is the end when every round was lost: looking once more tells whether the last try was, too.
func (c *commit) lost(ctx context.Context) (uint64, error) {
	m, _, err := c.log.Last(ctx, c.guard)
	if err != nil {
		return 0, c.open(err)
	}
	if seq, found, err := c.own(ctx); err != nil || found {
		return seq, err
	}
	if m.Sequence == c.expected {
		return 0, c.open(c.last) // nobody has moved it: ours may still be on its way
	}
	return 0, unavailable("stream.commit", c.last)
}

func newPause() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = time.Millisecond, 2, 250*time.Millisecond
	b.RandomizationFactor = 0.5
	return b
}

// try is one round. done is false when the outcome is not certain yet.
func (c *commit) try(ctx context.Context) (seq uint64, done bool, err error) {
	m, _, err := c.log.Last(ctx, c.guard)
	if err != nil {
		return 0, false, err // the leader is being elected: waiting is no round
	}
	if c.sent {
		if seq, found, err := c.own(ctx); err != nil || found {
			return seq, found, err
		}
		if c.inFlight && m.Sequence == c.expected {
			c.inFlight = false // ask again before the next look: the write in flight may have come to nothing
			return 0, false, &Conflict{Guard: c.guard, InFlight: true}
		}
	}
	events, err := c.decide(ctx, m.Sequence)
	if stored, ok := errors.AsType[*Stored](err); ok {
		return stored.Sequence, true, nil
	}
	if err != nil {
		return 0, true, c.refused(ctx, err)
	}
	if len(events) == 0 {
		return m.Sequence, true, nil
	}
	return c.append(ctx, m.Sequence, events)
}

// id of the n-th event: the last has the commit's.
func (c *commit) id(n int) string {
	if n == c.size-1 {
		return c.eventID
	}
	return fmt.Sprintf("%s.%d", c.eventID, n)
}

func (c *commit) append(ctx context.Context, expected uint64, events []Event) (seq uint64, done bool, err error) {
	c.expected, c.size = expected, len(events)
	writes := make([]Write, len(events))
	for n, e := range events {
		e.ID = c.id(n)
		writes[n] = Write{Guard: c.guard, Expected: expected, Event: e}
	}
	sequences, err := c.log.AppendAll(ctx, c.guard.stream, writes)
	if err == nil {
		return sequences[len(sequences)-1], true, nil
	}
	var conflict *Conflict
	refused := errors.As(err, &conflict)
	if !refused && !errors.Is(err, ErrUnknown) {
		return 0, true, err
	}
	if c.inFlight = refused && conflict.InFlight; !c.inFlight {
		c.rounds++
	}
	c.sent = true
	return 0, false, err
}

// own looks for this commit's events where an earlier try would have been stored: if the first is there, all are.
func (c *commit) own(ctx context.Context) (uint64, bool, error) {
	m, ok, err := c.log.After(ctx, c.guard, c.expected)
	if err != nil || !ok || m.EventID != c.id(0) {
		return 0, false, err
	}
	return m.Sequence + uint64(c.size) - 1, true, nil
}

// refused passes a decision's own error on, unless the decision was cut short while an earlier try is still open.
func (c *commit) refused(ctx context.Context, err error) error {
	if c.sent && ctx.Err() != nil {
		return c.open(err)
	}
	return err
}

func (c *commit) open(err error) error {
	if !c.sent {
		return unavailable("stream.commit", err)
	}
	return fault.Op("stream.commit", fault.New(fault.Unavailable, "UNKNOWN_OUTCOME",
		fault.Wrapping(fmt.Errorf("%w: %w", ErrUnknown, err)), fault.RetryIn(time.Second)))
}
