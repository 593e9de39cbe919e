package history_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/services/story/history"
)

// mutation breaks a history at one of the places where it can.
type mutation struct {
	name, want string
	// at tells whether the history can be broken at a record, seen beside the whole.
	at func(all history.History, n int) bool
	// do breaks it there.
	do func(all history.History, n int) history.History
}

func mutations() []mutation {
	return slices.Concat(wordMutations(), logMutations(), screenMutations(), providerMutations())
}

func wordMutations() []mutation {
	said := func(all history.History, n int) bool {
		return all[n].Say != nil && all[n].Say.Status == 200
	}
	read := func(all history.History, call string) *history.Read {
		for _, r := range all {
			if r.Read != nil && r.Read.Call == call {
				return r.Read
			}
		}
		return nil
	}
	where := func(all history.History, n int) (*history.Read, int) {
		r := read(all, all[n].Say.Call)
		return r, slices.IndexFunc(r.Utterances, func(u history.Utterance) bool { return u.ID == all[n].Say.UtteranceID })
	}
	return []mutation{
		{"drop an utterance", history.UtteranceLost, said, func(all history.History, n int) history.History {
			r, i := where(all, n)
			r.Utterances = slices.Delete(r.Utterances, i, i+1)
			return all
		}},
		{"duplicate an utterance", history.UtteranceTwice, said, func(all history.History, n int) history.History {
			r, i := where(all, n)
			r.Utterances = append(r.Utterances, r.Utterances[i])
			return all
		}},
		{"change an utterance", history.UtteranceChanged, said, func(all history.History, n int) history.History {
			r, i := where(all, n)
			r.Utterances[i].Text += "!"
			return all
		}},
		{"move an utterance to the front", history.UtteranceMoved, func(all history.History, n int) bool {
			return said(all, n) && slices.ContainsFunc(all[:n], func(r rec) bool { // acknowledged before this was first sent
				return r.Say != nil && r.Say.Status == 200 && r.Say.Client == all[n].Say.Client && r.Say.Call == all[n].Say.Call &&
					r.Say.Ended <= firstSent(all, all[n].Say.UtteranceID)
			})
		}, func(all history.History, n int) history.History {
			r, i := where(all, n)
			r.Utterances = slices.Insert(slices.Delete(r.Utterances, i, i+1), 0, history.Utterance{
				ID: all[n].Say.UtteranceID, Text: all[n].Say.Text,
			})
			return all
		}},
		{"invent an utterance", history.NobodySaid, func(all history.History, n int) bool {
			return all[n].Read != nil
		}, func(all history.History, n int) history.History {
			all[n].Read.Utterances = append(all[n].Read.Utterances, history.Utterance{ID: "invented"})
			return all
		}},
	}
}

func firstSent(all history.History, utterance string) history.Offset {
	for _, r := range all {
		if r.Say != nil && r.Say.UtteranceID == utterance {
			return r.Say.Started
		}
	}
	return 0
}

// event is true for events of a kind, of analyses that somebody was promised if that is asked.
func event(promised bool, kinds ...string) func(all history.History, n int) bool {
	return func(all history.History, n int) bool {
		l := all[n].Log
		return l != nil && slices.Contains(kinds, l.Event) && (!promised || slices.ContainsFunc(all, func(r rec) bool {
			return r.Analyse != nil && r.Analyse.Status == 202 && slices.Contains(r.Analyse.AnalysisIDs, l.Analyses[0])
		}))
	}
}

func drop(all history.History, n int) history.History { return slices.Delete(all, n, n+1) }

// behind puts a copy of an event right behind it, as another event, and changed.
func behind(all history.History, n int, change func(l *history.Log)) history.History {
	l := *all[n].Log
	l.Sequence++
	l.EventID += "'"
	change(&l)
	return slices.Insert(all, n+1, rec{At: all[n].At, Log: &l})
}

func logMutations() []mutation {
	return []mutation{
		{"drop a request", history.NotRequested, event(true, "requested"), drop},
		{"drop an end", history.NoEnd, event(true, "completed", "cancelled"), drop},
		{"end it again", history.TwoEnds, event(false, "completed", "cancelled"), func(all history.History, n int) history.History {
			return behind(all, n, func(l *history.Log) { l.Event = "failed" })
		}},
		{"end something else", history.EndUnasked, event(false, "completed"), func(all history.History, n int) history.History {
			return behind(all, n, func(l *history.Log) { l.Analyses = []string{"unasked"} })
		}},
		{"request while it runs", history.TwoAtOnce, event(false, "requested"), func(all history.History, n int) history.History {
			return behind(all, n, func(l *history.Log) { l.Analyses, l.Key = []string{"second"}, "" })
		}},
		{"use a key again", history.KeyTwice, event(false, "requested"), func(all history.History, n int) history.History {
			return behind(all, n, func(l *history.Log) { l.Analyses = []string{"second"} })
		}},
		{"answer a key otherwise", history.KeyTwice, func(all history.History, n int) bool {
			return all[n].Analyse != nil && all[n].Analyse.Status == 202
		}, func(all history.History, n int) history.History {
			a := *all[n].Analyse
			a.AnalysisIDs = []string{"other"}
			return slices.Insert(all, n, rec{At: all[n].At, Analyse: &a})
		}},
		{"store it twice", history.StoredTwice, event(false, "sent", "piece", "requested", "completed"),
			func(all history.History, n int) history.History {
				return behind(all, n, func(l *history.Log) { l.EventID = all[n].Log.EventID })
			}},
		{"swap two events", history.Backwards, func(all history.History, n int) bool {
			return all[n].Log != nil && n+1 < len(all) && all[n+1].Log != nil
		}, func(all history.History, n int) history.History {
			all[n].Log, all[n+1].Log = all[n+1].Log, all[n].Log
			return all
		}},
	}
}

