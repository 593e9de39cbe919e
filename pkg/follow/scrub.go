package follow

import (
	"context"
	"time"
)

const (
	// scrubPause is how long a follower waits before it scrubs its view, so that what is removed together is wiped together.
	scrubPause = 2 * time.Second
	// scrubRetry is the pause after a scrub that failed.
	scrubRetry = 10 * time.Second
)

// scrub wipes what the view has removed for good, whenever something was, until the context ends. What an earlier
// process owed comes first.
func (f *Follower) scrub(ctx context.Context) {
	timer := time.NewTimer(scrubPause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		err := f.scrubOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.log.WarnContext(ctx, "what was removed could not be wiped from the view and is tried again", "error", err)
			timer.Reset(scrubRetry)
			continue
		}
		select {
		case <-f.forgotten:
			timer.Reset(scrubPause)
		case <-ctx.Done():
			return
		}
	}
}

func (f *Follower) scrubOnce(ctx context.Context) error {
	owed, err := f.view.Owes()
	if err != nil || !owed {
		return err
	}
	return f.view.Scrub(ctx)
}

// mayOwe lets the scrub look whether a batch removed something for good. It never blocks.
func (f *Follower) mayOwe() {
	select {
	case f.forgotten <- struct{}{}:
	default:
	}
}
