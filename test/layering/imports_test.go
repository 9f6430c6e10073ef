package layering

import (
	"fmt"
	"slices"
	"strings"
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

const surface = "what it asks of the gateway it declares as small interfaces of its own, so that the dashboard can be tested without a data plane"

// places is the order of the house, the bottom first. The first match counts.
func places() []place {
	return []place{
		{dir: "budget", why: leaf},
		{dir: "fallback", why: leaf},
		{dir: "shedding", why: leaf},
		{dir: "providers", why: leaf},
		{dir: "auth", why: leaf},
		{dir: "telemetry", wraps: []string{"github.com/prometheus/client_golang", "go.opentelemetry.io"}, why: leaf},
		{dir: "telemetry/otel", may: []string{"telemetry"}, wraps: []string{"go.opentelemetry.io"},
			why: "it says what telemetry tells in OpenTelemetry's words; only the command knows both it and what it listens to"},
		{dir: "config", wraps: []string{"github.com/goccy/go-yaml"}, why: leaf},
		{dir: "ledger", why: leaf},
		{dir: "alerts", why: leaf},
		{dir: "vault", why: leaf},
		{dir: "config/history", why: "it is a contract about texts; what a text means is its parent's"},

		{dir: "gateway/admission", may: []string{"budget", "fallback", "shedding"},
			why: "the decision core is pure, and the simulation drives the same code: it decides with budgets, verdicts and classes, and never knows HTTP, providers or configuration"},
		{dir: "gateway/plan", may: []string{"budget", "config", "fallback", "gateway/admission", "providers", "shedding"},
			why: "it says once what a configuration means to the decision core, for the gateway and the simulation alike; it is as pure as the core"},
		{dir: "gateway/protection", why: "it counts and samples this process; what is refused, and how, is the gateway's"},
		{dir: "gateway/request", may: []string{"budget/tokens"}, wraps: []string{"github.com/go-json-experiment/json"},
			why: "it reads a body into the estimator's words and knows of nothing that happens afterwards"},
		{dir: "budget/budgettest", may: []string{"budget"}, wraps: []string{"pgregory.net/rapid"},
			why: "it is the suite that every engine passes, so it may not know one"},
		{dir: "budget/tokens", may: []string{"budget"}, wraps: []string{"github.com/pkoukk/tiktoken-go", "github.com/pkoukk/tiktoken-go-loader"},
			why: "it counts; what is done with the count is not its business"},
		{dir: "budget/prices", why: "it knows what tokens cost, and nothing of who spends them"},
		{dir: "budget/*", may: []string{"budget"}, wraps: []string{"*"},
			why: "an engine implements its parent's contract and knows nothing above it"},
		{dir: "providers/providertest", may: []string{"providers"}, wraps: []string{"pgregory.net/rapid"},
			why: "it is the suite that every dialect passes, so it may not know one"},
		{dir: "providers/*", may: []string{"providers"}, wraps: []string{"*"},
			why: "a dialect knows the upstream contract and its own upstream; dialects never import each other"},
		{dir: "store/*", may: []string{"auth", "config/history", "ledger", "vault", "web/access", "store/*"}, wraps: []string{"*"},
			why: "an engine implements interfaces that their users own"},

		{dir: "gateway", may: []string{"auth", "budget", "budget/prices", "budget/tokens", "config", "fallback", "gateway/admission", "gateway/cache", "gateway/plan", "gateway/protection", "gateway/request", "providers", "shedding", "telemetry"},
			wraps: []string{"*"},
			why:   "the data plane is written against contracts: which dialect, engine or store stands behind them is chosen in cmd/gateway, and the admin surface is beside it, not below it"},
		{dir: "simulation/report", may: []string{"simulation"}, why: "it shows results; how they came about is the simulation's"},
		{dir: "simulation/scenario", may: []string{"config", "shedding", "simulation"}, wraps: []string{"github.com/spf13/pflag"},
			why: "it reads what is wanted; the command and the admin API run it"},
		{dir: "simulation/trace", why: "it reads recordings; what is done with them is the simulation's"},
		{dir: "simulation", may: []string{"auth", "budget", "budget/tokens", "config", "fallback", "gateway/admission", "gateway/plan", "simulation/trace", "providers", "providers/simulated", "shedding", "telemetry"},
			wraps: []string{"*"},
			why:   "it drives the decision core in virtual time; with the gateway's sockets and goroutines its answers would depend on the machine"},
		{dir: "gateway/cache", wraps: []string{"github.com/hashicorp/golang-lru"},
			why: "it keeps answers by their names; which answers may be kept, and for whom, is the gateway's"},
		{dir: "web/access/accesstest", may: []string{"auth", "web/access"},
			why: "it is a store for tests: who is let in is decided above it"},
		{dir: "web/access", may: []string{"auth"}, wraps: []string{"*"},
			why: "who somebody is does not depend on what they ask for"},
		{dir: "web/api", may: []string{"alerts", "auth", "config", "config/history", "ledger", "telemetry", "vault", "web/access"}, wraps: []string{"*"}, why: surface},
		{dir: "web/dashboard", why: "it serves files; what they show they ask the admin API for"},
		{dir: "web", may: []string{"auth", "config", "telemetry", "web/access", "web/api", "web/*"}, wraps: []string{"*"}, why: surface},
		{dir: "control/*", may: []string{"*"}, wraps: []string{"*"},
			why: "it stands between what operators say and what serves: it knows both sides, and neither knows it"},

		{dir: "cmd/gateway", may: []string{"*"}, wraps: []string{"*"}, why: "it is the one place that knows every part"},
		{dir: "test/*", may: []string{"*"}, wraps: []string{"*"}, why: "it proves what only the whole can prove"},
	}
}

// matches tells whether a package is what a pattern names.
func matches(pattern, pkg string) bool {
	if pattern == "*" || pattern == pkg {
		return true
	}
	above, ok := strings.CutSuffix(pattern, "/*")
	return ok && strings.HasPrefix(pkg, above+"/")
}

func placeOf(pkg string) (place, bool) {
	all := places()
	i := slices.IndexFunc(all, func(p place) bool { return matches(p.dir, pkg) })
	if i < 0 {
		return place{}, false
	}
	return all[i], true
}

// checkImports holds a file's imports against the order of the house.
func checkImports(s source) []string {
	p, ok := placeOf(s.pkg())
	if !ok {
		return []string{fmt.Sprintf("%s: package %s has no place in the table of test/layering/imports_test.go: say there what it may import, and why", s.name, s.pkg())}
	}
	var bad []string
	for _, i := range s.internal() {
		if !slices.ContainsFunc(p.may, func(m string) bool { return matches(m, i.path) }) {
			bad = append(bad, fmt.Sprintf("%s: %s must not import %s: %s", s.at(i.node), s.pkg(), i.path, p.why))
		}
	}
	for _, i := range s.imports() {
		if !library(i.path) || slices.Contains(p.wraps, "*") || within(i.path, p.wraps...) {
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: %s must not import the library %s: a library is kept to the packages that exist for it", s.at(i.node), s.pkg(), i.path))
	}
	return bad
}

// library tells whether an import is neither the standard library's nor the module's.
func library(p string) bool {
	host, _, _ := strings.Cut(p, "/")
	return strings.Contains(host, ".") && !within(p, module)
}
