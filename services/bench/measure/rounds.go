package measure

import "context"

// legs are one figure of both legs, round by round.
type legs struct{ subject, limit []float64 }

// ratio is nil where no leg has such a figure.
func (l legs) ratio() *Ratio {
	if Median(l.subject) == 0 && Median(l.limit) == 0 {
		return nil
	}
	r := NewRatio(l.subject, l.limit)
	return &r
}

// steady tells whether the figure may be shown, as far as the limit is concerned.
func (l legs) steady() bool {
	r := l.ratio()
	return r == nil || r.Refused == ""
}

// rounds are those of one row.
type rounds struct {
	trial        Trial
	cpu, figure  legs
	loads, cores []float64
}

// run measures round after round, limit and subject in turns. It goes on behind the planned number, up to the most,
// while the limit does not stand still. No round is left out of what is shown: a choice among rounds would be a choice
// of figures.
func (r *rounds) run(ctx context.Context, row Row, plan Plan) error {
	least, most := plan.Rounds, max(plan.Rounds, plan.MaxRounds)
	if row.Exact {
		least, most = 1, 1
	} else if _, _, err := r.both(ctx); err != nil { // to warm up
		return err
	}
	for n := 0; n < least || n < most && r.unsteady() && plan.more(); n++ {
		limit, subject, err := r.both(ctx)
		if err != nil {
			return err
		}
		r.cpu.limit, r.cpu.subject = append(r.cpu.limit, limit.CPU), append(r.cpu.subject, subject.CPU)
		r.figure.limit, r.figure.subject = append(r.figure.limit, limit.Figure), append(r.figure.subject, subject.Figure)
		load, cores := plan.Machine()
		r.loads, r.cores = append(r.loads, load), append(r.cores, cores)
	}
	return nil
}

func (r *rounds) unsteady() bool { return !r.cpu.steady() || !r.figure.steady() }

func (p Plan) more() bool { return p.More == nil || p.More() }

func (r *rounds) both(ctx context.Context) (limit, subject Reading, err error) {
	if err = ctx.Err(); err != nil {
		return limit, subject, err
	}
	if limit, err = r.trial.Limit(ctx); err != nil {
		return limit, subject, err
	}
	subject, err = r.trial.Subject(ctx)
	return limit, subject, err
}
