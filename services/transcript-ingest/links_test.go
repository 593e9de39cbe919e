package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// describe appends a word to a call with some details.
func describe(t *testing.T, s *ingest.Service, call string, d *transcriptv1.CallDetails) (string, error) {
	t.Helper()
	res, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: call, Call: d, Utterances: say("a")})
	return res.GetPosition(), err
}

func link(call, relation string) *transcriptv1.CallLink {
	return &transcriptv1.CallLink{CallId: call, Relation: relation}
}

// links are a call's links in short.
func links(t *testing.T, s *ingest.Service, call, position string) string {
	t.Helper()
	res, err := s.GetCall(editor(t), &transcriptv1.GetCallRequest{CallId: call, MinPosition: position})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range res.GetCall().GetLinks() {
		text := l.GetCallId() + " " + l.GetRelation()
		if l.GetIncoming() {
			text = "<- " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestLinkedCallsSeeEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	say := func(call string, l ...*transcriptv1.CallLink) string {
		position, err := describe(t, one, call, &transcriptv1.CallDetails{Links: l})
		if err != nil {
			t.Fatal(err)
		}
		return position
	}
	say("b")
	say("a", link("b", ""), link("not there", "consultation"))
	position := say("c", link("b", "transfer"))
	for call, want := range map[string]string{
		"a": "b leg, not there consultation", "b": "<- a leg, <- c transfer", "c": "b transfer",
	} {
		if got := links(t, two, call, position); got != want {
			t.Errorf("%s: %s, want %s", call, got, want)
		}
	}
	before := b.last(subject.Calls)
	if say("a", link("b", "leg")); b.last(subject.Calls) != before {
		t.Error("a link that was there already was written")
	}
	position = say("a", link("b", "transfer"), link("d", "leg"))
	if got := links(t, two, "a", position); got != "b transfer, d leg, not there consultation" {
		t.Errorf("a: %s", got)
	}
	if got := links(t, two, "b", position); got != "<- a transfer, <- c transfer" {
		t.Errorf("b: %s", got)
	}
	b.tell("a", "", subject.KindErased, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}})
	eventually(t, "the erased call to be gone from the other", func() bool { return links(t, two, "b", "") == "<- c transfer" })
}

func TestLinksThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	s := newBench(t).replica()
	var many []*transcriptv1.CallLink
	for i := range 33 {
		many = append(many, link(fmt.Sprint(i), "leg"))
	}
	if _, err := describe(t, s, "full", &transcriptv1.CallDetails{Links: many[:32]}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call        string
		links       []*transcriptv1.CallLink
		code, field string
	}{
		{"c", many, "FIELD_TOO_LONG", "call.links"},
		{"full", many[32:], "FIELD_TOO_LONG", "call.links"},
		{"c", []*transcriptv1.CallLink{link("x", "leg"), link("", "leg")}, "FIELD_REQUIRED", "call.links[1].callId"},
		{"c", []*transcriptv1.CallLink{link(strings.Repeat("x", 256), "leg")}, "FIELD_TOO_LONG", "call.links[0].callId"},
		{"c", []*transcriptv1.CallLink{link("x", "friend")}, "FIELD_INVALID", "call.links[0].relation"},
		{"c", []*transcriptv1.CallLink{link("x", "leg"), link("c", "leg")}, "FIELD_INVALID", "call.links"},
	} {
		_, err := describe(t, s, c.call, &transcriptv1.CallDetails{Links: c.links})
		if f, _ := fault.As(err); f == nil || f.Code != c.code || f.Field != c.field {
			t.Errorf("%v: %v, want %s %s", c.links, err, c.code, c.field)
		}
	}
}

func TestLinksTravelOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := client{t: t, url: b.serve(b.replica()), token: "a:account-2:edit"}
	c.post("/api/v1/calls/a/utterances",
		[]byte(`{"call":{"links":[{"callId":"b","relation":"transfer"}]},"utterances":[{"utteranceId":"1"}]}`), 200, nil)
	c.post("/api/v1/calls/b/utterances", []byte(`{"utterances":[{"utteranceId":"1"}]}`), 200, nil)
	type linked struct {
		Links []struct {
			CallID, Relation string
			Incoming         bool
		}
	}
	var a, other linked
	c.get("/api/v1/calls/a", 200, &a)
	c.get("/api/v1/calls/b", 200, &other)
	if got := fmt.Sprint(a, other); got != "{[{b transfer false}]} {[{a transfer true}]}" {
		t.Error(got)
	}
}
