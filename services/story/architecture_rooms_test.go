package story_test

import (
	"encoding/json"
	"go/constant"
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

// What is told in numbers is what the code does, here and where the library's packages are introduced.
func TestTheNumbersToldAreTheCodes(t *testing.T) {
	t.Parallel()
	const second, here = int64(time.Second), "ARCHITECTURE.md"
	known := map[string]map[string]constant.Value{}
	for _, told := range []struct {
		page, words string
		dir, name   string
		is          int64
	}{
		{here, "After 8 rounds or", "pkg/stream", "maxRounds", 8},
		{here, "rounds or 20 s the outcome is *unknown*", "pkg/stream", "commitTime", 20 * second},
		{here, "its last 100 messages with the log", "pkg/view", "Remembered", 100},
		{here, "| 9 s, of a key's", "services/analysis-worker", "leaseTime", 9 * second},
		{here, "daily check 10 min, in memory |", "services/key-registry", "checkLease", 600 * second},
		{here, "nobody: looked at every 0.5 s |", "services/analysis-worker", "lookEvery", second / 2},
		{here, "four at once per lane", "services/analysis-worker", "laneConcurrency", 4},
		{here, "signed, good for 60 s,", "services/internal/identity", "Lifetime", 60 * second},
		{"pkg/stream/doc.go", "to the server takes at most 5 s,", "pkg/stream", "requestTimeout", 5 * second},
		{"pkg/stream/doc.go", "8 lost rounds", "pkg/stream", "maxRounds", 8},
		{"pkg/stream/doc.go", "lost rounds or 20 s", "pkg/stream", "commitTime", 20 * second},
		{"pkg/stream/doc.go", "asks for 8 MiB at once", "pkg/stream", "tailPull", 8 << 20},
		{"pkg/view/doc.go", "the last 100 messages of each stream", "pkg/view", "Remembered", 100},
		{"pkg/view/doc.go", "another waits 5 s and fails", "pkg/view", "openTimeout", 5 * second},
		{"pkg/follow/doc.go", "batches of up to 1,000", "pkg/follow", "maxBatch", 1000},
		{"pkg/follow/doc.go", "At most 128 messages", "pkg/follow", "inHand", 128},
		{"pkg/follow/doc.go", "ends after 2 s with Unavailable", "pkg/follow", "positionTime", 2 * second},
		{"pkg/follow/doc.go", "the newest 3 are kept", "pkg/follow", "keptAside", 3},
		{"pkg/fault/doc.go", "texts beyond 2 KiB", "pkg/fault", "maxText", 2 << 10},
		{"pkg/fault/doc.go", "the first 32 by name", "pkg/fault", "maxParams", 32},
		{"pkg/lifecycle/doc.go", "within 1 s after its Stop's context", "pkg/lifecycle", "graceTime", second},
		{"pkg/lifecycle/doc.go", "undoes gets 30 s", "pkg/lifecycle", "undoTime", 30 * second},
		{"pkg/serve/doc.go", "without a deadline gets 30 s", "pkg/serve", "callTime", 30 * second},
		{"pkg/serve/doc.go", "has at most 16 MiB", "pkg/serve", "maxMessage", 16 << 20},
		{"pkg/serve/doc.go", "a sign of life after 10 s", "pkg/serve", "aliveEvery", 10 * second},
		{"pkg/serve/doc.go", "given up after 5 s more", "pkg/serve", "aliveWithin", 5 * second},
		{"pkg/serve/doc.go", "headers of at most 64 KiB", "pkg/serve", "maxHeader", 64 << 10},
		{"pkg/serve/doc.go", "KiB within 10 s", "pkg/serve", "headerTime", 10 * second},
		{"pkg/serve/doc.go", "idle connections 2 minutes", "pkg/serve", "idleTime", 120 * second},
	} {
		if known[told.dir] == nil {
			known[told.dir] = constants(t, "../../"+told.dir)
		}
		if got := number(known[told.dir][told.name]); got != told.is {
			t.Errorf("%s says %q, and %s in %s is %d", told.page, told.words, told.name, told.dir, got)
		}
		if !strings.Contains(prose(t, told.page), told.words) {
			t.Errorf("%s does not say %q", told.page, told.words)
		}
	}
}

// prose is the words of a page, with one blank between them and without the slashes of comments.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(string(text), "\n//", "\n")), " ")
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
