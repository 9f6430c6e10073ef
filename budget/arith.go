package budget

import (
	"math"
	"math/bits"
	"time"
)

// mulDiv is a×b÷c rounded down, without overflow: beyond int64 it saturates.
func mulDiv(a, b, c int64) int64 {
	if a <= 0 || b <= 0 || c <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, math.MaxInt64))
}

// span is the time in which a rate refills n units: at least one nanosecond, so that
// no limit, however absurd, is free of charge. At most a century.
func span(n, amount int64, window time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Duration(min(max(mulDiv(n, int64(window), amount), 1), maxSpan))
}

// maxSpan keeps sums of instants and spans far from overflow.
const maxSpan = int64(100 * 365 * 24 * time.Hour)

// stretched is a window made longer so that its amount is taken at a share of the
// rate; share is within (0, 1].
func stretched(window time.Duration, share float64) time.Duration {
	if !(share < 1) {
		return window
	}
	return time.Duration(min(float64(window)/max(share, minShare), float64(maxSpan)))
}

// minShare keeps a bucket alive whatever margin and ratio say.
const minShare = 1e-6

// portion is a share of an amount, rounded up: at least one where there was any.
func portion(amount int64, share float64) int64 {
	if amount <= 0 {
		return 0
	}
	if !(share < 1) {
		return amount
	}
	return min(max(int64(math.Ceil(float64(amount)*max(share, 0)-1e-9)), 1), amount)
}
