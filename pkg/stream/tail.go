package stream

import (
	"context"
	"fmt"
	"sync"
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
	consumer, err := l.ephemeral(ctx, stream, *after)
	if err != nil {
		return err
	}
	ctx, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	r := &reading{stream: stream, next: 1, after: after, deliver: deliver, broken: broken}
	it, err := consumer.Consume(r.take, jetstream.PullMaxBytes(tailPull), jetstream.PullHeartbeat(tailHeartbeat),
		jetstream.PullExpiry(4*tailHeartbeat), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { broken(err) }))
	if err != nil {
		return err
	}
	<-ctx.Done()
	it.Stop()
	r.end()
	return context.Cause(ctx)
}

// ephemeral makes a consumer of all that lies behind a sequence. It goes by itself when nobody asks it any more.
func (l *Log) ephemeral(ctx context.Context, stream string, after uint64) (jetstream.Consumer, error) {
	return l.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: time.Minute, Replicas: 1, MemoryStorage: true,
	})
}

// reading takes what a consumer delivers. The library's iterator would be simpler, but it makes room for a million
// messages, 8 MB a stream that the collector then looks through every time. A consumer counts what it delivers, and so
// does a reading: nothing that was lost on the way stays unnoticed.
type reading struct {
	stream  string
	after   *uint64
	deliver func(Message)
	broken  context.CancelCauseFunc

	mu   sync.Mutex
	next uint64 // what the consumer calls the next message
	over bool   // nothing is delivered any more
}

func (r *reading) take(raw jetstream.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	m, counted, err := ofPulled(r.stream, raw)
	if err == nil && counted != r.next {
		err = fmt.Errorf("%w: %d instead of %d", errSkipped, counted, r.next)
	}
	if err != nil {
		r.over = true
		r.broken(err)
		return
	}
	r.next++
	r.deliver(m)
	*r.after = m.Sequence
}

// end returns when nothing is being delivered; nothing will be.
func (r *reading) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}
