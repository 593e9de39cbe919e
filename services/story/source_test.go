package story_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// source parses a file, comments included.
func source(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// sources parses the files of a folder that are no tests and not generated, by their names.
func sources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*ast.File{}
	for _, p := range paths {
		if !strings.HasSuffix(p, "_test.go") && !strings.HasSuffix(p, ".pb.go") {
			out[filepath.Base(p)] = source(t, p)
		}
	}
	return out
}

// selector is an expression such as subject.Calls as it is written; for a longer one its last two names; "" for others.
func selector(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	switch x := s.X.(type) {
	case *ast.Ident:
		return x.Name + "." + s.Sel.Name
	case *ast.SelectorExpr:
		return x.Sel.Name + "." + s.Sel.Name
	}
	return "." + s.Sel.Name
}

// subjects are the constants of package subject that lie within a piece of source.
func subjects(n ast.Node) (out []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if name, found := strings.CutPrefix(selector(e), "subject."); found {
				out = append(out, name)
			}
		}
		return true
	})
	return out
}

// constants are the constants of a package that are written as values: texts, numbers, and durations in nanoseconds.
func constants(t *testing.T, dir string) map[string]constant.Value {
	t.Helper()
	out := map[string]constant.Value{}
	for _, file := range sources(t, dir) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, v := range spec.Values {
				if got := value(v); got.Kind() != constant.Unknown {
					out[spec.Names[i].Name] = got
				}
			}
			return true
		})
	}
	return out
}

func value(e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.BinaryExpr:
		x, y := value(e.X), value(e.Y)
		if x.Kind() != constant.Int || y.Kind() != constant.Int {
			break
		}
		switch e.Op { //nolint:exhaustive // what limits are written with
		case token.MUL, token.ADD, token.SUB:
			return constant.BinaryOp(x, e.Op, y)
		case token.QUO:
			return constant.BinaryOp(x, token.QUO_ASSIGN, y) // of integers
		case token.SHL:
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n))
		}
	case *ast.SelectorExpr:
		units := map[string]int64{"time.Millisecond": 1e6, "time.Second": 1e9, "time.Minute": 60e9, "time.Hour": 3600e9}
		if n, ok := units[selector(e)]; ok {
			return constant.MakeInt64(n)
		}
	}
	return constant.MakeUnknown()
}

// text is a constant's text; "" when it is none.
func text(v constant.Value) string {
	if v == nil || v.Kind() != constant.String {
		return ""
	}
	return constant.StringVal(v)
}

// number is a constant's number; 0 when it is none.
func number(v constant.Value) int64 {
	if v == nil {
		return 0
	}
	n, _ := constant.Int64Val(constant.ToInt(v))
	return n
}
