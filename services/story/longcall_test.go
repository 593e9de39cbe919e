package story_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// An hour of real speech comes in live, a few words at a time, and in the long form a working day of them joined.
func TestALongCallReadsAsItWasSaid(t *testing.T) { everyWay(t, aLongCallReadsAsItWasSaid) }

func aLongCallReadsAsItWasSaid(s stage) {
	t := s.t
	w := s.way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	calls := []*long{anHour(t)}
	if whole() {
		calls = append(calls, aWorkingDay(t))
	}
	for _, c := range calls {
		c.comeIn(admin)
		c.check(admin, "live")
		admin.must(http.StatusOK, "POST", c.path()+"/end", nil)
		c.check(admin, "finished")
	}
	w.stop()
	w.deleteViews()
	w.start()
	for _, c := range calls {
		c.check(admin, "finished")
	}
	w.stop()
}

// long is a call of hours.
type long struct {
	id   string
	said []heard
}

// heard is an utterance of it as it comes back.
type heard struct {
	UtteranceID, Speaker, Text string
	StartSec                   float64
}

func (c *long) path() string { return "/api/v1/calls/" + url.PathEscape(c.id) }

const earnings = "testdata/dialogues/open-en-long-earnings21.jsonl"

// last is when the last word of a call begins, in seconds.
func (c *long) last() (end float64) {
	for _, u := range c.said {
		end = max(end, u.StartSec)
	}
	return end
}

// join puts a dialogue behind what was said before, and says so.
func (c *long) join(d dialogue, marked bool) {
	from := c.last() + 1
	if marked {
		c.add("", fmt.Sprintf("[joined: %s]", d.ID), from)
	}
	for _, u := range d.Utterances {
		at := from
		if u.StartSec != nil {
			at += *u.StartSec
		}
		c.add(u.Speaker, u.Text, at)
	}
}

func (c *long) add(speaker, text string, at float64) {
	c.said = append(c.said, heard{fmt.Sprint(len(c.said)), speaker, text, at})
}

// anHour is the longest recording of the set.
func anHour(t *testing.T) *long {
	t.Helper()
	longest := &long{}
	for _, d := range sets(t)[earnings] {
		c := &long{id: d.ID}
		c.join(d, false)
		if c.last() > longest.last() {
			longest = c
		}
	}
	if longest.last() < 3000 {
		t.Fatalf("%s lasts %.0f s", longest.id, longest.last())
	}
	return longest
}

// aWorkingDay is recordings joined until eight hours are over.
func aWorkingDay(t *testing.T) *long {
	t.Helper()
	const eightHours, most = 8 * 3600, 20_000
	c := &long{id: "a-working-day"}
	for all := sets(t)[earnings]; c.last() < eightHours; {
		for _, d := range all {
			if c.last() < eightHours {
				c.join(d, true)
			}
		}
	}
	if len(c.said) > most {
		t.Fatalf("%d utterances", len(c.said))
	}
	return c
}

// comeIn sends it as a recogniser does: one to seven utterances at once, one after the other.
func (c *long) comeIn(p *person) {
	p.t.Helper()
	begun, sends := time.Now(), 0
	for rest, n := c.said, 1; len(rest) > 0; n = n%7 + 1 {
		now := rest[:min(n, len(rest))]
		rest = rest[len(now):]
		var list []map[string]any
		for _, u := range now {
			list = append(list, map[string]any{
				"utteranceId": u.UtteranceID, "speaker": u.Speaker, "text": u.Text, "startSec": u.StartSec,
			})
		}
		p.must(http.StatusOK, "POST", c.path()+"/utterances", map[string]any{"utterances": list})
		sends++
	}
	p.t.Logf("%s: %.1f hours, %d utterances in %d appends, %s (with the race detector)",
		c.id, c.last()/3600, len(c.said), sends, time.Since(begun).Round(time.Millisecond))
}

// check reads it at several revisions and as a whole.
func (c *long) check(p *person, state string) {
	p.t.Helper()
	for _, revision := range []int{1, 2, len(c.said) / 3, len(c.said) / 2, len(c.said) - 1, len(c.said)} {
		var got struct {
			State      string
			Revision   int
			Utterances []heard
		}
		p.must(http.StatusOK, "GET", fmt.Sprintf("%s/transcript?revision=%d", c.path(), revision), nil).into(p.t, &got)
		if got.Revision != revision || got.State != state || !slices.Equal(got.Utterances, c.said[:revision]) {
			p.t.Errorf("%s at revision %d: revision %d, %s, %d utterances, %s",
				c.id, revision, got.Revision, got.State, len(got.Utterances), firstDifference(got.Utterances, c.said))
		}
	}
	var receipt counted
	p.must(http.StatusOK, "GET", c.path()+"/receipt", nil).into(p.t, &receipt)
	if n := uint32(len(c.said)); receipt.Accepted != n || receipt.Revision != n || receipt.Corrected+receipt.Duplicates+receipt.Late > 0 {
		p.t.Errorf("%s: %s", c.id, describe(receipt))
	}
}

// firstDifference tells where two lists part.
func firstDifference(got, want []heard) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return strings.TrimSpace(fmt.Sprintf("at %d %+v, said %+v", i, got[i], want[i]))
		}
	}
	return "equal as far as they go"
}
