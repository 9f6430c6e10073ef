package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/telemetry"
)

// literals finds the words that this package's source gives to fields of that name
// ("code", "outcome"), and to invalidRequest as a code.
func literals(t *testing.T, field string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
				found[s] = true
			}
		}
	}
	is := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Ident:
			return strings.EqualFold(e.Name, field)
		case *ast.SelectorExpr:
			return strings.EqualFold(e.Sel.Name, field)
		}
		return false
	}
	files, err := filepath.Glob("*.go")
	more, err2 := filepath.Glob("request/*.go")
	if err != nil || err2 != nil || len(files) == 0 || len(more) == 0 {
		t.Fatal("no source found", err, err2)
	}
	for _, name := range append(files, more...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if is(n.Key) {
					add(n.Value)
				}
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if is(l) && len(n.Rhs) == len(n.Lhs) {
						add(n.Rhs[i])
					}
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "invalidRequest" && field == "code" && len(n.Args) > 1 {
					add(n.Args[1])
				}
			}
			return true
		})
	}
	return found
}

// Every code that the gateway can answer with, and every outcome it can record, stands
// in docs/errors.md with a fault, and FaultOf says the same.
func TestEveryErrorIsDocumentedWithItsFault(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Codes")
	if !ok {
		t.Fatal("docs/errors.md has no table of codes")
	}
	codes, outcomes := map[string]bool{}, map[string]bool{"ok": true}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 7 || !strings.HasPrefix(strings.TrimSpace(cells[2]), "4") && !strings.HasPrefix(strings.TrimSpace(cells[2]), "5") {
			continue
		}
		code, fault := strings.Trim(cells[1], " `"), telemetry.Fault(strings.TrimSpace(cells[4]))
		codes[code] = true
		for o := range strings.SplitSeq(cells[3], ",") {
			outcome := strings.Trim(o, " `")
			if outcome == "not recorded" {
				continue
			}
			outcomes[outcome] = true
			reason := ""
			if outcome == "shed" && fault == telemetry.FaultPolicy {
				reason = code
			}
			if got := telemetry.FaultOf(outcome, code, reason); got != fault {
				t.Errorf("%s with %s is at fault %q, docs/errors.md says %q", outcome, code, got, fault)
			}
		}
	}
	for code := range literals(t, "code") {
		if !codes[code] {
			t.Errorf("the error code %q is not in docs/errors.md", code)
		}
	}
	for outcome := range literals(t, "outcome") {
		if !outcomes[outcome] {
			t.Errorf("the outcome %q is not in docs/errors.md: give it a row, and a fault in telemetry.FaultOf", outcome)
		}
	}
	if len(codes) < 20 || len(outcomes) < 10 {
		t.Errorf("found %d codes and %d outcomes: the table is not read", len(codes), len(outcomes))
	}
}
