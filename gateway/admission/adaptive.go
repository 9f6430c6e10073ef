package admission

import (
	"fmt"
	"math"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// Adaptive says how a lane's rate follows refusals that its arithmetic cannot explain.
// The zero value never adapts.
type Adaptive struct {
	// Refusals is how many unexplained refusals within Within cut the rate. Zero: never.
	Refusals int
	Within   time.Duration
	// Factor is what the rate is cut to, a share of the present one; Floor the lowest
	// share of the configured rate. A rate that was measured may lie below it.
	Factor, Floor float64
	// Hold is how long a cut lasts before the rate grows again; it doubles, up to
	// sixteenfold, each time the growth meets the same limit.
	Hold time.Duration
	// Step is what the rate grows by, a share of the configured one, every Every.
	Step  float64
	Every time.Duration
}

// AdaptivePreset answers conservative, balanced (which "" means too), aggressive or off.
func AdaptivePreset(name string) (Adaptive, error) {
	switch name {
	case "conservative":
		return Adaptive{Refusals: 1, Within: time.Minute, Factor: 0.8, Floor: 0.5, Hold: 300 * time.Second, Step: 0.05, Every: 30 * time.Second}, nil
	case "balanced", "":
		return Adaptive{Refusals: 3, Within: time.Minute, Factor: 0.8, Floor: 0.5, Hold: 180 * time.Second, Step: 0.10, Every: 30 * time.Second}, nil
	case "aggressive":
		return Adaptive{Refusals: 3, Within: time.Minute, Factor: 0.9, Floor: 0.7, Hold: 30 * time.Second, Step: 0.10, Every: 10 * time.Second}, nil
	case "off":
		return Adaptive{}, nil
	}
	return Adaptive{}, fmt.Errorf("no adaptive preset named %q: use conservative, balanced, aggressive or off", name)
}

// rateControl is the live state of one lane's adapted rate.
type rateControl struct {
	o        Adaptive
	ratio    float64
	recent   []budget.Instant // unexplained refusals, at most o.Refusals
	next     budget.Instant   // when the rate grows next; Never at full rate
	holds    time.Duration    // the present hold, which doubles
	grown    bool             // the rate has grown since the last cut
	measured float64          // the ratio that was measured last; 0: none

	// How many attempts, and refusals of them, the last minute has seen; and the part
	// of the rate that is left unused because of refusals that are explained, but many.
	attempts, refusals float64
	seen               budget.Instant
	trim               float64
	trimmed            budget.Instant

	// What the upstream accepted, by dimension, and where that count stood at earlier
	// refusals: between two refusals it took what its limit allows.
	flow  budget.Demand
	marks []flowMark
}

type flowMark struct {
	at   budget.Instant
	flow budget.Demand
}

const (
	maxFlowMarks  = 64
	flowMarkEvery = 250 * time.Millisecond
	flowMemory    = 45 * time.Second
	// roughAfter and measuredAfter are how long refusals must have gone on before what
	// was accepted meanwhile bounds the rate, and before it is the rate.
	roughAfter    = time.Second
	measuredAfter = 8 * time.Second
	// belowMeasured keeps a measured rate clear of the limit it was measured at.
	belowMeasured = 0.99
	longestHold   = 16
)

func newRateControl(o Adaptive) *rateControl {
	return &rateControl{o: o, ratio: 1, next: budget.Never, holds: o.Hold}
}

// accepted counts what a call took, or gave back.
func (r *rateControl) accepted(d budget.Demand, sign int64) {
	for i := range r.flow {
		r.flow[i] += sign * d[i]
	}
}

// refused takes a refusal for a dimension whose configured rate per second is nominal
// (zero: not known), and says whether the ratio has changed.
func (r *rateControl) refused(now budget.Instant, dim budget.Dimension, nominal float64, f budget.Finding) bool {
	r.mark(now)
	if r.o.Refusals <= 0 {
		return false
	}
	r.fade(now)
	r.refusals++
	many := manyRefusals
	if f.Told {
		many = mostRefusals
	}
	if !f.Unexplained && r.refusals < many*r.attempts {
		return f.Window && r.less(now)
	}
	keep := r.recent[:0]
	for _, t := range r.recent {
		if now.Sub(t) < r.o.Within {
			keep = append(keep, t)
		}
	}
	r.recent = append(keep, now)
	if len(r.recent) < r.o.Refusals || r.o.Refusals > 1 && r.refusals < fewRefusals*r.attempts {
		return false
	}
	to, ok := r.cut(now, dim, nominal)
	if r.grown && r.measured > 0 && r.ratio < 1.3*r.measured {
		to, ok = r.measured*belowMeasured, true // the limit that was measured before still holds
	}
	if !ok {
		r.recent = r.recent[1:] // wait for a better measurement
		return false
	}
	r.recent = r.recent[:0]
	if r.grown && r.measured > 0 && to < 1.15*r.measured {
		r.holds = min(2*r.holds, longestHold*r.o.Hold) // the same limit as before
	} else if r.grown {
		r.holds = r.o.Hold
	}
	r.grown = false
	r.ratio, r.next = to, now.Add(r.holds)
	return true
}

// Refusals that the arithmetic explains (an estimate that was off, a boundary) cost the
// rate a little each, and come back slowly: their share settles near a tenth of a
// percent. From manyRefusals per attempt on they count as unexplained.
const (
	manyRefusals = 0.03
	mostRefusals = 0.20 // where the upstream tells what remains
	fewRefusals  = 0.01 // of the attempts: below it, chance alone explains them
	trimStep     = 0.004
	trimMost     = 0.25
	trimHeal     = 0.00003 // per second
	trimFree     = 3       // refusals a minute that cost nothing
)

// fade lets the counts of the last minute fade.
func (r *rateControl) fade(now budget.Instant) {
	if d := now.Sub(r.seen); d > 0 {
		f := math.Exp(-d.Seconds() / 60)
		r.attempts, r.refusals, r.seen = r.attempts*f, r.refusals*f, now
	}
}

// less trims the rate for a refusal.
func (r *rateControl) less(now budget.Instant) bool {
	if r.refusals < trimFree {
		return false
	}
	r.heal(now)
	r.trim = min(r.trim+trimStep, trimMost)
	return true
}

func (r *rateControl) heal(now budget.Instant) {
	if d := now.Sub(r.trimmed); d > 0 {
		r.trim, r.trimmed = max(r.trim-trimHeal*d.Seconds(), 0), now
	}
}

// share is the part of the configured rate that is in force.
func (r *rateControl) share() float64 { return r.ratio * (1 - r.trim) }

// cut answers the ratio to go to.
func (r *rateControl) cut(now budget.Instant, dim budget.Dimension, nominal float64) (float64, bool) {
	plain := max(r.ratio*r.o.Factor, min(r.o.Floor, r.ratio))
	share, over := r.measure(now, dim, nominal)
	switch {
	case over >= measuredAfter && share < r.ratio:
		r.measured = share
		return min(share*belowMeasured, r.ratio), true
	case over >= roughAfter && plain < 1.1*share:
		return 0, false // a plain cut would go below what is accepted
	case plain >= r.ratio:
		return 0, false
	}
	return plain, true
}

// measure answers which share of the nominal rate was accepted while refusals went
// on, and for how long they have.
func (r *rateControl) measure(now budget.Instant, dim budget.Dimension, nominal float64) (float64, time.Duration) {
	if nominal <= 0 || len(r.marks) < 2 {
		return 0, 0
	}
	first := r.marks[0]
	over := now.Sub(first.at)
	if over <= 0 {
		return 0, 0
	}
	return float64(r.flow[dim]-first.flow[dim]) / over.Seconds() / nominal, over
}

// mark notes what was accepted up to a refusal. A pause in the refusals begins anew:
// what was accepted in it says nothing about the limit.
func (r *rateControl) mark(now budget.Instant) {
	if n := len(r.marks); n > 0 {
		switch last := r.marks[n-1].at; {
		case now.Sub(last) > flowMemory/3:
			r.marks = r.marks[:0]
		case now.Sub(last) < flowMarkEvery:
			return
		}
	}
	drop := 0
	for drop < len(r.marks) && (now.Sub(r.marks[drop].at) > flowMemory || len(r.marks)-drop >= maxFlowMarks) {
		drop++
	}
	r.marks = append(r.marks[:copy(r.marks, r.marks[drop:])], flowMark{now, r.flow})
}

// grow lets the rate grow again once its time has come, and says whether it did.
func (r *rateControl) grow(now budget.Instant) bool {
	if r.trim > 0 && now.Sub(r.trimmed) >= time.Second {
		r.heal(now)
		return true
	}
	if now < r.next || r.ratio >= 1 {
		return false
	}
	r.ratio = min(r.ratio+r.o.Step, 1)
	r.grown = true
	r.marks = r.marks[:0]
	r.next = now.Add(r.o.Every)
	if r.ratio >= 1 {
		r.next = budget.Never
	}
	return true
}
