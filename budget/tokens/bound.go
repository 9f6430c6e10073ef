package tokens

import (
	"encoding/binary"
	"math/bits"
)

// tally is what a bound is made from: how many characters of each kind a text has, told
// from its bytes alone. Other scripts than Latin are told by the first byte of a
// character. Texts that nobody writes, of rare Han or of random letters, may count more
// than the bound; everything that people and programs send to models counts less.
type tally struct {
	letters, words  int // ASCII letters; runs of them, and of capitals within
	digits, numbers int // ASCII digits, and runs of them
	gaps, lone      int // spaces behind a space, and spaces before a digit
	signs           int // the rest of ASCII
	scripts         [scripts]int
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
	var letter, capital, digit, space uint64 // of the word before
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if x&high != 0 {
			n := t.others(s)
			s = s[n:]
			letter, capital, digit, space = 0, 0, 0, 0
			continue
		}
		l, u := within(x|0x20*every, 'a', 'z'), within(x, 'A', 'Z')
		d, b := within(x, '0', '9'), within(x, ' ', ' ')
		t.letters += bits.OnesCount64(l)
		t.words += bits.OnesCount64(l&^(l<<8|letter>>56) | u&^(u<<8|capital>>56))
		t.digits += bits.OnesCount64(d)
		t.numbers += bits.OnesCount64(d &^ (d<<8 | digit>>56))
		t.gaps += bits.OnesCount64(b & (b<<8 | space>>56))
		t.lone += bits.OnesCount64(d & (b<<8 | space>>56))
		t.signs += bits.OnesCount64(high &^ (l | d | b))
		letter, capital, digit, space = l, u, d, b
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
		default:
			script, n := scriptOf(c)
			t.scripts[script]++
			i += n
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
		t.gaps++
	default:
		t.signs++
	}
}

// The scripts that are told apart.
const (
	alphabets = iota // Latin with accents, Cyrillic, Greek, Hebrew, Arabic
	farther          // Armenian, Syriac, N'Ko
	southern         // Indic, Thai
	eastern          // Georgian, Ethiopic, Khmer, and Vietnamese accents
	han              // and kana, and punctuation
	hangul
	emoji
	scripts
)

// scriptOf tells the script and the length of a character by its first byte.
func scriptOf(c byte) (script, n int) {
	switch {
	case c >= 0xf0:
		return emoji, 4
	case c >= 0xea:
		return hangul, 3
	case c >= 0xe2:
		return han, 3
	case c == 0xe1:
		return eastern, 3
	case c == 0xe0:
		return southern, 3
	case c >= 0xdc || c == 0xd4 || c == 0xd5:
		return farther, 2
	}
	return alphabets, 2
}

// weights are quarters of a token for a character of a script: measured, with some to
// spare.
func weights(e encodingName) [scripts]int {
	if e == cl100k {
		return [scripts]int{5, 11, 12, 12, 8, 6, 16}
	}
	return [scripts]int{4, 5, 6, 10, 6, 5, 13}
}

// tokens answers the bound of what was added. A word is a token and half of one for
// each further letter; a number one, and half of one for each further digit; a space
// belongs to the word behind it, but not to a number.
func (t *tally) tokens(e encodingName) int64 {
	q := 4*t.words + 2*max(t.letters-t.words, 0) + 4*t.numbers + 2*(t.digits-t.numbers) + 2*t.gaps + 4*t.lone + 4*t.signs
	for script, w := range weights(e) {
		q += w * t.scripts[script]
	}
	return int64(q+3) / 4
}

// bound answers an upper bound of everything in p.
func (p *Prompt) bound(f modelInfo) int64 {
	var t tally
	n := int64(p.TokenIDs)
	for i := range p.Inputs {
		t.add(p.Inputs[i].JSON)
		n++
	}
	for i := range p.Messages {
		m := &p.Messages[i]
		n += perMessage + perName + 1 + perCall*int64(len(m.ToolCalls))
		t.add(m.Role.JSON)
		t.add(m.Name.JSON)
		t.add(m.ToolCallID.JSON)
		for _, c := range m.Contents {
			t.add(c.JSON)
		}
		for _, c := range m.ToolCalls {
			t.add(c.Name.JSON)
			t.add(c.Arguments.JSON)
		}
	}
	for _, img := range p.Images {
		n += int64(f.pictures.tokens(img))
	}
	if p.Form == Chat {
		n += perReply
	}
	if len(p.Tools) > 0 {
		t.add(p.Tools)
		n += endTools
	}
	t.add(p.ResponseFormat)
	return n + t.tokens(f.encoding)
}

// boundText is an upper bound of the tokens of a plain text.
func boundText(e encodingName, s []byte) int64 {
	var t tally
	t.add(s)
	return t.tokens(e)
}
