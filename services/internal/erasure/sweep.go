package erasure

import (
	"context"
	"log/slog"
	"time"
)

const (
	// Back is how long after its erasure a call is looked after: a replica that starts goes on with what another one has
	// left unfinished.
	Back = 48 * time.Hour
	// every is how often what could not be finished is tried again, and pause how long what has just been erased is
	// collected, so that calls that are erased together are finished together.
	every = 15 * time.Second
	pause = 500 * time.Millisecond
)

// Call names a call that was erased, or one of its analyses that was deleted.
type Call struct {
	Tenant, ID string
	// Analysis is set where not the whole call is gone but one of its analyses.
	Analysis string
	// Aged is set where not a person has erased it but its age.
	Aged bool
}

// Config of a sweeper.
type Config struct {
	// Ready is nil once the view has caught up: before that, what is left of a call cannot be told.
	Ready func(context.Context) error
	// Erased finds the calls that were erased at or after a time.
	Erased func(since time.Time) ([]Call, error)
	// Finish removes what is left of a call. It is called again until it has succeeded once in this process.
	Finish func(context.Context, Call) error
	// Finished, if set, is called after a round that finished calls which persons have erased. Until it succeeds they are
	// not finished. It is called for what other replicas have finished, too: nobody can tell whether they came that far.
	Finished func(context.Context) error
	// Logger; not nil.
	Logger *slog.Logger
}

// Sweeper finishes the erasing of calls, its own replica's and what others have left.
type Sweeper struct {
	cfg  Config
	wake chan struct{}
	done map[Call]bool // finished
}

// NewSweeper makes a sweeper that does not run.
func NewSweeper(cfg Config) *Sweeper {
	return &Sweeper{cfg: cfg, wake: make(chan struct{}, 1), done: map[Call]bool{}}
}

// Rouse makes it look soon; it never blocks.
func (s *Sweeper) Rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run looks after erased calls until the context ends. Only one may run.
func (s *Sweeper) Run(ctx context.Context) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			timer.Reset(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if s.cfg.Ready(ctx) == nil {
			s.Sweep(ctx, time.Now())
			timer.Reset(every)
			continue
		}
		timer.Reset(pause)
	}
}

// Sweep finishes every call that was erased in the 48 hours before a time and is not finished. Not while Run runs.
func (s *Sweeper) Sweep(ctx context.Context, now time.Time) {
	calls, err := s.cfg.Erased(now.Add(-Back))
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "erased calls cannot be looked for", "error", err)
		return
	}
	s.forget(calls)
	var finished []Call
	wipe := false
	for _, c := range calls {
		if s.done[c] {
			continue
		}
		err := s.cfg.Finish(ctx, c)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.cfg.Logger.WarnContext(ctx, "a call could not be erased to the end and is tried again",
				"tenant", c.Tenant, "call", c.ID, "error", err)
		default:
			finished, wipe = append(finished, c), wipe || !c.Aged
		}
	}
	if wipe && s.cfg.Finished != nil {
		if err := s.cfg.Finished(ctx); err != nil {
			s.cfg.Logger.WarnContext(ctx, "what was erased is not wiped yet and is tried again", "error", err)
			return
		}
	}
	for _, c := range finished {
		s.done[c] = true
	}
}

// forget lets go of calls that are not looked after any more.
func (s *Sweeper) forget(calls []Call) {
	still := map[Call]bool{}
	for _, c := range calls {
		if s.done[c] {
			still[c] = true
		}
	}
	s.done = still
}
