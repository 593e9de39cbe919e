package ingest

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// room is how much one stream may hold, out of what all streams of a replica may hold, in bytes.
type room struct {
	own, all *semaphore.Weighted

	mu     sync.Mutex
	held   int64
	closed bool
}

func newRoom(all *semaphore.Weighted) *room {
	return &room{own: semaphore.NewWeighted(streamRoom), all: all}
}

// take waits for room. Those of other streams that came first are served first.
func (r *room) take(ctx context.Context, n int64) error {
	if err := r.own.Acquire(ctx, n); err != nil {
		return err
	}
	if err := r.all.Acquire(ctx, n); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.all.Release(n)
		return context.Canceled
	}
	r.held += n
	return nil
}

// give gives room back.
func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.held -= n
	r.own.Release(n)
	r.all.Release(n)
}

// close gives everything back, once the stream is over.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.all.Release(r.held)
	}
}
