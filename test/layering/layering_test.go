package layering

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "github.com/sluice-gateway/sluice"
	root     = "../.."
	maxLines = 500
)

// pure returns the packages that are driven: time is an argument, nothing runs on its own.
func pure() []string {
	return []string{"alerts", "budget", "fallback", "gateway/admission", "shedding"}
}

// source is one Go file that is not a test.
type source struct {
	name  string // slash-separated, from the module's root
	lines int
	fset  *token.FileSet
	file  *ast.File
}

func (s source) pkg() string { return path.Dir(s.name) }

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

// imported is one import: its path, and the name it has in the file.
type imported struct {
	path, name string
	node       ast.Node
}

func (s source) imports() []imported {
	all := make([]imported, 0, len(s.file.Imports))
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser refuses it before
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all = append(all, imported{path: p, name: name, node: spec})
	}
	return all
}

// internal answers the module's packages that the file imports, from the module's root.
func (s source) internal() []imported {
	var all []imported
	for _, i := range s.imports() {
		if i.path == module {
			i.path = "."
		} else if p, ok := strings.CutPrefix(i.path, module+"/"); ok {
			i.path = p
		} else {
			continue
		}
		all = append(all, i)
	}
	return all
}

// isCall tells whether e is a call of one of names in the package with that path.
func (s source) isCall(e ast.Expr, pkg string, names ...string) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && s.isFrom(call.Fun, pkg, names...)
}

// isFrom tells whether e is pkg.name for one of names.
func (s source) isFrom(e ast.Expr, pkg string, names ...string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || !slices.Contains(names, sel.Sel.Name) {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && slices.ContainsFunc(s.imports(), func(i imported) bool {
		return i.path == pkg && i.name == id.Name
	})
}

func parse(name string, text []byte) (source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	return source{name: name, lines: bytes.Count(text, []byte("\n")), fset: fset, file: f}, err
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			hidden := p != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
			if hidden || base == "testdata" || base == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), text)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within tells whether p is one of dirs or below one.
func within(p string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool {
		return p == d || strings.HasPrefix(p, d+"/")
	})
}

func checkPure(s source) []string {
	if !slices.Contains(pure(), s.pkg()) {
		return nil
	}
	var bad []string
	report := func(n ast.Node, what, why string) {
		bad = append(bad, fmt.Sprintf("%s: %s in %s: %s", s.at(n), what, s.pkg(), why))
	}
	for _, i := range s.imports() {
		switch {
		case within(i.path, "os", "net", "syscall"):
			report(i.node, "import of "+i.path, "the decision core does no I/O, so every run of it can be repeated exactly")
		case within(i.path, "math/rand", "crypto/rand"):
			report(i.node, "import of "+i.path, "randomness is an argument here, so every run can be repeated exactly")
		case within(i.path, "log"):
			report(i.node, "import of "+i.path, "what is decided is returned; the caller logs it")
		}
		if i.path == "time" && i.name == "." {
			report(i.node, "dot import of time", "it would hide reads of the clock from this test")
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "a go statement", "the decision core is driven by events; concurrency belongs to gateway/dispatcher.go")
		case *ast.SelectorExpr:
			if s.isFrom(n, "time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick") {
				report(n, "time."+n.Sel.Name, "time is an argument here, so tests need neither a clock nor patience")
			}
		}
		return true
	})
	return bad
}

func checkGlobals(s source) []string {
	if within(s.name, "test") {
		return nil // programs that test
	}
	var bad []string
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				bad = append(bad, fmt.Sprintf("%s: an init function: an import must have no effect; cmd/gateway wires all parts openly", s.at(d)))
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				bad = append(bad, s.checkVar(spec.(*ast.ValueSpec))...)
			}
		}
	}
	return bad
}

// checkVar lets pass: assertions, main's version, embedded files, fixed errors and
// compiled expressions.
func (s source) checkVar(v *ast.ValueSpec) []string {
	if v.Type != nil && s.isFrom(v.Type, "embed", "FS") {
		return nil
	}
	var bad []string
	for i, id := range v.Names {
		switch {
		case id.Name == "_":
		case id.Name == "version" && s.file.Name.Name == "main":
		case i < len(v.Values) && s.isCall(v.Values[i], "errors", "New"):
		case i < len(v.Values) && s.isCall(v.Values[i], "fmt", "Errorf"):
		case i < len(v.Values) && s.isCall(v.Values[i], "regexp", "MustCompile"):
		default:
			bad = append(bad, fmt.Sprintf("%s: package-level variable %s: state has an owner that is built and passed on; make a table a function, a fixed value a const", s.at(id), id.Name))
		}
	}
	return bad
}

