package formats

import (
	"os"
	"strings"
	"testing"
)

// The guide for publishers lists every format by its name and title, says which are experimental, and lists no other.
func TestTheGuideForPublishersListsEveryFormat(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/publishers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| format | what it is | files |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("there is no table of formats")
	}
	var want []string
	for _, f := range Formats() {
		title := f.Title
		if f.Experimental {
			title += " (experimental)"
		}
		want = append(want, "| `"+string(f.Name)+"` | "+title+" | "+strings.Join(f.Extensions, ", ")+" |")
	}
	if got := strings.Join(want, "\n"); table != got {
		t.Errorf("the table is\n%s\nwant\n%s", table, got)
	}
}
