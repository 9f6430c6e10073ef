package fallback

import "time"

// ThrottleOptions shape a Throttle.
type ThrottleOptions struct {
	// K is how many calls are let through for each that is accepted. Zero: 2.
	K float64
	// Window is the time that calls are counted over. Zero: 2 min.
	Window time.Duration
	// Least is how many calls a window must have seen before any is kept back. Zero: 10.
	Least int
}

// Throttle sends an upstream that fails fewer calls than there are, before a Breaker
// sends none: each call is kept back with the probability
//
//	max(0, (calls − K·accepted) / (calls + 1))
//
// (Site Reliability Engineering, chapter 21: client-side throttling). Calls kept back
// count as calls. Accepted are those that did not show it Sick.
//
// Time is an argument, in nanoseconds. A Throttle is not safe for concurrent use.
type Throttle struct {
	k     float64
	least int
	seen  window // a: calls, b: accepted
}

// NewThrottle is a throttle that has seen nothing.
func NewThrottle(o ThrottleOptions) *Throttle {
	return &Throttle{k: orElse(o.K, 2), least: orElse(o.Least, 10), seen: newWindow(orElse(o.Window, 2*time.Minute))}
}

// KeepBack is the probability by which a call is kept back now.
func (t *Throttle) KeepBack(now int64) float64 {
	t.seen.roll(now)
	if t.seen.sumA < t.least {
		return 0
	}
	return max(0, (float64(t.seen.sumA)-t.k*float64(t.seen.sumB))/float64(t.seen.sumA+1))
}

// Try decides about one call by a number in [0, 1): true: it may go, and ends in Done.
func (t *Throttle) Try(now int64, random float64) bool {
	p := t.KeepBack(now)
	if random < p {
		t.seen.addA()
		return false
	}
	return true
}

// Done reports a call that went.
func (t *Throttle) Done(now int64, o Outcome) {
	t.seen.roll(now)
	t.seen.addA()
	if o != Sick {
		t.seen.addB()
	}
}
