package tokens

import (
	"encoding/binary"
	"math/bits"
)

// tally is what a bound is made from: how many characters of each kind a text has, told
// from its bytes alone. It is exact for ASCII; other scripts are told by the first byte
// of a character.
type tally struct {
	letters, words     int // ASCII letters, and runs of them
	digits, numbers    int // and runs of them
	spaces, loneSpaces int // and those that stand before a digit
	signs              int // the rest of ASCII
	wide               int // bytes of other scripts, weighted in quarters of a token
}

const (
	every = 0x0101010101010101
	high  = 0x80 * every
)

// within marks the bytes of x, all below 0x80, that are from lo to hi.
func within(x uint64, lo, hi byte) uint64 {
	return (x + uint64(0x80-lo)*every) &^ (x + uint64(0x7f-hi)*every) & high
}

// add looks at eight bytes at a time while they are ASCII.
func (t *tally) add(s []byte) {
	var letter, digit, space uint64 // of the byte before, at its place in a word
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if x&high != 0 {
			n := t.others(s)
			s = s[n:]
			letter, digit, space = 0, 0, 0
			continue
		}
		l, d, b := within(x|0x20*every, 'a', 'z'), within(x, '0', '9'), within(x, ' ', ' ')
		t.letters += bits.OnesCount64(l)
		t.words += bits.OnesCount64(l &^ (l<<8 | letter>>56))
		t.digits += bits.OnesCount64(d)
		t.numbers += bits.OnesCount64(d &^ (d<<8 | digit>>56))
		t.spaces += bits.OnesCount64(b)
		t.loneSpaces += bits.OnesCount64(d & (b<<8 | space>>56))
		t.signs += bits.OnesCount64(high &^ (l | d | b))
		letter, digit, space = l, d, b
		s = s[8:]
	}
	for len(s) > 0 {
		s = s[t.others(s):]
	}
}

// others looks at one character after another, up to eight.
func (t *tally) others(s []byte) int {
	i := 0
	for range 8 {
		if i >= len(s) {
			break
		}
		c := s[i]
		switch {
		case c < 0x80:
			t.ascii(c)
			i++
		case c < 0xe0:
			t.wide += wideTwo
			i += 2
		case c < 0xe2:
			t.wide += wideRare
			i += 3
		case c < 0xf0:
			t.wide += wideThree
			i += 3
		default:
			t.wide += wideFour
			i += 4
		}
	}
	return min(i, len(s))
}

// ascii counts a character whose neighbours are not looked at, as if it stood alone.
func (t *tally) ascii(c byte) {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		t.letters++
		t.words++
	case c >= '0' && c <= '9':
		t.digits++
		t.numbers++
	case c == ' ':
		t.spaces++
	default:
		t.signs++
	}
}

// Quarters of a token for a character by the length of its UTF-8: measured over
// cl100k and o200k, the larger, with some to spare.
const (
	wideTwo   = 5  // Latin with accents, Cyrillic, Greek, Hebrew, Arabic
	wideRare  = 12 // Indic, Thai, Georgian, Ethiopic, Khmer: up to a token for a byte
	wideThree = 6  // Hangul, kana, Han, punctuation
	wideFour  = 12 // emoji
)

// tokens answers the bound of what was added.
func (t *tally) tokens() int64 {
	// In quarters of a token: a word is one and a bit more than a token for three of
	// its further letters, a number one for each three digits, a space belongs to the
	// word behind it but not to a number.
	q := 4*t.words + 2*(t.letters-t.words) + 4*t.numbers + 2*(t.digits-t.numbers) + t.spaces + 3*t.loneSpaces + 4*t.signs + t.wide
	return int64(q+3) / 4
}
