package access

import (
	"context"
	"sync/atomic"
	"time"
)

// catchUpGap is the least time between two questions to the leader about one noun: at most 20 a second for a replica.
const catchUpGap = 50 * time.Millisecond

// catchUp brings the view up to what the stream leader has, for many callers with one question. Whoever presents a
// credential that the view does not know may have got it from another replica a moment ago, or may be guessing: neither
// may be turned away wrongly, and guessers must not keep the leader busy. So all who wait share the next question, and
// questions keep a distance.
type catchUp struct {
	ask func(context.Context) error

	turn chan struct{} // holds the one who asks
	// begun counts the questions; only who has the turn adds to it.
	begun atomic.Uint64
	// The rest belongs to who has the turn: the last question that was answered, and when the last one began.
	answered uint64
	at       time.Time
}

func newCatchUp(ask func(context.Context) error) *catchUp {
	return &catchUp{ask: ask, turn: make(chan struct{}, 1)}
}

// wait returns when a question that began after the call has been answered.
func (c *catchUp) wait(ctx context.Context) error {
	before := c.begun.Load()
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if c.answered > before {
		return nil // somebody asked for us too
	}
	if err := pause(ctx, time.Until(c.at.Add(catchUpGap))); err != nil {
		return err
	}
	c.at = time.Now()
	asked := c.begun.Add(1)
	if err := c.ask(ctx); err != nil {
		return err
	}
	c.answered = asked
	return nil
}

// pause waits; its error is the context's.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
