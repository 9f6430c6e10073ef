package tokens

import (
	"hash/maphash"
	"sync"
)

// textCache remembers the counts of long texts by their content: 128 bits of two
// hashes with secret seeds, so nobody can make two texts meet. Each text has one
// place; a newer one takes it over, which bounds the memory.
type textCache struct {
	a, b   maphash.Seed
	shards [cacheShards]cacheShard
}

const (
	cacheShards  = 64
	shardEntries = 256
	// cacheFrom is the length in bytes below which counting is as quick as looking.
	cacheFrom = 256
)

type cacheShard struct {
	mu      sync.Mutex
	entries [shardEntries]cached
}

type cached struct {
	a, b  uint64
	count int
}

func newTextCache() *textCache { return &textCache{a: maphash.MakeSeed(), b: maphash.MakeSeed()} }

func (c *textCache) place(salt uint64, text []byte) (*cacheShard, *cached, uint64, uint64) {
	a := maphash.Bytes(c.a, text) ^ salt*0x9e3779b97f4a7c15
	s := &c.shards[a%cacheShards]
	return s, &s.entries[a/cacheShards%shardEntries], a, maphash.Bytes(c.b, text)
}

func (c *textCache) get(salt uint64, text []byte) (int, bool) {
	if len(text) < cacheFrom {
		return 0, false
	}
	s, e, a, b := c.place(salt, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.count, e.a == a && e.b == b && e.count > 0
}

func (c *textCache) put(salt uint64, text []byte, n int) {
	if len(text) < cacheFrom {
		return
	}
	s, e, a, b := c.place(salt, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	*e = cached{a, b, n}
}
