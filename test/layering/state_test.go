package layering

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// maxLines is how long a file may be: one sitting's reading.
const maxLines = 500

// linked are the variables that only the linker sets.
func linked() []string { return []string{"cmd/gateway.version"} }

// checkState answers what a file keeps or does for its whole package.
func checkState(f *file) []string {
	if f.test() {
		return nil
	}
	var problems []string
	for _, d := range f.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				problems = append(problems, f.where(d)+" has an init function: what happens at start happens in main, in an order that can be read, and returns its errors")
			}
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				problems = append(problems, checkVars(f, d)...)
			}
		}
	}
	return problems
}

func checkVars(f *file, d *ast.GenDecl) (problems []string) {
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		if embedded(d.Doc) || embedded(v.Doc) {
			continue
		}
		for i, name := range v.Names {
			if name.Name == "_" || slices.Contains(linked(), f.dir()+"."+name.Name) {
				continue
			}
			if i < len(v.Values) && lasting(v.Values[i]) {
				continue
			}
			problems = append(problems, fmt.Sprintf("%s: the package variable %s can change under everybody: pass it in Options, make it a constant, or let a function return it (allowed: errors, compiled expressions, embedded files)",
				f.where(name), name.Name))
		}
	}
	return problems
}

// lasting says that a value is made once and never changes: an error or a compiled
// regular expression.
func lasting(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := fun.X.(*ast.Ident)
	return ok && slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile"}, pkg.Name+"."+fun.Sel.Name)
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

func TestNoPackageState(t *testing.T) {
	for _, f := range project(t) {
		for _, problem := range checkState(f) {
			t.Error(problem)
		}
	}
}

func TestStateChecksBite(t *testing.T) {
	cases := []struct{ path, src, want string }{
		{"auth/x.go", "func init() {}", "has an init function"},
		{"auth/x.go", "type T int\nfunc (T) init() {}", ""},
		{"auth/x.go", "var cache = map[string]int{}", "variable cache"},
		{"auth/x.go", "var n int", "variable n"},
		{"auth/x.go", "var (\n\terrA = errors.New(\"a\")\n\tn, m = 1, errors.New(\"b\")\n)", "variable n"},
		{"auth/x.go", "var errA = errors.New(\"a\")", ""},
		{"auth/x.go", "var word = regexp.MustCompile(`\\w`)", ""},
		{"auth/x.go", "var mu sync.Mutex", "variable mu"},
		{"auth/x.go", "var once = sync.OnceValue(load)", "variable once"},
		{"auth/x.go", "var _ I = (*T)(nil)", ""},
		{"web/x.go", "//go:embed static\nvar files embed.FS", ""},
		{"web/x.go", "var (\n\t//go:embed static\n\tfiles embed.FS\n)", ""},
		{"cmd/gateway/x.go", "var version = unversioned", ""},
		{"auth/x.go", "var version = \"1\"", "variable version"},
		{"auth/x_test.go", "var n int\nfunc init() {}", ""},
		{"auth/x.go", "func f() { var n int; _ = n }", ""},
	}
	for _, c := range cases {
		f := snippet(t, c.path, "package x\n"+c.src+"\n")
		expect(t, c.path+": "+strings.ReplaceAll(c.src, "\n", " ⏎ "), checkState(f), c.want)
	}
}

func TestFilesCanBeReadInOneSitting(t *testing.T) {
	for _, f := range project(t) {
		if n := f.lines(); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: it answers more than one question, so make it more than one file", f.path, n, maxLines)
		}
	}
}

// Every package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range project(t) {
		if f.test() {
			continue
		}
		documented[f.dir()] = documented[f.dir()] || f.syntax.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment: its doc.go says what it is for, in 5 to 40 lines", dir)
		}
	}
}
