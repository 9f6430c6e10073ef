package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Edit is one change of a configuration's text.
type Edit struct {
	// Path leads to the value: names (string), and numbers (int) of entries of lists.
	Path []any
	// Value is what to write: a string, which is written as a single value; []string or
	// []Target, which is written as a list; nil takes the value out.
	Value any
}

// Edit answers the text of a configuration with changes made to it. Everything else stays
// as it is written: comments, order, style. A value that is shared through an alias or a
// merge cannot be edited; the error says so. What comes out is not validated.
func (c *Config) Edit(edits ...Edit) ([]byte, error) {
	if c.text == nil {
		return nil, errors.New("there is no text to edit")
	}
	source, root := string(c.text.source), c.text.root
	for _, e := range edits {
		ed := &editor{text: source}
		if err := ed.set(root, e.Path, e.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", pathText(e.Path), err)
		}
		source = ed.text
		var problems Problems
		if root, problems = readNodes([]byte(source)); len(problems) > 0 || root == nil {
			return nil, fmt.Errorf("%s: the text cannot be edited at this place: %w", pathText(e.Path), problems)
		}
	}
	return []byte(source), nil
}

// pathText is a path as problems write it.
func pathText(steps []any) string {
	path := ""
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			path = join(path, s)
		case int:
			path = item(path, s)
		}
	}
	return path
}

// editor changes one value of a text.
type editor struct{ text string }

var (
	errShared  = errors.New("this value is shared through an alias: change it in the text")
	errUnknown = errors.New("where this value stands cannot be told: change it in the text")
)

// set writes a value at a path below a node; what misses on the way is made.
func (e *editor) set(n *node, path []any, value any) error {
	if n.alias {
		return errShared
	}
	switch step := path[0].(type) {
	case int:
		if n.kind != listNode || step < 0 || step >= len(n.items) {
			return errors.New("there is no such entry")
		}
		if len(path) > 1 {
			return e.set(n.items[step], path[1:], value)
		}
		return e.overwrite(n.items[step], value)
	case string:
		i := slices.IndexFunc(n.fields, func(f field) bool { return f.name == step && !f.merged })
		if i >= 0 {
			return e.field(n, i, path, value)
		}
		if slices.ContainsFunc(n.fields, func(f field) bool { return f.name == step }) && len(path) > 1 {
			return errors.New("this value comes from another mapping through <<: change it in the text")
		}
		if value == nil {
			return nil // it is not there
		}
		return e.insert(n, step, inMappings(path[1:], value))
	}
	return errUnknown
}

// field sets a field that is there, or something in it.
func (e *editor) field(n *node, i int, path []any, value any) error {
	f := n.fields[i]
	switch {
	case len(path) > 1 && f.value.kind == nullNode:
		return e.after(f, inMappings(path[1:], value))
	case len(path) > 1:
		return e.set(f.value, path[1:], value)
	case value == nil:
		return e.remove(n, i)
	case f.value.kind == nullNode && f.value.from == f.value.to:
		return e.after(f, valueText(value))
	}
	return e.overwrite(f.value, value)
}

// after writes the value of a name that has none.
func (e *editor) after(f field, text string) error {
	colon := strings.IndexByte(e.text[f.key.to:], ':')
	if f.key.from == f.key.to || colon < 0 {
		return errUnknown
	}
	at := f.key.to + colon + 1
	e.splice(extent{at, at}, " "+text)
	return nil
}

func (e *editor) splice(at extent, text string) { e.text = e.text[:at.from] + text + e.text[at.to:] }

// overwrite writes another value where one is.
func (e *editor) overwrite(n *node, value any) error {
	at := n.written()
	if at.from >= at.to {
		return errUnknown
	}
	if targets, ok := value.([]Target); ok && n.kind == listNode && !n.alias {
		return e.targets(n, targets)
	}
	e.splice(at, valueText(value))
	return nil
}

// insert adds a name to a mapping.
func (e *editor) insert(n *node, name, value string) error {
	entry := scalarText(name) + ": " + value
	switch {
	case n.kind != mapNode || n.from >= n.to:
		return errUnknown
	case n.flow:
		at := len(strings.TrimRight(e.text[:n.to-1], " \t\r\n"))
		switch {
		case e.text[at-1] == '{':
			e.splice(extent{at, at}, entry)
		case e.text[at-1] == ',':
			e.splice(extent{at, at}, " "+entry)
		default:
			e.splice(extent{at, at}, ", "+entry)
		}
		return nil
	}
	own := slices.IndexFunc(n.fields, func(f field) bool { return !f.merged })
	if own < 0 {
		return errUnknown
	}
	indent := strings.Repeat(" ", n.fields[own].at.column-1)
	end := e.lineEnd(n.to)
	e.splice(extent{end, end}, "\n"+indent+entry)
	return nil
}

// remove takes a field out of a mapping.
func (e *editor) remove(n *node, i int) error {
	f := n.fields[i]
	at := f.key.around(f.value.written())
	if f.key.from >= f.key.to {
		return errUnknown
	}
	own := 0
	for _, f := range n.fields {
		if !f.merged {
			own++
		}
	}
	switch {
	case own == 1 && n.from < n.to:
		e.splice(extent{n.from, n.to}, "{}")
	case n.flow:
		rest := strings.TrimLeft(e.text[at.to:], " \t\r\n")
		if strings.HasPrefix(rest, ",") {
			rest = strings.TrimLeft(rest[1:], " \t")
			at.to = len(e.text) - len(rest)
		} else {
			at.from = len(strings.TrimRight(strings.TrimRight(e.text[:at.from], " \t\r\n"), ","))
		}
		e.splice(at, "")
	default:
		begin := e.lineBegin(at.from)
		if strings.TrimSpace(e.text[begin:at.from]) != "" { // the first of a list's entry
			if i+1 >= len(n.fields) || n.fields[i+1].merged {
				return errUnknown
			}
			e.splice(extent{at.from, n.fields[i+1].key.from}, "")
			return nil
		}
		e.splice(extent{begin, min(e.lineEnd(at.to)+1, len(e.text))}, "")
	}
	return nil
}

// lineBegin is where the line of a place begins, lineEnd where its break stands.
func (e *editor) lineBegin(at int) int { return strings.LastIndexByte(e.text[:at], '\n') + 1 }

func (e *editor) lineEnd(at int) int {
	if n := strings.IndexByte(e.text[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(e.text)
}

// inMappings is a value inside mappings of the given names.
func inMappings(path []any, value any) string {
	text := valueText(value)
	for _, step := range slices.Backward(path) {
		text = "{" + scalarText(fmt.Sprint(step)) + ": " + text + "}"
	}
	return text
}

// valueText is a value as YAML.
func valueText(value any) string {
	var items []string
	switch value := value.(type) {
	case []Target:
		for _, t := range value {
			items = append(items, targetText(t))
		}
	case []string:
		for _, s := range value {
			items = append(items, scalarText(s))
		}
	default:
		return scalarText(fmt.Sprint(value))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// plain are the texts that need no quotes anywhere.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./%@+-]*$`)

// scalarText is a single value as YAML.
func scalarText(s string) string {
	if plain.MatchString(s) && !strings.EqualFold(s, "null") {
		return s
	}
	return strconv.Quote(s)
}

func targetText(t Target) string {
	if t.Weight == 1 && !t.Paused {
		return scalarText(t.String())
	}
	text := "{target: " + scalarText(t.String())
	if t.Weight != 1 {
		text += ", weight: " + strconv.FormatInt(t.Weight, 10)
	}
	if t.Paused {
		text += ", paused: true"
	}
	return text + "}"
}
