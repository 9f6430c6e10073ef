package layering

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// pure are the packages that decide. They get the time as an argument and do nothing
// themselves.
func pure() []string {
	return []string{"budget", "fallback", "shedding", "gateway/admission"}
}

// worldly are the standard packages through which a decision would depend on the
// machine.
func worldly() map[string]string {
	const outside = "decisions do no I/O: files, sockets and processes live outside"
	const dice = "randomness is an argument, so that a run can be repeated"
	const talk = "what is decided is returned; the caller logs it"
	return map[string]string{
		"os": outside, "os/*": outside, "net": outside, "net/*": outside, "syscall": outside, "io/ioutil": outside,
		"math/rand": dice, "math/rand/*": dice, "crypto/rand": dice,
		"log": talk, "log/*": talk,
	}
}

const noClock = "time is an argument here: hours of traffic are decided in seconds, and every rule is tested at explicit moments"

// clock are time's functions that read a clock or wait for one.
func clock() []string {
	return []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
}

func checkPurity(f *file) []string {
	if f.test() || !slices.Contains(pure(), f.dir()) {
		return nil
	}
	var problems []string
	bans := worldly()
	for imported := range f.imports() {
		for pattern, why := range bans {
			if matches(pattern, imported) {
				problems = append(problems, fmt.Sprintf("%s imports %s: %s", f.path, imported, why))
			}
		}
	}
	clockName := f.imports()["time"]
	if clockName == "." {
		problems = append(problems, f.path+" imports time into its own names: its clock could not be seen. "+noClock)
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			problems = append(problems, f.where(n)+" starts a goroutine: the decision code is driven by events, one after the other, so races cannot hide in it")
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && clockName != "" && pkg.Name == clockName && slices.Contains(clock(), n.Sel.Name) {
				problems = append(problems, fmt.Sprintf("%s uses time.%s: %s", f.where(n), n.Sel.Name, noClock))
			}
		}
		return true
	})
	slices.Sort(problems)
	return problems
}

func TestDecisionCodeIsPure(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range project(t) {
		seen[f.dir()] = true
		for _, problem := range checkPurity(f) {
			t.Error(problem)
		}
	}
	for _, dir := range pure() {
		if !seen[dir] {
			t.Errorf("%s is listed as pure and is not there", dir)
		}
	}
}

func TestPurityChecksBite(t *testing.T) {
	cases := []struct{ path, src, want string }{
		{"budget/x.go", "import \"time\"\nvar _ = time.Second", ""},
		{"budget/x.go", "import \"time\"\nvar _ = time.Now", "uses time.Now"},
		{"budget/x.go", "import clock \"time\"\nfunc f() { clock.Sleep(1) }", "uses time.Sleep"},
		{"fallback/x.go", "import . \"time\"\n", "into its own names"},
		{"fallback/x.go", "import \"time\"\nfunc f() { <-time.After(1) }", "uses time.After"},
		{"shedding/x.go", "func f() { go f() }", "starts a goroutine"},
		{"gateway/admission/x.go", "import _ \"net/http\"", "do no I/O"},
		{"gateway/admission/x.go", "import _ \"math/rand/v2\"", "can be repeated"},
		{"gateway/admission/x.go", "import _ \"log/slog\"", "the caller logs it"},
		{"gateway/admission/x_test.go", "import _ \"os\"\nfunc f() { go f() }", ""},
		{"budget/tokens/x.go", "func f() { go f() }", ""},
		{"gateway/x.go", "import \"time\"\nvar _ = time.Now", ""},
	}
	for _, c := range cases {
		f := snippet(t, c.path, "package x\n"+c.src+"\n")
		expect(t, c.path+": "+strings.ReplaceAll(c.src, "\n", " ⏎ "), checkPurity(f), c.want)
	}
}
