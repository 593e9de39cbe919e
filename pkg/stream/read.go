package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Last returns the newest message under a guard as the stream's leader has it; ok is false when there is none. A
// replica's own copy may be older than what was just acknowledged, so decisions must ask here. The error is [ErrNoStream],
// or Unavailable when the leader does not answer within 5 s, as while one is elected.
func (l *Log) Last(ctx context.Context, g Guard) (m Message, ok bool, err error) {
	return l.get(ctx, g.stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetLastMsgForSubject(ctx, g.filter)
	})
}

// After returns the first message under a guard whose sequence is above the given one, from the leader; ok is false
// when there is none. Errors are those of [Log.Last].
func (l *Log) After(ctx context.Context, g Guard, sequence uint64) (m Message, ok bool, err error) {
	return l.get(ctx, g.stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetMsg(ctx, sequence+1, jetstream.WithGetMsgSubject(g.filter))
	})
}

// At returns the message at a sequence, from the leader; ok is false when it was removed or never was. Errors are those
// of [Log.Last].
func (l *Log) At(ctx context.Context, stream string, sequence uint64) (m Message, ok bool, err error) {
	return l.get(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetMsg(ctx, sequence)
	})
}

type getter func(context.Context, jetstream.Stream) (*jetstream.RawStreamMsg, error)

func (l *Log) get(ctx context.Context, stream string, get getter) (Message, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := l.handle(ctx, stream)
	if err != nil {
		return Message{}, false, l.renewed(ctx, stream, err)
	}
	raw, err := get(ctx, s)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Message{}, false, nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		l.handles.Delete(stream)
		return Message{}, false, l.renewed(ctx, stream, fmt.Errorf("%w: %s", ErrNoStream, stream))
	case err != nil:
		return Message{}, false, unavailable("stream.get", err)
	}
	return ofRaw(stream, raw), true, nil
}

// renewed makes a stream anew that is gone because it was kept in memory and its server has gone down, and says that
// it is empty: nil. Any other stream that is missing was lost, and is never made anew by reading.
func (l *Log) renewed(ctx context.Context, stream string, err error) error {
	kept, inMemory := l.memory.Load(stream)
	d, ok := kept.(Declaration)
	if !inMemory || !ok || !errors.Is(err, ErrNoStream) {
		return err
	}
	l.log.WarnContext(ctx, "a stream in memory is gone with its server and is made anew", "stream", stream)
	_, _, err = l.Declare(ctx, d)
	return err
}

// Between calls fn for every message under a guard with a sequence in (after, upTo], in order, as the leader has
// them, until fn returns an error, which is then its own. It costs one round trip a message: for the few messages of one
// thing, not for following.
func (l *Log) Between(ctx context.Context, g Guard, after, upTo uint64, fn func(Message) error) error {
	for {
		m, ok, err := l.After(ctx, g, after)
		if err != nil || !ok || m.Sequence > upTo {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
		after = m.Sequence
	}
}
