package tokens

import (
	"math"
	"sync"
	"sync/atomic"
)

const (
	leastRatio, mostRatio = 0.25, 4
	// batch is how many reports are put together before the ratio is moved, and
	// batchStep how far it then goes towards what they say.
	batch     = 32
	batchStep = 0.5
	// mostInFlight bounds the reports that are passed over after a move.
	mostInFlight = 1 << 14
)

// ratio is how many tokens a model counts for one of ours. It starts from what is
// known of the family and follows what the provider reports.
//
// Between an estimate and its report the ratio may have moved, the more so the more
// calls are in flight. If each report moved it, that loop would swing from clamp to
// clamp at some dozens of them. So it moves by batches, and after a move as many
// reports are passed over as calls were in flight: they are of the older ratio.
type ratio struct {
	value  atomic.Uint64 // a float64's bits
	issued atomic.Int64  // estimates made

	mu              sync.Mutex
	reported        int64 // reports seen
	moved           int64 // issued, when the ratio last moved
	pass            int64 // reports still to be passed over
	n               int
	counted, actual float64 // tokens of this batch: ours, and theirs
}

func newRatio(prior float64) *ratio {
	r := &ratio{}
	r.value.Store(math.Float64bits(prior))
	return r
}

func (r *ratio) now() float64 { return math.Float64frombits(r.value.Load()) }

// estimate applies the ratio to a count, for a call that will be reported.
func (r *ratio) estimate(n int64) int64 {
	r.issued.Add(1)
	return scale(n, r.now())
}

// scale rounds up, except for what is rounding itself, and stays within an int64.
func scale(n int64, by float64) int64 {
	return int64(min(math.Ceil(float64(n)*by-1e-6), 1<<62))
}

// learn takes what a provider counted for an estimate.
func (r *ratio) learn(estimated, actual int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported++
	if r.pass > 0 {
		r.pass--
		return
	}
	v := r.now()
	count := float64(estimated) / v
	r.n++
	r.counted += count
	r.actual += min(max(float64(actual), count*leastRatio), count*mostRatio)
	if r.n < batch {
		return
	}
	v += batchStep * (r.actual/r.counted - v)
	r.value.Store(math.Float64bits(v))
	// Estimates that are never reported, of failed calls and of candidates that were
	// not taken, are not in flight: no more can be than were made since the last move.
	issued := r.issued.Load()
	r.pass = min(max(issued-r.reported, 0), issued-r.moved, mostInFlight)
	r.moved = issued
	r.n, r.counted, r.actual = 0, 0, 0
}
