package config

import (
	"slices"
	"strings"
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
//
// Like a file's, the configuration has a text, which can be shown and edited; it names
// the variables instead of holding their values. The error is Problems.
func Demo(env func(string) (string, bool), clientKey string) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	d := demo{routes: map[string][]string{}}
	d.route("qwen3-max", "simulated", "qwen3-max", "qwen-plus", "qwen-turbo")
	d.route("gpt-4o-mini", "simulated", "gpt-4o-mini")
	d.route("text-embedding-3-small", "simulated", "text-embedding-3-small")
	d.addReal(env)
	c, err := ParseWith("the demo", d.text(clientKey), Options{Env: Trimmed(env)})
	if err != nil {
		return nil, err
	}
	c.warnings = d.warnings // what else is odd is so on purpose
	return c, nil
}

// Trimmed looks up variables without the white space around their values, as Demo does.
func Trimmed(env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env(name)
		return strings.TrimSpace(value), ok
	}
}

// demo is the demo while it is written: the providers that are real, and what each route
// leads to.
type demo struct {
	reals    []real
	names    []string // of the routes, in order
	routes   map[string][]string
	warnings Problems
}

// route leads a name to models of a provider, instead of wherever it leads now.
func (d *demo) route(name, provider string, models ...string) {
	if d.routes[name] == nil {
		d.names = append(d.names, name)
	}
	d.routes[name] = nil
	for _, m := range models {
		d.routes[name] = append(d.routes[name], provider+"/"+m)
	}
}

// addReal routes the providers whose keys are in the environment. The first real target
// takes the place of the simulated ones.
func (d *demo) addReal(env func(string) (string, bool)) {
	env = Trimmed(env)
	for _, r := range reals() {
		key, ok := env(r.env)
		if !ok || key == "" {
			continue
		}
		if wrong := Secret(key).wrong(); wrong != "" {
			d.warnings = append(d.warnings, Problem{Message: "the environment variable " + r.env + " " + wrong + ": " + r.name + " is not routed"})
			continue
		}
		d.reals = append(d.reals, r)
		for _, m := range r.models {
			if now := d.routes[m]; len(now) == 0 || strings.HasPrefix(now[0], "simulated/") {
				d.route(m, r.name, m)
			} else {
				d.routes[m] = append(now, r.name+"/"+m)
			}
		}
		if r.name == "dashscope" {
			d.route("qwen3-max", r.name, "qwen3-max", "qwen-plus", "qwen-turbo")
		}
	}
}

// simulated says that a route leads to the simulated provider.
func (d *demo) simulated() bool {
	return slices.ContainsFunc(d.names, func(name string) bool { return strings.HasPrefix(d.routes[name][0], "simulated/") })
}

// text is the demo as a file would hold it.
func (d *demo) text(clientKey string) []byte {
	var b strings.Builder
	b.WriteString("# What runs without a configuration file. Change it here to try things; kept as a file\n" +
		"# (gateway serve --config FILE) it outlives the process, given a store that does.\n" +
		"store: {dsn: \"" + Memory + "\"} # a first try leaves nothing behind\n\nproviders:\n")
	if d.simulated() {
		b.WriteString("  simulated: # answers by itself, and enforces the limits of its accounts as providers do\n    dialect: simulated\n    accounts:\n")
		for _, name := range []string{"team-a", "team-b", "team-c"} {
			b.WriteString("      - {name: " + name + ", limits: [{models: [\"*\"], per_model: true, rpm: 60, tpm: 100k, burst: 20s}]}\n")
		}
	}
	for _, r := range d.reals {
		b.WriteString("  " + r.name + ":\n    preset: " + r.name + "\n    accounts: [{name: default, keys: [\"${" + r.env + "}\"]}]\n")
	}
	b.WriteString("\nroutes:\n")
	for _, name := range d.names {
		var targets []string
		for _, t := range d.routes[name] {
			targets = append(targets, scalarText(t))
		}
		b.WriteString("  " + scalarText(name) + ": {targets: [" + strings.Join(targets, ", ") + "]}\n")
	}
	b.WriteString("\nclient_keys:\n  - {name: demo, key: " + scalarText(clientKey) + "} # the one that was shown at the start\n")
	return []byte(b.String())
}
