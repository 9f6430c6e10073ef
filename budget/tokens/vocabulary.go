package tokens

// vocabulary is what merging needs to know of an encoding's tokens. It is built once
// and then only read.
type vocabulary struct {
	ranks  map[string]int32
	single [1 << 8]int32  // ranks of single bytes
	pairs  [1 << 16]int32 // ranks of two bytes
	// inside tells of every three bytes whether any token has them in it.
	inside [1 << 24 / 64]uint64
}

func newVocabulary(ranks map[string]int) *vocabulary {
	v := &vocabulary{ranks: make(map[string]int32, len(ranks))}
	for i := range v.pairs {
		v.pairs[i] = none
	}
	for token, r := range ranks {
		v.ranks[token] = int32(r)
		switch len(token) {
		case 1:
			v.single[token[0]] = int32(r)
		case 2:
			v.pairs[int(token[0])<<8|int(token[1])] = int32(r)
		}
		for i := 2; i < len(token); i++ {
			t := three(token[i-2], token[i-1], token[i])
			v.inside[t/64] |= 1 << (t % 64)
		}
	}
	return v
}

func three(a, b, c byte) uint32 { return uint32(a)<<16 | uint32(b)<<8 | uint32(c) }

func (v *vocabulary) holds(a, b, c byte) bool {
	t := three(a, b, c)
	return v.inside[t/64]>>(t%64)&1 != 0
}

// border says that no token reaches over the place before piece[i]. A token that did
// would be these two bytes, or have three bytes around the place in it. Since every
// step of merging makes a token, no merge crosses a border, and what lies between two
// borders merges as if it were alone.
func (v *vocabulary) border(piece []byte, i int) bool {
	a, b := piece[i-1], piece[i]
	switch {
	case v.pairs[int(a)<<8|int(b)] != none:
		return false
	case i >= 2 && v.holds(piece[i-2], a, b):
		return false
	}
	return i+1 >= len(piece) || !v.holds(a, b, piece[i+1])
}

func (v *vocabulary) find(text []byte) int32 {
	if r, ok := v.ranks[string(text)]; ok {
		return r
	}
	return none
}
