package history_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/services/story/history"
)

// model is a system that does everything right, seen by clients whose answers get lost.
type model struct {
	t       *rapid.T
	h       history.History
	now     history.Offset
	next    int                 // names
	retry   map[string]rec      // client -> a request that had no answer
	read    map[string][]string // call -> utterances
	texts   map[string]string
	log     []*history.Log
	keys    map[string][]string // idempotency key -> analyses
	queue   []*running          // analyses that have not ended, in the order of their requests
	asked   []history.Provider
	promise map[string]bool
}

type running struct {
	id, call string
	tries    int
	maybe    int64
}

// right is the history of a campaign on a system that does everything right.
func right(t *rapid.T) history.History {
	m := &model{
		t: t, retry: map[string]rec{}, read: map[string][]string{}, texts: map[string]string{}, keys: map[string][]string{},
		promise: map[string]bool{},
	}
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		switch client := rapid.SampledFrom([]string{"anna", "ben", "eva"}).Draw(t, "client"); rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1, 2, 3:
			m.say(client)
		case 4, 5:
			m.analyse(client)
		case 6, 7:
			m.work()
		case 8:
			m.h = append(m.h, rec{At: m.tick(), Fault: &history.Fault{Kind: rapid.SampledFrom([]string{
				history.Kill, history.Cut, history.Stop, history.Leader,
			}).Draw(t, "fault")}})
		default:
			m.h = append(m.h, rec{At: m.tick(), End: &history.End{Try: m.try(client, 200), Call: "c0"}})
		}
	}
	m.finish()
	return m.h
}

func (m *model) tick() history.Offset {
	m.now += history.Offset(rapid.IntRange(1, 1000).Draw(m.t, "µs"))
	return m.now
}

func (m *model) name(of string) string {
	m.next++
	return fmt.Sprint(of, m.next)
}

// try is a request with an answer, or without when status is 0.
func (m *model) try(client string, status int) try {
	return try{Client: client, Status: status, Started: m.tick(), Ended: m.tick()}
}

// answer is what a client gets, and whether the request has come through.
func (m *model) answer(success int) (status int, done bool) {
	switch rapid.IntRange(0, 5).Draw(m.t, "answer") {
	case 0:
		return 0, rapid.Bool().Draw(m.t, "done")
	case 1:
		return 503, false
	default:
		return success, true
	}
}

// say says something new, or again what had no answer.
func (m *model) say(client string) {
	status, done := m.answer(200)
	say := history.Say{Call: fmt.Sprint("c", rapid.IntRange(0, 2).Draw(m.t, "call")), UtteranceID: m.name("u")}
	say.Text = "text of " + say.UtteranceID
	if r := m.retry[client]; r.Say != nil {
		say = *r.Say
		delete(m.retry, client)
	}
	say.Try = m.try(client, status)
	r := rec{At: m.now, Say: &say}
	m.h = append(m.h, r)
	if status == 0 {
		m.retry[client] = r
	}
	if _, there := m.texts[say.UtteranceID]; done && !there {
		m.texts[say.UtteranceID] = say.Text
		m.read[say.Call] = append(m.read[say.Call], say.UtteranceID)
	}
}

// analyse asks for one or two analyses; a call that is busy answers 409.
func (m *model) analyse(client string) {
	a := history.Analyse{Call: fmt.Sprint("c", rapid.IntRange(0, 2).Draw(m.t, "call")), IdempotencyKey: m.name("k")}
	if r := m.retry[client]; r.Analyse != nil {
		a = *r.Analyse
		delete(m.retry, client)
	}
	status, done := m.answer(202)
	before, known := m.keys[a.IdempotencyKey]
	switch {
	case known:
		a.AnalysisIDs = before
	case done && m.busy(a.Call):
		status = 409
	case done:
		for range rapid.IntRange(1, 2).Draw(m.t, "analyses") {
			a.AnalysisIDs = append(a.AnalysisIDs, m.name("a"))
		}
		m.keys[a.IdempotencyKey] = a.AnalysisIDs
		m.append(history.Log{Event: "requested", Call: a.Call, Analyses: a.AnalysisIDs, Key: "hash of " + a.IdempotencyKey})
		for _, id := range a.AnalysisIDs {
			m.queue = append(m.queue, &running{id: id, call: a.Call})
		}
	}
	if status != 202 {
		a.AnalysisIDs = nil
	}
	for _, id := range a.AnalysisIDs {
		m.promise[id] = true
	}
	a.Try = m.try(client, status)
	r := rec{At: m.now, Analyse: &a}
	m.h = append(m.h, r)
	if status == 0 {
		m.retry[client] = r
	}
}

