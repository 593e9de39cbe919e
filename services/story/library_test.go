package story_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folders are the folders of the workspace that hold Go files, tests among them if that is asked for.
func folders(t *testing.T, root, files string) (out []string) {
	t.Helper()
	skip := []string{"node_modules", ".git", ".bin", "bin", "testdata"}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case slices.Contains(skip, entry.Name()):
			return filepath.SkipDir
		case exists(filepath.Join(path, files)):
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a package starts, it ends: every package with tests has goleak look when they have run.
func TestGoleakWatchesEveryPackageWithTests(t *testing.T) {
	t.Parallel()
	exceptions := map[string]string{
		"../../proto/subject": "the contract asks for grpc and protobuf alone, and starts no goroutine",
	}
	watched := 0
	for _, dir := range folders(t, "../..", "*_test.go") {
		found := slices.ContainsFunc(glob(t, filepath.Join(dir, "*_test.go")), func(path string) bool {
			return watches(source(t, path))
		})
		_, excepted := exceptions[dir]
		switch {
		case found && excepted:
			t.Errorf("%s is watched and need not be excepted", dir)
		case !found && !excepted:
			t.Errorf("goleak does not watch %s", dir)
		case found:
			watched++
		}
	}
	if watched < 20 {
		t.Fatalf("goleak watches only %d packages", watched)
	}
}

// watches tells whether a file has a TestMain that asks goleak.
func watches(file *ast.File) (found bool) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "TestMain" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			found = found || ok && strings.HasPrefix(selector(e), "goleak.")
			return !found
		})
	}
	return found
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whoever uses pkg as a library finds an introduction in doc.go, and an Example with its output.
func TestEveryPackageOfTheLibraryIsIntroducedAndShown(t *testing.T) {
	t.Parallel()
	for _, dir := range folders(t, "../../pkg", "*.go") {
		name := filepath.Base(dir)
		if strings.HasSuffix(name, "test") {
			continue // what is for tests is shown by every test
		}
		doc, ok := sources(t, dir)["doc.go"]
		if !ok || doc.Doc == nil || !strings.HasPrefix(doc.Doc.Text(), "Package "+name+" ") {
			t.Errorf("%s has no doc.go that says what it is for", dir)
		}
		examples := slices.ContainsFunc(glob(t, filepath.Join(dir, "example_*_test.go")), func(path string) bool {
			return slices.ContainsFunc(source(t, path).Comments, func(c *ast.CommentGroup) bool {
				return strings.HasPrefix(c.Text(), "Output:")
			})
		})
		if !examples {
			t.Errorf("%s has no Example whose output is checked", dir)
		}
	}
}

// Every exported identifier of the library says what it is: functions, methods, types, values and fields.
func TestEveryExportedIdentifierOfTheLibraryIsDocumented(t *testing.T) {
	t.Parallel()
	said := 0
	for _, dir := range folders(t, "../../pkg", "*.go") {
		for name, file := range sources(t, dir) {
			for _, d := range file.Decls {
				exported, silent := declared(d)
				said += exported
				for _, identifier := range silent {
					t.Errorf("%s: %s has no comment", filepath.Join(dir, name), identifier)
				}
			}
		}
	}
	if said < 200 {
		t.Fatalf("only %d exported identifiers were found", said)
	}
}

// declared counts the exported identifiers of a declaration and names those that nothing is said of.
func declared(d ast.Decl) (exported int, silent []string) {
	tell := func(names []*ast.Ident, comments ...*ast.CommentGroup) {
		for _, n := range names {
			if !n.IsExported() {
				continue
			}
			exported++
			if !slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c != nil }) {
				silent = append(silent, n.Name)
			}
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if receiver(d) == "" || ast.IsExported(receiver(d)) {
			tell([]*ast.Ident{d.Name}, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				tell(spec.Names, d.Doc, spec.Doc, spec.Comment)
			case *ast.TypeSpec:
				alone := d.Doc
				if d.Lparen != token.NoPos {
					alone = nil
				}
				tell([]*ast.Ident{spec.Name}, alone, spec.Doc, spec.Comment)
				if spec.Name.IsExported() {
					members(spec.Type, tell)
				}
			}
		}
	}
	return exported, silent
}

// receiver is the type that a method belongs to; "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	return fmt.Sprint(of)
}

// members are a struct's fields and an interface's methods. A comment also speaks for the fields right below it.
func members(e ast.Expr, tell func(names []*ast.Ident, comments ...*ast.CommentGroup)) {
	var list []*ast.Field
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields.List
	case *ast.InterfaceType:
		list = e.Methods.List
	}
	var last *ast.CommentGroup
	var end token.Pos
	for _, f := range list {
		if last != nil && f.Doc == nil && int(f.Pos()-end) > 3 { // more than a line's end and a tab lie between
			last = nil
		}
		if f.Doc != nil {
			last = f.Doc
		}
		tell(f.Names, last, f.Comment)
		end = f.End()
	}
}
