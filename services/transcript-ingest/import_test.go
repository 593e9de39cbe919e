package ingest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/story/testdata/dialogues"
)

// imported is the answer to an import.
type imported struct {
	Calls []struct {
		CallID                                    string
		Accepted, Duplicates, Corrected, Revision int
	}
	Refused []struct {
		Line        int
		Field, Code string
	}
}

// dialogue is a line as the files have it.
type dialogue struct {
	Source, ID, Lang string
	Utterances       []struct {
		Speaker     string   `json:"speaker"`
		Text        string   `json:"text"`
		StartSec    *float64 `json:"start_sec"`
		DurationSec *float64 `json:"duration_sec"`
	}
}

// sets are the files of real dialogues; raw containers are another format.
func sets(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	all, err := dialogues.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if filepath.Ext(f.Name()) == ".jsonl" && !strings.Contains(f.Name(), "containers") {
			if out[f.Name()], err = dialogues.Files.ReadFile(f.Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(out) != 7 {
		t.Fatalf("%d sets", len(out))
	}
	return out
}

func parsed(t *testing.T, file []byte) (out []dialogue) {
	t.Helper()
	for line := range bytes.Lines(file) {
		var d dialogue
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func TestAllRealDialoguesImport(t *testing.T) { //nolint:tparallel // one subtest waits for all of them, to count
	t.Parallel()
	b := newBench(t, streamtest.Unsynced())
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	total := 0
	t.Run("all at once", func(t *testing.T) {
		for name, file := range sets(t) {
			want := parsed(t, file)
			total += len(want)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client{t: t, url: c.url, token: c.token}.imports(name, file, want)
			})
		}
	})
	// A new call is five messages: opened, its words, ended, the seal and one part.
	if n := int(b.written()); n != 5*total || total < 400 {
		t.Errorf("%d messages for %d calls", n, total)
	}
	repeated := 0
	for name, file := range sets(t) {
		want := parsed(t, file)
		if !strings.Contains(name, "earnings21") && len(want) > 30 {
			continue // the same again
		}
		for _, d := range want {
			c.readsAs(d)
		}
		var again imported
		c.post("/api/v1/calls/import", file, http.StatusOK, &again)
		repeated += len(again.Calls)
		for i, call := range again.Calls {
			if n := len(want[i].Utterances); call.Accepted != 0 || call.Duplicates != n || call.Revision != n {
				t.Errorf("%s again: %+v", name, call)
			}
		}
	}
	if n := int(b.written()); n != 5*total+repeated { // each counts what was repeated
		t.Errorf("importing %d calls again has written %d messages", repeated, n-5*total)
	}
}

// imports brings a file in and checks the receipt of each of its calls.
func (c client) imports(name string, file []byte, want []dialogue) {
	var got imported
	c.post("/api/v1/calls/import?format=auto", file, http.StatusOK, &got)
	if len(got.Refused) != 0 || len(got.Calls) != len(want) {
		c.t.Errorf("%s: %d of %d calls, refused %v", name, len(got.Calls), len(want), got.Refused)
		return
	}
	for i, call := range got.Calls {
		if call.CallID != want[i].ID || call.Accepted != len(want[i].Utterances) || call.Revision != call.Accepted {
			c.t.Errorf("%s: %+v, sent %d utterances of %s", name, call, len(want[i].Utterances), want[i].ID)
		}
	}
}

// written is how many messages ever were.
func (b *bench) written() uint64 {
	b.t.Helper()
	return b.last(subject.Calls) + b.last(subject.Live) + b.last(subject.Transcripts)
}

// readsAs compares a call, utterance by utterance, with the dialogue it came from.
func (c client) readsAs(d dialogue) {
	c.t.Helper()
	var call struct {
		State, EndedAt, Label string
		Revision              int
		Labels                map[string]string
	}
	c.get("/api/v1/calls/"+d.ID, http.StatusOK, &call)
	if call.State != "finished" || call.EndedAt == "" || call.Label != d.ID || call.Labels["source"] != d.Source ||
		call.Labels["lang"] != d.Lang || call.Revision != len(d.Utterances) {
		c.t.Errorf("%s: %+v", d.ID, call)
	}
	var got struct {
		Utterances []struct {
			UtteranceID, Kind, Speaker, Text, CreatedAt string
			StartSec, DurationSec                       *float64
		}
	}
	c.get("/api/v1/calls/"+d.ID+"/transcript", http.StatusOK, &got)
	if len(got.Utterances) != len(d.Utterances) {
		c.t.Fatalf("%s: %d utterances, want %d", d.ID, len(got.Utterances), len(d.Utterances))
	}
	for i, u := range got.Utterances {
		w := d.Utterances[i]
		if u.UtteranceID != fmt.Sprint(i) || u.Kind != "utterance" || u.Speaker != w.Speaker || u.Text != w.Text ||
			!same(u.StartSec, w.StartSec) || !same(u.DurationSec, w.DurationSec) || u.CreatedAt == "" {
			c.t.Errorf("%s: utterance %d is %+v, want %+v", d.ID, i, u, w)
		}
	}
}

func same(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func TestALineThatIsRefusedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	add(t, s, "gone", say("a"))
	b.erase("gone")
	long := strings.Repeat("x", 16<<10+1)
	many := strings.TrimSuffix(strings.Repeat(`{"speaker":"a","text":""},`, 20_001), ",")
	// What an import of a long dialogue is cut at must not show: its 501st utterance is still number 500.
	late := strings.Repeat(`{"speaker":"a","text":""},`, 600) + `{"speaker":"a","text":"` + long + `"}`
	lines := []string{
		`{"id":"first","utterances":[{"speaker":"agent","text":"a"}]}`,
		``,
		`{"id":"broken"`,
		`{"id":"x","utterances":"none"}`,
		`{"utterances":[{"text":"a"}]}`,
		`{"id":"silent","utterances":[]}`,
		`{"id":"long","utterances":[` + late + `]}`,
		`{"id":"many","utterances":[` + many + `]}`,
		`{"id":"huge","pad":"` + strings.Repeat("x", 4<<20) + `"}`,
		`{"id":"gone","utterances":[{"text":"a"}]}`,
		"{\"id\":\"bytes\xff\",\"utterances\":[{\"text\":\"a\"}]}",
		`{"uuid":"a container","dialog":[],"parties":[]}`,
		`  {"id":"last","utterances":[{"speaker":"agent","text":"a","start_sec":2},{"speaker":"b","text":"","start_sec":1}]} `,
	}
	var got imported
	c.post("/api/v1/calls/import?format=jsonl", []byte(strings.Join(lines, "\n")), http.StatusOK, &got)
	want := "[{3  INVALID} {4 utterances FIELD_INVALID} {5 id FIELD_REQUIRED} {6 utterances FIELD_REQUIRED} " +
		"{7 utterances[600].text UTTERANCE_TOO_LARGE} {8 utterances CALL_TOO_LARGE} {9  BODY_TOO_LARGE} {10  CALL_ERASED} " +
		"{11  INVALID} {12 analysis FIELD_REQUIRED}]"
	if fmt.Sprint(got.Refused) != want {
		t.Errorf("refused %v, want %s", got.Refused, want)
	}
	if len(got.Calls) != 2 || got.Calls[0].CallID != "first" || got.Calls[1].CallID != "last" || got.Calls[1].Accepted != 2 {
		t.Errorf("calls %+v", got.Calls)
	}
	for _, call := range []string{"long", "many", "silent"} {
		c.get("/api/v1/calls/"+call, http.StatusNotFound, nil)
	}
}

func TestADialogueOfManyUtterancesIsCutIntoFewAppends(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	text := strings.Repeat("y", 700)
	line := `{"id":"c","utterances":[` + strings.TrimSuffix(strings.Repeat(`{"speaker":"a","text":"`+text+`"},`, 1600), ",") + `]}`
	var got imported
	c.post("/api/v1/calls/import", []byte(line), http.StatusOK, &got)
	// 1600 utterances of 700 bytes: opened, four appends, ended, sealed, three parts.
	if len(got.Calls) != 1 || got.Calls[0].Accepted != 1600 || b.written() != 10 || len(b.parts("c")) != 3 {
		t.Errorf("%+v, %d messages", got, b.written())
	}
	// A second replica shows it at the position that the import answered with.
	if other := b.replica(); len(read(t, other, "c", 0).GetUtterances()) != 1600 {
		t.Error("words are missing")
	}
}

func TestAnImportHasItsLimitsAndItsRights(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	url := b.serve(s)
	line := []byte(`{"id":"c","utterances":[{"speaker":"agent","text":"a"}]}`)
	client{t: t, url: url, token: "a:account-3:view"}.post("/api/v1/calls/import", line, http.StatusForbidden, nil)
	client{t: t, url: url}.post("/api/v1/calls/import", line, http.StatusUnauthorized, nil)
	c := client{t: t, url: url, token: "a:account-2:edit"}
	c.post("/api/v1/calls/import?format=csv", line, http.StatusUnprocessableEntity, nil)
	if b.written() != 0 {
		t.Errorf("%d messages", b.written())
	}
	blank := bytes.Repeat([]byte(" "), 64<<20)
	c.post("/api/v1/calls/import?format=jsonl", append(append(line, '\n'), blank...), http.StatusRequestEntityTooLarge, nil)
	c.get("/api/v1/calls/c", http.StatusOK, nil) // what came before the limit is in
}
