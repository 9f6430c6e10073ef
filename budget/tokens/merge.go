package tokens

import (
	"container/heap"
	"math"
)

// none is the rank of a pair that is not in the vocabulary.
const none = math.MaxInt32

// sweepAlways is the length up to which sweeps are cheap whatever they merge.
const sweepAlways = 192

// merger merges one piece that the vocabulary does not hold whole. Its slices are
// reused.
type merger struct {
	ranks map[string]int32
	pairs *[1 << 16]int32 // ranks of two bytes
	piece []byte
	start []int32 // where each part begins, and the end
	rank  []int32 // rank of the pair of part i and the next
	memo  [1024]memo
}

// memo remembers the rank of a short pair, for runs of the same.
type memo struct {
	text [16]byte
	n    int8
	rank int32
}

// count answers how many tokens the piece is. Merging always takes the pair of the
// lowest rank, the leftmost of equals. A sweep merges all pairs of the lowest rank in
// one pass: that is the same, unless a merge makes a pair of a lower rank still,
// which is noticed; and it is linear for runs, where every sweep halves the parts.
// Where sweeps bring little, a heap does the rest.
func (m *merger) count(piece []byte) int {
	m.begin(piece)
	for {
		lowest := m.lowest()
		if lowest == none {
			return len(m.start) - 1
		}
		before := len(m.start)
		if !m.sweep(lowest) {
			m.begin(piece)
			return m.byHeap()
		}
		if n := len(m.start); n > sweepAlways && before-n < before/16 {
			return m.byHeap()
		}
	}
}

func (m *merger) begin(piece []byte) {
	m.piece = piece
	m.start, m.rank = m.start[:0], m.rank[:0]
	for i := 0; i <= len(piece); i++ {
		m.start = append(m.start, int32(i))
	}
	for i := 0; i+2 <= len(piece); i++ {
		m.rank = append(m.rank, m.lookup(int32(i), int32(i+2)))
	}
}

// lookup answers the rank of a stretch of the piece.
func (m *merger) lookup(from, to int32) int32 {
	text := m.piece[from:to]
	if len(text) == 2 {
		return m.pairs[int(text[0])<<8|int(text[1])]
	}
	if len(text) > 16 {
		return m.find(text)
	}
	h := uint32(len(text)) * 0x9e3779b1
	for _, c := range text {
		h = (h ^ uint32(c)) * 0x01000193
	}
	e := &m.memo[h>>22]
	if int(e.n) == len(text) && string(e.text[:e.n]) == string(text) {
		return e.rank
	}
	e.n = int8(copy(e.text[:], text))
	e.rank = m.find(text)
	return e.rank
}

func (m *merger) find(text []byte) int32 {
	if r, ok := m.ranks[string(text)]; ok {
		return r
	}
	return none
}

func (m *merger) lowest() int32 {
	low := int32(none)
	for _, r := range m.rank {
		low = min(low, r)
	}
	return low
}

// sweep merges the pairs of a rank from left to right; false when that made a pair of
// a lower rank.
func (m *merger) sweep(rank int32) bool {
	pairs := len(m.rank)
	w := 0
	for i := 0; i < pairs; w++ {
		m.start[w] = m.start[i]
		if m.rank[i] != rank {
			m.rank[w] = m.rank[i]
			i++
			continue
		}
		i += 2
		if w > 0 {
			m.rank[w-1] = m.lookup(m.start[w-1], m.start[i])
			if m.rank[w-1] < rank {
				return false
			}
		}
		if i > pairs { // the merged part is the last
			m.start[w+1] = m.start[i]
			m.start, m.rank = m.start[:w+2], m.rank[:w]
			return true
		}
		m.rank[w] = m.lookup(m.start[w], m.start[i+1])
		if m.rank[w] < rank {
			return false
		}
	}
	// The last part was not merged.
	m.start[w], m.start[w+1] = m.start[pairs], m.start[pairs+1]
	m.start, m.rank = m.start[:w+2], m.rank[:w]
	return true
}

// links are the parts as a list, for merging in any order.
type links struct {
	prev, next []int32
	rank       []int32
	queue      []uint64 // rank and part
}

func (l *links) Len() int           { return len(l.queue) }
func (l *links) Less(i, j int) bool { return l.queue[i] < l.queue[j] }
func (l *links) Swap(i, j int)      { l.queue[i], l.queue[j] = l.queue[j], l.queue[i] }

// Push is heap.Interface's.
func (l *links) Push(x any) { l.queue = append(l.queue, x.(uint64)) }

// Pop is heap.Interface's.
func (l *links) Pop() any {
	last := len(l.queue) - 1
	x := l.queue[last]
	l.queue = l.queue[:last]
	return x
}

// byHeap merges what is left in order of rank.
func (m *merger) byHeap() int {
	n := len(m.start) - 1
	l := &links{prev: make([]int32, n+1), next: make([]int32, n+1), rank: make([]int32, n+1)}
	for i := range n + 1 {
		l.prev[i], l.next[i], l.rank[i] = int32(i-1), int32(i+1), none
		if i < len(m.rank) && m.rank[i] != none {
			l.rank[i] = m.rank[i]
			l.queue = append(l.queue, uint64(m.rank[i])<<32|uint64(i))
		}
	}
	heap.Init(l)
	parts := n
	set := func(i int32) { // looks at the pair of part i and the next
		l.rank[i] = none
		if second := l.next[i]; second < int32(n) {
			if r := m.lookup(m.start[i], m.start[l.next[second]]); r != none {
				l.rank[i] = r
				heap.Push(l, uint64(r)<<32|uint64(i))
			}
		}
	}
	for len(l.queue) > 0 {
		e := heap.Pop(l).(uint64)
		i := int32(e & math.MaxUint32)
		if l.rank[i] != int32(e>>32) {
			continue // was merged away, or has changed
		}
		gone := l.next[i]
		l.next[i] = l.next[gone]
		l.prev[l.next[gone]] = i
		l.rank[gone] = none
		parts--
		set(i)
		if l.prev[i] >= 0 {
			set(l.prev[i])
		}
	}
	return parts
}
