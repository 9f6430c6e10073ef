package config

import (
	"errors"
	"slices"
	"strconv"
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
	// for < and <= a quarter above it.
	Clear Bound `yaml:"clear"`
	// Do is what happens when it fires. Default log.
	Do []Action `yaml:"do"`
	// Disabled takes the rule out, also a shipped one of its name. Default false.
	Disabled bool `yaml:"disabled"`
}

// Condition is a reading held against a bound.
type Condition struct {
	Reading string  // what is watched, for instance queue_depth
	Op      string  // > >= < <=
	Value   float64 // in its unit: calls, seconds, days, a share from 0 to 1, bytes
	// Text is the condition as it was written.
	Text string
}

// Bound is a value of a reading. The zero value was not given.
type Bound struct {
	Value float64 // in the unit of what is watched
	Given bool
	Text  string
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

// alertMetric is something that alerts watch, and in what it is counted.
type alertMetric struct{ name, unit string }

// alertMetrics are what alerts watch. What each of them is stands in package alerts.
func alertMetrics() []alertMetric {
	return []alertMetric{
		{"queue_depth", "count"}, {"queue_wait", "seconds"}, {"queue_oldest", "seconds"}, {"keys_down", "count"}, {"spend", "share"},
		{"upstream_429", "count"}, {"error_rate", "share"}, {"key_error_rate", "share"}, {"shed_rate", "share"}, {"ledger_lag", "seconds"},
		{"config_conflict", "count"}, {"key_expires", "days"}, {"heap", "bytes"},
	}
}

// Readings are what an alert may watch.
func Readings() []string {
	var names []string
	for _, m := range alertMetrics() {
		names = append(names, m.name)
	}
	return names
}

// parseCondition reads a metric, a comparison and a value.
func parseCondition(s string) (Condition, error) {
	bad := errors.New("is not a condition such as queue_depth > 100, queue_wait > 10s or spend >= 80%")
	at := strings.IndexAny(s, "<>=")
	if at < 0 {
		return Condition{}, bad
	}
	name, rest := strings.TrimSpace(s[:at]), s[at:]
	text := strings.TrimLeft(rest, "<>=")
	op := rest[:len(rest)-len(text)]
	if oneOf(op, ">", ">=", "<", "<=") != "" {
		return Condition{}, bad
	}
	if wrong := oneOf(name, Readings()...); wrong != "" {
		return Condition{}, errors.New("watches " + quote(name) + ", which " + wrong)
	}
	value, err := parseAlertValue(name, strings.TrimSpace(text))
	if err != nil {
		return Condition{}, errors.New("has no usable value: " + err.Error())
	}
	return Condition{Reading: name, Op: op, Value: value, Text: name + " " + op + " " + strings.TrimSpace(text)}, nil
}

// parseAlertValue reads a value of a metric: a number in its unit, or a percentage of
// shares, a duration of seconds and days, a size of bytes.
func parseAlertValue(name, s string) (float64, error) {
	i := slices.IndexFunc(alertMetrics(), func(m alertMetric) bool { return m.name == name })
	if i < 0 {
		return 0, errors.New("its metric is unknown")
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f <= 1e15 {
		return f, nil
	}
	form := "a number such as 100"
	switch unit := alertMetrics()[i].unit; unit {
	case "share":
		form = "a ratio such as 80%"
		if f, err := parseRatio(s); err == nil && f >= 0 {
			return f, nil
		}
	case "seconds", "days":
		form = "a duration such as 10s or 14d"
		if d, err := parseDuration(s); err == nil {
			if unit == "days" {
				return d.Hours() / 24, nil
			}
			return d.Seconds(), nil
		}
	case "bytes":
		form = "a size such as 400MiB"
		if n, err := parseSize(s); err == nil {
			return float64(n), nil
		}
	}
	return 0, errors.New(name + " takes " + form)
}

// complete reads where the alert clears, in the unit of what it watches.
func (a *Alert) complete() {
	if v, err := parseAlertValue(a.When.Reading, a.Clear.Text); err == nil {
		a.Clear.Value = v
	}
}

// String is the bound as it was written.
func (b Bound) String() string { return b.Text }

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
