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

// effective is the amount less its margin: at least one where there was any.
func effective(amount int64, margin float64) int64 {
	if amount <= 0 {
		return 0
	}
	if !(margin > 0) {
		return amount
	}
	return max(int64(float64(amount)*(1-min(margin, 1))), 1)
}
