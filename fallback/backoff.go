package fallback

import (
	"math"
	"time"
)

// Backoff is exponential with full jitter.
type Backoff struct {
	// Base is the largest first delay. Zero: no delay.
	Base time.Duration
	// Max bounds every delay. Zero: an hour.
	Max time.Duration
	// Factor is the growth from one try to the next. Below one, or not a number: 2.
	Factor float64
}

// longestDelay bounds a Backoff without Max.
const longestDelay = time.Hour

// Delay is the pause before try n, counted from zero: a share r, in [0,1), of
// Base·Factorⁿ, at most Max.
func (b Backoff) Delay(n int, r float64) time.Duration {
	if b.Base <= 0 {
		return 0
	}
	most := b.Max
	if most <= 0 || most > longestDelay { // beyond it a float64 rounds up past the largest duration
		most = longestDelay
	}
	factor := b.Factor
	if !(factor >= 1) {
		factor = 2
	}
	top := math.Min(float64(b.Base)*math.Pow(factor, float64(max(n, 0))), float64(most))
	return time.Duration(min(max(r, 0), 1) * top)
}
