package config

import (
	"slices"
	"strings"
	"time"
)

// real is a provider that the demo routes to where its key is in the environment.
type real struct {
	env, name string
	models    []string
}

// reals are tried in this order: where two serve a model of the same name, the
// first one comes first on the route's list.
func reals() []real {
	return []real{
		{"OPENAI_API_KEY", "openai", []string{"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "text-embedding-3-small", "text-embedding-3-large"}},
		{"DASHSCOPE_API_KEY", "dashscope", []string{"qwen3-max", "qwen-plus", "qwen-turbo", "text-embedding-v4"}},
		{"ANTHROPIC_API_KEY", "anthropic", []string{"claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"}},
		{"GEMINI_API_KEY", "gemini", []string{"gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"}},
		{"DEEPSEEK_API_KEY", "deepseek", []string{"deepseek-chat", "deepseek-reasoner"}},
		{"GROQ_API_KEY", "groq", []string{"llama-3.3-70b-versatile", "llama-3.1-8b-instant", "openai/gpt-oss-120b"}},
		{"OPENROUTER_API_KEY", "openrouter", []string{"openrouter/auto"}},
		{"MISTRAL_API_KEY", "mistral", []string{"mistral-large-latest", "mistral-small-latest", "codestral-latest"}},
	}
}

// Demo is what the gateway runs without a file: a simulated provider with three
// accounts and routes to try, one of them a priority list, for the client key
// given. Where the environment holds a known provider's API key, that provider is
// routed too, and a real route replaces the simulated one of its name. The real
// providers get no limits: what they allow is learned from their answers. Env nil:
// no environment. Warnings tell which environment variables could not be used.
func Demo(env func(string) (string, bool), clientKey string) *Config {
	c := &Config{}
	c.setDefaults()
	c.Store.DSN = Memory // a first try leaves nothing behind
	c.Providers = []Provider{demoProvider()}
	sim := func(models ...string) []Target {
		var out []Target
		for _, m := range models {
			out = append(out, Target{Provider: "simulated", Model: m, Weight: 1})
		}
		return out
	}
	c.Routes = []Route{
		demoRoute("qwen3-max", sim("qwen3-max", "qwen-plus", "qwen-turbo")),
		demoRoute("gpt-4o-mini", sim("gpt-4o-mini")),
		demoRoute("text-embedding-3-small", sim("text-embedding-3-small")),
	}
	if env != nil {
		c.addReal(env)
	}
	if !slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Targets[0].Provider == "simulated" }) {
		c.Providers = c.Providers[1:]
	}
	key := ClientKey{Name: "demo", Key: Secret(clientKey)}
	key.setDefaults()
	key.digest()
	c.ClientKeys = []ClientKey{key}
	c.complete()
	return c
}

func demoProvider() Provider {
	p := Provider{Name: "simulated"}
	p.setDefaults()
	p.Dialect = "simulated"
	for _, name := range []string{"team-a", "team-b", "team-c"} {
		l := AccountLimits{PerModel: true}
		l.setDefaults()
		l.Burst = Burst{Duration: 20 * time.Second} // a first try by hand does not wait
		l.Entries = []Limit{
			{Name: "rpm", Dimension: "requests", Amount: 60, Window: time.Minute},
			{Name: "tpm", Dimension: "tokens", Amount: 100_000, Window: time.Minute},
		}
		p.Accounts = append(p.Accounts, Account{Name: name, Limits: []AccountLimits{l}})
	}
	return p
}

func demoRoute(name string, targets []Target) Route {
	r := Route{Name: name}
	r.setDefaults()
	r.Targets = targets
	return r
}

// addReal routes the providers whose keys are in the environment.
func (c *Config) addReal(env func(string) (string, bool)) {
	for _, r := range reals() {
		key, ok := env(r.env)
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			continue
		}
		if wrong := Secret(key).wrong(); wrong != "" {
			c.warnings = append(c.warnings, Problem{Message: "the environment variable " + r.env + " " + wrong + ": " + r.name + " is not routed"})
			continue
		}
		p := Provider{Name: r.name, Preset: r.name}
		p.setDefaults()
		p.Accounts = []Account{{Name: "default", Keys: []UpstreamKey{{Value: Secret(key)}}}}
		c.Providers = append(c.Providers, p)
		for _, m := range r.models {
			c.routeReal(m, Target{Provider: r.name, Model: m, Weight: 1})
		}
		if r.name == "dashscope" {
			c.Route("qwen3-max").Targets = []Target{{Provider: r.name, Model: "qwen3-max", Weight: 1}, {Provider: r.name, Model: "qwen-plus", Weight: 1}, {Provider: r.name, Model: "qwen-turbo", Weight: 1}}
		}
	}
}

// routeReal puts a target on a route's list; the first real one takes the place of
// the simulated.
func (c *Config) routeReal(name string, t Target) {
	r := c.Route(name)
	switch {
	case r == nil:
		c.Routes = append(c.Routes, demoRoute(name, []Target{t}))
	case r.Targets[0].Provider == "simulated":
		r.Targets = []Target{t}
	default:
		r.Targets = append(r.Targets, t)
	}
}
