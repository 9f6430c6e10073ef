package tokens

import (
	"math"
	"sync"
	"sync/atomic"
)

const (
	// ratioStep is the weight of the newest observation of a ratio.
	ratioStep             = 0.05
	leastRatio, mostRatio = 0.25, 4
	// fullWeight is the count from which an observation has its whole weight: of a
	// shorter prompt much is framing that nobody publishes, which is no ratio.
	fullWeight = 200
	// given is how many estimates are remembered per model.
	given = 512
)

// ratio is how many tokens a model counts for one of ours. It starts from what is
// known of the family and follows what the provider reports.
//
// Between an estimate and the provider's own count others have moved the ratio, the
// more so the more calls are in flight. To judge an estimate by the ratio of another
// time would make that loop swing from clamp to clamp, so each estimate is remembered
// with the ratio that made it. One that is forgotten is not learned from.
type ratio struct {
	value  atomic.Uint64 // a float64's bits
	given  [given]atomic.Uint64
	mu     sync.Mutex
	weight float64 // of what was learned, in observations
}

func newRatio(prior float64) *ratio {
	r := &ratio{}
	r.value.Store(math.Float64bits(prior))
	return r
}

func (r *ratio) now() float64 { return math.Float64frombits(r.value.Load()) }

// estimate applies the ratio to a count and remembers that it did.
func (r *ratio) estimate(n int64) int64 {
	v := float32(r.now())
	e := scale(n, float64(v))
	r.given[uint64(e)%given].Store(uint64(uint32(e))<<32 | uint64(math.Float32bits(v)))
	return e
}

// scale rounds up, and never past what an int64 holds.
func scale(n int64, by float64) int64 {
	return int64(min(math.Ceil(float64(n)*by-1e-6*by), 1<<62))
}

// learn moves the ratio towards what a provider counted for an estimate.
func (r *ratio) learn(estimated, actual int64) {
	g := r.given[uint64(estimated)%given].Load()
	if uint32(g>>32) != uint32(estimated) {
		return
	}
	count := float64(estimated) / float64(math.Float32frombits(uint32(g)))
	seen := min(max(float64(actual)/count, leastRatio), mostRatio)
	r.mu.Lock()
	defer r.mu.Unlock()
	w := min(count/fullWeight, 1)
	r.weight += w
	v := r.now()
	v += w * max(ratioStep, 1/(r.weight+4)) * (seen - v)
	r.value.Store(math.Float64bits(v))
}
