package formats

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Notes is what the catalogue is held to, so a note that is not on it would reach people as a bare code.
func TestEveryNoteIsOnTheList(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range regexp.MustCompile(`(?m)^\tnote\w+ += "(\w+)"`).FindAllSubmatch(source, -1) {
			if found++; !slices.Contains(Notes(), string(note[1])) {
				t.Errorf("%s: %s is not on the list", name, note[1])
			}
		}
	}
	if notes := Notes(); found != len(notes) || len(slices.Compact(slices.Sorted(slices.Values(notes)))) != found {
		t.Errorf("%d notes found, the list has %d", found, len(notes))
	}
}

func TestTheTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[Format]bool{}
	for _, f := range Formats() {
		if seen[f.Name] || f.Title == "" || len(f.Extensions) == 0 || !strings.HasPrefix(f.Extensions[0], ".") {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
}