func checkSize(s source) []string {
	if s.lines <= maxLines {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d lines, above %d: a file should be read in one sitting; split it by what its parts answer", s.name, s.lines, maxLines)}
}

func TestLayering(t *testing.T) {
	all := sources(t)
	seen := map[string]bool{}
	for _, s := range all {
		seen[s.pkg()] = true
	}
	for _, p := range slices.Concat(pure(), []string{"auth", "config", "providers", "telemetry", "gateway", "web", "cmd/gateway"}) {
		if !seen[p] {
			t.Errorf("package %s has no Go file: a rule of this test would hold for nothing", p)
		}
	}
	for _, rule := range []struct {
		name  string
		check func(source) []string
	}{
		{"imports", checkImports},
		{"purity", checkPure},
		{"globals", checkGlobals},
		{"size", checkSize},
	} {
		t.Run(rule.name, func(t *testing.T) {
			for _, s := range all {
				for _, bad := range rule.check(s) {
					t.Error(bad)
				}
			}
		})
	}
}

// TestRulesBite shows each rule a file that breaks it, or nearly does.
func TestRulesBite(t *testing.T) {
	const in = "import \"" + module + "/"
	for _, c := range []struct {
		name, text string
		check      func(source) []string
		want       int
	}{
		{"budget/x.go", "package budget\n" + in + "shedding\"", checkImports, 1},
		{"budget/x.go", "package budget\n" + in + "budget/tokens\"", checkImports, 1},
		{"config/x.go", "package config\nimport \"fmt\"", checkImports, 0},
		{"gateway/admission/x.go", "package admission\n" + in + "providers\"", checkImports, 1},
		{"gateway/admission/x.go", "package admission\n" + in + "fallback\"", checkImports, 0},
		{"gateway/x.go", "package gateway\n" + in + "providers/openai\"", checkImports, 1},
		{"gateway/x.go", "package gateway\n" + in + "web\"", checkImports, 1},
		{"gateway/x.go", "package gateway\n" + in + "cmd/gateway\"", checkImports, 1},
		{"gateway/x.go", "package gateway\n" + in + "config/watch\"", checkImports, 1},
		{"gateway/x.go", "package gateway\n" + in + "config\"", checkImports, 0},
		{"gateway/x.go", "package gateway\n" + in + "providers\"", checkImports, 0},
		{"web/x.go", "package web\n" + in + "gateway\"", checkImports, 1},
		{"web/x.go", "package web\n" + in + "telemetry\"", checkImports, 0},
		{"budget/x.go", "package budget\nimport \"github.com/redis/go-redis/v9\"", checkImports, 1},
		{"budget/tokens/x.go", "package tokens\nimport \"github.com/pkoukk/tiktoken-go\"", checkImports, 0},
		{"budget/redis/x.go", "package redis\n" + in + "budget\"", checkImports, 0},
		{"budget/redis/x.go", "package redis\n" + in + "budget/tokens\"", checkImports, 1},
		{"providers/openai/x.go", "package openai\n" + in + "providers/simulated\"", checkImports, 1},
		{"providers/openai/x.go", "package openai\n" + in + "providers\"", checkImports, 0},
		{"gateway/request/x.go", "package request\n" + in + "gateway\"", checkImports, 1},
		{"simulation/x.go", "package simulation\n" + in + "gateway/admission\"", checkImports, 0},
		{"simulation/x.go", "package simulation\n" + in + "gateway\"", checkImports, 1},
		{"cmd/gateway/x.go", "package main\n" + in + "providers/openai\"", checkImports, 0},
		{"test/bench/x.go", "package main\n" + in + "gateway\"", checkImports, 0},
		{"helpers/x.go", "package helpers\nimport \"fmt\"", checkImports, 1},

		{"fallback/x.go", "package fallback\nimport \"time\"\nfunc f() time.Time { return time.Now() }", checkPure, 1},
		{"fallback/x.go", "package fallback\nimport c \"time\"\nfunc f() { c.Sleep(1) }", checkPure, 1},
		{"fallback/x.go", "package fallback\nimport \"time\"\nvar f = time.Now", checkPure, 1},
		{"fallback/x.go", "package fallback\nimport . \"time\"", checkPure, 1},
		{"fallback/x.go", "package fallback\nimport \"time\"\nfunc f(a, b time.Time) bool { return a.After(b) }", checkPure, 0},
		{"shedding/x.go", "package shedding\nfunc f() { go f() }", checkPure, 1},
		{"shedding/x.go", "package shedding\nimport \"net/http\"", checkPure, 1},
		{"shedding/x.go", "package shedding\nimport \"net\"", checkPure, 1},
		{"gateway/admission/x.go", "package admission\nimport \"os\"", checkPure, 1},
		{"gateway/admission/x.go", "package admission\nimport \"math/rand/v2\"", checkPure, 1},
		{"gateway/admission/x.go", "package admission\nimport \"log/slog\"", checkPure, 1},
		{"budget/tokens/x.go", "package tokens\nimport \"os\"", checkPure, 0},

		{"web/x.go", "package web\nfunc init() {}", checkGlobals, 1},
		{"web/x.go", "package web\ntype t int\nfunc (t) init() {}", checkGlobals, 0},
		{"web/x.go", "package web\nvar a, b = 1, 2", checkGlobals, 2},
		{"web/x.go", "package web\nvar version = \"\"", checkGlobals, 1},
		{"cmd/gateway/x.go", "package main\nvar version = \"\"", checkGlobals, 0},
		{"web/x.go", "package web\nimport \"errors\"\nvar err = errors.New(\"\")", checkGlobals, 0},
		{"web/x.go", "package web\nimport \"fmt\"\nvar err = fmt.Errorf(\"\")", checkGlobals, 0},
		{"web/x.go", "package web\nimport \"fmt\"\nvar s = fmt.Sprint()", checkGlobals, 1},
		{"web/x.go", "package web\nimport \"regexp\"\nvar word = regexp.MustCompile(\"a\")", checkGlobals, 0},
		{"web/x.go", "package web\nimport \"embed\"\nvar files embed.FS", checkGlobals, 0},
		{"web/x.go", "package web\nvar _ error = (*t)(nil)", checkGlobals, 0},
		{"test/bench/x.go", "package main\nvar n = 1", checkGlobals, 0},

		{"web/x.go", "package web\n" + strings.Repeat("\n", maxLines-1), checkSize, 0},
		{"web/x.go", "package web\n" + strings.Repeat("\n", maxLines), checkSize, 1},
	} {
		s, err := parse(c.name, []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.check(s); len(got) != c.want {
			t.Errorf("%s %.80q: %d findings, want %d: %q", c.name, c.text, len(got), c.want, got)
		}
	}
}
