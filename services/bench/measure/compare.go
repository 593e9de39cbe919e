package measure

import (
	"fmt"
	"math"
)

// Verdicts of a comparison.
const (
	Agree   = "agree"
	Differ  = "DIFFER"
	Unknown = "cannot tell"
)

// Comparison is one figure of a row in two runs.
type Comparison struct {
	Row, Figure string
	// Old and New are the ratios, and how far the rounds of each lay apart, in words.
	Old, New string
	// OldCores and NewCores are how many cores could be had in each run: one that had to share them has its caches
	// disturbed, too.
	OldCores, NewCores float64
	// Verdict is whether the two agree within the spreads that they state.
	Verdict string
}

// Compare goes through the rows of two runs, in the order of the new one and then what only the old one has.
func Compare(old, now Report) []Comparison {
	var out []Comparison
	before := map[string]Result{}
	for _, r := range old.Rows {
		before[r.Name] = r
	}
	for _, r := range now.Rows {
		out = append(out, compareRow(before[r.Name], r)...)
		delete(before, r.Name)
	}
	for _, r := range old.Rows {
		if _, left := before[r.Name]; left {
			out = append(out, compareRow(r, Result{})...)
		}
	}
	return out
}

func compareRow(old, now Result) []Comparison {
	name := now.Name
	if name == "" {
		name, now.Unit = old.Name, old.Unit
	}
	if old.Failed != "" || now.Failed != "" {
		return []Comparison{{name, "all", old.state(), now.state(), old.Cores, now.Cores, Unknown}}
	}
	var out []Comparison
	for _, f := range []struct {
		name     string
		old, now *Ratio
	}{{"CPU", old.CPU, now.CPU}, {string(now.Unit), old.Figure, now.Figure}} {
		if f.old != nil || f.now != nil {
			out = append(out, Comparison{
				name, f.name, f.old.words(), f.now.words(), old.Cores, now.Cores, verdict(f.old, f.now),
			})
		}
	}
	return out
}

// state is what is shown of a row that has no figures.
func (r Result) state() string {
	if r.Failed != "" {
		return "failed"
	}
	return "-"
}

// verdict: two ratios agree when the ranges that they state touch.
func verdict(a, b *Ratio) string {
	switch {
	case a == nil || b == nil || a.Refused != "" || b.Refused != "":
		return Unknown
	case math.Abs(a.Ratio-b.Ratio) <= a.Ratio*a.Spread+b.Ratio*b.Spread:
		return Agree
	default:
		return Differ
	}
}

func (r *Ratio) words() string {
	switch {
	case r == nil:
		return "-"
	case r.Refused != "":
		return "refused"
	default:
		return fmt.Sprintf("%s ±%.0f %%", times(r.Ratio), math.Ceil(r.Spread*100))
	}
}

// times is a ratio in as many digits as mean something.
func times(ratio float64) string {
	switch {
	case ratio >= 100:
		return fmt.Sprintf("%.0f×", ratio)
	case ratio >= 10:
		return fmt.Sprintf("%.1f×", ratio)
	case ratio < 0.1:
		return fmt.Sprintf("%.3f×", ratio)
	default:
		return fmt.Sprintf("%.2f×", ratio)
	}
}
