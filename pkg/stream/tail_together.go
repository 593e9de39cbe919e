package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// tailTogether is how many messages are asked for together; at 768 KiB for the largest, 24 MiB.
	tailTogether = 32
	// tailWait is how long one question for the next message is good for. The server answers it before that.
	tailWait = 20 * tailHeartbeat
	// tailPatience is how long a server may take to say that nothing is there. What it says later nobody hears.
	tailPatience = 900 * time.Millisecond
)

var (
	errSkipped = errors.New("stream: the consumer has delivered something that did not arrive")
	errSlow    = errors.New("stream: the server took too long to answer")
)

// TailTogether is Tail for who would rather have messages together than at once. When the first comes it rests, and
// delivers what lies there then: 1 to 33 messages. While it rests the server does nothing for it, and whoever writes
// meanwhile is not held up. rest is told the sequence behind which nothing was delivered yet, and returns when it was long
// enough, or the context is done. What was delivered belongs to deliver.
func (l *Log) TailTogether(
	ctx context.Context, stream string, after uint64, rest func(ctx context.Context, after uint64), deliver func([]Message),
) error {
	return l.tail(ctx, stream, &after, func() error {
		consumer, err := l.ephemeral(ctx, stream, after)
		if err != nil {
			return err
		}
		p := &puller{stream: stream, consumer: consumer, next: 1}
		for {
			first, err := p.wait(ctx)
			if err != nil {
				return err
			}
			if len(first) == 0 {
				continue
			}
			if err := p.drain(ctx, first, &after, rest, deliver); err != nil {
				return err
			}
		}
	})
}

// puller asks a consumer for messages. A consumer counts what it delivers, and so does the puller: nothing that was lost
// on the way stays unnoticed.
type puller struct {
	stream   string
	consumer jetstream.Consumer
	next     uint64 // what the consumer calls the next message
}

// drain delivers what there is until nothing more lies there.
func (p *puller) drain(
	ctx context.Context, group []Message, after *uint64, rest func(ctx context.Context, after uint64), deliver func([]Message),
) error {
	for full := false; ; {
		if !full {
			rest(ctx, *after)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := p.take()
		if group = append(group, more...); len(group) > 0 {
			deliver(group)
			*after = group[len(group)-1].Sequence
		}
		if err != nil || len(group) == 0 {
			return err
		}
		full, group = len(more) == tailTogether, nil
	}
}

// wait waits for one message, for a while.
func (p *puller) wait(ctx context.Context) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, tailWait)
	defer cancel()
	batch, err := p.consumer.Fetch(1, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(tailHeartbeat))
	if err != nil {
		return nil, err
	}
	return p.receive(batch)
}

// take takes what lies there.
func (p *puller) take() ([]Message, error) {
	asked := time.Now()
	batch, err := p.consumer.FetchNoWait(tailTogether)
	if err != nil {
		return nil, err
	}
	out, err := p.receive(batch)
	if err == nil && len(out) < tailTogether && time.Since(asked) > tailPatience {
		err = errSlow // an end by the clock looks like the server's own
	}
	return out, err
}

// receive returns what has come in order, also where something went wrong behind it.
func (p *puller) receive(batch jetstream.MessageBatch) (out []Message, wrong error) {
	for raw := range batch.Messages() {
		m, counted, err := ofPulled(p.stream, raw)
		if err == nil && counted != p.next {
			err = fmt.Errorf("%w: %d instead of %d", errSkipped, counted, p.next)
		}
		if wrong == nil && err != nil {
			wrong = err
		}
		if wrong == nil {
			out = append(out, m)
			p.next++
		}
	}
	if wrong == nil {
		wrong = batch.Error()
	}
	return out, wrong
}
