package gateway

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/telemetry"
)

// trails keeps the records of the last requests, with the decisions that were taken on
// their way. It is a sink. Safe for concurrent use.
type trails struct {
	mu   sync.Mutex
	ring []telemetry.Record
	next int
	byID map[string]int

	looked atomic.Int64 // which second, and how many looks in it: second<<16 | looks
}

// looksPerSecond bounds the calls whose candidates are kept: a look takes the pool's
// lock for as long as there are accounts.
const looksPerSecond = 50

// mayLook counts a look, or answers that there have been enough in this second.
func (t *trails) mayLook(now budget.Instant) bool {
	second := int64(now) / int64(time.Second) << 16
	for {
		was := t.looked.Load()
		next := was + 1
		if was < second {
			next = second + 1
		}
		if next-second > looksPerSecond {
			return false
		}
		if t.looked.CompareAndSwap(was, next) {
			return true
		}
	}
}

// resize sets how many are kept; what is kept stays as far as there is room.
func (t *trails) resize(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n == len(t.ring) {
		return
	}
	kept := make([]telemetry.Record, 0, n)
	for i := range t.ring {
		r := t.ring[(t.next+i)%len(t.ring)]
		if r.ID != "" {
			kept = append(kept, r)
		}
	}
	kept = kept[max(len(kept)-n, 0):]
	t.ring, t.next, t.byID = make([]telemetry.Record, n), len(kept)%max(n, 1), map[string]int{}
	copy(t.ring, kept)
	for i := range kept {
		t.byID[kept[i].ID] = i
	}
}

// Record keeps a copy of a record.
func (t *trails) Record(r *telemetry.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) == 0 {
		return
	}
	delete(t.byID, t.ring[t.next].ID)
	c := *r
	c.Attempts, c.Decisions = slices.Clone(r.Attempts), slices.Clone(r.Decisions)
	c.Content = nil // bodies are not for keeping here
	t.ring[t.next] = c
	t.byID[c.ID] = t.next
	t.next = (t.next + 1) % len(t.ring)
}

func (t *trails) find(id string) (telemetry.Record, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.byID[id]
	if !ok {
		return telemetry.Record{}, false
	}
	return t.ring[i], true
}

// Trail is what became of one of the last requests, by its x-request-id; false: it is
// too long ago, or never was.
func (g *Gateway) Trail(id string) (telemetry.Record, bool) { return g.trails.find(id) }
