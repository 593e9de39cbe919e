package history

import (
	"maps"
	"slices"
	"strings"
)

// question is one request to the provider as the log has it.
type question struct {
	line     int
	log      *Log
	analysis string
	closed   bool
	reached  *Provider
}

// provider holds the provider's own count of requests against what the log says was sent.
func (j *judge) provider() {
	questions, order := j.questions()
	for n, r := range j.h {
		p := r.Provider
		if p == nil || strings.HasPrefix(p.Endpoint, "models") {
			continue
		}
		q := questions[p.RequestID]
		switch {
		case q == nil:
			j.wrongf(Unsent, n, "request %s", p.RequestID)
		case q.reached != nil:
			j.wrongf(SentTwice, n, "request %s of analysis %s", p.RequestID, q.analysis)
		case q.log.Time != 0 && p.Time != 0 && p.Time < q.log.Time:
			j.wrongf(Unsent, n, "request %s came %d µs before its record was stored", p.RequestID, q.log.Time-p.Time)
			fallthrough
		default:
			q.reached = p
		}
	}
	j.maybePaid(order)
}

// questions are the sent events, each with whether a piece closed it, by our request id and in their order.
func (j *judge) questions() (map[string]*question, []*question) {
	questions, pieces, answered := map[string]*question{}, map[[2]string]*question{}, map[[2]string]uint64{}
	var order []*question
	for n, r := range j.h {
		l := r.Log
		if l == nil || l.Event != "sent" && l.Event != "piece" || len(l.Analyses) != 1 {
			continue
		}
		try := [2]string{l.Analyses[0], l.Piece}
		whole := [2]string{l.Analyses[0], l.Piece[:max(strings.LastIndexByte(l.Piece, '/'), 0)]}
		if l.Event == "piece" {
			if q := pieces[try]; q != nil {
				q.closed = true
			}
			if !l.Failed {
				answered[whole] = l.Sequence
			}
			continue
		}
		if at, found := answered[whole]; found {
			j.wrongf(AskedAgain, n, "piece %s of analysis %s was answered at %d and is sent at %d", l.Piece, l.Analyses[0], at, l.Sequence)
		}
		for _, id := range l.Sent {
			q := &question{line: n, log: l, analysis: l.Analyses[0]}
			if questions[id] != nil {
				j.wrongf(SentTwice, n, "request %s is recorded at %d and at %d", id, questions[id].log.Sequence, l.Sequence)
			}
			questions[id], pieces[try] = q, q
			order = append(order, q)
			j.report.Counts.Sent++
		}
	}
	return questions, order
}

// maybePaid counts the analyses for which a piece was asked more than once, and checks that what the provider answered
// and no piece closed is shown at the analysis's end.
func (j *judge) maybePaid(order []*question) {
	times := map[[2]string]int{} // analysis, piece -> requests that reached the provider
	hidden := map[string]int64{} // analysis -> answered and never closed
	lines := map[string]int{}
	for _, q := range order {
		if q.reached == nil {
			continue
		}
		times[[2]string{q.analysis, q.log.Piece[:max(strings.LastIndexByte(q.log.Piece, '/'), 0)]}]++
		if q.reached.Answered && !q.closed {
			hidden[q.analysis]++
			lines[q.analysis] = q.line
		}
	}
	again := map[string]bool{}
	for piece, n := range times {
		if n > 1 {
			again[piece[0]] = true
		}
	}
	j.report.Counts.AskedAgain = len(again)
	for _, analysis := range slices.Sorted(maps.Keys(hidden)) {
		j.report.Counts.MaybePaid += int(hidden[analysis])
		if ends := j.ends[analysis]; len(ends) > 0 && ends[0].Maybe < hidden[analysis] {
			j.wrongf(NotShown, lines[analysis], "analysis %s: the provider answered %d requests that nothing closed, its end shows %d",
				analysis, hidden[analysis], ends[0].Maybe)
		}
	}
}
