package history

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// listener is a screen while a history is gone through.
type listener struct {
	says        *Screen // what the history says of it at the end
	line        int
	told        map[string]bool // analyses
	incarnation string
	last        uint64
	reset       bool
}

// screens holds what screens were told against the log and against what they must have heard.
func (j *judge) screens() {
	screens := map[string]*listener{}
	for n, r := range j.h {
		name := ""
		if r.Screen != nil {
			name = r.Screen.Screen
		}
		if r.Heard != nil {
			name = r.Heard.Screen
		}
		if name == "" {
			continue
		}
		if screens[name] == nil {
			screens[name] = &listener{told: map[string]bool{}}
		}
		if r.Screen != nil {
			screens[name].says, screens[name].line = r.Screen, n
		}
	}
	for n, r := range j.h {
		if r.Heard != nil {
			j.heard(n, r.Heard, screens[r.Heard.Screen])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(screens)) {
		if s := screens[name]; s.says != nil && s.says.Lived && !s.reset {
			j.missed(s)
		}
	}
}

// heard judges one event that a screen was told.
func (j *judge) heard(n int, h *Heard, s *listener) {
	if h.Reset { // it fetches everything again: ids begin anew, and what it missed it has read
		s.reset, s.incarnation, s.last = true, "", 0
		return
	}
	if h.EventID == "" {
		return
	}
	incarnation, sequence := split(h.EventID)
	if sequence <= s.last || s.incarnation != "" && incarnation != s.incarnation {
		j.wrongf(HeardBack, n, "screen %s heard %s after %s-%d", h.Screen, h.EventID, s.incarnation, s.last)
	}
	s.incarnation, s.last = incarnation, sequence
	event, outcome := strings.CutPrefix(h.Type, "analysis.")
	if !outcome || !terminal(event) {
		return
	}
	if s.told[h.AnalysisID] {
		j.wrongf(HeardTwice, n, "screen %s heard of the end of %s again as %s", h.Screen, h.AnalysisID, h.EventID)
	}
	s.told[h.AnalysisID] = true
	on := slices.IndexFunc(j.ends[h.AnalysisID], func(l *Log) bool { return l.Event == event && l.Sequence == sequence })
	switch {
	case on < 0:
		j.wrongf(HeardWrong, n, "screen %s heard as %s that %s is %s", h.Screen, h.EventID, h.AnalysisID, event)
	case s.says != nil && s.says.Tenant != "" && s.says.Tenant != j.ends[h.AnalysisID][on].Tenant:
		j.wrongf(HeardWrong, n, "screen %s of tenant %s heard of %s, which is of tenant %s",
			h.Screen, s.says.Tenant, h.AnalysisID, j.ends[h.AnalysisID][on].Tenant)
	}
}

// missed looks for outcomes that a screen should have been told.
func (j *judge) missed(s *listener) {
	for _, analysis := range slices.Sorted(maps.Keys(j.ends)) {
		l := j.ends[analysis][0]
		if l.Sequence <= s.says.After || s.says.Tenant != "" && s.says.Tenant != l.Tenant || s.told[analysis] {
			continue
		}
		j.wrongf(NotHeard, s.line, "screen %s was not told that %s is %s, at %d", s.says.Screen, analysis, l.Event, l.Sequence)
	}
}

// split takes an event id apart; what has no sequence has 0, which never grows.
func split(id string) (incarnation string, sequence uint64) {
	at := strings.LastIndexByte(id, '-')
	sequence, _ = strconv.ParseUint(id[at+1:], 10, 64)
	return id[:max(at, 0)], sequence
}
