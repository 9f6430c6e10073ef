package config

import (
	"errors"
	"strings"
	"time"
)

// Alert is a rule: what is watched, and what to do when it goes beyond a bound.
type Alert struct {
	// Name is unique; a shipped alert of the same name is replaced.
	Name string `yaml:"name"`
	// When is the condition, such as queue_depth > 100.
	When Condition `yaml:"when"`
	// For is how long the condition must hold before the alert fires. Default zero: at
	// once.
	For time.Duration `yaml:"for"`
	// Clear is the value at which a firing alert ends. Default: 80 % of the condition's, or
	// a quarter above it for < and <=.
	Clear Bound `yaml:"clear"`
	// Do is what happens when it fires. Default log.
	Do []Action `yaml:"do"`
	// Disabled takes the rule out, also a shipped one of its name. Default false.
	Disabled bool `yaml:"disabled"`
}

// Condition is a reading held against a bound.
type Condition struct {
	Reading string // a word, for instance queue_depth
	Op      string // > >= < <=
	Value   float64
	// Text is the condition as it was written.
	Text string
}

// Bound is a value of a reading. The zero value was not given.
type Bound struct {
	Value float64
	Given bool
	// Text is the value as it was written: what its unit is depends on the reading.
	Text string
}

// Action is one thing that an alert does.
type Action struct {
	// Kind is log, webhook, shed or disable_key.
	Kind string
	// URL and Secret are a webhook's: where it goes and what signs it.
	URL, Secret Secret
	// Class is what shed refuses, and everything below it: low, normal or high.
	Class string
}

// String is the action as the file writes it, secrets by their digests.
func (a Action) String() string {
	switch a.Kind {
	case "webhook":
		return "webhook " + digest(a.URL) + " " + digest(a.Secret)
	case "shed":
		return "shed " + a.Class
	}
	return a.Kind
}

// parseCondition reads a reading, a comparison and a value.
func parseCondition(s string) (Condition, error) {
	bad := errors.New("is not a condition such as queue_depth > 100, queue_wait > 10s or spend >= 80%")
	fields := strings.Fields(s)
	if len(fields) != 3 || strings.Trim(fields[0], "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
		return Condition{}, bad
	}
	if oneOf(fields[1], ">", ">=", "<", "<=") != "" {
		return Condition{}, bad
	}
	value, err := parseBound(fields[2])
	if err != nil {
		return Condition{}, bad
	}
	return Condition{Reading: fields[0], Op: fields[1], Value: value.Value, Text: strings.Join(fields, " ")}, nil
}

// parseBound reads a number, a percentage (80% is 0.8), a duration (10s is 10) or a size.
func parseBound(s string) (Bound, error) {
	if f, err := parseRatio(s); err == nil {
		return Bound{f, true, s}, nil
	}
	if d, err := parseDuration(s); err == nil {
		return Bound{d.Seconds(), true, s}, nil
	}
	if n, err := parseSize(s); err == nil {
		return Bound{float64(n), true, s}, nil
	}
	return Bound{}, errors.New("is not a value such as 50, 80%, 10s or 400MiB")
}

// Readings are what an alert may watch.
func Readings() []string {
	return []string{
		"queue_depth", "queue_wait", "queue_oldest", "keys_down", "spend", "upstream_429", "error_rate", "key_error_rate", "shed_rate",
		"ledger_lag", "config_conflict", "key_expires", "heap",
	}
}

func (b Bound) String() string {
	if !b.Given {
		return ""
	}
	return b.Text
}

// decode reads an action: a word, or a mapping of one name.
func (a *Action) decode(d *decoder, path string, n *node) {
	if n.kind == scalarNode {
		d.scalar(path, n, func(s string) error {
			if wrong := oneOf(s, "log", "disable_key"); wrong != "" {
				return errors.New("is not an action: log, disable_key, {shed: low} or {webhook: {url, secret}}")
			}
			a.Kind = s
			return nil
		})
		return
	}
	if !d.expect(path, n, mapNode) {
		return
	}
	if len(n.fields) != 1 {
		d.problem(path, n.at, "an action has one name: log, disable_key, {shed: low} or {webhook: {url, secret}}")
		return
	}
	f := n.fields[0]
	sub := join(path, f.name)
	d.marks[sub] = f.at
	switch f.name {
	case "shed":
		a.Kind = "shed"
		d.scalar(sub, f.value, func(s string) error { a.Class = s; return nil })
	case "webhook":
		a.Kind = "webhook"
		a.webhook(d, sub, f.value)
	default:
		d.problem(path, f.at, "there is no action %s; %s", quote(f.name), suggest(f.name, []string{"log", "webhook", "shed", "disable_key"}))
	}
}

func (a *Action) webhook(d *decoder, path string, n *node) {
	if !d.expect(path, n, mapNode) {
		return
	}
	for _, f := range n.fields {
		sub := join(path, f.name)
		d.marks[sub] = f.at
		switch f.name {
		case "url":
			d.secret(sub, f.value, &a.URL)
		case "secret":
			d.secret(sub, f.value, &a.Secret)
		default:
			d.problem(path, f.at, "there is no %s here; %s", quote(f.name), suggest(f.name, []string{"url", "secret"}))
		}
	}
}

// decode reads a header's value.
func (h *Header) decode(d *decoder, path string, n *node) { d.secret(path, n, &h.Value) }

// decode reads the role of a claim's value.
func (r *OIDCRole) decode(d *decoder, path string, n *node) {
	d.scalar(path, n, func(s string) error { r.Role = s; return nil })
}
