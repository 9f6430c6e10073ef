package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxReferred bounds a file that a ${file:…} reference names, in bytes.
const maxReferred = 64 << 10

// resolve replaces the references in a scalar. Referred says that there were any,
// ok that all of them could be followed; those that cannot are reported.
func (d *decoder) resolve(path string, n *node) (text string, referred, ok bool) {
	rest := n.text
	if !strings.Contains(rest, "${") {
		return rest, false, true
	}
	var b strings.Builder
	ok = true
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			b.WriteString(rest)
			return b.String(), referred, ok
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "${")
			rest = after
			continue
		}
		b.WriteString(before)
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			d.problem(path, n.at, "a reference is not closed: ${NAME} or ${file:/path}; a literal ${ is written $${")
			return "", referred, false
		}
		referred = true
		value, good := d.lookup(path, n.at, name)
		ok = ok && good
		b.WriteString(value)
		rest = tail
	}
}

// lookup follows one reference.
func (d *decoder) lookup(path string, at mark, name string) (string, bool) {
	if file, isFile := strings.CutPrefix(name, "file:"); isFile {
		return d.readReferred(path, at, file)
	}
	if !variableName(name) {
		d.problem(path, at, "${%s} is not a reference: ${NAME} or ${file:/path}", clip(name))
		return "", false
	}
	value, ok := d.env(name)
	if !ok {
		d.problem(path, at, "the environment variable %s is not set", name)
	}
	return value, ok
}

func (d *decoder) readReferred(path string, at mark, file string) (string, bool) {
	if file == "" {
		d.problem(path, at, "${file:} names no file")
		return "", false
	}
	full := d.file(file)
	data, err := readBounded(full, maxReferred)
	if err != nil {
		d.problem(path, at, "cannot read ${file:%s}: %s", clip(file), reason(err))
		return "", false
	}
	if !utf8.Valid(data) {
		d.problem(path, at, "${file:%s} is not UTF-8 text", clip(file))
		return "", false
	}
	return strings.TrimRightFunc(string(data), unicode.IsSpace), true
}

func variableName(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}
