package tokens

import "encoding/binary"

// tally is what a bound is made from: a weight for each character, told from its bytes
// and those beside it. Other scripts than Latin are told by the first two bytes of a
// character. Texts that nobody writes, of rare Han or of random letters, may count more
// than the bound; what people and programs send to models counts less.
//
// In ASCII a word is a token and half of one for each further letter, and for a capital
// within it another; a number one, and half of one for each further digit; a sign one; a
// space belongs to the word behind it, but not to a number, nor to another space.
type tally struct {
	ascii   int // quarters of a token
	scripts [scripts]int
}

const (
	every = 0x0101010101010101
	high  = 0x80 * every
)

// within marks the bytes of x, all below 0x80, that are from lo to hi.
func within(x uint64, lo, hi byte) uint64 {
	return (x + uint64(0x80-lo)*every) &^ (x + uint64(0x7f-hi)*every) & high
}

// Of a text from sampleFrom bytes only a block of each stride is looked at, since the
// whole would cost as much as parsing it did; the sample counts an eighth more.
const (
	sampleFrom   = 4 << 10
	sampleStride = 2 << 10
	sampleBlock  = 256
)

// add looks at a text, or at a sample of it.
func (t *tally) add(s []byte) {
	if len(s) < sampleFrom {
		t.scan(s)
		return
	}
	var part tally
	seen := 0
	place := uint32(len(s))
	for from := 0; from+sampleStride <= len(s); from += sampleStride {
		// Places that follow no pattern, so that none in the text can follow them.
		place = place*1664525 + 1013904223
		at := from + int(place>>16)%(sampleStride-sampleBlock)
		end := at + sampleBlock
		for at < end && s[at]&0xc0 == 0x80 { // inside a character
			at++
		}
		part.scan(s[at:end])
		seen += end - at
	}
	if seen == 0 {
		t.scan(s)
		return
	}
	t.ascii += part.ascii * len(s) / seen * 9 / 8
	for i, n := range part.scripts {
		t.scripts[i] += (n*len(s)/seen*9 + 7) / 8
	}
}

// scan looks at eight bytes at a time while they are ASCII.
func (t *tally) scan(s []byte) {
	var letter, capital, digit, space uint64 // of the word before
	var lanes uint64                         // a sum for each of the eight places
	n := 0                                   // words in it, at most 8 each
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if x&high != 0 {
			s = s[t.others(s):]
			letter, capital, digit, space = 0, 0, 0, 0
			continue
		}
		l, u := within(x|0x20*every, 'a', 'z'), within(x, 'A', 'Z')
		d, b := within(x, '0', '9'), within(x, ' ', ' ')
		begins := l&^(l<<8|letter>>56) | u&^(u<<8|capital>>56) | d&^(d<<8|digit>>56) | high&^(l|d|b)
		before := b<<8 | space>>56
		lanes += (high&^b)>>6 + begins>>6 + (b&before)>>6 + (d&before)>>5
		if n++; n == 31 {
			t.ascii += sum(lanes)
			lanes, n = 0, 0
		}
		letter, capital, digit, space = l, u, d, b
		s = s[8:]
	}
	t.ascii += sum(lanes)
	for len(s) > 0 {
		s = s[t.others(s):]
	}
}

// sum adds up the eight bytes of x.
func sum(x uint64) int {
	const evens = 0x00ff00ff00ff00ff
	return int((x&evens + x>>8&evens) * 0x0001000100010001 >> 48)
}

// others looks at one character after another, up to eight, without its neighbours.
func (t *tally) others(s []byte) int {
	i := 0
	for range 8 {
		if i >= len(s) {
			break
		}
		switch c := s[i]; {
		case c == ' ':
			t.ascii += 2
			i++
		case c < 0x80:
			t.ascii += 4
			i++
		default:
			script, n := scriptOf(c, s[min(i+1, len(s)-1)])
			t.scripts[script]++
			i += n
		}
	}
	return min(i, len(s))
}

// The scripts that are told apart.
const (
	alphabets = iota // Latin with accents, Cyrillic, Greek, Hebrew, Arabic
	farther          // Armenian, Syriac, N'Ko
	southern         // Indic, Thai, Khmer, Georgian
	ethiopic
	han // and kana, punctuation, Vietnamese accents
	hangul
	emoji
	scripts
)

// scriptOf tells the script and the length of a character by its first two bytes.
func scriptOf(c, d byte) (script, n int) {
	switch {
	case c >= 0xf0:
		return emoji, 4
	case c >= 0xea:
		return hangul, 3
	case c >= 0xe2 || c == 0xe1 && d >= 0xb8:
		return han, 3
	case c == 0xe1 && d >= 0x88 && d <= 0x8e:
		return ethiopic, 3
	case c >= 0xe0:
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

// tokens answers the bound of what was added.
func (t *tally) tokens(e encodingName) int64 {
	q := t.ascii
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
