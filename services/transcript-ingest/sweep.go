package ingest

import (
	"bytes"
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
)

const (
	// sweepWait is how often a start looks whether the view has caught up.
	sweepWait = 20 * time.Millisecond
	// sweepEvery is how often a running replica looks for folds that were left, and sweepGrace how long it leaves them
	// to whoever ended the call.
	sweepEvery = time.Minute
	sweepGrace = time.Minute
	// sweepBack is how far back a start looks for calls that are folded but whose words may still lie in LIVE: a purge
	// leaves no trace in a view, so that each has to be asked for.
	sweepBack = 48 * time.Hour
)

// sweep finishes what a crash or an outage has left: calls that ended and are not folded. Once at the start it looks at
// all calls, later at those that have live words.
func (s *Service) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepWait)
	defer tick.Stop()
	for s.follower.Ready(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	s.foldAll(ctx, unfinished(time.Now()))
	tick.Reset(sweepEvery)
	for {
		select {
		case <-tick.C:
			s.foldAll(ctx, stillLive(time.Now()))
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) foldAll(ctx context.Context, find func(tx *view.Tx) ([]ref, error)) {
	var left []ref
	err := s.follower.Read(func(tx *view.Tx) (err error) { left, err = find(tx); return err })
	if err != nil {
		s.log.ErrorContext(ctx, "unfinished calls cannot be looked for", "error", err)
	}
	for _, r := range left {
		_, err := s.fold(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !fault.Is(err, "CALL_ERASED") { // an erase has its own end
			s.log.WarnContext(ctx, "a call could not be folded and is tried again",
				"tenant", r.tenant, "call", r.call, "error", err)
		}
	}
}

// unfinished finds the calls that have ended and whose words are not folded, or may not be purged.
func unfinished(now time.Time) func(*view.Tx) ([]ref, error) {
	return func(tx *view.Tx) (left []ref, err error) {
		for k := range tx.Scan(callBucket, nil, nil) {
			r := refOf(k)
			rec, err := readRecord(tx, r)
			if err != nil {
				return left, err
			}
			if rec.ended() && !rec.Erased && (!folded(tx, r) || now.Sub(rec.Closed) < sweepBack) {
				left = append(left, r)
			}
		}
		return left, nil
	}
}

// stillLive finds the calls that ended some time ago and have live words. It steps from call to call with live words
// and passes over all others.
func stillLive(now time.Time) func(*view.Tx) ([]ref, error) {
	return func(tx *view.Tx) (left []ref, err error) {
		var from []byte
		for {
			r, ok := firstLive(tx, from)
			if !ok {
				return left, nil
			}
			rec, err := readRecord(tx, r)
			if err != nil {
				return left, err
			}
			if rec.ended() && !rec.Erased && now.Sub(rec.Closed) >= sweepGrace {
				left = append(left, r)
			}
			from = append(r.key(), 1) // behind all of this call's
		}
	}
}

func firstLive(tx *view.Tx, from []byte) (r ref, ok bool) {
	for k := range tx.Scan(liveBucket, nil, from) {
		return refOf(k), true
	}
	return r, false
}

// refOf is the call that a key of the view begins with.
func refOf(k []byte) ref {
	tenant, rest, _ := bytes.Cut(k, []byte{0})
	call, _, _ := bytes.Cut(rest, []byte{0})
	return ref{string(tenant), string(call)}
}
