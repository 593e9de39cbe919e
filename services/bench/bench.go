package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// runTime bounds a run, so that one on a machine that stalls ends, too.
const runTime = 20 * time.Minute

// bench measures the rows that were asked for and prints them.
func bench(ctx context.Context, o options, out, progress io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	l, err := newLab(o, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }() //nolint:gosec // a directory that we made
	report := measure.Report{Header: rig.Describe(ctx, l.root, l.dir)}
	plan := measure.Plan{
		Rounds: o.rounds, MaxRounds: l.mostRounds(), Machine: rig.Machine,
		More: func() bool { return time.Since(report.Header.Begun) < moreTime },
	}
	failed := 0
	for _, row := range l.rows() {
		if !o.rows.MatchString(row.Name) {
			continue
		}
		l.sayf("measuring: %s", row.Name)
		r := measure.Measure(ctx, row, plan)
		if ctx.Err() != nil { // what was measured before is shown all the same
			err = fmt.Errorf("%s and what follows was not measured: %w", row.Name, ctx.Err())
			break
		}
		if r.Failed != "" {
			failed++
			l.sayf("  %s", r.Failed)
		}
		report.Rows = append(report.Rows, r)
	}
	l.sayf("done in %s\n", time.Since(report.Header.Begun).Round(time.Second))
	if len(report.Rows) == 0 {
		return cmp.Or(err, errors.New("no row has such a name"))
	}
	err = errors.Join(err, measure.WriteHeader(out, report.Header), measure.WriteTable(out, report.Rows))
	if o.save != "" && err == nil {
		err = report.Save(o.save)
	}
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d rows failed", failed))
	}
	return err
}
