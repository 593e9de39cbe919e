package history

import "fmt"

// Kinds of violations.
const (
	// UtteranceLost is an acknowledged utterance that is not read.
	UtteranceLost = "acknowledged utterance lost"
	// UtteranceChanged is an acknowledged utterance that is read with another text.
	UtteranceChanged = "acknowledged utterance changed"
	// UtteranceTwice is an utterance that is read more than once.
	UtteranceTwice = "utterance read twice"
	// UtteranceMoved is an utterance that is read before one that was acknowledged before it was sent.
	UtteranceMoved = "utterances out of order"
	// NobodySaid is an utterance that is read and was never sent.
	NobodySaid = "read and never said"
	// NotRequested is an acknowledged analysis that the log does not know.
	NotRequested = "acknowledged analysis not on the log"
	// NoEnd is an acknowledged analysis without a terminal event.
	NoEnd = "acknowledged analysis without an end"
	// TwoEnds is an analysis with more than one terminal event.
	TwoEnds = "analysis ended twice"
	// EndUnasked is a terminal event without a request before it.
	EndUnasked = "end of what was not requested"
	// TwoAtOnce is an analysis requested on a call while another was not finished.
	TwoAtOnce = "two analyses of one call at once"
	// KeyTwice is an Idempotency-Key that gave more than one analysis.
	KeyTwice = "idempotency key used twice"
	// StoredTwice is an event id that lies on a stream more than once.
	StoredTwice = "event stored twice"
	// Backwards is a stream whose sequences do not grow.
	Backwards = "sequence does not grow"
	// HeardTwice is an outcome that a screen was told more than once.
	HeardTwice = "outcome heard twice"
	// HeardBack is an event id that is not greater than the one before.
	HeardBack = "event ids heard do not grow"
	// HeardWrong is an outcome that a screen was told and that is not on the log so, or is another tenant's.
	HeardWrong = "heard and not on the log"
	// NotHeard is an outcome that a screen which lived to the end was not told.
	NotHeard = "outcome not heard"
	// Unsent is a request that reached the provider without a sent event before it: paid silently.
	Unsent = "provider asked without a record"
	// SentTwice is a request that reached the provider more than once, or was recorded more than once.
	SentTwice = "provider asked twice by one request"
	// AskedAgain is a request for a piece that had its answer.
	AskedAgain = "asked again after the answer"
	// NotShown is a request that the provider answered, that no piece closed, and that the end does not show as maybe paid.
	NotShown = "paid and not shown"
)

// terminal tells whether an event ends an analysis.
func terminal(event string) bool {
	return event == "completed" || event == "failed" || event == "cancelled"
}

// judge goes through a history and gathers what is wrong with it.
type judge struct {
	h      History
	report Report
	ends   map[string][]*Log // analysis -> its terminal events
	asked  map[string]*Log   // analysis -> its request
}

// Check judges a history. It is made for one campaign on one installation: calls, analyses and keys are known by their
// ids alone.
func Check(h History) Report {
	j := &judge{h: h, ends: map[string][]*Log{}, asked: map[string]*Log{}}
	j.report.Faults = map[string]*Faults{}
	j.count()
	j.words()
	j.log()
	j.analyses()
	j.screens()
	j.provider()
	j.gaps()
	return j.report
}

// wrongf adds a violation; line is the record to look at, counted from 0, or none below it.
func (j *judge) wrongf(kind string, line int, format string, args ...any) {
	j.report.Violations = append(j.report.Violations, Violation{Kind: kind, Line: line + 1, What: fmt.Sprintf(format, args...)})
}

// count counts what there is to judge, so that a report of nothing is seen to be one.
func (j *judge) count() {
	c := &j.report.Counts
	for _, r := range j.h {
		switch {
		case r.Say != nil:
			c.Said++
			c.add(r.Say.Try, &c.SaidAcknowledged)
		case r.Analyse != nil:
			c.Asked++
			c.add(r.Analyse.Try, &c.AskedAcknowledged)
		case r.End != nil:
			c.add(r.End.Try, &c.Ended)
		case r.Cancel != nil:
			c.add(r.Cancel.Try, &c.Cancelled)
		case r.Read != nil:
			c.Calls++
			c.Read += len(r.Read.Utterances)
		case r.Log != nil:
			c.Events++
		case r.Screen != nil:
			c.Screens++
		case r.Heard != nil && r.Heard.Reset:
			c.Resets++
		case r.Heard != nil:
			c.Heard++
		case r.Provider != nil:
			c.Provider++
		}
	}
}

func (c *Counts) add(t Try, acknowledged *int) {
	switch {
	case t.acknowledged():
		*acknowledged++
	case t.Status == 0:
		c.Unanswered++
	default:
		c.Refused++
	}
}
