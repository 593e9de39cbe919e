package story_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// architecture is ARCHITECTURE.md, which these tests hold against the code.
func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows are the cells of the table whose header begins with a word.
func rows(t *testing.T, header string) (out [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(architecture(t), "\n| "+header+" |")
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // what is left of the header, and the line below it
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, cells)
	}
	if !found || len(out) == 0 {
		t.Fatalf("there is no table that begins with %q", header)
	}
	return out
}

// quoted are the pieces of a text that stand between backticks.
func quoted(text string) (out []string) {
	for i, piece := range strings.Split(text, "`") {
		if i%2 == 1 {
			out = append(out, piece)
		}
	}
	return out
}

// differ compares what is told with what is.
func differ(t *testing.T, what string, told, is []string) {
	t.Helper()
	without := func(all, some []string) (out []string) {
		for _, one := range all {
			if !slices.Contains(some, one) {
				out = append(out, one)
			}
		}
		slices.Sort(out)
		return out
	}
	if invented, untold := without(told, is), without(is, told); len(invented)+len(untold) > 0 {
		t.Errorf("%s: told and not there %q, there and not told %q", what, invented, untold)
	}
}

// The table of streams is what is declared: no stream more or less, their nouns, and what each keeps.
func TestTheTableOfStreamsIsWhatIsDeclared(t *testing.T) {
	t.Parallel()
	declared := map[string]stream.Declaration{}
	for _, d := range broker.Declarations() {
		declared[d.Name] = d
	}
	var told []string
	for _, row := range rows(t, "stream") {
		name := row[0]
		told = append(told, name)
		d, ok := declared[name]
		if !ok || len(row) != 6 {
			continue // said below, or not a row that can be read
		}
		var nouns, stored []string
		for _, subject := range quoted(row[1]) {
			if noun, _, _ := strings.Cut(subject, "."); !slices.Contains(nouns, noun) {
				nouns = append(nouns, noun)
			}
		}
		for _, s := range d.Subjects {
			stored = append(stored, strings.Split(s, ".")[1])
		}
		differ(t, name+"'s subjects", nouns, stored)
		if !keeps(d, row[3]) {
			t.Errorf("%s keeps %q, but %d messages of a subject are kept (in memory: %t)", name, row[3], d.PerSubject, d.Memory)
		}
	}
	differ(t, "streams", told, slices.Collect(maps.Keys(declared)))
}

// keeps tells whether words say what a declaration does.
func keeps(d stream.Declaration, words string) bool {
	switch {
	case d.Memory:
		return strings.Contains(words, "in memory")
	case d.PerSubject == 0:
		return words == "all" || strings.HasPrefix(words, "until")
	case d.PerSubject == 1:
		return words == "newest"
	}
	return strings.HasPrefix(words, fmt.Sprintf("%d ", d.PerSubject))
}

// services are the folders of services that have a life of their own, with their parsed sources
// by file.
func services(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	found, err := filepath.Glob("../*/service.go")
	if err != nil || len(found) < 7 {
		t.Fatalf("services are %q, %v", found, err)
	}
	out := map[string]map[string]*ast.File{}
	for _, f := range found {
		dir := filepath.Dir(f)
		out[filepath.Base(dir)] = sources(t, dir)
	}
	return out
}

// Who follows a stream is who names it in what follow is configured with.
func TestWhoFollowsAStreamIsWhoSaysSo(t *testing.T) {
	t.Parallel()
	names := constants(t, "../../proto/subject")
	followers := map[string][]string{}
	all := services(t)
	for service, files := range all {
		for _, file := range files {
			for _, of := range followed(t, file) {
				name := text(names[of])
				followers[name] = append(followers[name], service)
			}
		}
	}
	if len(followers) < 7 {
		t.Fatalf("only %d streams are followed", len(followers))
	}
	for _, row := range rows(t, "stream") {
		differ(t, "who follows "+row[0], full(row[5], all), followers[row[0]])
	}
}

