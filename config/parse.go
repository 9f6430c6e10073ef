package config

import (
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Parse reads a configuration from data. Name is what problems call it and where
// relative ${file:…} references begin. Env looks up environment variables, as
// os.LookupEnv does; nil: there are none. Commands are not run. The error is Problems.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return ParseWith(name, data, Options{Env: env})
}

// ParseWith is Parse with all options.
func ParseWith(name string, data []byte, o Options) (*Config, error) {
	c, problems := parse(name, data, o)
	if len(problems) > 0 {
		for i := range problems {
			problems[i].File = name
		}
		problems.sort()
		return nil, problems
	}
	for i := range c.warnings {
		c.warnings[i].File = name
	}
	c.warnings.sort()
	c.name = name
	return c, nil
}

func parse(name string, data []byte, o Options) (*Config, Problems) {
	if len(data) > maxFile {
		return nil, Problems{{Message: "the configuration is larger than 4 MiB"}}
	}
	if !utf8.Valid(data) {
		return nil, Problems{{Message: "the configuration is not UTF-8 text"}}
	}
	root, problems := readNodes(data)
	if root == nil || root.kind == nullNode {
		if len(problems) == 0 {
			problems = Problems{{Message: "the configuration is empty"}}
		}
		return nil, problems
	}
	d := newDecoder(name, o)
	defer d.end()
	c := &Config{}
	c.setDefaults()
	d.value("", root, reflect.ValueOf(c).Elem(), "")
	c.marks, c.files = d.marks, d.files
	c.text = &text{source: data, root: root, secrets: d.secrets, references: d.references}
	problems = append(problems, d.problems...)
	if root.kind != mapNode {
		return nil, problems
	}
	c.complete()
	v := &validator{c: c, broken: brokenPaths(problems)}
	v.config()
	if o.File != nil {
		v.foreign(o)
	}
	c.warnings = v.warnings
	problems = append(problems, v.problems...)
	if len(problems) > 0 {
		return c, problems
	}
	return c, c.text.restore(d.restored)
}

// restore puts the secrets in the place of their placeholders.
func (t *text) restore(restored []written) Problems {
	if len(restored) == 0 {
		return nil
	}
	whole, ok := replace(string(t.source), restored, func(w written) string { return strconv.Quote(w.raw) })
	if !ok {
		return Problems{{Message: "the placeholders of secrets cannot be found in this text: write it in a plainer style, or give the secrets themselves"}}
	}
	t.source = []byte(whole)
	root, problems := readNodes(t.source) // everything stands elsewhere now
	if len(problems) > 0 {
		return problems
	}
	t.root, t.secrets = root, secretsOf(root)
	return nil
}

// brokenPaths are the places whose decoding failed: what validation would say of
// them follows from that.
func brokenPaths(problems Problems) map[string]bool {
	broken := map[string]bool{}
	for _, p := range problems {
		broken[p.Path] = true
	}
	return broken
}
