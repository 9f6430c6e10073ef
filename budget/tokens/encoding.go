package tokens

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"
)

// encodingName is one of tiktoken's encodings.
type encodingName uint8

const (
	o200k encodingName = iota
	cl100k
	encodings
)

func (n encodingName) String() string {
	return [...]string{"o200k_base", "cl100k_base"}[n]
}

// cacheSlots bounds the cache of merged pieces, per encoding.
const cacheSlots = 1 << 15

// cachedPiece bounds the length of a piece that is cached.
const cachedPiece = 128

// encoding counts tokens as one of tiktoken's encodings does.
type encoding struct {
	split   splitter
	v       *vocabulary
	seed    maphash.Seed
	cache   []atomic.Pointer[merged]
	mergers sync.Pool
}

// merged is a piece's count.
type merged struct {
	piece string
	count int
}

// loadEncoding reads an embedded vocabulary.
func loadEncoding(n encodingName, classes classTable) (*encoding, error) {
	ranks, err := loader.NewOfflineLoader().LoadTiktokenBpe("https://openaipublic.blob.core.windows.net/encodings/" + n.String() + ".tiktoken")
	if err != nil {
		return nil, fmt.Errorf("vocabulary %s: %w", n, err)
	}
	e := &encoding{
		split: splitter{classes: classes, o200k: n == o200k},
		v:     newVocabulary(ranks), seed: maphash.MakeSeed(),
		cache: make([]atomic.Pointer[merged], cacheSlots),
	}
	e.mergers.New = func() any { return &merger{v: e.v} }
	return e, nil
}

// count answers the number of tokens of a text. Bytes that are not UTF-8 count as
// U+FFFD each, as in tiktoken.
func (e *encoding) count(s []byte) int {
	if !utf8.Valid(s) {
		s = []byte(string([]rune(string(s))))
	}
	n := 0
	for i := 0; i < len(s); {
		end := e.split.next(s, i)
		n += e.piece(s[i:end])
		i = end
	}
	return n
}

func (e *encoding) piece(p []byte) int {
	if len(p) == 1 {
		return 1
	}
	if _, ok := e.v.ranks[string(p)]; ok {
		return 1
	}
	if len(p) > cachedPiece {
		return e.merge(p)
	}
	slot := &e.cache[maphash.Bytes(e.seed, p)%cacheSlots]
	if c := slot.Load(); c != nil && c.piece == string(p) {
		return c.count
	}
	n := e.merge(p)
	slot.Store(&merged{string(p), n})
	return n
}

func (e *encoding) merge(p []byte) int {
	m := e.mergers.Get().(*merger)
	n := m.count(p)
	m.piece = nil
	e.mergers.Put(m)
	return n
}

// reference counts with tiktoken-go itself: slower, and the judge of our own counter.
type reference struct{ tiktoken *tiktoken.Tiktoken }

// loadReference needs tiktoken-go's loader to be the offline one.
func loadReference(n encodingName) (*reference, error) {
	t, err := tiktoken.GetEncoding(n.String())
	return &reference{t}, err
}

func (r *reference) count(s []byte) int { return len(r.tiktoken.EncodeOrdinary(string(s))) }

// counter counts the tokens of a text.
type counter interface{ count(s []byte) int }
