package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Bounds of stopping. A unit that does not return within graceTime after its context was done is left behind, so that
// one which hangs does not keep the others from flushing what they have.
const (
	undoTime  = 30 * time.Second // for the units that had started, when one behind them cannot
	graceTime = time.Second
)

// Unit is a part of a process. All three functions may be absent.
type Unit struct {
	// Name for logs and errors.
	Name string
	// Start returns when others may build upon the unit. Its context is for the start alone: what lives longer must not
	// hang on it. After an error nothing of the unit is left, and Stop is not called.
	Start func(context.Context) error
	// Stop returns when nothing of the unit is left, at the latest when its context is done; 1 s later it is left behind.
	Stop func(context.Context) error
	// Ready is nil when the unit can do its work. It is asked often and at any time after Start, by several at once.
	Ready func(context.Context) error
}

// Group is units in the order in which each needs those before it.
type Group struct {
	log   *slog.Logger
	units []Unit

	moving sync.Mutex // held while starting or stopping, so that the two never meet

	mu      sync.Mutex
	started int
}

// New makes a group that has not started; a nil log discards.
func New(log *slog.Logger, units ...Unit) *Group {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Group{log: log, units: units}
}

// Start starts one unit after the other. When one fails, or the context ends between two, those before it are stopped
// again, whatever has become of the context; a unit whose Start failed cleans up after itself. A Stop at the same time
// waits until Start has returned: end its context to hurry it.
func (g *Group) Start(ctx context.Context) error {
	g.moving.Lock()
	defer g.moving.Unlock()
	for _, u := range g.units[g.begun():] {
		begun := time.Now()
		err := ctx.Err()
		if err == nil && u.Start != nil {
			err = u.Start(ctx)
		}
		if err != nil {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
			defer cancel()
			return errors.Join(fmt.Errorf("start %s: %w", u.Name, err), g.stop(undo))
		}
		g.mu.Lock()
		g.started++
		g.mu.Unlock()
		g.log.DebugContext(ctx, "started", "unit", u.Name, "took", time.Since(begun))
	}
	return nil
}

// begun is how many units have started.
func (g *Group) begun() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.started
}

// Stop stops what has started, in reverse. It is safe without Start and twice; an error of one unit does not keep the
// others from being stopped, and neither does one that hangs: a second after the context is done it is left behind, and
// the error names it.
func (g *Group) Stop(ctx context.Context) error {
	g.moving.Lock()
	defer g.moving.Unlock()
	return g.stop(ctx)
}

func (g *Group) stop(ctx context.Context) error {
	g.mu.Lock()
	units := slices.Clone(g.units[:g.started])
	g.started = 0
	g.mu.Unlock()
	var errs []error
	for _, u := range slices.Backward(units) {
		if u.Stop == nil {
			continue
		}
		begun := time.Now()
		if err := bounded(ctx, u.Stop); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", u.Name, err))
			g.log.ErrorContext(ctx, "a unit did not stop well", "unit", u.Name, "took", time.Since(begun), "error", err)
			continue
		}
		g.log.DebugContext(ctx, "stopped", "unit", u.Name, "took", time.Since(begun))
	}
	return errors.Join(errs...)
}

// bounded calls stop and waits for it, but not beyond the grace after the context is done.
func bounded(ctx context.Context, stop func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(graceTime):
		return fmt.Errorf("left behind: %w", ctx.Err())
	}
}

// Ready is nil when every unit has started and is ready; the error names the first that is not.
func (g *Group) Ready(ctx context.Context) error {
	started := g.begun()
	if started < len(g.units) {
		return fmt.Errorf("%s has not started", g.units[started].Name)
	}
	for _, u := range g.units {
		if u.Ready == nil {
			continue
		}
		if err := u.Ready(ctx); err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
	}
	return nil
}
