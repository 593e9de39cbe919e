package formats

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// readAll reads a whole file with findings.
func readAll(t rapid.TB, file string, o Options) []Document {
	t.Helper()
	o.Findings = true
	var out []Document
	for d, err := range Read(strings.NewReader(file), o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

const dialogueLine = `{"id":"c1","lang":"en","utterances":[{"speaker":"agent","text":"hello"},{"speaker":"customer","text":"","start_sec":1.5}]}`

func TestALineIsADialogue(t *testing.T) {
	t.Parallel()
	docs := readAll(t, dialogueLine, Options{})
	if len(docs) != 1 || docs[0].Err != nil || docs[0].Format != JSONL {
		t.Fatalf("%+v", docs)
	}
	c := docs[0].Call
	if c.ID != "c1" || c.Details.GetLabel() != "c1" || c.Details.GetLabels()["lang"] != "en" || len(c.Utterances) != 2 {
		t.Fatalf("%+v", c)
	}
	if u := c.Utterances[1]; u.GetUtteranceId() != "1" || u.GetStartSec() != 1.5 || u.DurationSec != nil {
		t.Fatalf("%+v", u)
	}
}

func TestABadLineKeepsOutNoOther(t *testing.T) {
	t.Parallel()
	long := `{"id":"` + strings.Repeat("x", maxLine) + `"}`
	file := "\ufeff{broken\n" + dialogueLine + "\r\n\n" + long + "\n" + strings.Replace(dialogueLine, "c1", "c2", 1)
	docs := readAll(t, file, Options{})
	if len(docs) != 4 {
		t.Fatalf("%d documents", len(docs))
	}
	for i, want := range []struct {
		line int
		code string
	}{{1, "FORMAT_UNKNOWN"}, {2, ""}, {4, "BODY_TOO_LARGE"}, {5, ""}} {
		if docs[i].Line != want.line || fault.CodeOf(docs[i].Err) != want.code {
			t.Errorf("document %d: line %d, %v; want line %d, %s", i, docs[i].Line, docs[i].Err, want.line, want.code)
		}
	}
}

func TestAnUnreadableReaderEndsTheSequence(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader(dialogueLine+"\n"+dialogueLine+"\n"), iotest.ErrReader(io.ErrClosedPipe))
	var calls int
	var last error
	for d, err := range Read(r, Options{}) {
		if last = err; err == nil && d.Err == nil {
			calls++
		}
	}
	if calls != 2 || !errors.Is(last, io.ErrClosedPipe) {
		t.Errorf("%d calls, then %v", calls, last)
	}
}

func TestNothingGoesUnmentioned(t *testing.T) {
	t.Parallel()
	docs := readAll(t, `{"id":"c","x":{"y":1},"utterances":[{"text":"a","k":1},{"text":"b","k":2,"none":null}]}`, Options{})
	want := map[Finding]bool{
		{1, "id", Understood, "call.id", "", 1}:                            true,
		{1, "x", Ignored, "", noteUnknown, 1}:                              true,
		{1, "utterances[*].text", Understood, "utterances[*].text", "", 2}: true,
		{1, "utterances[*].k", Ignored, "", noteUnknown, 2}:                true,
		{1, "utterances[1].none", Ignored, "", noteEmpty, 1}:               true,
	}
	for _, f := range docs[0].Findings {
		if !want[f] {
			t.Errorf("unexpected: %+v", f)
		}
		delete(want, f)
	}
	for f := range want {
		t.Errorf("missing: %+v", f)
	}
}
