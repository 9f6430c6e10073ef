package config

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxValues bounds the values that one file may expand to through its aliases.
const maxValues = 200_000

// decoder fills structs from nodes by their yaml tags. A tag is a name, or a name
// and how to read it: keyed (a mapping into a slice of structs with a Name), size,
// count, ratio, path (of a file that is read, from the configuration's directory). It
// never stops at a problem.
type decoder struct {
	Options
	dir      string // where relative file references begin
	env      func(string) (string, bool)
	commands context.Context   // of all commands together; nil: none has run
	done     []func()          // to be called at the end
	ran      map[string]string // what commands have printed
	problems Problems
	marks    map[string]mark // where each path is written
	files    []string
	values   int

	references map[reference]bool // where each reference stands
	secrets    []written          // secrets that stand in the text
	restored   []written          // secrets that placeholders stand for
	blind      bool               // references are not followed
}

// defaulter is a struct that knows its defaults; they are set before its fields.
type defaulter interface{ setDefaults() }

// custom is a value that is not written the way its struct looks.
type custom interface {
	decode(d *decoder, path string, n *node)
}

// extra is an inlined struct that reads its fields by itself.
type extra interface {
	names() []string
	set(d *decoder, path, name string, n *node)
}

func newDecoder(name string, o Options) *decoder {
	d := &decoder{
		Options: o, dir: filepath.Dir(name), env: o.Env, marks: map[string]mark{},
		ran: map[string]string{}, references: map[reference]bool{},
	}
	if d.env == nil {
		d.env = func(string) (string, bool) { return "", false }
	}
	return d
}

// end gives back what decoding took.
func (d *decoder) end() {
	for _, f := range d.done {
		f()
	}
}

func (d *decoder) problem(path string, at mark, format string, args ...any) {
	d.problems = append(d.problems, Problem{Path: path, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// value decodes n into v, which is addressable. Nothing written leaves v as it is.
func (d *decoder) value(path string, n *node, v reflect.Value, how string) {
	if d.values++; d.values >= maxValues {
		if d.values == maxValues {
			d.problem(path, n.at, "the configuration is too large")
		}
		return
	}
	if _, ok := d.marks[path]; !ok {
		d.marks[path] = n.at
	}
	if n.kind == nullNode {
		return
	}
	if c, ok := v.Addr().Interface().(custom); ok {
		c.decode(d, path, n)
		return
	}
	if v.Type() == reflect.TypeFor[Secret]() {
		d.secret(path, n, v.Addr().Interface().(*Secret))
		return
	}
	if read := readerOf(v.Type(), how); read != nil {
		d.scalar(path, n, func(text string) error {
			if how == "path" && text != "" {
				text = d.file(text)
			}
			return read(text, v)
		})
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(path, n, v)
	case reflect.Slice:
		if how == "keyed" {
			d.keyed(path, n, v)
		} else {
			d.list(path, n, v)
		}
	default:
		panic("config: no reader for " + v.Type().String())
	}
}

// file is a path from the configuration's directory, and remembers the file.
func (d *decoder) file(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	if !slices.Contains(d.files, path) {
		d.files = append(d.files, path)
	}
	return path
}

// expect reports a node of another kind than the schema has at its place.
func (d *decoder) expect(path string, n *node, want nodeKind) bool {
	if n.kind == want {
		return true
	}
	d.problem(path, n.at, "%s is expected here, not %s", want, n.kind)
	return false
}

// scalar reads a single value with its references replaced. The value itself
// appears in no message if a part of it came from a reference.
func (d *decoder) scalar(path string, n *node, read func(string) error) {
	if !d.expect(path, n, scalarNode) {
		return
	}
	text, referred, ok := d.resolve(path, n)
	if !ok {
		return
	}
	if err := read(text); err != nil {
		subject := quote(text)
		if referred {
			subject = "the value of " + n.text
		}
		d.problem(path, n.at, "%s %s", subject, err)
	}
}

func (d *decoder) structure(path string, n *node, v reflect.Value) {
	if !d.expect(path, n, mapNode) {
		return
	}
	fields := fieldsOf(v)
	for _, f := range n.fields {
		sub := join(path, f.name)
		i := slices.IndexFunc(fields, func(sf structField) bool { return sf.name == f.name })
		if i < 0 {
			d.unknown(path, f, fields)
			continue
		}
		if f.value.kind == nullNode {
			continue // as if it were not written
		}
		d.marks[sub] = f.at
		if fields[i].extra != nil {
			fields[i].extra.set(d, sub, f.name, f.value)
			continue
		}
		d.value(sub, f.value, fields[i].value, fields[i].how)
	}
}

func (d *decoder) unknown(path string, f field, fields []structField) {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	where := "here"
	if path == "" {
		where = "at the top of a configuration"
	}
	d.problem(path, f.at, "there is no %s %s; %s", quote(f.name), where, suggest(f.name, names))
}

func (d *decoder) list(path string, n *node, v reflect.Value) {
	if !d.expect(path, n, listNode) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, min(len(n.items), maxValues)))
	for i, item := range n.items {
		sub := path + "[" + strconv.Itoa(i) + "]"
		if item.kind == nullNode {
			d.problem(sub, item.at, "this entry is empty")
			continue
		}
		e := fresh(v.Type().Elem())
		d.value(sub, item, e, "")
		v.Set(reflect.Append(v, e))
	}
}

func (d *decoder) keyed(path string, n *node, v reflect.Value) {
	if !d.expect(path, n, mapNode) {
		return
	}
	for _, f := range n.fields {
		sub := join(path, f.name)
		d.marks[sub] = f.at
		e := fresh(v.Type().Elem())
		e.FieldByName("Name").SetString(f.name)
		d.value(sub, f.value, e, "")
		v.Set(reflect.Append(v, e))
	}
}

// fresh is a new value of a type with its defaults.
func fresh(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	if def, ok := p.Interface().(defaulter); ok {
		def.setDefaults()
	}
	return p.Elem()
}

// structField is a name that a struct has in the file.
type structField struct {
	name, how string
	value     reflect.Value
	extra     extra // for the names of an inlined struct
}

// fieldsOf lists the names that a struct has in the file.
func fieldsOf(v reflect.Value) []structField {
	var out []structField
	if v.Type() == reflect.TypeFor[Limits]() {
		return extraFields(v.Addr().Interface().(extra))
	}
	for i := range v.NumField() {
		tag, ok := v.Type().Field(i).Tag.Lookup("yaml")
		if !ok || tag == "-" {
			continue
		}
		name, how, _ := strings.Cut(tag, ",")
		if how == "inline" {
			out = append(out, extraFields(v.Field(i).Addr().Interface().(extra))...)
			continue
		}
		out = append(out, structField{name: name, how: how, value: v.Field(i)})
	}
	return out
}

func extraFields(e extra) []structField {
	var out []structField
	for _, name := range e.names() {
		out = append(out, structField{name: name, extra: e})
	}
	return out
}

// join is the path of a name inside a mapping.
func join(path, name string) string {
	if !plainName(name) {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// item is the path of an entry of a list.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent is the path of the value that holds the one at path; empty for the top.
func parent(path string) string {
	cut := strings.LastIndexByte(path, '.')
	switch {
	case strings.HasSuffix(path, `"]`):
		cut = strings.LastIndex(path, `["`)
	case strings.HasSuffix(path, "]"):
		cut = strings.LastIndexByte(path, '[')
	}
	return path[:max(cut, 0)]
}

func plainName(s string) bool {
	for _, r := range s {
		if !(r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return false
		}
	}
	return s != ""
}
