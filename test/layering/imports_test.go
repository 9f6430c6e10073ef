package layering

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// place is where a package stands in the project.
type place struct {
	dir string // "budget", or "store/*" for everything below store
	// may are the project's packages that it imports, "providers/*" for everything
	// below providers; "*" is everything.
	may []string
	// wraps are the libraries that it imports beside the standard library; nil: none,
	// "*": any.
	wraps []string
	why   string
}

const leaf = "it is a leaf: it knows nothing of the rest, so it can be understood, tested and replaced alone; gateway/translate.go turns one leaf's words into another's"

// places is the order of the house, the bottom first. The first match counts.
func places() []place {
	return []place{
		{dir: "budget", why: leaf},
		{dir: "fallback", why: leaf},
		{dir: "shedding", why: leaf},
		{dir: "providers", why: leaf},
		{dir: "auth", why: leaf},
		{dir: "telemetry", wraps: []string{"github.com/prometheus/client_golang", "go.opentelemetry.io"}, why: leaf},
		{dir: "config", wraps: []string{"github.com/goccy/go-yaml"}, why: leaf},

		{dir: "gateway/admission", may: []string{"budget", "fallback", "shedding"},
			why: "the decision core is pure, and the simulation drives the same code: it decides with budgets, verdicts and classes, and never knows HTTP, providers or configuration"},
		{dir: "gateway/request", may: []string{"budget/tokens"}, wraps: []string{"github.com/go-json-experiment/json"},
			why: "it reads a body into the estimator's words and knows of nothing that happens afterwards"},
		{dir: "budget/budgettest", may: []string{"budget"}, wraps: []string{"pgregory.net/rapid"},
			why: "it is the suite that every engine passes, so it may not know one"},
		{dir: "budget/tokens", may: []string{"budget"}, wraps: []string{"github.com/pkoukk/tiktoken-go", "github.com/pkoukk/tiktoken-go-loader"},
			why: "it counts; what is done with the count is not its business"},
		{dir: "budget/*", may: []string{"budget"}, wraps: []string{"*"},
			why: "an engine implements its parent's contract and knows nothing above it"},
		{dir: "providers/providertest", may: []string{"providers"}, wraps: []string{"pgregory.net/rapid"},
			why: "it is the suite that every dialect passes, so it may not know one"},
		{dir: "providers/*", may: []string{"providers"}, wraps: []string{"*"},
			why: "a dialect knows the upstream contract and its own upstream; dialects never import each other"},
		{dir: "store/*", may: []string{"auth", "budget", "telemetry", "web"}, wraps: []string{"*"},
			why: "an engine implements interfaces that their users own"},

		{dir: "gateway", may: []string{"auth", "budget", "budget/tokens", "config", "fallback", "gateway/admission", "gateway/request", "providers", "shedding", "telemetry"},
			wraps: []string{"*"},
			why:   "the data plane is written against contracts: which dialect, engine or store stands behind them is chosen in cmd/gateway, and the admin surface is beside it, not below it"},
		{dir: "simulation", may: []string{"auth", "budget", "budget/tokens", "config", "fallback", "gateway/admission", "providers", "providers/simulated", "shedding", "telemetry"},
			wraps: []string{"*"},
			why:   "it drives the decision core in virtual time; with the gateway's sockets and goroutines its answers would depend on the machine"},
		{dir: "web", may: []string{"auth", "budget", "config", "fallback", "providers", "shedding", "telemetry"}, wraps: []string{"*"},
			why: "what it asks of the gateway it declares as small interfaces of its own, so that the dashboard can be tested without a data plane"},

		{dir: "cmd/gateway", may: []string{"*"}, wraps: []string{"*"}, why: "it is the one place that knows every part"},
		{dir: "test/*", may: []string{"*"}, wraps: []string{"*"}, why: "it proves what only the whole can prove"},
	}
}

// testLibraries may be imported by any test.
func testLibraries() []string {
	return []string{"pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/go-cmp"}
}

// matches says whether a directory is what a pattern names.
func matches(pattern, dir string) bool {
	if pattern == "*" || pattern == dir {
		return true
	}
	below, ok := strings.CutSuffix(pattern, "*")
	return ok && strings.HasPrefix(dir, below)
}

