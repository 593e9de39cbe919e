package main

import (
	"context"
	"errors"
	"os"

	"github.com/kikigaki/kikigaki/services/bench/child"
	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// rate is how many analyses are asked for in a second, and how many times in a second the limit's appends are begun.
const rate = 20

// path is a part of an analysis's way: how long it took, and how many events have to be on disk for it, one after another.
type path struct {
	took    func(rig.Span) float64
	appends int
	cpu     bool // whether the whole program's processor time belongs to it
}

// toWorker: requested, started and sent are on disk before a byte leaves for the provider.
var toWorker = path{ //nolint:gochecknoglobals // a constant of a kind that Go has none of
	appends: 3, took: func(s rig.Span) float64 { return s.Arrived.Sub(s.Planned).Seconds() },
}

// toScreen: the answer and the outcome are on disk before a screen is told.
var toScreen = path{ //nolint:gochecknoglobals // as above
	appends: 2, took: func(s rig.Span) float64 { return s.Heard.Sub(s.Left).Seconds() },
}

// whole is both, without the time in which the provider thought.
var whole = path{ //nolint:gochecknoglobals // as above
	appends: 5, cpu: true, took: func(s rig.Span) float64 { return (s.Heard.Sub(s.Planned) - s.Left.Sub(s.Arrived)).Seconds() },
}

// analyses is a row about analyses: the system with a provider and a screen, and a child that appends.
type analyses struct {
	path

	dir      string
	seconds  float64
	stage    *rig.Stage
	appender *rig.Child
	appended int
}

func (l *lab) openAnalyses(p path) func(context.Context) (measure.Trial, error) {
	return func(ctx context.Context) (t measure.Trial, err error) {
		binary, err := l.binary(ctx)
		if err != nil {
			return nil, err
		}
		a := &analyses{path: p, seconds: l.seconds}
		defer func() {
			if err != nil {
				err = errors.Join(err, a.Close(ctx))
			}
		}()
		if a.dir, err = os.MkdirTemp(l.dir, "limit-"); err != nil {
			return nil, err
		}
		if a.appender, _, _, err = rig.StartChild(ctx, child.Append, a.dir); err != nil {
			return nil, err
		}
		a.stage, err = rig.OpenStage(ctx, binary, l.dir, a.count()*(l.mostRounds()+1))
		return a, err
	}
}

// count is how many analyses a leg is.
func (a *analyses) count() int { return max(1, int(rate*a.seconds)) }

// Limit does what has to be on disk, as often as analyses are asked for.
func (a *analyses) Limit(context.Context) (measure.Reading, error) {
	answer, _, cpu, err := a.appender.Ask(child.Order{Each: a.appends, Rate: rate, Seconds: float64(a.count()) / rate})
	if err != nil {
		return measure.Reading{}, err
	}
	a.appended += answer.Operations * a.appends
	return a.reading(cpu.Seconds()/float64(answer.Operations), answer.Median), nil
}

// Subject asks for analyses.
func (a *analyses) Subject(ctx context.Context) (measure.Reading, error) {
	spans, cpu, err := a.stage.Analyze(ctx, a.count(), rate)
	if err != nil {
		return measure.Reading{}, err
	}
	took := make([]float64, 0, len(spans))
	for _, s := range spans {
		took = append(took, a.took(s))
	}
	return a.reading(cpu.Seconds()/float64(len(spans)), measure.Median(took)), nil
}

func (a *analyses) reading(cpu, took float64) measure.Reading {
	if !a.cpu {
		cpu = 0
	}
	return measure.Reading{CPU: cpu, Figure: took}
}

// Check asks the provider's ledger, the screen and the API what became of the analyses, and the disk of the appends.
func (a *analyses) Check(ctx context.Context) error {
	if err := errors.Join(a.stage.Check(ctx), a.appender.Stop()); err != nil {
		return err
	}
	return child.Verify(ctx, a.dir, uint64(a.appended))
}

// Close ends everything.
func (a *analyses) Close(ctx context.Context) error {
	var err error
	if a.stage != nil {
		err = a.stage.Close(ctx)
	}
	return errors.Join(err, a.appender.Stop(), os.RemoveAll(a.dir))
}
