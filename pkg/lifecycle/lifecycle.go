// Package lifecycle starts the parts of a process in order and stops them in reverse.
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

// Unit is a part of a process. Start returns when others may build upon it; Stop returns when nothing of it is left,
// at the latest when its context is done. Ready is nil when it can do its work. All three may be absent.
type Unit struct {
	Name  string
	Start func(context.Context) error
	Stop  func(context.Context) error
	Ready func(context.Context) error
}

// Group is units in the order in which each needs those before it.
type Group struct {
	log   *slog.Logger
	units []Unit

	mu      sync.Mutex
	started int
}

// New makes a group that has not started.
func New(log *slog.Logger, units ...Unit) *Group { return &Group{log: log, units: units} }

// Start starts one unit after the other. When one fails, those before it are stopped again.
func (g *Group) Start(ctx context.Context) error {
	for _, u := range g.units {
		begun := time.Now()
		if u.Start != nil {
			if err := u.Start(ctx); err != nil {
				return errors.Join(fmt.Errorf("start %s: %w", u.Name, err), g.Stop(context.WithoutCancel(ctx)))
			}
		}
		g.mu.Lock()
		g.started++
		g.mu.Unlock()
		g.log.DebugContext(ctx, "started", "unit", u.Name, "took", time.Since(begun))
	}
	return nil
}

// Stop stops what has started, in reverse. It is safe without Start and twice; an error of one unit does not keep the
// others from being stopped.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	units := slices.Clone(g.units[:g.started])
	g.started = 0
	g.mu.Unlock()
	var errs []error
	for _, u := range slices.Backward(units) {
		if u.Stop == nil {
			continue
		}
		if err := u.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", u.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Ready is nil when every unit has started and is ready; the error names the first that is not.
func (g *Group) Ready(ctx context.Context) error {
	g.mu.Lock()
	started := g.started
	g.mu.Unlock()
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
