package stream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// tailPull is how much is asked for at once, in bytes; it bounds what a slow reader holds of a stream of large messages.
	tailPull = 8 << 20
	// tailHeartbeat is how often an idle server must show that it is there. Two missed and the reading starts anew.
	tailHeartbeat = 500 * time.Millisecond
	// tailRetry is the pause before a broken reading starts anew.
	tailRetry = 250 * time.Millisecond
)

// Tail delivers every message of a stream behind a sequence, in order, without gap and without end, until the context
// is done; its error is then the context's. A lost connection, a new leader or a vanished consumer only delays it: it
// goes on behind what was delivered last, and a stream that is not there is waited for. deliver is called by one goroutine
// and may block.
func (l *Log) Tail(ctx context.Context, stream string, after uint64, deliver func(Message)) error {
	return l.tail(ctx, stream, &after, func() error { return l.tailOnce(ctx, stream, &after, deliver) })
}

// tail reads again and again, until the context is done.
func (l *Log) tail(ctx context.Context, stream string, after *uint64, once func() error) error {
	for ctx.Err() == nil {
		err := once()
		if ctx.Err() != nil {
			break
		}
		l.log.WarnContext(ctx, "following a stream was interrupted", "stream", stream, "after", *after, "error", err)
		select {
		case <-time.After(tailRetry):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (l *Log) tailOnce(ctx context.Context, stream string, after *uint64, deliver func(Message)) error {
	consumer, err := l.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *after + 1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	it, err := consumer.Messages(jetstream.PullMaxBytes(tailPull), jetstream.PullHeartbeat(tailHeartbeat),
		jetstream.PullExpiry(4*tailHeartbeat))
	if err != nil {
		return err
	}
	defer it.Stop()
	for {
		raw, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		m, err := ofMsg(stream, raw)
		if err != nil {
			return err
		}
		if m.Sequence <= *after {
			continue // delivered again after a reset
		}
		deliver(m)
		*after = m.Sequence
	}
}
