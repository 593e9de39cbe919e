package story_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The kinds that are told are the kinds that there are.
func TestTheKindsOfEventsAreAllTold(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(architecture(t), "Kinds in CALLS:")
	sentence, _, _ := strings.Cut(rest, ".")
	if !found {
		t.Fatal("the kinds are not told")
	}
	filler := strings.Fields("of the call then exactly one and at last an analysis")
	told := slices.DeleteFunc(regexp.MustCompile(`[a-z]+`).FindAllString(sentence, -1), func(word string) bool {
		return slices.Contains(filler, word)
	})
	var kinds []string
	for name, v := range constants(t, "../../proto/subject") {
		if strings.HasPrefix(name, "Kind") {
			kinds = append(kinds, text(v))
		}
	}
	differ(t, "kinds of events", told, kinds)
}

// A path that is named is there: from the root, from services, or, for a bare name, in some service.
func TestEveryPathThatIsNamedExists(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, named := range quoted(strings.ReplaceAll(architecture(t), "```", "")) {
		isPath := strings.HasSuffix(named, ".go") || strings.Contains(named, "/") && !strings.ContainsAny(named, "<{* …")
		if !isPath || strings.HasPrefix(named, "/") { // what begins with a slash is a path of HTTP
			continue
		}
		looked++
		if !exists("../../"+named) && !exists("../"+named) && !exists("../*/"+named) {
			t.Errorf("there is no %s", named)
		}
	}
	if looked < 30 {
		t.Fatalf("only %d paths were looked for", looked)
	}
}

func exists(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}

// Rooms are drawn as the test of imports keeps them: each step down is a step down there, and no room of pkg is left out.
func TestTheFloorsAreDrawnAsTheyAreKept(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(architecture(t), "## Rooms")
	_, rest, _ = strings.Cut(rest, "\n```\n")
	drawing, _, _ := strings.Cut(rest, "\n```\n")
	var drawn []string
	for line := range strings.SplitSeq(drawing, "\n") {
		above := -1
		for step := range strings.SplitSeq(line, "→") {
			for _, room := range roomsOf(step) {
				drawn = append(drawn, room)
				if floor(home+room) <= above {
					t.Errorf("%s is drawn below what may not import it", room)
				}
			}
			if rooms := roomsOf(step); len(rooms) > 0 {
				above = floor(home + rooms[0])
			}
		}
	}
	for _, dir := range libraries(t) {
		if name := path.Base(dir); !slices.Contains(drawn, "pkg/"+name) {
			t.Errorf("pkg/%s is not drawn", name)
		}
	}
}

// roomsOf are packages that stand for a step of the drawing, such as pkg/{serve,stream}.
func roomsOf(step string) (out []string) {
	step = strings.TrimSpace(regexp.MustCompile(`\(.*?\)`).ReplaceAllString(step, ""))
	before, many, braces := strings.Cut(strings.TrimSuffix(step, "}"), "{")
	if !braces {
		before, many = "", step
	}
	for room := range strings.SplitSeq(many, ",") {
		room = before + strings.TrimSpace(room)
		switch room {
		case "":
			continue
		case "cmd":
			room = "services/cmd/kikigaki"
		case "story":
			room = "services/story"
		case "services", "services/internal", "proto/kikigaki/*":
			room = strings.TrimSuffix(room, "/*") + "/any"
		}
		out = append(out, room)
	}
	return out
}

// The dependencies that are told are those that the three modules ask for themselves, each with what it is for and why.
func TestTheDependenciesAreThoseAskedForEachWithAReason(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, module := range []string{"pkg", "proto", "services"} {
		for _, path := range direct(t, module) {
			asked[path] = true
		}
	}
	outside := []string{"buf", "protoc plugins", "golangci-lint"} // tools: see scripts/go.mod
	used := map[string]bool{}
	for _, row := range rows(t, "module") {
		if len(row) != 3 || len(row[1]) < 3 || len(row[2]) < 3 {
			t.Errorf("%q does not say what for and why", row)
		}
		for name := range strings.SplitSeq(row[0], ", ") {
			family := modules(name, asked)
			if len(family) == 0 && !slices.Contains(outside, name) {
				t.Errorf("%s is told, and no module asks for it", name)
			}
			for _, path := range family {
				used[path] = true
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(asked)) {
		if !used[path] {
			t.Errorf("%s is asked for, and no reason is told", path)
		}
	}
}

// modules are those that a name of the table stands for: a path's end, or a family.
func modules(name string, asked map[string]bool) (out []string) {
	families := map[string][]string{
		"genproto/rpc": {"google.golang.org/genproto/googleapis/rpc"},
		"otel":         {"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace"},
		"otel/sdk":     {"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/sdk/metric"},
	}
	version := regexp.MustCompile(`/v\d+$`)
	for path := range asked {
		bare := version.ReplaceAllString(path, "")
		if family, ok := families[name]; ok && slices.Contains(family, path) || !ok && strings.HasSuffix(bare, "/"+name) {
			out = append(out, path)
		}
	}
	return out
}

// direct are the modules that a go.mod asks for itself, but for our own.
func direct(t *testing.T, module string) (out []string) {
	t.Helper()
	printed, err := exec.Command("go", "mod", "edit", "-json", "../../"+module+"/go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(printed, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.HasPrefix(r.Path, home) {
			out = append(out, r.Path)
		}
	}
	return out
}

// What is told in numbers is what the code does.
func TestTheNumbersAreTheCodes(t *testing.T) {
	t.Parallel()
	words := strings.Join(strings.Fields(architecture(t)), " ")
	for _, told := range []struct {
		words string // with a verb for each constant
		dir   string
		names []string
	}{
		{"After %s rounds or %s the outcome is", "pkg/stream", []string{"maxRounds", "commitTime"}},
		{"position and its last %s messages with the log", "pkg/view", []string{"Remembered"}},
		{"| %s, in memory |", "services/analysis-worker", []string{"leaseTime"}},
		{"nobody: looked at every %s |", "services/analysis-worker", []string{"lookEvery"}},
		{"four at once per lane", "services/analysis-worker", nil},
		{"signed, good for %s,", "services/internal/identity", []string{"Lifetime"}},
	} {
		known := constants(t, "../../"+told.dir)
		var values []any
		for _, name := range told.names {
			n := number(known[name])
			if n == 0 {
				t.Errorf("%s has no constant %s", told.dir, name)
			}
			values = append(values, spoken(n))
		}
		if want := fmt.Sprintf(told.words, values...); !strings.Contains(words, want) {
			t.Errorf("ARCHITECTURE.md does not say %q", want)
		}
	}
	if n := number(constants(t, "../analysis-worker")["laneConcurrency"]); n != 4 {
		t.Errorf("ARCHITECTURE.md says four at once per lane, the code %d", n)
	}
}

// spoken writes a number, or nanoseconds as seconds.
func spoken(n int64) string {
	if n >= int64(time.Millisecond) {
		return fmt.Sprintf("%g s", time.Duration(n).Seconds())
	}
	return fmt.Sprint(n)
}

// libraries are the folders in pkg.
func libraries(t *testing.T) (out []string) {
	t.Helper()
	entries, err := os.ReadDir("../../pkg")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && exists("../../pkg/"+e.Name()+"/*.go") {
			out = append(out, "../../pkg/"+e.Name())
		}
	}
	return out
}
