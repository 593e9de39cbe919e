package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// arrived makes entries of words such as "a3 b": ids and, where a publisher gave one, the order. A repeated id is a
// correction.
func arrived(words string) (out []*eventv1.Entry) {
	for i, word := range strings.Fields(words) {
		e := &eventv1.Entry{UtteranceId: word[:1], Version: uint32(i), Text: word}
		if len(word) > 1 {
			_, _ = fmt.Sscan(word[1:], &e.Order)
		}
		out = append(out, e)
	}
	return out
}

func idsOf(list []*transcriptv1.Utterance) string {
	var out []string
	for _, u := range list {
		out = append(out, u.GetUtteranceId())
	}
	return strings.Join(out, " ")
}

func TestATranscriptIsReadInTheOrderOfRecognition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ arrived, read string }{
		{"a1 b2 c3", "a b c"},
		{"a1 c3 b2", "a b c"},
		{"a b c", "a b c"},           // nobody gave an order
		{"a2 b1", "b a"},             //
		{"x a2 b1", "x b a"},         // before the first order: stays in front
		{"a3 x y b1 z", "b z a x y"}, // those without one go with the one they arrived after
		{"a1 b1 c1", "a b c"},        // equal ones as they arrived
		{"a5 b-3 c2", "c a b"},       // an order below 1 is none
		{"a1 b3 c2 b", "a c b"},      // a correction without an order moves nothing
		{"a1 b3 c2 b1", "a b c"},     // one with an order does
	} {
		if got := idsOf(resolve(arrived(c.arrived))); got != c.read {
			t.Errorf("%q reads %q, want %q", c.arrived, got, c.read)
		}
	}
}

func TestACorrectionKeepsTheOrderThatWasGiven(t *testing.T) {
	t.Parallel()
	got := resolve(arrived("a1 b7 b"))
	if u := got[1]; u.GetOrder() != 7 || u.GetText() != "b" || u.GetVersion() != 2 {
		t.Errorf("%v", u)
	}
}

// Whatever arrives, nothing is lost or doubled, the numbered are in their order, and those without a number still
// stand behind the one they arrived after.
func TestEveryUtteranceHasOnePlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var list []*transcriptv1.Utterance
		anchor := map[string]string{}
		for i := range rapid.IntRange(0, 12).Draw(rt, "utterances") {
			u := &transcriptv1.Utterance{UtteranceId: fmt.Sprint(i), Order: rapid.Int64Range(0, 5).Draw(rt, "order")}
			if i > 0 && u.GetOrder() == 0 {
				anchor[u.GetUtteranceId()] = list[i-1].GetUtteranceId()
			}
			list = append(list, u)
		}
		got := recognised(slices.Clone(list))
		at, orders := map[string]int{}, []int64(nil)
		for i, u := range got {
			at[u.GetUtteranceId()] = i
			if u.GetOrder() > 0 {
				orders = append(orders, u.GetOrder())
			}
		}
		if len(at) != len(list) || len(got) != len(list) || !slices.IsSorted(orders) {
			rt.Fatalf("%v of %v", got, list)
		}
		for id, before := range anchor {
			if at[id] != at[before]+1 {
				rt.Fatalf("%s came behind %s: %v of %v", id, before, got, list)
			}
		}
	})
}
