package config

import (
	"slices"
	"strings"
	"testing"
)

// valid runs validation over a configuration that no file was read for.
func valid(t *testing.T, c *Config) {
	t.Helper()
	v := &validator{c: c}
	c.marks = map[string]mark{"client_keys[0].key": {}}
	v.config()
	if len(v.problems) > 0 {
		t.Error(v.problems)
	}
}

func TestDemo(t *testing.T) {
	c := Demo(nil, "sk-sluice-demo")
	valid(t, c)
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
	if again := Demo(func(string) (string, bool) { return "", true }, "sk-sluice-demo"); len(Diff(c, again)) > 0 {
		t.Errorf("empty variables make a difference: %v", Diff(c, again))
	}
}

func TestDemoWithRealKeys(t *testing.T) {
	for _, r := range reals() {
		t.Run(r.name, func(t *testing.T) {
			c := Demo(func(name string) (string, bool) { return "sk-real-0123456789\n", name == r.env }, "sk-sluice-demo")
			valid(t, c)
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
	all := Demo(anyEnv, "sk-sluice-demo")
	valid(t, all)
	if all.Provider("simulated") != nil {
		t.Error("the simulated provider stays though nothing uses it")
	}
	bad := Demo(func(name string) (string, bool) { return "two words", name == "OPENAI_API_KEY" }, "sk-sluice-demo")
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
