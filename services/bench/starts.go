package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// over is what a start finds in its directory.
type over int

const (
	empty   over = iota // nothing
	kept                // a log, and views as a stop left them
	rebuilt             // a log alone
)

// starts is a row of starts: the program, and an embedded server by itself.
type starts struct {
	over   over
	dir    string
	binary string
	leg    time.Duration
	store  *rig.Store
}

func (l *lab) openStart(o over) func(context.Context) (measure.Trial, error) {
	return func(ctx context.Context) (measure.Trial, error) {
		s := &starts{over: o, dir: l.dir, leg: time.Duration(l.seconds * float64(time.Second))}
		var err error
		if s.binary, err = l.binary(ctx); err == nil && o != empty {
			s.store, err = l.history(ctx)
		}
		return s, err
	}
}

// Limit starts the server by itself.
func (s *starts) Limit(ctx context.Context) (measure.Reading, error) {
	return s.again(ctx, s.startServer)
}

// Subject starts the program.
func (s *starts) Subject(ctx context.Context) (measure.Reading, error) {
	return s.again(ctx, s.startSystem)
}

// again starts one as often as a leg is long, at least once. The median stands for the leg: one start takes so short
// that any neighbour shows in it.
func (s *starts) again(ctx context.Context, start func(context.Context) (measure.Reading, error)) (measure.Reading, error) {
	var cpu, took []float64
	for end := time.Now().Add(s.leg); len(took) == 0 || time.Now().Before(end); {
		r, err := start(ctx)
		if err != nil {
			return r, err
		}
		cpu, took = append(cpu, r.CPU), append(took, r.Figure)
	}
	return measure.Reading{CPU: measure.Median(cpu), Figure: measure.Median(took)}, nil
}

func (s *starts) startServer(ctx context.Context) (measure.Reading, error) {
	dir, done, err := s.place(func(store *rig.Store) string { return store.Bare })
	if err != nil {
		return measure.Reading{}, err
	}
	c, ready, cpu, err := rig.StartChild(ctx, child.Serve, dir)
	return measure.Reading{CPU: cpu.Seconds(), Figure: ready.Seconds()}, errors.Join(err, c.Stop(), done())
}

// startSystem asks the program, once it is ready, whether it has everything.
func (s *starts) startSystem(ctx context.Context) (measure.Reading, error) {
	dir, done, err := s.place(func(store *rig.Store) string { return store.System })
	if err != nil {
		return measure.Reading{}, err
	}
	if s.over == rebuilt {
		if err := s.store.DropViews(); err != nil {
			return measure.Reading{}, err
		}
	}
	system, ready, cpu, err := rig.StartSystem(ctx, s.binary, dir)
	if err == nil && s.store != nil {
		err = s.store.Inspect(ctx, system)
	}
	return measure.Reading{CPU: cpu.Seconds(), Figure: ready.Seconds()}, errors.Join(err, system.Stop(), done())
}

// place is where a start happens, and what is to be done when it is over.
func (s *starts) place(in func(*rig.Store) string) (dir string, done func() error, err error) {
	if s.store != nil {
		return in(s.store), func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp(s.dir, "start-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// Check has nothing left to do: each start was asked.
func (s *starts) Check(context.Context) error { return nil }

// Close has nothing to end.
func (s *starts) Close(context.Context) error { return nil }

// settle is how long after ready memory is looked at.
const settle = 3 * time.Second

// memory is the row of memory: each round looks at a process of its own.
type memory struct{ starts }

func (l *lab) openMemory(ctx context.Context) (measure.Trial, error) {
	trial, err := l.openStart(kept)(ctx)
	if s, ok := trial.(*starts); ok {
		return &memory{*s}, err
	}
	return nil, err
}

// Limit looks at the server by itself.
func (m *memory) Limit(ctx context.Context) (measure.Reading, error) {
	c, _, _, err := rig.StartChild(ctx, child.Serve, m.store.Bare)
	if err != nil {
		return measure.Reading{}, err
	}
	size, err := settled(ctx, c.PID())
	return measure.Reading{Figure: size}, errors.Join(err, c.Stop())
}

// Subject looks at the program.
func (m *memory) Subject(ctx context.Context) (measure.Reading, error) {
	system, _, _, err := rig.StartSystem(ctx, m.binary, m.store.System)
	if err != nil {
		return measure.Reading{}, err
	}
	size, err := settled(ctx, system.PID())
	if err == nil {
		err = m.store.Inspect(ctx, system)
	}
	return measure.Reading{Figure: size}, errors.Join(err, system.Stop())
}

func settled(ctx context.Context, pid int) (float64, error) {
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case <-t.C:
		return rig.Resident(pid)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
