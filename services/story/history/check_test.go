package history_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/story/history"
)

func TestAHistoryInWhichNothingIsWrongPasses(t *testing.T) {
	t.Parallel()
	r := history.Check(small())
	if !r.OK() {
		t.Fatal(r)
	}
	want := history.Counts{
		Said: 4, SaidAcknowledged: 2, Asked: 2, AskedAcknowledged: 2, Unanswered: 1, Refused: 1, Calls: 1, Read: 2, Events: 7,
		Requested: 1, Outcomes: 1, Screens: 3, Heard: 3, Sent: 2, Provider: 3, AskedAgain: 1, MaybePaid: 1,
	}
	if r.Counts != want {
		t.Errorf("counted %+v", r.Counts)
	}
}

// Each of these is wrong in one way, and is found as exactly that.
// Where what is changed stands in the small history.
const analyse2, heard, screen, read, live, requested, sent2, piece, completed, provider = 7, 9, 11, 14, 15, 17, 19, 20, 21, 22

type h = history.History

// broken is a way to break a history, and what it then is.
type broken struct {
	break_ func(h) h
	want   string
}

func add(more ...rec) func(h) h { return func(all h) h { return append(all, more...) } }

func without(n int) func(h) h { return func(all h) h { return slices.Delete(all, n, n+1) } }

func change(f func(all h)) func(h) h { return func(all h) h { f(all); return all } }

func TestEveryViolationIsFoundAsWhatItIs(t *testing.T) {
	t.Parallel()
	all := brokenWords()
	maps.Copy(all, brokenAnalyses())
	maps.Copy(all, brokenOutcomes())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := history.Check(c.break_(small()))
			if found := kinds(r); found[c.want] == 0 || len(found) != 1 {
				t.Errorf("want %q alone, found %v:\n%s", c.want, slices.Sorted(maps.Keys(found)), r)
			}
		})
	}
}

func brokenWords() map[string]broken {
	return map[string]broken{
		"an acknowledged utterance is not read": {change(func(all h) {
			all[read].Read.Utterances = all[read].Read.Utterances[:1]
		}), history.UtteranceLost},
		"an acknowledged call is not read": {add(rec{Say: &history.Say{
			Try: try{"anna", 200, 1, 2}, Call: "d", UtteranceID: "1", Text: "x",
		}}), history.UtteranceLost},
		"an acknowledged utterance reads otherwise": {change(func(all h) {
			all[read].Read.Utterances[1].Text = "good"
		}), history.UtteranceChanged},
		"an utterance is read twice": {change(func(all h) {
			all[read].Read.Utterances = append(all[read].Read.Utterances, all[read].Read.Utterances[1])
		}), history.UtteranceTwice},
		"utterances change places": {change(func(all h) {
			slices.Reverse(all[read].Read.Utterances)
		}), history.UtteranceMoved},
		"something is read that nobody said": {change(func(all h) {
			all[read].Read.Utterances = append(all[read].Read.Utterances, history.Utterance{ID: "9", Text: "boo"})
		}), history.NobodySaid},
		"a call is read in which nobody spoke": {add(rec{Read: &history.Read{
			Call: "d", Utterances: []history.Utterance{{ID: "1", Text: "boo"}},
		}}), history.NobodySaid},
		"what was not acknowledged reads otherwise": {change(func(all h) {
			all[read].Read.Utterances = append(all[read].Read.Utterances, history.Utterance{ID: "3", Text: "boo"})
		}), history.NobodySaid},
		"an acknowledged analysis is not on the log": {add(rec{Analyse: &history.Analyse{
			Try: try{"anna", 202, 1, 2}, Call: "c", AnalysisIDs: []string{"b"},
		}}), history.NotRequested},
		"an acknowledgement names no analysis": {add(rec{Analyse: &history.Analyse{
			Try: try{"anna", 202, 1, 2}, Call: "c",
		}}), history.NotRequested},
	}
}

