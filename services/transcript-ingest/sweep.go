package ingest

import (
	"bytes"
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
)

const (
	// sweepRecent is how far back a start looks for words that are in parts and were not purged from LIVE.
	sweepRecent = 48 * time.Hour
	// sweepWait is how often a start looks whether the view has caught up.
	sweepWait = 20 * time.Millisecond
)

// sweep finishes, once, what a crash has left: calls that ended and whose words are still live, or not yet purged.
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
	left, err := s.unfolded(time.Now())
	for _, r := range left {
		if ctx.Err() != nil {
			return
		}
		if err := s.fold(ctx, r); err != nil {
			s.log.WarnContext(ctx, "a call could not be folded; it will be when somebody writes to it or at the next start",
				"tenant", r.tenant, "call", r.call, "error", err)
		}
	}
	if err != nil {
		s.log.ErrorContext(ctx, "unfinished calls cannot be looked for", "error", err)
	}
}

// unfolded are the calls that ended and have live words, or ended lately.
func (s *Service) unfolded(now time.Time) (left []ref, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		for k := range tx.Scan(callBucket, nil, nil) {
			tenant, call, _ := bytes.Cut(k, []byte{0})
			r := ref{string(tenant), string(call)}
			rec, _, err := readRecord(tx, r)
			if err != nil {
				return err
			}
			c, err := readCounts(tx, r)
			if err != nil {
				return err
			}
			ended := !rec.Ended.IsZero() && !rec.Erased
			if ended && (c.Live > 0 || now.Sub(rec.Ended) < sweepRecent) {
				left = append(left, r)
			}
		}
		return nil
	})
	return left, err
}