func screenMutations() []mutation {
	heard := func(all history.History, n int) bool { return all[n].Heard != nil }
	lived := func(all history.History, n int) bool {
		return heard(all, n) && slices.ContainsFunc(all, func(r rec) bool {
			return r.Screen != nil && r.Screen.Screen == all[n].Heard.Screen && r.Screen.Lived
		})
	}
	return []mutation{
		{"tell it twice", history.HeardTwice, heard, func(all history.History, n int) history.History {
			return slices.Insert(all, n, all[n])
		}},
		{"tell two the other way round", history.HeardBack, func(all history.History, n int) bool {
			return heard(all, n) && n+1 < len(all) && heard(all, n+1) && all[n].Heard.Screen == all[n+1].Heard.Screen
		}, func(all history.History, n int) history.History {
			all[n].Heard, all[n+1].Heard = all[n+1].Heard, all[n].Heard
			return all
		}},
		{"do not tell it", history.NotHeard, lived, drop},
		{"tell what is not so", history.HeardWrong, heard, func(all history.History, n int) history.History {
			h := *all[n].Heard
			h.Type = "analysis.failed"
			all[n].Heard = &h
			return all
		}},
		{"tell another tenant", history.HeardWrong, func(all history.History, n int) bool {
			return all[n].Screen != nil && n > 0 && heard(all, n-1)
		}, func(all history.History, n int) history.History {
			all[n].Screen.Tenant = "another"
			return all
		}},
	}
}

func providerMutations() []mutation {
	asked := func(all history.History, n int) bool { return all[n].Provider != nil }
	return []mutation{
		{"forget that it was sent", history.Unsent, asked, func(all history.History, n int) history.History {
			return slices.DeleteFunc(all, func(r rec) bool {
				return r.Log != nil && slices.Contains(r.Log.Sent, all[n].Provider.RequestID)
			})
		}},
		{"ask before it is recorded", history.Unsent, asked, func(all history.History, n int) history.History {
			all[n].Provider.Time -= 2
			return all
		}},
		{"ask twice", history.SentTwice, asked, func(all history.History, n int) history.History {
			return slices.Insert(all, n, all[n])
		}},
		{"ask for what was answered", history.AskedAgain, event(false, "piece"), func(all history.History, n int) history.History {
			return behind(all, n, func(l *history.Log) { l.Event, l.Piece, l.Sent = "sent", "0/0/99", []string{"again"} })
		}},
		{"hide what may be paid", history.NotShown, func(all history.History, n int) bool {
			return event(false, "completed", "cancelled")(all, n) && hidden(all, all[n].Log.Analyses[0])
		}, func(all history.History, n int) history.History {
			all[n].Log.Maybe = 0
			return all
		}},
	}
}

// hidden tells whether the provider answered something for an analysis that no piece closed.
func hidden(all history.History, analysis string) bool {
	return slices.ContainsFunc(all, func(r rec) bool {
		return r.Log != nil && r.Log.Event == "sent" && r.Log.Analyses[0] == analysis && slices.ContainsFunc(all, func(p rec) bool {
			return p.Provider != nil && p.Provider.RequestID == r.Log.Sent[0]
		}) && !slices.ContainsFunc(all, func(p rec) bool {
			return p.Log != nil && p.Log.Event == "piece" && p.Log.Analyses[0] == analysis && p.Log.Piece == r.Log.Piece
		})
	})
}

// Any history of a system that does everything right passes, and whatever is broken in it is found as what it is.
func TestWhatIsRightPassesAndWhatIsBrokenIsFound(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	done := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := right(t)
		if r := history.Check(h); !r.OK() {
			t.Fatalf("nothing is wrong, and found was\n%s", r)
		}
		var names []string
		places := map[string][]int{}
		for _, m := range mutations() {
			for n := range h {
				if m.at(h, n) {
					places[m.name] = append(places[m.name], n)
				}
			}
			if len(places[m.name]) > 0 {
				names = append(names, m.name)
			}
		}
		name := rapid.SampledFrom(names).Draw(t, "mutation")
		m := mutations()[slices.IndexFunc(mutations(), func(m mutation) bool { return m.name == name })]
		broken := m.do(h, rapid.SampledFrom(places[name]).Draw(t, "place"))
		if r := history.Check(broken); len(r.Of(m.want)) == 0 {
			t.Fatalf("%s: %q was not found:\n%s", name, m.want, r)
		}
		mu.Lock()
		defer mu.Unlock()
		done[name]++
	})
	if !t.Failed() {
		t.Log(fmt.Sprintf("%d of %d mutations were drawn: ", len(done), len(mutations())), done)
	}
}
