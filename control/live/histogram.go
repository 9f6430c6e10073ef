package live

import (
	"math"
	"time"
)

// steps is the number of buckets of a histogram: from 10 µs on, each is a quarter wider
// than the one before, up to about ten minutes.
const (
	steps  = 81
	finest = float64(10 * time.Microsecond)
	growth = 1.25
)

// histogram counts durations, to within a quarter.
type histogram struct {
	n      uint32
	counts [steps]uint32
}

func (h *histogram) add(d time.Duration) {
	i := 0
	if f := float64(d) / finest; f > 1 {
		i = min(int(math.Ceil(math.Log(f)/math.Log(growth))), steps-1)
	}
	h.counts[i]++
	h.n++
}

func (h *histogram) merge(other *histogram) {
	h.n += other.n
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// quantile is the duration that a share of what was counted does not exceed, in
// milliseconds; zero when nothing was counted.
func (h *histogram) quantile(q float64) float64 {
	if h.n == 0 {
		return 0
	}
	rank := uint32(math.Ceil(q * float64(h.n)))
	var seen uint32
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return math.Round(finest*math.Pow(growth, float64(i))/1e4) / 100
		}
	}
	return 0
}
