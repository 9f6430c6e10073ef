package config

import (
	"context"
	"errors"
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
	if !strings.Contains(rest, "${") || d.blind {
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
			d.problem(path, n.at, "a reference is not closed: ${NAME}, ${file:/path} or ${command:program …}; a literal ${ is written $${")
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
	if !d.mayRefer(path, at, name) {
		return "", false
	}
	if command, isCommand := strings.CutPrefix(name, "command:"); isCommand {
		return d.run(path, at, command)
	}
	if file, isFile := strings.CutPrefix(name, "file:"); isFile {
		return d.readReferred(path, at, file)
	}
	if !variableName(name) {
		d.problem(path, at, "${%s} is not a reference: ${NAME}, ${file:/path} or ${command:program …}", clip(name))
		return "", false
	}
	value, ok := d.env(name)
	if !ok {
		d.problem(path, at, "the environment variable %s is not set", name)
	}
	return value, ok
}

// mayRefer notes where a reference stands. In a text that is not the file's, it may stand
// only where the file has it.
func (d *decoder) mayRefer(path string, at mark, name string) bool {
	place := placeOf(path)
	if d.File != nil && !d.File.refers(reference{place, name}) {
		d.problem(path, at, "${%s} may not be used here: a configuration from the admin API has only the references of the file, where the file has them", clip(name))
		return false
	}
	d.references[reference{place, name}] = true
	return true
}

func (c *Config) refers(r reference) bool { return c.text != nil && c.text.references[r] }

// reference is a reference's text and where it stands.
type reference struct{ place, name string }

// placeOf is a path without the numbers of its lists: an entry may have another number
// and still be at its place.
func placeOf(path string) string {
	if !strings.Contains(path, "[") {
		return path
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(path, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		if digits > 0 && strings.HasPrefix(after[digits:], "]") {
			b.WriteString("[]")
			path = after[digits+1:]
			continue
		}
		b.WriteByte('[')
		path = after
	}
}

// run runs a command, once for all references to it.
func (d *decoder) run(path string, at mark, command string) (string, bool) {
	if answer, ran := d.ran[command]; ran {
		return answer, true
	}
	words, err := splitWords(command)
	if err == nil && d.Run == nil {
		err = errors.New("commands run only where the configuration is a file")
	}
	if err == nil && d.commands == nil {
		var cancel context.CancelFunc
		d.commands, cancel = context.WithTimeout(context.Background(), allCommands)
		d.done = append(d.done, cancel)
	}
	var answer string
	if err == nil {
		answer, err = d.Run(d.commands, d.dir, words)
	}
	if err == nil && !utf8.ValidString(answer) {
		err = errors.New("it does not print UTF-8 text")
	}
	if err != nil {
		program, _, _ := strings.Cut(command, " ")
		d.problem(path, at, "the command %s gives nothing: %s", quote(program), err)
		return "", false
	}
	answer = strings.TrimRightFunc(answer, unicode.IsSpace)
	d.ran[command] = answer
	return answer, true
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
