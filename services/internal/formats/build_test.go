package formats

import (
	"strings"
	"testing"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

func TestRolesAreKnownInAnySpelling(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{"Agent": "agent", "Operator": "agent", "CALLER": "customer", "お客様": "customer", "Bob": "", "": ""} {
		if got, ok := role(said); got != want || ok != (want != "") {
			t.Errorf("role(%q) = %q, %v", said, got, ok)
		}
	}
}

func TestTheFirstNameThatIsThereCounts(t *testing.T) {
	t.Parallel()
	root, err := decode([]byte(`{"new":null,"old":"x"}`), &notes{})
	if err != nil {
		t.Fatal(err)
	}
	if got := root.either("new", "old").raw(); got != "x" {
		t.Errorf("got %q", got)
	}
	if got := root.either("a", "b").path(); got != "a" {
		t.Errorf("a fault would name %q", got)
	}
}

func TestEveryUtteranceHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("漢", maxID)
	b := build(&notes{})
	for _, u := range []*transcriptv1.NewUtterance{
		{UtteranceId: "a"},
		{},                             // position 1 is taken by an id of the file
		{UtteranceId: "a"},             // twice
		{UtteranceId: "a", Version: 1}, // a correction
		{UtteranceId: "1"},
		{UtteranceId: "a~2"},
		{UtteranceId: "a"},
		{UtteranceId: "x\ny"},
		{UtteranceId: long},
		{UtteranceId: long},
		{UtteranceId: long + "x"},
	} {
		b.say("u", u)
	}
	want := []string{"a", "1~2", "a~3", "a", "1", "a~2", "a~4", "7", long, strings.Repeat("漢", maxID-2) + "~2", "10"}
	for i, u := range b.done().Utterances {
		if u.GetUtteranceId() != want[i] {
			t.Errorf("utterance %d is %q, want %q", i, u.GetUtteranceId(), want[i])
		}
	}
}
