package tokens

import (
	"math"
	"slices"
)

// none is the rank of a pair that is not in the vocabulary.
const none = math.MaxInt32

// sweepAlways is the number of parts up to which sweeps are cheap whatever they merge.
const sweepAlways = 96

// longest is the length at which a stretch without borders is cut, which may cost a
// token more at each cut: it bounds the memory of a piece of megabytes.
const longest = 1 << 17

// bordersFrom is the length of a piece from which looking for borders pays.
const bordersFrom = 24

// merger merges one piece that the vocabulary does not hold whole. Its memory is
// reused; it serves one piece at a time.
type merger struct {
	v     *vocabulary
	piece []byte
	parts []part // and one more, empty, at the end of the piece
	memo  [2048]memo
	links []link
	queue queue
}

// part is a token in the making.
type part struct {
	start int32
	id    int32 // its own rank, which tells it from all others
	rank  int32 // of the pair that it makes with the next part
}

// memo remembers the rank of a pair of parts, for texts that repeat themselves.
type memo struct {
	pair uint64
	rank int32
}

// count answers how many tokens the piece is.
func (m *merger) count(piece []byte) int {
	if len(piece) < bordersFrom {
		return m.stretch(piece)
	}
	n, from := 0, 0
	for i := 1; i < len(piece); i++ {
		if i-from == longest || m.v.border(piece, i) {
			n += m.stretch(piece[from:i])
			from = i
		}
	}
	return n + m.stretch(piece[from:])
}

// stretch merges what lies between two borders. Merging always takes the pair of the
// lowest rank, the leftmost of equals. A sweep merges all pairs of the lowest rank in
// one pass: that is the same, unless a merge makes a pair of a lower rank still,
// which is noticed; and it is linear for runs, where every sweep halves the parts.
// Where sweeps bring little, a heap does the rest.
func (m *merger) stretch(piece []byte) int {
	if len(piece) < 2 {
		return len(piece)
	}
	m.begin(piece)
	for {
		lowest := m.lowest()
		if lowest == none {
			return len(m.parts) - 1
		}
		before := len(m.parts)
		if !m.sweep(lowest) {
			m.begin(piece)
			return m.byHeap()
		}
		if n := len(m.parts); n > sweepAlways && before-n < before/16 {
			return m.byHeap()
		}
	}
}

// begin makes every byte a part.
func (m *merger) begin(piece []byte) {
	m.piece = piece
	m.parts = slices.Grow(m.parts[:0], len(piece)+1)
	for i, c := range piece {
		p := part{int32(i), m.v.single[c], none}
		if i+1 < len(piece) {
			p.rank = m.v.pairs[int(c)<<8|int(piece[i+1])]
		}
		m.parts = append(m.parts, p)
	}
	m.parts = append(m.parts, part{int32(len(piece)), 0, none})
}

// pair answers the rank of two parts as one, of which the second ends at end.
func (m *merger) pair(a, b part, end int32) int32 {
	key := uint64(uint32(a.id))<<32 | uint64(uint32(b.id)) + 1
	e := &m.memo[key*0x9e3779b97f4a7c15>>53]
	if e.pair == key {
		return e.rank
	}
	e.pair, e.rank = key, m.v.find(m.piece[a.start:end])
	return e.rank
}

func (m *merger) lowest() int32 {
	low := int32(none)
	for i := range m.parts {
		low = min(low, m.parts[i].rank)
	}
	return low
}

// sweep merges the pairs of a rank from left to right; false when that made a pair of
// a lower rank.
func (m *merger) sweep(rank int32) bool {
	p := m.parts
	last := len(p) - 1 // the empty part
	w := 0
	for i := 0; i < last; w++ {
		if p[i].rank != rank {
			p[w] = p[i]
			i++
			continue
		}
		one := part{p[i].start, rank, none}
		i += 2
		if w > 0 {
			p[w-1].rank = m.pair(p[w-1], one, p[i].start)
			if p[w-1].rank < rank {
				return false
			}
		}
		if i < last {
			one.rank = m.pair(one, p[i], p[i+1].start)
			if one.rank < rank {
				return false
			}
		}
		p[w] = one
	}
	p[w] = p[last]
	m.parts = p[:w+1]
	return true
}

// link holds a part in its place while parts are merged in any order.
type link struct{ prev, next int32 }

// byHeap merges what is left in order of rank.
func (m *merger) byHeap() int {
	end := int32(len(m.parts) - 1)
	m.links, m.queue = m.links[:0], m.queue[:0]
	for i := range m.parts {
		m.links = append(m.links, link{int32(i) - 1, int32(i) + 1})
		if r := m.parts[i].rank; r != none {
			m.queue = append(m.queue, uint64(r)<<32|uint64(i))
		}
	}
	m.queue.order()
	n := int(end)
	for len(m.queue) > 0 {
		least := m.queue.pop()
		i, rank := int32(least&math.MaxUint32), int32(least>>32)
		if m.parts[i].rank != rank {
			continue // was merged away, or has changed
		}
		gone := m.links[i].next
		after := m.links[gone].next
		m.links[i].next, m.links[after].prev = after, i
		m.parts[i].id = rank
		m.parts[gone].rank = none
		n--
		m.look(i, end)
		if before := m.links[i].prev; before >= 0 {
			m.look(before, end)
		}
	}
	return n
}

// look finds the rank of part i and the next anew.
func (m *merger) look(i, end int32) {
	m.parts[i].rank = none
	next := m.links[i].next
	if next >= end {
		return
	}
	r := m.pair(m.parts[i], m.parts[next], m.parts[m.links[next].next].start)
	if r == none {
		return
	}
	m.parts[i].rank = r
	m.queue.push(uint64(r)<<32 | uint64(i))
}

// queue is a heap of pairs, the least first: rank, then place.
type queue []uint64

func (q queue) order() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
}

func (q *queue) push(x uint64) {
	h := append(*q, x)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] > x {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = x
	*q = h
}

func (q *queue) pop() uint64 {
	h := *q
	least, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	if last > 0 {
		h.sink(0)
	}
	*q = h
	return least
}

func (q queue) sink(i int) {
	x := q[i]
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1] < q[child] {
			child++
		}
		if q[child] >= x {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = x
}