func brokenAnalyses() map[string]broken {
	return map[string]broken{
		"an acknowledged analysis does not end": {change(func(all h) {
			all[completed].Log.Event = "piece"
			all[heard].Heard.Type = "hint"
		}), history.NoEnd},
		"an analysis ends twice": {add(on(70, "failed", "a")), history.TwoEnds},
		"something ends that nobody requested": {func(all h) h {
			all = append(all, on(70, "cancelled", "b"))
			all[screen].Screen.Lived = false
			return all
		}, history.EndUnasked},
		"two analyses of a call run at once": {func(all h) h {
			all[sent2-1] = on(25, "requested", "b")
			return slices.Delete(all, provider, provider+1) // its record is gone
		}, history.TwoAtOnce},
		"a key gives two analyses": {change(func(all h) {
			all[requested].Log.Analyses = []string{"a", "b"}
			all[analyse2].Analyse.AnalysisIDs = []string{"a", "b"}
			all[piece+1].Log.Event = "completed"
			all[live] = on(65, "failed", "b")
			all[screen].Screen.Lived = false
			all[live], all[piece+1] = all[piece+1], all[live]
			slices.SortStableFunc(all[live:22], func(a, b rec) int { return int(a.Log.Sequence) - int(b.Log.Sequence) })
		}), history.KeyTwice},
		"a key gives two analyses on the log": {add(
			on(70, "requested", "b", func(l *history.Log) { l.Key = "kk" }), on(71, "failed", "b"),
			on(72, "requested", "c", func(l *history.Log) { l.Key = "kk" }), on(73, "failed", "c"),
			rec{Heard: &history.Heard{Screen: "s", EventID: "i-71", Type: "analysis.failed", AnalysisID: "b"}},
			rec{Heard: &history.Heard{Screen: "s", EventID: "i-73", Type: "analysis.failed", AnalysisID: "c"}},
		), history.KeyTwice},
		"an event is stored twice": {add(rec{Log: &history.Log{Stream: "LIVE", Sequence: 2, EventID: "x"}}), history.StoredTwice},
		"a stream runs backwards":  {add(rec{Log: &history.Log{Stream: "LIVE", Sequence: 1, EventID: "y"}}), history.Backwards},
		"an outcome is heard twice": {add(rec{Heard: &history.Heard{
			Screen: "gone", EventID: "i-60", Type: "analysis.completed", AnalysisID: "a",
		}}, rec{Heard: &history.Heard{Screen: "gone", Reset: true}}, rec{Heard: &history.Heard{
			Screen: "gone", EventID: "i-60", Type: "analysis.completed", AnalysisID: "a",
		}}), history.HeardTwice},
		"ids run backwards": {add(rec{Heard: &history.Heard{Screen: "s", EventID: "i-59", Type: "call.ended"}}), history.HeardBack},
	}
}

func brokenOutcomes() map[string]broken {
	return map[string]broken{
		"ids are of another log": {add(rec{Heard: &history.Heard{
			Screen: "s", EventID: "j-99", Type: "call.ended",
		}}), history.HeardBack},
		"something is heard that is not so": {add(rec{Heard: &history.Heard{
			Screen: "gone", EventID: "i-60", Type: "analysis.failed", AnalysisID: "a",
		}}), history.HeardWrong},
		"another tenant hears": {add(rec{Heard: &history.Heard{
			Screen: "foreign", EventID: "i-60", Type: "analysis.completed", AnalysisID: "a",
		}}), history.HeardWrong},
		"an outcome is not heard":            {without(heard), history.NotHeard},
		"the provider is asked in secret":    {without(sent2), history.Unsent},
		"the provider is asked too early":    {change(func(all h) { all[provider+1].Provider.Time = 199 }), history.Unsent},
		"one request is made twice":          {add(rec{Provider: &history.Provider{RequestID: "r2", Time: 300}}), history.SentTwice},
		"one request is recorded twice":      {add(on(70, "sent", "b", func(l *history.Log) { l.Sent = []string{"r2"} })), history.SentTwice},
		"an answered piece is asked again":   {add(on(70, "sent", "a", func(l *history.Log) { l.Piece = "0/0/3" })), history.AskedAgain},
		"what was paid in vain is not shown": {change(func(all h) { all[completed].Log.Maybe = 0 }), history.NotShown},
	}
}

