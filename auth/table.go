package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// table finds keys by digest: one slot and then the key itself are all the memory that a
// look-up touches, which is what a look-up among a million costs. Slots are probed one
// after the other; a freed one is filled from behind, so there are no gaps to step over.
type table struct {
	mu    sync.RWMutex
	slots []slot // a power of two of them, or none
	used  int
	_     [24]byte // neighbours' locks are not on one cache line
}

// slot is one digest, by its beginning, and the key that it leads to.
type slot struct {
	start uint64
	key   *Live // nil: free
}

// smallest is how many slots a table begins with.
const smallest = 8

func startOf(sum *[sha256.Size]byte) uint64 { return binary.LittleEndian.Uint64(sum[:8]) }

// home is where a digest's probing begins.
func (t *table) home(start uint64) uint64 { return start & uint64(len(t.slots)-1) }

// has says that a digest is the key's present or former one. All of it is compared, in
// a time that does not depend on where it differs.
func (k *Live) has(sum *[sha256.Size]byte) bool {
	return subtle.ConstantTimeCompare(k.hash[:], sum[:]) == 1 ||
		k.old != nil && subtle.ConstantTimeCompare(k.old.hash[:], sum[:]) == 1
}

// find answers the key that a digest leads to, or nil.
func (t *table) find(sum *[sha256.Size]byte) *Live {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if i, ok := t.place(sum); ok {
		return t.slots[i].key
	}
	return nil
}

// place is the slot of a digest, or the free one where it would go. The lock is held.
func (t *table) place(sum *[sha256.Size]byte) (i uint64, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	start := startOf(sum)
	for i = t.home(start); ; i = t.home(i + 1) {
		s := &t.slots[i]
		if s.key == nil {
			return i, false
		}
		if s.start == start && s.key.has(sum) {
			return i, true
		}
	}
}

// put lets a digest lead to a key.
func (t *table) put(sum *[sha256.Size]byte, k *Live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow()
	}
	i, ok := t.place(sum)
	if !ok {
		t.used++
	}
	t.slots[i] = slot{startOf(sum), k}
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(2*len(old), smallest))
	for _, s := range old {
		if s.key == nil {
			continue
		}
		i := t.home(s.start)
		for t.slots[i].key != nil {
			i = t.home(i + 1)
		}
		t.slots[i] = s
	}
}

// remove forgets a digest, if it still leads to that key.
func (t *table) remove(sum *[sha256.Size]byte, k *Live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.place(sum)
	if !ok || t.slots[i].key != k {
		return
	}
	t.used--
	for next := t.home(i + 1); t.slots[next].key != nil; next = t.home(next + 1) {
		// What stands behind the gap moves into it, unless its own place is behind the gap.
		if t.home(next-t.home(t.slots[next].start)) >= t.home(next-i) {
			t.slots[i] = t.slots[next]
			i = next
		}
	}
	t.slots[i] = slot{}
}
