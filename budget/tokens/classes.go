package tokens

import (
	"unicode"
	"unicode/utf8"
)

// class is what the splitting patterns can tell of a character.
type class uint8

const (
	upper   class = 1 << iota // Lu, Lt
	lower                     // Ll
	other                     // Lm, Lo
	mark                      // M
	number                    // N
	space                     // white space, line ends included
	newline                   // CR, LF

	letter = upper | lower | other
	// word classes of o200k: what may begin and what may end a word
	head = upper | other | mark
	tail = lower | other | mark
)

// classTable holds the class of every character of the first planes.
type classTable []class

const tableSize = 0x20000

func newClassTable() classTable {
	t := make(classTable, tableSize)
	t.mark(upper, unicode.Lu, unicode.Lt)
	t.mark(lower, unicode.Ll)
	t.mark(other, unicode.Lm, unicode.Lo)
	t.mark(mark, unicode.M)
	t.mark(number, unicode.N)
	t.mark(space, unicode.White_Space)
	t['\r'] |= newline
	t['\n'] |= newline
	return t
}

func (t classTable) mark(c class, tables ...*unicode.RangeTable) {
	for _, rt := range tables {
		for _, r := range rt.R16 {
			for x := rune(r.Lo); x <= rune(r.Hi); x += rune(r.Stride) {
				t[x] |= c
			}
		}
		for _, r := range rt.R32 {
			for x := rune(r.Lo); x <= rune(r.Hi) && x < tableSize; x += rune(r.Stride) {
				t[x] |= c
			}
		}
	}
}

// at answers the class and the length of the character at a place of valid UTF-8.
func (t classTable) at(s []byte, i int) (class, int) {
	if s[i] < utf8.RuneSelf {
		return t[s[i]], 1
	}
	r, n := utf8.DecodeRune(s[i:])
	if r < tableSize {
		return t[r], n
	}
	switch {
	case unicode.Is(unicode.Lo, r):
		return other, n
	case unicode.IsMark(r):
		return mark, n
	}
	return 0, n
}