func (m *model) busy(call string) bool {
	for _, r := range m.queue {
		if r.call == call {
			return true
		}
	}
	return false
}

// append puts an event on the log. Sequences leave room for events that a mutation adds.
func (m *model) append(l history.Log) {
	l.Stream, l.Sequence, l.EventID, l.Tenant = "CALLS", uint64(10*(len(m.log)+1)), m.name("e"), "t"
	l.Time = int64(1000 * (len(m.log) + 1))
	m.log = append(m.log, &l)
}

// work asks the provider for the first analysis in the queue, and ends it if it is not killed before the answer is kept.
func (m *model) work() {
	if len(m.queue) == 0 {
		return
	}
	r := m.queue[0]
	r.tries++
	piece, id := fmt.Sprint("0/0/", r.tries), m.name("r")
	m.append(history.Log{Event: "sent", Call: r.call, Analyses: []string{r.id}, Piece: piece, Sent: []string{id}})
	reached := rapid.IntRange(0, 3).Draw(m.t, "reached") > 0
	if reached {
		m.asked = append(m.asked, history.Provider{RequestID: id, Time: m.log[len(m.log)-1].Time + 1, Answered: true})
	}
	if !reached || rapid.IntRange(0, 2).Draw(m.t, "killed") == 0 {
		r.maybe++
		return
	}
	m.append(history.Log{Event: "piece", Call: r.call, Analyses: []string{r.id}, Piece: piece})
	m.append(history.Log{Event: "completed", Call: r.call, Analyses: []string{r.id}, Maybe: r.maybe})
	m.queue = m.queue[1:]
}

// finish ends what was promised, and writes down what is there.
func (m *model) finish() {
	for _, r := range m.queue {
		if m.promise[r.id] || rapid.Bool().Draw(m.t, "ends") {
			m.append(history.Log{Event: "cancelled", Call: r.call, Analyses: []string{r.id}, Maybe: r.maybe})
		}
	}
	lives := rapid.IntRange(0, 3).Draw(m.t, "screens")
	for n := range lives {
		name, stays := fmt.Sprint("s", n), n%2 == 0
		for _, l := range m.log {
			if l.Event != "completed" && l.Event != "cancelled" {
				continue
			}
			if !stays && rapid.IntRange(0, 3).Draw(m.t, "leaves") == 0 {
				break
			}
			m.h = append(m.h, rec{At: m.tick(), Heard: &history.Heard{
				Screen: name, EventID: fmt.Sprint("i-", l.Sequence), Type: "analysis." + l.Event, AnalysisID: l.Analyses[0],
			}})
		}
		m.h = append(m.h, rec{At: m.tick(), Screen: &history.Screen{Screen: name, Tenant: "t", Lived: stays}})
	}
	for n := range 3 {
		call := fmt.Sprint("c", n)
		read := &history.Read{Call: call}
		for _, id := range m.read[call] {
			read.Utterances = append(read.Utterances, history.Utterance{ID: id, Text: m.texts[id]})
		}
		m.h = append(m.h, rec{At: m.tick(), Read: read})
	}
	for _, l := range m.log {
		m.h = append(m.h, rec{At: m.tick(), Log: l})
	}
	for _, p := range m.asked {
		m.h = append(m.h, rec{At: m.tick(), Provider: &p})
	}
}
