package analysis

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// turn is what a run has of its lane.
type turn struct {
	p      *pool
	job    job
	cancel context.CancelCauseFunc
	ready  chan struct{} // holds what repeat waits for
	// stopping is closed when the replica stops: who only waits leaves, for another to go on.
	stopping <-chan struct{}
}

func newTurn(p *pool, j job, cancel context.CancelCauseFunc) *turn {
	return &turn{p: p, job: j, cancel: cancel, ready: make(chan struct{}, 1), stopping: p.stopping}
}

// owns tells whether this replica may still send.
func (t *turn) owns() bool { return t.p.leaser.owns(t.job.lane) }

// wait waits, unless the replica stops or the analysis is over.
func (t *turn) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-t.stopping:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold keeps the lane from asking for some time, as the provider wished.
func (t *turn) hold(wait time.Duration) {
	now := time.Now()
	t.pace(func(p *pacer) { p.hold(t.job.lane, now, now.Add(wait)) })
}

// repeat waits until the lane lets the analysis ask once more, before anything new is started on it.
func (t *turn) repeat(ctx context.Context) error {
	t.pace(func(p *pacer) { p.repeat(t.job.id) })
	t.p.rouse()
	select {
	case <-t.ready:
		return nil
	case <-t.stopping:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measured says what the question may cost in tokens, now that its words have been counted.
func (t *turn) measured(tokens int) {
	t.pace(func(p *pacer) { p.measure(t.job.id, tokens, time.Now()) })
}

// sent says that the request leaves now.
func (t *turn) sent() { t.pace(func(p *pacer) { p.sent(t.job.id) }) }

// answered says what came of the request.
func (t *turn) answered(c llm.Completion, failed error) {
	t.pace(func(p *pacer) { p.answered(t.job.id, answerOf(c, failed), time.Now()) })
	t.p.rouse() // what it did not use, others may
}

func (t *turn) pace(do func(*pacer)) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	do(t.p.pacer)
}

// answerOf is what the pacer needs to know of an answer.
func answerOf(c llm.Completion, failed error) answer {
	limits := c.Limits
	out := answer{used: c.Usage.InputTokens + c.Usage.OutputTokens}
	if out.used == 0 {
		out.used = -1 // some servers do not count
	}
	if e, ok := errors.AsType[*llm.Error](failed); ok {
		limits, out.used = e.Limits, -1
		if e.Status == http.StatusTooManyRequests || e.Status == 0 && !e.MaybeProcessed {
			out.used = 0 // nothing was done, so nothing is counted but the request
		}
	}
	out.requests = said{limits.RequestsPerMinute, limits.RequestsLeft, limits.RequestsFullIn}
	out.tokens = said{limits.TokensPerMinute, limits.TokensLeft, limits.TokensFullIn}
	return out
}
