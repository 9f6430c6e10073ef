package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Path is where it is, for instance providers.dashscope.accounts[0].keys. Empty:
	// the whole file.
	Path string
	// Line and Column begin at 1. Zero: unknown.
	Line, Column int
	// Message says what is wrong and what would be right. It holds no secret.
	Message string
	// File is the file's name as given to Load or Parse.
	File string
}

// String is file:line:column: path: message, without what is unknown.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if p.File == "" {
			b.WriteString("line ")
		} else {
			b.WriteByte(':')
		}
		b.WriteString(strconv.Itoa(p.Line))
		if p.Column > 0 {
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(p.Column))
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problem is something that was found wrong after parsing, with the place of its path.
func (c *Config) Problem(path, message string) Problem {
	v := &validator{c: c}
	p := v.at(path, message)
	p.File = c.name
	return p
}

// Problems are all problems of a configuration, in the order of the file. It is
// the error that Load and Parse return.
type Problems []Problem

// Error is one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// sort brings problems into the order of the file; those without a line come last.
func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
}
