package admission

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// Ramp is a slow start for upstreams that refuse traffic which grows too quickly. The
// zero value acts only after such a refusal, with the defaults told below.
type Ramp struct {
	// Start is the share of the rate after idleness. Zero: no slow start there.
	Start float64
	// Idle is how long a lane must have sent nothing. Zero: 60 s.
	Idle time.Duration
	// Double is the time in which the share doubles while it is used. Zero: 10 s.
	Double time.Duration
}

// After a refusal for growth the share is halved, but not below rampFloor.
const (
	rampFloor = 0.05
	rampIdle  = time.Minute
	rampTime  = 10 * time.Second
	rampTick  = time.Second
)

// rampControl is the live state of one lane's ramp.
type rampControl struct {
	o     Ramp
	share float64 // of the rate, (0, 1]
	next  budget.Instant
	last  budget.Instant // last grant
	pause budget.Instant // no growth before: the last refusal
}

func newRampControl(o Ramp) *rampControl {
	if o.Idle <= 0 {
		o.Idle = rampIdle
	}
	if o.Double <= 0 {
		o.Double = rampTime
	}
	r := &rampControl{o: o, share: 1, next: budget.Never}
	if o.Start > 0 {
		r.share = min(o.Start, 1)
	}
	return r
}

// granted counts a call; after idleness the share starts again. It says whether the
// share changed.
func (r *rampControl) granted(now budget.Instant) bool {
	idle := r.last == 0 || now.Sub(r.last) >= r.o.Idle
	r.last = now
	if r.next == budget.Never && r.share < 1 {
		r.next = now.Add(rampTick)
	}
	if !idle || r.o.Start <= 0 {
		return false
	}
	r.share, r.next = min(r.o.Start, 1), now.Add(rampTick)
	return true
}

// refused takes a refusal for growth.
func (r *rampControl) refused(now budget.Instant) {
	if now < r.pause {
		return // of the same wave
	}
	r.share = max(r.share/2, rampFloor)
	r.pause = now.Add(rampTick)
	r.next = now.Add(r.o.Double)
}

// grow raises the share by a tick's worth and says whether it did.
func (r *rampControl) grow(now budget.Instant) bool {
	if now < r.next || r.share >= 1 {
		return false
	}
	for r.next <= now && r.share < 1 {
		r.share *= 1 + float64(rampTick)/float64(r.o.Double)
		r.next = r.next.Add(rampTick)
	}
	if r.share >= 1 {
		r.share, r.next = 1, budget.Never
	}
	return true
}
