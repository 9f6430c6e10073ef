package cache

import (
	"crypto/sha256"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Name is the hash of all that makes two calls the same.
type Name [sha256.Size]byte

// Answer is a complete answer. It is shared: nobody may change it.
type Answer struct {
	// Body is a whole answer, or every event of a stream as the client gets it.
	Body []byte
	// Provider and Model are who made it.
	Provider, Model string
	// Stored is when it was complete.
	Stored time.Time
}

// Options bound a cache.
type Options struct {
	// Memory is how many bytes are kept at most, names and book-keeping included. Zero:
	// DefaultMemory.
	Memory int64
	// MaxEntry is the largest answer that is kept, in bytes. Zero: DefaultMaxEntry; above
	// Memory: Memory.
	MaxEntry int64
}

// The bounds of a cache that nobody says more about.
const (
	DefaultMemory   = 64 << 20
	DefaultMaxEntry = 1 << 20
)

// overhead is what an entry takes beside its bytes: map, list and pointers.
const overhead = 400

// Cache keeps answers. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	o       Options
	used    int64 // by entries and by answers that are being recorded
	entries *simplelru.LRU[Name, *entry]
	flights map[Name]*flight
}

type entry struct {
	answer Answer
	ends   time.Time
	size   int64
}

// New makes an empty cache.
func New(o Options) *Cache {
	c := &Cache{flights: map[Name]*flight{}}
	c.entries, _ = simplelru.NewLRU(math.MaxInt, func(_ Name, e *entry) { c.used -= e.size }) // only a size of zero fails
	c.Configure(o)
	return c
}

// Configure changes the bounds; what is too much for them goes at once.
func (c *Cache) Configure(o Options) {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.MaxEntry <= 0 {
		o.MaxEntry = DefaultMaxEntry
	}
	o.MaxEntry = min(o.MaxEntry, o.Memory)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o = o
	c.fit()
}

// Use is what a cache holds.
type Use struct {
	Entries int
	Bytes   int64 // answers that are being recorded included
	Flights int   // names that are being asked for
}

// Use tells what is held now.
func (c *Cache) Use() Use {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Use{Entries: c.entries.Len(), Bytes: c.used, Flights: len(c.flights)}
}

// find answers what is kept under a name and is younger than maxAge; the lock is held.
func (c *Cache) find(now time.Time, name Name, maxAge time.Duration) *Answer {
	e, ok := c.entries.Get(name)
	if !ok {
		return nil
	}
	if !now.Before(e.ends) {
		c.entries.Remove(name)
		return nil
	}
	if now.Sub(e.answer.Stored) >= maxAge {
		return nil
	}
	return &e.answer
}

// put keeps an answer; the lock is held.
func (c *Cache) put(now time.Time, name Name, a Answer, ttl time.Duration) {
	e := &entry{answer: a, ends: now.Add(ttl), size: size(a)}
	c.entries.Remove(name)
	if ttl <= 0 || int64(len(a.Body)) > c.o.MaxEntry || e.size > c.o.Memory {
		return
	}
	c.used += e.size
	c.entries.Add(name, e)
	for range swept {
		if _, oldest, ok := c.entries.GetOldest(); !ok || now.Before(oldest.ends) {
			break
		}
		c.entries.RemoveOldest()
	}
	c.fit()
}

// swept is how many answers that have outlived their time a new one removes at most.
const swept = 4

func size(a Answer) int64 {
	return int64(len(a.Body)+len(a.Provider)+len(a.Model)) + overhead
}

// fit removes the least recently used until the bound holds, and answers whether it
// does; the lock is held.
func (c *Cache) fit() bool {
	for c.used > c.o.Memory {
		if _, _, ok := c.entries.RemoveOldest(); !ok {
			return false
		}
	}
	return true
}
