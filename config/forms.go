package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decode reads an upstream key: a text, or a mapping with value and expires_at.
func (k *UpstreamKey) decode(d *decoder, path string, n *node) {
	if n.kind == scalarNode {
		d.secret(path, n, &k.Value)
		return
	}
	type plain UpstreamKey // without this method
	d.structure(path, n, reflect.ValueOf((*plain)(k)).Elem())
}

// decode reads a target: provider/model, or a mapping with target, weight and paused.
func (t *Target) decode(d *decoder, path string, n *node) {
	t.Weight = 1
	if n.kind != mapNode {
		t.name(d, path, n)
		return
	}
	for _, f := range n.fields {
		sub := join(path, f.name)
		d.marks[sub] = f.at
		switch f.name {
		case "target":
			t.name(d, sub, f.value)
		case "weight":
			d.scalar(sub, f.value, func(s string) (err error) { t.Weight, err = parseCount(s); return err })
		case "paused":
			d.scalar(sub, f.value, func(s string) (err error) { t.Paused, err = strconv.ParseBool(s); return err })
		default:
			d.problem(path, f.at, "there is no %s here; %s", quote(f.name), suggest(f.name, []string{"target", "weight", "paused"}))
		}
	}
}

func (t *Target) name(d *decoder, path string, n *node) {
	d.scalar(path, n, func(s string) error {
		named, err := ParseTarget(s)
		t.Provider, t.Model = named.Provider, named.Model
		return err
	})
}

// ParseTarget reads provider/model into a target of weight 1.
func ParseTarget(s string) (Target, error) {
	provider, model, ok := strings.Cut(s, "/")
	if !ok || provider == "" || model == "" || strings.ContainsFunc(s, notInName) {
		return Target{}, errors.New("is not a target: provider/model")
	}
	return Target{Provider: provider, Model: model, Weight: 1}, nil
}

// names are what may stand in an entry of limits.
func (l *Limits) names() []string {
	var out []string
	for _, k := range limitKinds() {
		out = append(out, k.name)
	}
	return append(out, "burst", "margin", "jitter")
}

// set reads one of them.
func (l *Limits) set(d *decoder, path, name string, n *node) {
	d.scalar(path, n, func(s string) error { return l.read(name, s) })
}

// read takes the text of one of them.
func (l *Limits) read(name, text string) (err error) {
	switch name {
	case "burst":
		l.Burst, err = parseBurst(text)
	case "margin":
		l.Margin, err = parseRatio(text)
	case "jitter":
		l.Jitter, err = parseDuration(text)
	default:
		err = l.add(name, text)
	}
	return err
}

// add reads a limit and puts it in its place in the fixed order.
func (l *Limits) add(name, text string) error {
	kinds := limitKinds()
	order := func(name string) int {
		return slices.IndexFunc(kinds, func(k limitKind) bool { return k.name == name })
	}
	kind := kinds[order(name)]
	limit := Limit{Name: name, Dimension: kind.dimension, Window: kind.window, Calendar: kind.calendar}
	var err error
	switch {
	case strings.HasSuffix(text, "%"):
		limit.Share, err = parseRatio(text)
		if err == nil && (limit.Share <= 0 || limit.Share > 1) {
			err = errors.New("is not a share above 0% and up to 100%")
		}
	case kind.dimension == "cost":
		limit.Amount, err = parseUSD(text)
	default:
		limit.Amount, err = parseCount(text)
	}
	if err == nil && limit.Amount == 0 && limit.Share == 0 {
		err = errors.New("would refuse everything; without a limit, leave it out")
	}
	if err != nil {
		return err
	}
	at := len(l.Entries)
	for at > 0 && order(l.Entries[at-1].Name) > order(name) {
		at--
	}
	l.Entries = slices.Insert(l.Entries, at, limit)
	return nil
}

func parseBurst(s string) (Burst, error) {
	if s == "borrow" {
		return Burst{Borrow: true}, nil
	}
	if n, err := parseCount(s); err == nil {
		if n == 0 {
			return Burst{}, errors.New("would let nothing through; for the default, leave it out")
		}
		return Burst{Amount: n}, nil
	}
	if d, err := parseDuration(s); err == nil && d > 0 && d <= time.Hour {
		return Burst{Duration: d}, nil
	}
	return Burst{}, errors.New("is not a burst: a duration up to 1h such as 6s, an amount, or borrow")
}

// notInName says that a character cannot be a part of a name.
func notInName(r rune) bool { return r <= ' ' || r == 0x7f }
