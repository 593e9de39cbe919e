package history_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/story/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Aliases, so that a history written by hand is read at a glance.
type (
	rec = history.Record
	try = history.Try
)

// small is a history by hand in which nothing is wrong: two utterances of one client, of which the first needed two
// tries, one analysis that lost its first request in a kill, and two screens.
func small() history.History {
	h := history.History{
		{Say: &history.Say{Try: try{"anna", 0, 1, 9}, Call: "c", UtteranceID: "1", Text: "hello"}},
		{Say: &history.Say{Try: try{"anna", 200, 10, 19}, Call: "c", UtteranceID: "1", Text: "hello"}},
		{Say: &history.Say{Try: try{"anna", 200, 20, 29}, Call: "c", UtteranceID: "2", Text: "goodbye"}},
		{Say: &history.Say{Try: try{"anna", 503, 30, 39}, Call: "c", UtteranceID: "3", Text: "refused"}},
		{Analyse: &history.Analyse{Try: try{"anna", 202, 40, 49}, Call: "c", AnalysisIDs: []string{"a"}, IdempotencyKey: "k"}},
		{Fault: &history.Fault{Kind: history.Kill, Hit: "worker"}},
		{Recovered: &history.Recovered{Kind: history.Kill, Hit: "worker", Took: 7}},
		{Analyse: &history.Analyse{Try: try{"anna", 202, 60, 69}, Call: "c", AnalysisIDs: []string{"a"}, IdempotencyKey: "k"}},
		{Heard: &history.Heard{Screen: "s", EventID: "i-1", Type: "call.opened"}},
		{Heard: &history.Heard{Screen: "s", EventID: "i-60", Type: "analysis.completed", AnalysisID: "a"}},
		{Heard: &history.Heard{Screen: "s", Type: "hint"}},
		{Screen: &history.Screen{Screen: "s", Tenant: "t", Lived: true}},
		{Screen: &history.Screen{Screen: "gone", Tenant: "t"}},
		{Screen: &history.Screen{Screen: "foreign", Tenant: "u", Lived: true}},
		{Read: &history.Read{Call: "c", Utterances: []history.Utterance{{ID: "1", Text: "hello"}, {ID: "2", Text: "goodbye"}}}},
		{Log: &history.Log{Stream: "LIVE", Sequence: 1, EventID: "x"}},
		on(10, "opened", ""),
		on(20, "requested", "a"),
		on(30, "sent", "a", func(l *history.Log) { l.Piece, l.Sent, l.Time = "0/0/1", []string{"r1"}, 100 }),
		on(40, "sent", "a", func(l *history.Log) { l.Piece, l.Sent, l.Time = "0/0/2", []string{"r2"}, 200 }),
		on(50, "piece", "a", func(l *history.Log) { l.Piece = "0/0/2" }),
		on(60, "completed", "a", func(l *history.Log) { l.Maybe = 1 }),
		{Provider: &history.Provider{RequestID: "r1", Time: 150, Answered: true}},
		{Provider: &history.Provider{RequestID: "r2", Time: 250, Answered: true}},
		{Provider: &history.Provider{RequestID: "none", Endpoint: "models"}},
	}
	for n := range h {
		h[n].At = history.Offset(10 * n)
	}
	return h
}

// on is an event of call c.
func on(sequence uint64, event, analysis string, more ...func(*history.Log)) rec {
	l := &history.Log{
		Stream: "CALLS", Sequence: sequence, EventID: fmt.Sprint("e", sequence), Event: event, Tenant: "t", Call: "c",
	}
	if analysis != "" {
		l.Analyses = []string{analysis}
	}
	for _, change := range more {
		change(l)
	}
	return rec{Log: l}
}

// kinds are those of a report's violations.
func kinds(r history.Report) map[string]int {
	out := map[string]int{}
	for _, v := range r.Violations {
		out[v.Kind]++
	}
	return out
}
