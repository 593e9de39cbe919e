package history

import (
	"slices"
	"strings"
)

// log goes through the log once: ids and sequences, what was requested, and how it ended.
func (j *judge) log() {
	last := map[string]uint64{}      // stream -> sequence
	stored := map[[2]string]uint64{} // stream, event id -> sequence
	open := map[[2]string]int{}      // tenant, call -> analyses that have not ended
	keys := map[[2]string]string{}   // tenant, key -> what it gave
	begun := map[string][2]string{}  // analysis -> its call
	for n, r := range j.h {
		l := r.Log
		if l == nil {
			continue
		}
		if l.Sequence <= last[l.Stream] {
			j.wrongf(Backwards, n, "%s: %d after %d", l.Stream, l.Sequence, last[l.Stream])
		}
		last[l.Stream] = l.Sequence
		id := [2]string{l.Stream, l.EventID}
		if before, twice := stored[id]; twice && l.EventID != "" {
			j.wrongf(StoredTwice, n, "%s: event %s is stored at %d and at %d", l.Stream, l.EventID, before, l.Sequence)
		}
		stored[id] = l.Sequence
		call := [2]string{l.Tenant, l.Call}
		switch {
		case l.Event == "requested":
			if open[call] > 0 {
				j.wrongf(TwoAtOnce, n, "call %s: %s is requested at %d while another runs", l.Call, list(l.Analyses), l.Sequence)
			}
			j.requested(n, l, keys)
			for _, analysis := range l.Analyses {
				begun[analysis] = call
			}
			open[call] += len(l.Analyses)
		case terminal(l.Event) && len(l.Analyses) == 1:
			if of, found := begun[l.Analyses[0]]; found && len(j.ends[l.Analyses[0]]) == 0 {
				open[of]--
			}
			j.ended(n, l)
		}
	}
}

func (j *judge) requested(n int, l *Log, keys map[[2]string]string) {
	for _, analysis := range l.Analyses {
		j.asked[analysis] = l
		j.report.Counts.Requested++
	}
	if l.Key == "" {
		return
	}
	key := [2]string{l.Tenant, l.Key}
	if before, twice := keys[key]; twice {
		j.wrongf(KeyTwice, n, "on the log, key %s gave %s and %s", l.Key, before, list(l.Analyses))
	}
	keys[key] = list(l.Analyses)
}

func (j *judge) ended(n int, l *Log) {
	analysis := l.Analyses[0]
	if j.asked[analysis] == nil {
		j.wrongf(EndUnasked, n, "analysis %s is %s at %d", analysis, l.Event, l.Sequence)
	}
	if before := j.ends[analysis]; len(before) > 0 {
		j.wrongf(TwoEnds, n, "analysis %s is %s at %d and %s at %d", analysis,
			before[0].Event, before[0].Sequence, l.Event, l.Sequence)
	} else {
		j.report.Counts.Outcomes++
	}
	j.ends[analysis] = append(j.ends[analysis], l)
}

// analyses holds what clients were promised against the log.
func (j *judge) analyses() {
	promised := map[string]bool{}
	keys := map[string]string{}
	for n, r := range j.h {
		switch {
		case r.Analyse != nil && r.Analyse.acknowledged():
			if len(r.Analyse.AnalysisIDs) == 0 {
				j.wrongf(NotRequested, n, "call %s: the answer %d named no analysis", r.Analyse.Call, r.Analyse.Status)
			}
			for _, analysis := range r.Analyse.AnalysisIDs {
				j.promised(n, analysis, promised)
			}
			key, gave := r.Analyse.IdempotencyKey, list(r.Analyse.AnalysisIDs)
			if before, again := keys[key]; key != "" && again && before != gave {
				j.wrongf(KeyTwice, n, "key %s gave %s and %s", key, before, gave)
			}
			keys[key] = gave
		case r.Cancel != nil && r.Cancel.acknowledged():
			j.promised(n, r.Cancel.AnalysisID, promised)
		}
	}
	for analysis := range j.asked {
		if len(j.ends[analysis]) == 0 && !promised[analysis] {
			j.report.Counts.Unfinished++
		}
	}
}

// promised checks once that an analysis of which a client was told is on the log, and has ended.
func (j *judge) promised(n int, analysis string, promised map[string]bool) {
	if promised[analysis] {
		return
	}
	promised[analysis] = true
	switch {
	case j.asked[analysis] == nil:
		j.wrongf(NotRequested, n, "analysis %s", analysis)
	case len(j.ends[analysis]) == 0:
		j.wrongf(NoEnd, n, "analysis %s, requested at %d", analysis, j.asked[analysis].Sequence)
	}
}

// list is ids as one word, whatever their order.
func list(ids []string) string { return strings.Join(slices.Sorted(slices.Values(ids)), ",") }
