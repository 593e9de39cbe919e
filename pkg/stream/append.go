package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Conflict says that a compare-and-set was refused: the guard moved, or another write under it is in flight. It is
// not yet a verdict on the writer's own event, which an earlier try may have stored.
type Conflict struct {
	// Guard that refused; the zero Guard when a batch was refused and the server did not say which of its guards it was.
	Guard Guard
	// InFlight is set when a replicated stream's leader refused because of a proposal it has not yet decided: the
	// guard need not have moved, and may never.
	InFlight bool
}

// Error names the guard.
func (c *Conflict) Error() string {
	guard := c.Guard.String()
	if c.Guard == (Guard{}) {
		guard = "a guard of the batch"
	}
	if c.InFlight {
		return fmt.Sprintf("stream: write in flight under %s", guard)
	}
	return fmt.Sprintf("stream: %s has moved", guard)
}

// ErrUnknown says that nobody can tell whether an event was stored. The caller may try again with the same event id.
var ErrUnknown = errors.New("stream: outcome unknown")

// Append writes an event if the guard's last sequence is still expected (0: nothing was ever written under it). It
// returns the event's sequence once the server has it on disk; [Conflict] when it was refused; [ErrUnknown] when no
// answer came within 5 s; another fault when it surely was not stored (e.g. the stream is full: Unavailable). The event carries the
// trace that the context belongs to ([Message.Trace]).
func (l *Log) Append(ctx context.Context, g Guard, expected uint64, e Event) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	opts := []jetstream.PublishOpt{
		jetstream.WithExpectStream(g.stream),
		jetstream.WithExpectLastSequenceForSubject(expected, g.filter),
	}
	if e.TTL > 0 {
		opts = append(opts, jetstream.WithMsgTTL(e.TTL))
	}
	return l.seen.append(ctx, "append", e.Subject, func(ctx context.Context) (uint64, error) {
		ack, err := l.js.PublishMsg(ctx, e.message(ctx), opts...)
		if err == nil {
			return ack.Sequence, nil
		}
		return 0, verdict(g, err)
	})
}

// verdict sorts the errors of a publish: refused, surely not stored, or unknown.
func verdict(g Guard, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return &Conflict{Guard: g}
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return &Conflict{Guard: g, InFlight: true}
	case errors.As(err, &api) && api.Code == 503:
		return unavailable("stream.append", err)
	case errors.As(err, &api):
		return fault.Op("stream.append", fault.New(fault.Internal, "INTERNAL", fault.Wrapping(err)))
	case errors.Is(err, nats.ErrMaxPayload):
		return fault.New(fault.TooLarge, "BODY_TOO_LARGE", fault.Wrapping(err))
	default:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
}

// Purge removes the messages of one subject whose sequence is below the given one. It is invisible to followers:
// write down why first. Bytes may stay on disk for a long time, and cannot be erased any more: [Log.Erase] comes
// before. The error is [ErrNoStream], or Unavailable when
// the server has not said within a minute that it is done: purge again, it does no harm.
func (l *Log) Purge(ctx context.Context, stream, subject string, below uint64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := l.handle(ctx, stream)
	if err != nil {
		return err
	}
	err = s.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(below))
	if err != nil {
		return unavailable("stream.purge", err)
	}
	return nil
}