func placeOf(dir string) (place, bool) {
	for _, p := range places() {
		if matches(p.dir, dir) {
			return p, true
		}
	}
	return place{}, false
}

// checkImports answers what a file imports against the order of the house.
func checkImports(f *file) []string {
	p, ok := placeOf(f.dir())
	if !ok {
		return []string{fmt.Sprintf("%s: the package %s has no place in the table of test/layering/imports_test.go: say what it may import, and why", f.path, f.dir())}
	}
	var problems []string
	for imported := range f.imports() {
		if problem := checkImport(f, p, imported); problem != "" {
			problems = append(problems, problem)
		}
	}
	slices.Sort(problems)
	return problems
}

func checkImport(f *file, p place, imported string) string {
	if imported == module || strings.HasPrefix(imported, module+"/") {
		inside := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		own := f.test() && (inside == f.dir() || strings.HasSuffix(inside, "test") && strings.HasPrefix(inside, strings.Split(f.dir(), "/")[0]+"/"))
		if own || slices.ContainsFunc(p.may, func(m string) bool { return matches(m, inside) }) {
			return ""
		}
		return fmt.Sprintf("%s imports %s, and may not: %s", f.path, inside, p.why)
	}
	host, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(host, ".") {
		return "" // the standard library
	}
	allowed := p.wraps
	if f.test() {
		allowed = append(slices.Clone(allowed), testLibraries()...)
	}
	for _, w := range allowed {
		if w == "*" || imported == w || strings.HasPrefix(imported, w+"/") {
			return ""
		}
	}
	return fmt.Sprintf("%s imports the library %s; %s wraps %v and nothing else: a library is kept to the one package that exists for it", f.path, imported, p.dir, p.wraps)
}

func TestImportDirections(t *testing.T) {
	for _, f := range project(t) {
		for _, problem := range checkImports(f) {
			t.Error(problem)
		}
	}
}

func TestImportChecksBite(t *testing.T) {
	cases := []struct {
		path, imports string
		want          string // part of the one problem; "": none
	}{
		{"budget/x.go", "time", ""},
		{"budget/x.go", module + "/fallback", "it is a leaf"},
		{"budget/x.go", module, "it is a leaf"},
		{"budget/x.go", "github.com/redis/go-redis/v9", "wraps []"},
		{"budget/x_test.go", "pgregory.net/rapid", ""},
		{"budget/x_test.go", module + "/budget/budgettest", ""},
		{"budget/x_test.go", module + "/gateway", "it is a leaf"},
		{"budget/tokens/x.go", module + "/budget", ""},
		{"budget/tokens/x.go", "github.com/pkoukk/tiktoken-go", ""},
		{"budget/redis/x.go", module + "/budget", ""},
		{"budget/redis/x.go", module + "/budget/tokens", "its parent's contract"},
		{"gateway/admission/x.go", module + "/shedding", ""},
		{"gateway/admission/x.go", module + "/providers", "the decision core is pure"},
		{"gateway/x.go", module + "/providers", ""},
		{"gateway/x.go", module + "/providers/openai", "written against contracts"},
		{"gateway/x.go", module + "/web", "written against contracts"},
		{"web/x.go", module + "/gateway", "small interfaces"},
		{"providers/openai/x.go", module + "/providers/simulated", "dialects never import each other"},
		{"providers/openai/x_test.go", module + "/providers/providertest", ""},
		{"cmd/gateway/x.go", module + "/gateway", ""},
		{"test/e2e/x_test.go", module + "/gateway", ""},
		{"helpers/x.go", "time", "has no place in the table"},
	}
	for _, c := range cases {
		f := snippet(t, c.path, "package x\nimport _ \""+c.imports+"\"\n")
		expect(t, c.path+" → "+c.imports, checkImports(f), c.want)
	}
}

// expect holds the problems found against the one expected; "" expects none.
func expect(t *testing.T, what string, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("%s: unexpected %q", what, got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
		t.Errorf("%s: got %q, want one with %q", what, got, want)
	}
}
