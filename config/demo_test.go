package config

import (
	"slices"
	"strings"
	"testing"
)

func demoOf(t *testing.T, env func(string) (string, bool)) *Config {
	t.Helper()
	c, err := Demo(env, "sk-sluice-demo")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The demo's text is shown without a secret, and what is shown can be sent back, changed:
// it is what a configuration from the admin API may be.
func TestTheDemoHasAText(t *testing.T) {
	for name, env := range map[string]func(string) (string, bool){"alone": nil, "with real keys": anyEnv} {
		c := demoOf(t, env)
		red, ok := c.Redacted()
		if !ok || !strings.Contains(string(red), "[secret ") || strings.Contains(string(red), "sk-") {
			t.Fatalf("%s: %v\n%s", name, ok, red)
		}
		changed := strings.Replace(string(red), "targets: [", "max_wait: 7s, targets: [", 1)
		back, err := ParseWith("", []byte(changed), Options{Env: env, File: c, Known: []*Config{c}})
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, changed)
		}
		if d := Diff(c, back); len(d) != 1 || !strings.HasSuffix(d[0], "max_wait: 20s → 7s") {
			t.Errorf("%s: %v", name, d)
		}
		if text, err := c.Edit(Edit{Path: []any{"routes", c.Routes[0].Name, "max_wait"}, Value: "9s"}); err != nil || !strings.Contains(string(text), "max_wait: 9s") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDemo(t *testing.T) {
	c := demoOf(t, nil)
	if p := c.Provider("simulated"); p == nil || len(p.Accounts) != 3 || len(p.Accounts[0].Keys) != 1 || p.Preset != "simulated" {
		t.Fatalf("provider: %+v", p)
	}
	if got := c.Route("qwen3-max").Targets; len(got) != 3 || got[0] != (Target{Provider: "simulated", Model: "qwen3-max", Weight: 1}) {
		t.Errorf("the priority list: %v", got)
	}
	if c.Route("gpt-4o-mini") == nil || c.Route("text-embedding-3-small") == nil {
		t.Errorf("routes: %v", c.Routes)
	}
	parsed := mustParse(t, strings.Replace(small, "sk-client-0123456789abcd", "sk-sluice-demo", 1))
	if c.ClientKeys[0].SHA256 != parsed.ClientKeys[0].SHA256 {
		t.Error("the demo key's digest differs from a file's")
	}
	if again := demoOf(t, func(string) (string, bool) { return "", true }); len(Diff(c, again)) > 0 {
		t.Errorf("empty variables make a difference: %v", Diff(c, again))
	}
}

func TestDemoWithRealKeys(t *testing.T) {
	for _, r := range reals() {
		t.Run(r.name, func(t *testing.T) {
			env := func(name string) (string, bool) { return "sk-real-0123456789\n", name == r.env }
			c := demoOf(t, env)
			p := c.Provider(r.name)
			if p == nil || p.Preset != r.name || !strings.HasPrefix(p.BaseURL, "https://") || p.Dialect != "openai" {
				t.Fatalf("provider: %+v", p)
			}
			for _, m := range r.models {
				if got := c.Route(m); got == nil || got.Targets[0] != (Target{Provider: r.name, Model: m, Weight: 1}) {
					t.Errorf("%s: %+v", m, got)
				}
			}
		})
	}
	all := demoOf(t, anyEnv)
	if all.Provider("simulated") != nil {
		t.Error("the simulated provider stays though nothing uses it")
	}
	bad := demoOf(t, func(name string) (string, bool) { return "two words", name == "OPENAI_API_KEY" })
	if bad.Provider("openai") != nil || len(bad.Warnings()) != 1 || strings.Contains(bad.Warnings().Error(), "two words") {
		t.Errorf("a key that cannot be sent: %v", bad.Warnings())
	}
}

func TestDiff(t *testing.T) {
	before := mustParse(t, small)
	after := mustParse(t, strings.NewReplacer(
		"targets: [one/gpt-4o]", "targets: [one/gpt-4o, one/o3], max_wait: 30s",
		"sk-upstream-0123456789", "sk-upstream-9876543210",
		"sk-client-0123456789abcd", "sk-client-0123456789efgh",
	).Replace(small)+"owners: {acme: {limits: {rpm: 5}}}\nserver: {listen: \":8080\"}\n")
	got := Diff(before, after)
	want := []string{
		"",
		"added owners.acme",
		"",
		"",
		"changed routes.gpt-4o.max_wait: 20s → 30s",
		"changed routes.gpt-4o.targets: [one/gpt-4o] → [one/gpt-4o one/o3]",
		"changed server.listen: 127.0.0.1:8080 → :8080 (needs a restart)",
	}
	if len(got) != len(want) {
		t.Fatalf("got:\n%s", strings.Join(got, "\n"))
	}
	for i := range want {
		switch {
		case i == 0:
			if !strings.HasPrefix(got[i], "changed client_keys.app.key: secret#") {
				t.Errorf("line %d: %s", i, got[i])
			}
		case want[i] == "":
			if !strings.Contains(got[i], `providers.one.accounts.default.keys["secret#`) {
				t.Errorf("line %d: %s", i, got[i])
			}
		case got[i] != want[i]:
			t.Errorf("line %d: got %s, want %s", i, got[i], want[i])
		}
	}
	if strings.Contains(strings.Join(got, "\n"), "0123456789") {
		t.Error("a secret is shown")
	}
	if d := Diff(before, before); len(d) != 0 {
		t.Errorf("the same: %v", d)
	}
	if d := Diff(nil, before); !slices.Contains(d, "added routes") && len(d) == 0 {
		t.Errorf("from nothing: %v", d)
	}
}

// What a restart is needed for is told by path, whether a section is new, gone or changed;
// every name of the list is one that a configuration has.
func TestNeedsRestart(t *testing.T) {
	before := mustParse(t, small)
	after := mustParse(t, small+`
telemetry: {otlp_endpoint: "http://127.0.0.1:4318", otlp_headers: {x-team: a}}
tokens: {counter: tiktoken}
store: {memory: 32MiB, spool: {max: 1MiB}, retention: 24h}
budgets: {levels: none}
logging: {format: text, level: warn}
server: {metrics_listen: "127.0.0.1:9090", max_body: 1MiB}
`)
	want := []string{
		"budgets.levels", "logging.format", "server.metrics_listen", "store.memory", "store.spool.max", "telemetry.otlp_endpoint", "telemetry.otlp_headers", "tokens.counter",
	}
	if got := NeedsRestart(before, after); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := NeedsRestart(after, before); !slices.Equal(got, want) {
		t.Errorf("back: %q", got)
	}
	for _, line := range Diff(before, after) {
		path := strings.TrimSuffix(strings.Fields(line)[1], ":")
		if marked := strings.HasSuffix(line, "(needs a restart)"); marked != atStart(path) {
			t.Errorf("%s", line)
		}
	}
	if got := NeedsRestart(before, mustParse(t, small+"shadow: true\n")); len(got) > 0 {
		t.Errorf("what a reload changes: %q", got)
	}
	known := sortedKeys(flatten(after).values)
	for _, name := range readAtStart() {
		if !slices.ContainsFunc(known, func(path string) bool { return path == name || strings.HasPrefix(path, name+".") }) {
			t.Errorf("there is no setting %s", name)
		}
	}
}
