package story_test

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const home = "github.com/kikigaki/kikigaki/"

// room is a floor of the house: who is in it, from the top.
func floor(pkg string) int {
	switch path := strings.TrimPrefix(pkg, home); {
	case strings.HasPrefix(path, "services/cmd/"), path == "services/story", path == "services/story/check", path == "services/story/able",
		strings.HasPrefix(path, "services/bench"):
		return 0
	case strings.HasPrefix(path, "services/internal/"):
		return 2
	case strings.HasPrefix(path, "services/story/"): // what stories are told with
		return 2
	case strings.HasPrefix(path, "services/"):
		return 1
	case path == "pkg/follow":
		return 3
	case strings.HasPrefix(path, "pkg/serve"), strings.HasPrefix(path, "pkg/stream"), strings.HasPrefix(path, "pkg/view"):
		return 4
	case strings.HasPrefix(path, "pkg/"):
		return 5
	case path == "proto/subject":
		return 3
	default:
		return 5
	}
}

// Imports run downward: programs and stories over services over what services share over mechanisms. Services never
// import one another, and pkg and proto do not know each other.
func TestImportsRunDownward(t *testing.T) {
	t.Parallel()
	own := map[string]string{ // library -> who alone may import it
		"go.etcd.io/bbolt":                 "pkg/view",
		"github.com/nats-io/nats.go":       "pkg/stream services/internal/broker",
		"github.com/nats-io/nats-server":   "pkg/stream/streamtest services/internal/broker",
		"github.com/openai/openai-go":      "services/internal/llm",
		"github.com/tink-crypto/tink-go":   "services/internal/seal",
		"google.golang.org/grpc/test/bufc": "pkg/serve",
	}
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "work")
	list.Env = append(os.Environ(), "GOFLAGS=")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		names := strings.Fields(lines.Text())
		packages++
		for _, to := range names[1:] {
			if why := forbidden(names[0], to); why != "" {
				t.Errorf("%s imports %s: %s", names[0], to, why)
			}
			for library, rooms := range own {
				mine := strings.TrimPrefix(names[0], home)
				if strings.HasPrefix(to, library) && !slices.ContainsFunc(strings.Fields(rooms), func(room string) bool {
					return mine == room || strings.HasPrefix(mine, room+"/")
				}) {
					t.Errorf("%s imports %s, which is for %s alone", names[0], to, rooms)
				}
			}
		}
	}
	if packages < 30 {
		t.Fatalf("only %d packages were looked at", packages)
	}
}

func forbidden(from, to string) string {
	if !strings.HasPrefix(to, home) {
		return ""
	}
	f, g := floor(from), floor(to)
	a, b := strings.TrimPrefix(from, home), strings.TrimPrefix(to, home)
	switch {
	case strings.HasPrefix(a, "pkg/") && strings.HasPrefix(b, "proto/"), strings.HasPrefix(a, "proto/") && strings.HasPrefix(b, "pkg/"):
		return "pkg and proto do not know each other"
	case f == 1 && g == 1:
		return "a service imports another"
	case g < f:
		return "upward"
	case f == 4 && g == 4 && strings.Split(a, "/")[1] != strings.Split(b, "/")[1]:
		return "sideways"
	}
	return ""
}

func TestForbiddenImportsAreFound(t *testing.T) {
	t.Parallel()
	for from, to := range map[string]string{
		"services/access":         "services/console",
		"services/internal/edge":  "services/access",
		"pkg/view":                "pkg/follow",
		"pkg/fault":               "pkg/stream",
		"pkg/stream":              "pkg/view",
		"pkg/serve":               "proto/subject",
		"services/internal/chars": "services/story",
	} {
		if forbidden(home+from, home+to) == "" {
			t.Errorf("%s may import %s", from, to)
		}
	}
}

// Rooms are small: no file over 500 lines, no function over 90, no drawer for what has no name, no init.
func TestRoomsAreSmall(t *testing.T) {
	t.Parallel()
	drawers := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "lib", "shared"}
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{"node_modules", ".git", ".bin", "bin", "testdata"}, entry.Name()) {
				return filepath.SkipDir
			}
			if slices.Contains(drawers, entry.Name()) {
				t.Errorf("%s is a drawer", path)
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".pb.go") {
			files++
			small(t, path)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files were looked at, %v", files, err)
	}
}

func small(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := set.Position(file.End()).Line; n > 500 {
		t.Errorf("%s has %d lines", path, n)
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > 90 {
			t.Errorf("%s: %s has %d lines", path, f.Name.Name, n)
		}
		if f.Name.Name == "init" && f.Recv == nil {
			t.Errorf("%s has an init", path)
		}
	}
}