// What a client cannot know is not held against anybody.
func TestWhatMayBeIsNotCalledWrong(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]rec{
		"an utterance without an answer is there": {
			{Read: &history.Read{Call: "c", Utterances: []history.Utterance{
				{ID: "1", Text: "hello"}, {ID: "2", Text: "goodbye"}, {ID: "3", Text: "refused"},
			}}},
		},
		"what overlapped is in either order": {
			{Say: &history.Say{Try: try{"ben", 0, 100, 150}, Call: "d", UtteranceID: "1", Text: "a"}},
			{Say: &history.Say{Try: try{"ben", 200, 151, 160}, Call: "d", UtteranceID: "2", Text: "b"}},
			{Say: &history.Say{Try: try{"ben", 200, 161, 170}, Call: "d", UtteranceID: "1", Text: "a"}},
			{Read: &history.Read{Call: "d", Utterances: []history.Utterance{{ID: "2", Text: "b"}, {ID: "1", Text: "a"}}}},
		},
		"two clients are in either order": {
			{Say: &history.Say{Try: try{"ben", 200, 100, 150}, Call: "d", UtteranceID: "1", Text: "a"}},
			{Say: &history.Say{Try: try{"eva", 200, 151, 160}, Call: "d", UtteranceID: "2", Text: "b"}},
			{Read: &history.Read{Call: "d", Utterances: []history.Utterance{{ID: "2", Text: "b"}, {ID: "1", Text: "a"}}}},
		},
		"an analysis that nobody was promised does not end": {
			{Analyse: &history.Analyse{Try: try{"anna", 0, 100, 150}, Call: "c"}}, on(70, "requested", "b"),
		},
		"a screen that was reset has missed something": {
			{Heard: &history.Heard{Screen: "s", Reset: true}}, on(70, "requested", "b"), on(80, "failed", "b"),
		},
	} {
		if r := history.Check(append(small(), more...)); !r.OK() {
			t.Errorf("%s:\n%s", name, r)
		}
	}
}

func TestTheLongestGapIsGivenToItsFault(t *testing.T) {
	t.Parallel()
	say := func(status int, started, ended history.Offset) rec {
		return rec{Say: &history.Say{Try: try{"anna", status, started, ended}, Call: "c", UtteranceID: started.String()}}
	}
	fault := func(kind string, at history.Offset) rec { return rec{At: at, Fault: &history.Fault{Kind: kind}} }
	r := history.Check(history.History{
		say(200, 0, 10), fault(history.Kill, 20), say(200, 15, 22), say(0, 30, 100), say(200, 100, 130),
		fault(history.Cut, 140), say(200, 131, 150), say(200, 150, 160), fault(history.Kill, 200), say(200, 165, 230), say(0, 240, 1000),
		{Recovered: &history.Recovered{Kind: history.Kill, Took: 70}}, {Recovered: &history.Recovered{Kind: history.Kill, Took: 60}},
	})
	if want := (history.Gap{From: 230, To: 1000}); r.Gap != want {
		t.Errorf("the longest is %v", r.Gap)
	}
	if f := r.Faults[history.Kill]; f.Times != 2 || f.Gap != (history.Gap{From: 230, To: 1000}) ||
		!slices.Equal(f.Recovered, []history.Offset{60, 70}) {
		t.Errorf("after a kill: %+v", f)
	}
	if f := r.Faults[history.Cut]; f.Times != 1 || f.Gap != (history.Gap{From: 160, To: 230}) {
		t.Errorf("after a cut: %+v", f)
	}
}

func TestAReportIsShortAndSaysWhereToLook(t *testing.T) {
	t.Parallel()
	h := small()
	for n := range 25 {
		h = append(h, rec{Log: &history.Log{Stream: "LIVE", Sequence: 1, EventID: fmt.Sprint("y", n)}})
	}
	text := history.Check(h).String()
	for _, want := range []string{
		"said         4 tries, 2 acknowledged", "kill       1 times", "WRONG: sequence does not grow: 25",
		"LIVE: 1 after 1 (line 26)", "and 5 more",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q:\n%s", want, text)
		}
	}
	if strings.Index(text, "said") > strings.Index(text, "WRONG") || strings.Count(text, "\n") > 35 {
		t.Errorf("is too long, or begins with what comes last:\n%s", text)
	}
	if text := history.Check(small()).String(); !strings.Contains(text, "nothing is wrong") {
		t.Error(text)
	}
}
