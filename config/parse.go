package config

import (
	"reflect"
	"unicode/utf8"
)

// Parse reads a configuration from data. Name is what problems call it and where
// relative ${file:…} references begin. Env looks up environment variables, as
// os.LookupEnv does; nil: there are none. The error is Problems.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	c, problems := parse(name, data, env)
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
	return c, nil
}

func parse(name string, data []byte, env func(string) (string, bool)) (*Config, Problems) {
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
	d := newDecoder(name, env)
	c := &Config{}
	c.setDefaults()
	d.value("", root, reflect.ValueOf(c).Elem(), "")
	c.marks, c.files = d.marks, d.files
	problems = append(problems, d.problems...)
	if root.kind != mapNode {
		return nil, problems
	}
	c.complete()
	v := &validator{c: c, broken: brokenPaths(problems)}
	v.config()
	c.warnings = v.warnings
	return c, append(problems, v.problems...)
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
