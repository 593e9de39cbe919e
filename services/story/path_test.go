package story_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dialogue is a line of the sets of real dialogues.
type dialogue struct {
	ID         string
	Utterances []struct {
		Speaker     string
		Text        string
		StartSec    *float64 `json:"start_sec"`
		DurationSec *float64 `json:"duration_sec"`
	}
}

// sets are the files of real dialogues, raw containers left out.
func sets(t *testing.T) map[string][]dialogue {
	t.Helper()
	files, err := filepath.Glob("testdata/dialogues/open-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]dialogue{}
	for _, name := range files {
		if strings.Contains(name, "containers") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			var d dialogue
			if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
				t.Fatal(err)
			}
			out[name] = append(out[name], d)
		}
	}
	if len(out) != 7 {
		t.Fatalf("%d sets", len(out))
	}
	return out
}

// A newcomer imports every dialogue there is, and analyses one call of each set with the program's own commands.
func TestEveryDialogueComesInAndIsAnalysed(t *testing.T) {
	everyWay(t, everyDialogueComesInAndIsAnalysed)
}

func everyDialogueComesInAndIsAnalysed(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	begun := time.Now()
	w.start()
	t.Logf("ready on an empty directory after %s (with the race detector)", time.Since(begun).Round(time.Millisecond))
	admin := w.logIn("admin", adminPassword)
	admin.prompt(admin.key(w.base), "about")
	all := sets(t)
	for name, calls := range all {
		out, err := w.command(admin.token, "calls", "import", name)
		if err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
		if want := fmt.Sprintf("%d calls", len(calls)); !strings.Contains(out, want) || !strings.Contains(out, " 0 calls refused") {
			t.Errorf("%s: said %q, want %s and nothing refused", name, out, want)
		}
	}
	for name, calls := range all {
		d := calls[len(calls)/2]
		out, err := w.command(admin.token, "analyze", d.ID, "--prompt", "about", "--wait")
		if err != nil {
			t.Fatalf("%s: %v", d.ID, err)
		}
		if !speaksOf(out, d) {
			t.Errorf("%s: the answer about %s does not speak of it:\n%s", name, d.ID, out)
		}
	}
	for _, d := range all["testdata/dialogues/open-en-long-earnings21.jsonl"] {
		equal(t, admin, d)
	}
	again, err := w.command(admin.token, "calls", "import", "testdata/dialogues/open-en-vcon.jsonl")
	if err != nil || !strings.Contains(again, " 0 utterances, ") {
		t.Errorf("imported again: %s %v", again, err)
	}
	w.stop()
	sweep(t, w)
}

// speaksOf tells whether an answer is about a call: it counts every speaker's utterances right and quotes the end of the
// last of them; and it says that it is simulated.
func speaksOf(answer string, d dialogue) bool {
	spoken, last := map[string]int{}, map[string][]rune{}
	for _, u := range d.Utterances {
		if text := strings.TrimSpace(u.Text); text != "" {
			spoken[u.Speaker]++
			last[u.Speaker] = []rune(text)
		}
	}
	for name, n := range spoken {
		end := string(last[name][max(0, len(last[name])-3):])
		counted := strings.Contains(answer, fmt.Sprintf("%s: %d utterances", name, n)) ||
			strings.Contains(answer, fmt.Sprintf("%s: 発話 %d 件", name, n))
		if !counted || !strings.Contains(answer, end) {
			return false
		}
	}
	return strings.HasPrefix(answer, "[Simulated]") || strings.HasPrefix(answer, "【シミュレーション】")
}

// equal reads a call back and compares it utterance by utterance.
func equal(t *testing.T, p *person, d dialogue) {
	t.Helper()
	var got struct {
		State      string
		Revision   int
		Utterances []struct {
			UtteranceID, Speaker, Text string
			StartSec, DurationSec      *float64
		}
	}
	p.must(http.StatusOK, "GET", "/api/v1/calls/"+url.PathEscape(d.ID)+"/transcript", nil).into(t, &got)
	if got.State != "finished" || got.Revision != len(d.Utterances) || len(got.Utterances) != len(d.Utterances) {
		t.Fatalf("%s: %s, revision %d, %d utterances, want %d", d.ID, got.State, got.Revision, len(got.Utterances), len(d.Utterances))
	}
	for i, u := range got.Utterances {
		want := d.Utterances[i]
		if u.UtteranceID != fmt.Sprint(i) || u.Text != want.Text || u.Speaker != want.Speaker ||
			!same(u.StartSec, want.StartSec) || !same(u.DurationSec, want.DurationSec) {
			t.Fatalf("%s, utterance %d: %+v, want %+v", d.ID, i, u, want)
		}
	}
}

func same(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// sweep looks for the provider's key wherever it must not be: in what was said and in every file.
func sweep(t *testing.T, w *world) {
	t.Helper()
	if strings.Contains(w.said.String(), secret) {
		t.Error("the key is in the log")
	}
	err := filepath.WalkDir(w.data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the key is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// With every view deleted while stopped, no answer changes.
func TestNoAnswerChangesWhenEveryViewIsDeleted(t *testing.T) {
	everyWay(t, noAnswerChangesWhenEveryViewIsDeleted)
}

func noAnswerChangesWhenEveryViewIsDeleted(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	admin.account(w, "operator", "user", "edit")
	for n := range 6 {
		call := fmt.Sprintf("call/%d", n)
		admin.say(call, 0, "Thank you for calling.", "My router is broken.", "Let me look at that.")
		if n%2 == 0 {
			admin.must(http.StatusOK, "POST", "/api/v1/calls/"+url.PathEscape(call)+"/end", map[string]any{})
			admin.say(call, 3, "One more thing.")
		}
		admin.finished(admin.analyse(call, prompt))
	}
	paths := []string{
		"/api/v1/me", "/api/v1/accounts", "/api/v1/tokens", "/api/v1/keys", "/api/v1/prompts", "/api/v1/calls?pageSize=4",
		"/api/v1/notifications?unseen=true",
	}
	for n := range 6 {
		call := "/api/v1/calls/" + url.PathEscape(fmt.Sprintf("call/%d", n))
		paths = append(paths, call, call+"/transcript", call+"/transcript?revision=2", call+"/analyses")
	}
	before := map[string]string{}
	for _, p := range paths {
		before[p] = string(admin.must(http.StatusOK, "GET", p, nil).body)
	}
	w.stop()
	w.deleteViews()
	w.start()
	for _, p := range paths {
		if after := string(admin.must(http.StatusOK, "GET", p, nil).body); after != before[p] {
			t.Errorf("%s was\n%s\nand is\n%s", p, before[p], after)
		}
	}
}