// followed are the constants of package subject that the source names as followed. What cannot be read is an error: the
// table would be held against half of the truth.
func followed(t *testing.T, file *ast.File) (out []string) {
	t.Helper()
	made, read := 0, 0
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && selector(call.Fun) == "follow.New" {
			made++
		}
		literal, ok := n.(*ast.CompositeLit)
		if !ok || selector(literal.Type) != "follow.Config" {
			return true
		}
		for _, e := range literal.Elts {
			pair, ok := e.(*ast.KeyValueExpr)
			if !ok || fmt.Sprint(pair.Key) != "Streams" {
				continue
			}
			if list, ok := pair.Value.(*ast.CompositeLit); ok {
				read++
				out = append(out, subjects(list)...)
			}
		}
		return true
	})
	if made != read {
		t.Errorf("%s: of %d followers the streams of %d can be read", file.Name, made, read)
	}
	return out
}

// Who writes a stream is who commits under a guard in it: in commit.go, or straight in a call of Append or Commit; or who
// increments a counter in it.
func TestWhoWritesAStreamIsWhoCommitsToIt(t *testing.T) {
	t.Parallel()
	names := constants(t, "../../proto/subject")
	writers := map[string][]string{}
	all := services(t)
	for service, files := range all {
		for of, file := range files {
			for _, in := range written(file, of == "commit.go") {
				if name := text(names[in]); !slices.Contains(writers[name], service) {
					writers[name] = append(writers[name], service)
				}
			}
		}
	}
	for _, row := range rows(t, "stream") {
		if row[4] != "the log itself" {
			differ(t, "who writes "+row[0], full(row[4], all), writers[row[0]])
		}
	}
}

func written(file *ast.File, everyGuard bool) (out []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := selector(call.Fun)
		if everyGuard && name == "stream.NewGuard" {
			out = append(out, subjects(call.Args[0])...)
		}
		if path.Ext(name) == ".Increment" && len(call.Args) > 1 { // counters have no guard
			out = append(out, subjects(call.Args[1])...)
		}
		if method := path.Ext(name); method == ".Append" || method == ".Commit" {
			for _, arg := range call.Args {
				if guard, ok := arg.(*ast.CallExpr); ok && selector(guard.Fun) == "stream.NewGuard" {
					out = append(out, subjects(guard.Args[0])...)
				}
			}
		}
		return true
	})
	return out
}

// full are the services that a cell names, in full: ingest is transcript-ingest. Nobody is nobody.
func full[T any](cell string, all map[string]T) (out []string) {
	cell, _, _ = strings.Cut(cell, ":")
	names := slices.Collect(maps.Keys(all))
	for name := range strings.SplitSeq(cell, ", ") {
		name = strings.TrimSuffix(name, " alone")
		i := slices.IndexFunc(names, func(s string) bool { return s == name || strings.HasSuffix(s, "-"+name) })
		if i >= 0 {
			name = names[i]
		}
		if name != "nobody" {
			out = append(out, name)
		}
	}
	return out
}

// The picture shows every service that runs, and the table of what runs has every service there is.
func TestThePictureShowsEveryServiceThatRuns(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(architecture(t), "\n```\n")
	picture, _, _ := strings.Cut(rest, "\n```\n")
	run := running(t)
	differ(t, "services in the table of what runs", run, slices.Collect(maps.Keys(services(t))))
	for _, name := range run {
		if !strings.Contains(picture, name) {
			t.Errorf("the picture does not show %s", name)
		}
	}
}

// running are the folders of the services in the table of what runs.
func running(t *testing.T) (out []string) {
	t.Helper()
	file := source(t, "../cmd/kikigaki/wiring.go")
	imported := map[string]string{}
	for _, i := range file.Imports {
		to := strings.Trim(i.Path.Value, `"`)
		name := path.Base(to)
		if i.Name != nil {
			name = i.Name.Name
		}
		imported[name] = path.Base(to)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if kind, ok := table.Type.(*ast.ArrayType); !ok || fmt.Sprint(kind.Elt) != "role" {
			return true
		}
		for _, row := range table.Elts {
			if row, ok := row.(*ast.CompositeLit); ok && len(row.Elts) > 0 {
				out = append(out, imported[strings.TrimSuffix(selector(row.Elts[0]), ".Name")])
			}
		}
		return false
	})
	if len(out) == 0 {
		t.Fatal("the table of what runs cannot be read")
	}
	return out
}
