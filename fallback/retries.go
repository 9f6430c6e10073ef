package fallback

import "time"

// RetryOptions shape a RetryBudget.
type RetryOptions struct {
	// Ratio is how many retries each call earns. Zero: 0.2. Negative: none.
	Ratio float64
	// Floor is how many retries a window may have whatever the calls. Zero: 10.
	// Negative: none.
	Floor int
	// Window is the time that calls and retries are counted over. Zero: 10 s.
	Window time.Duration
}

// RetryBudget keeps retries and fallbacks to a share of the calls, so that an upstream
// in trouble is not asked more because it is in trouble. One is shared by everything
// that asks the same upstream.
//
// Over any window the retries are at most Floor + Ratio × calls. Time is an argument,
// in nanoseconds on any timeline that the caller keeps to. A RetryBudget is not safe
// for concurrent use: the caller holds its own lock.
type RetryBudget struct {
	ratio float64
	floor int
	seen  window // a: calls, b: retries
}

// NewRetryBudget is an empty budget with its whole floor to spend.
func NewRetryBudget(o RetryOptions) *RetryBudget {
	b := &RetryBudget{ratio: o.Ratio, floor: o.Floor}
	if !(o.Ratio < 0) && !(o.Ratio > 0) {
		b.ratio = 0.2
	}
	if o.Floor == 0 {
		b.floor = 10
	}
	b.ratio, b.floor = max(b.ratio, 0), max(b.floor, 0)
	d := o.Window
	if d <= 0 {
		d = 10 * time.Second
	}
	b.seen = newWindow(d)
	return b
}

// Call counts the first attempt of a call.
func (b *RetryBudget) Call(now int64) {
	b.seen.roll(now)
	b.seen.addA()
}

// Retry takes one retry out of the budget; false: there is none left.
func (b *RetryBudget) Retry(now int64) bool {
	if b.Left(now) < 1 {
		return false
	}
	b.seen.addB()
	return true
}

// Left is how many retries the budget has now.
func (b *RetryBudget) Left(now int64) int {
	b.seen.roll(now)
	return max(b.floor+int(b.ratio*float64(b.seen.sumA))-b.seen.sumB, 0)
}
