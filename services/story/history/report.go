package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shown bounds how many violations of a kind are printed.
const shown = 20

// Report is what a history was found to be.
type Report struct {
	Counts     Counts
	Violations []Violation
	// Gap is the longest time without an acknowledged write, while there were clients who wrote.
	Gap Gap
	// Faults by their kind.
	Faults map[string]*Faults
}

// Counts say how much was judged.
type Counts struct {
	Said, SaidAcknowledged   int // tries to say an utterance
	Asked, AskedAcknowledged int // requests for analyses
	Ended, Cancelled         int // acknowledged
	Unanswered, Refused      int // tries of all kinds without an answer, and with one that is no success
	Calls, Read              int // calls read, utterances read
	Events                   int // on the log
	Requested, Outcomes      int // analyses on the log, and those that ended
	Unfinished               int // analyses that nobody was promised and that have not ended
	Screens, Heard, Resets   int
	Sent, Provider           int // requests recorded, and those that the provider counted
	AskedAgain               int // analyses for which the provider was asked one piece more than once
	MaybePaid                int // requests that the provider answered and nothing closed
}

// Violation is one thing that must not be.
type Violation struct {
	// Kind is one of the constants.
	Kind string
	// Line of the history to look at; 0 when it is none.
	Line int
	// What it is about.
	What string
}

// Gap is a time in which no write was acknowledged.
type Gap struct{ From, To Offset }

// Lasted is its length, in µs.
func (g Gap) Lasted() Offset { return g.To - g.From }

func (g Gap) longer(than Gap) Gap {
	if than.Lasted() > g.Lasted() {
		return than
	}
	return g
}

// Faults are those of one kind.
type Faults struct {
	Times int
	// Gap is the longest after one of them and before the next fault of any kind.
	Gap Gap
	// Recovered are the times to readiness, shortest first.
	Recovered []Offset
}

// OK tells whether nothing is wrong.
func (r Report) OK() bool { return len(r.Violations) == 0 }

// Of are the violations of a kind.
func (r Report) Of(kind string) []Violation {
	var out []Violation
	for _, v := range r.Violations {
		if v.Kind == kind {
			out = append(out, v)
		}
	}
	return out
}

func (r Report) fault(kind string) *Faults {
	if r.Faults[kind] == nil {
		r.Faults[kind] = &Faults{}
	}
	return r.Faults[kind]
}

// String is the report for people: counts first, then what is wrong, at most 20 of each kind.
func (r Report) String() string {
	var out strings.Builder
	c := r.Counts
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("said         %d tries, %d acknowledged; read %d utterances in %d calls", c.Said, c.SaidAcknowledged, c.Read, c.Calls)
	line("asked        %d tries, %d acknowledged; on the log %d analyses, %d ended, %d unpromised and unfinished",
		c.Asked, c.AskedAcknowledged, c.Requested, c.Outcomes, c.Unfinished)
	line("others       %d calls ended, %d analyses cancelled; of all tries %d refused, %d unanswered",
		c.Ended, c.Cancelled, c.Refused, c.Unanswered)
	line("log          %d events", c.Events)
	line("screens      %d, heard %d events, %d resets", c.Screens, c.Heard, c.Resets)
	line("provider     %d requests of %d recorded; %d analyses asked again; %d requests maybe paid for nothing",
		c.Provider, c.Sent, c.AskedAgain, c.MaybePaid)
	line("longest gap  %s without an acknowledged write, at %s", r.Gap.Lasted(), r.Gap.From)
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		line("  %-10s %s", kind, r.Faults[kind])
	}
	r.violations(line)
	return out.String()
}

// String is how often it struck and what it cost.
func (f *Faults) String() string {
	text := fmt.Sprintf("%d times; longest gap after it %s, at %s", f.Times, f.Gap.Lasted(), f.Gap.From)
	if n := len(f.Recovered); n > 0 {
		text += fmt.Sprintf("; ready again after %s (half of them), %s (the slowest)", f.Recovered[(n-1)/2], f.Recovered[n-1])
	}
	return text
}

func (r Report) violations(line func(format string, args ...any)) {
	if r.OK() {
		line("nothing is wrong")
		return
	}
	kinds := map[string][]Violation{}
	for _, v := range r.Violations {
		kinds[v.Kind] = append(kinds[v.Kind], v)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		line("WRONG: %s: %d", kind, len(kinds[kind]))
		for n, v := range kinds[kind] {
			switch {
			case n == shown:
				line("  and %d more", len(kinds[kind])-shown)
			case n > shown:
			case v.Line > 0:
				line("  %s (line %d)", v.What, v.Line)
			default:
				line("  %s", v.What)
			}
		}
	}
}
