package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/story/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// saved is a folder with the history of one utterance, which was read again or not.
func saved(t *testing.T, kept bool) string {
	t.Helper()
	dir := t.TempDir()
	r, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	say := history.Say{Try: history.Try{Client: "anna", Status: 200, Started: r.Now()}, Call: "c", UtteranceID: "1", Text: "hello"}
	say.Ended = r.Now()
	r.Add(history.Record{Say: &say})
	if kept {
		r.Add(history.Record{Read: &history.Read{Call: "c", Utterances: []history.Utterance{{ID: "1", Text: "hello"}}}})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheStatusSaysWhetherAllIsWell(t *testing.T) {
	t.Parallel()
	good, bad, broken := saved(t, true), saved(t, false), t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, history.Name), []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dirs   []string
		status int
		says   []string
	}{
		"all is well":              {[]string{good}, 0, []string{good + ": 2 records", "nothing is wrong"}},
		"something is wrong":       {[]string{bad, good}, 1, []string{history.UtteranceLost, good + ": 2 records", "nothing is wrong"}},
		"something cannot be read": {[]string{broken, good}, 1, []string{history.Name + ":1:", "nothing is wrong"}},
		"there is none":            {[]string{t.TempDir()}, 1, []string{history.Name}},
		"none is named":            {nil, 2, []string{"usage"}},
	} {
		var said bytes.Buffer
		if status := run(c.dirs, &said, &said); status != c.status {
			t.Errorf("%s: status %d", name, status)
		}
		for _, want := range c.says {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%s: does not say %q:\n%s", name, want, said.String())
			}
		}
	}
}
