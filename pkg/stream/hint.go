package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// MaxHint is how large a hint may be, in bytes.
	MaxHint = 64 << 10
	// maxHints is how many hints wait for one who listens slowly; what comes then is lost.
	maxHints = 1024
	// hintWait is how often a listener looks whether its context is done.
	hintWait = time.Second
)

// ErrHintTooLarge says that a hint has more than [MaxHint] bytes.
var ErrHintTooLarge = errors.New("stream: hint too large")

// Hint tells whoever listens at this moment that something may be worth looking at, under a subject that no stream has.
// It is in no stream and is never counted on: it is lost when nobody listens or the connection is away, may come more
// than once, and hints have no order among each other or with messages. nil only means that it left.
func (l *Log) Hint(_ context.Context, subject string, data []byte) error {
	if len(data) > MaxHint {
		return fmt.Errorf("%w: %d bytes", ErrHintTooLarge, len(data))
	}
	if err := l.nc.Publish(subject, data); err != nil {
		return unavailable("stream.hint", err)
	}
	return nil
}

// Hints hands over what is hinted under a filter until the context is done, and returns its error; or that of a
// connection that was closed. handle is called by this goroutine alone. While it is busy up to 1024 hints wait, and
// those beyond are lost. After a lost connection listening goes on by itself, without what was hinted meanwhile.
func (l *Log) Hints(ctx context.Context, filter string, handle func(subject string, data []byte)) error {
	listening, err := l.nc.SubscribeSync(filter)
	if err != nil {
		return unavailable("stream.hints", err)
	}
	defer func() { _ = listening.Unsubscribe() }() // of a closed connection nothing is left
	if err := listening.SetPendingLimits(maxHints, maxHints*MaxHint); err != nil {
		return unavailable("stream.hints", err)
	}
	for ctx.Err() == nil {
		m, err := nextHint(ctx, listening)
		switch {
		case err == nil:
			handle(m.Subject, m.Data)
		case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrBadSubscription):
			return unavailable("stream.hints", err)
		}
	}
	return ctx.Err()
}

// nextHint waits for one hint, for a moment. An error says that none came, or that some were lost.
func nextHint(ctx context.Context, listening *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, hintWait)
	defer cancel()
	return listening.NextMsgWithContext(ctx)
}
