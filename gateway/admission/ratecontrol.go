package admission

import (
	"math"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// rateControl is the live state of one lane's adapted rate. It cuts the rate when
// refusals come that the arithmetic cannot explain, measures meanwhile what the upstream
// accepts, and grows back: in the configured steps after a plain cut, by bisection
// after a measured one.
type rateControl struct {
	o      Adaptive
	ratio  float64
	recent []budget.Instant // unexplained refusals, at most o.Refusals
	next   budget.Instant   // when the rate grows next; Never at full rate
	holds  time.Duration    // the present hold, which doubles

	search search
	trim   trim
	flow   flowMeter

	// How many attempts, and refusals of them, the last minute has seen.
	attempts, refusals float64
	seen               budget.Instant
}

// search looks for a limit that was measured: above good, which is accepted, and below
// bad, which is not. Zero good: nothing was measured.
// was is the bad of a finished search, while its limit is tried again.
type search struct{ good, bad, was float64 }

const (
	// From manyRefusals per attempt on, refusals count as unexplained whatever they are;
	// where the upstream tells what remains, from mostRefusals. Below fewRefusals chance
	// alone explains them.
	manyRefusals = 0.03
	mostRefusals = 0.20
	fewRefusals  = 0.01
	// leastRefusals a minute say nothing about a share.
	leastRefusals = 4
	// roughAfter and measuredAfter are how long refusals must have gone on before what
	// was accepted meanwhile bounds the rate, and before it is the rate.
	roughAfter    = time.Second
	measuredAfter = 8 * time.Second
	// belowMeasured keeps a measured rate clear of the limit it was measured at.
	belowMeasured = 0.99
	// A search ends when good and bad are this close, a share of the configured rate.
	searchedTo  = 0.02
	longestHold = 16
	leastRatio  = 0.01
)

func newRateControl(o Adaptive) *rateControl {
	return &rateControl{o: o, ratio: 1, next: budget.Never, holds: o.Hold}
}

// share is the part of the configured rate that is in force.
func (r *rateControl) share() float64 { return r.ratio * (1 - r.trim.share) }

// attempt counts an attempt.
func (r *rateControl) attempt(now budget.Instant) {
	r.fade(now)
	r.attempts++
	r.trim.tried++
}

// fade lets the counts of the last minute fade.
func (r *rateControl) fade(now budget.Instant) {
	if d := now.Sub(r.seen); d > 0 {
		f := math.Exp(-d.Seconds() / 60)
		r.attempts, r.refusals, r.seen = r.attempts*f, r.refusals*f, now
	}
}

// refused takes a refusal for a dimension whose configured rate per second is nominal
// (zero: not known), and says whether the share has changed.
func (r *rateControl) refused(now budget.Instant, dim budget.Dimension, nominal float64, f budget.Finding) bool {
	r.flow.mark(now)
	if r.o.Refusals <= 0 {
		return false
	}
	r.fade(now)
	r.refusals++
	many := manyRefusals
	if f.Told {
		many = mostRefusals
	}
	if !f.Unexplained && (r.refusals < leastRefusals || r.refusals < many*r.attempts) {
		return f.Window && r.refusals >= trimFree && r.trim.more(now, trimStep)
	}
	r.remember(now)
	if r.probing() && len(r.recent) >= min(2, r.o.Refusals) {
		r.back(now)
		return true
	}
	if len(r.recent) < r.o.Refusals || r.o.Refusals > 1 && r.refusals < fewRefusals*r.attempts {
		r.next = max(r.next, now.Add(r.o.Every))                 // no growth meanwhile
		return r.search.good > 0 && r.trim.more(now, 2*trimStep) // what was measured is a little high
	}
	to, ok := r.cut(now, dim, nominal)
	if !ok {
		r.recent = r.recent[1:] // wait for a better measurement
		return false
	}
	r.recent = r.recent[:0]
	r.ratio, r.next = to, now.Add(r.holds)
	return true
}

func (r *rateControl) remember(now budget.Instant) {
	keep := r.recent[:0]
	for _, t := range r.recent {
		if now.Sub(t) < r.o.Within {
			keep = append(keep, t)
		}
	}
	r.recent = append(keep, now)
}

// probing says that the rate is above what is known to be accepted.
func (r *rateControl) probing() bool { return r.search.good > 0 && r.ratio > r.search.good+1e-9 }

// back ends a probe that was refused.
func (r *rateControl) back(now budget.Instant) {
	r.search.bad = r.ratio
	if r.search.was > 0 {
		r.search.bad = min(r.search.was, r.ratio) // the same limit as before
	}
	r.search.was = 0
	r.recent = r.recent[:0]
	r.ratio = r.search.good
	if r.searched() {
		r.holds = min(2*r.holds, longestHold*r.o.Hold)
	}
	r.next = now.Add(r.pause())
}

// searched says that the limit is known well enough.
func (r *rateControl) searched() bool { return r.search.bad-r.search.good <= searchedTo }

// pause is how long the rate stays before it grows.
func (r *rateControl) pause() time.Duration {
	if r.search.good > 0 && !r.searched() {
		return min(2*r.o.Every, r.holds)
	}
	return r.holds
}

// cut answers the ratio to go to.
func (r *rateControl) cut(now budget.Instant, dim budget.Dimension, nominal float64) (float64, bool) {
	plain := max(r.ratio*r.o.Factor, min(r.o.Floor, r.ratio))
	share, over := r.flow.measure(now, dim, nominal, r.share())
	switch {
	case over >= measuredAfter && share < r.ratio:
		good := max(min(share*belowMeasured, r.ratio), leastRatio)
		r.search, r.holds = search{good: good, bad: r.ratio}, r.o.Hold
		return good, true
	case over >= roughAfter && plain < 1.1*share:
		return 0, false // a plain cut would go below what is accepted
	case plain >= r.ratio:
		return 0, false
	}
	return plain, true
}

// grow lets the share grow again once its time has come, and says whether it did.
func (r *rateControl) grow(now budget.Instant) bool {
	healed := r.trim.heal(now)
	if now < r.next || r.ratio >= 1 {
		return healed
	}
	r.flow.marks = r.flow.marks[:0]
	r.recent = r.recent[:0]
	to := r.ratio + r.o.Step
	if r.search.good > 0 {
		r.search.good = r.ratio // it was accepted all the while
		if r.searched() {
			r.search.bad, r.search.was = 1, r.search.bad // after a long hold the limit may have come back
		}
		to = min(to, (r.search.good+r.search.bad)/2)
	}
	r.ratio = min(to, 1)
	r.next = r.next.Add(max(r.o.Every, time.Millisecond))
	if r.search.good == 0 { // the steps of a pause, too
		for r.next <= now && r.ratio < 1 {
			r.ratio, r.next = min(r.ratio+max(r.o.Step, 0.001), 1), r.next.Add(max(r.o.Every, time.Millisecond))
		}
	}
	switch {
	case r.ratio > 0.995:
		r.ratio, r.next, r.search, r.holds = 1, budget.Never, search{}, r.o.Hold
	case r.search.good > 0:
		r.next = now.Add(2 * r.o.Every)
	}
	return true
}

// trim is the part of the rate that is left unused because of refusals that are
// explained (an estimate that was off, a boundary), but come again. Each costs a little
// and attempts earn it back, so that their share settles near trimTarget.
type trim struct {
	share float64
	at    budget.Instant
	tried float64 // attempts since at
}

const (
	trimStep   = 0.004
	trimMost   = 0.25
	trimTarget = 0.001    // refusals per attempt
	trimHeal   = 0.000003 // per second, where attempts are few
	trimFree   = 3        // refusals a minute that cost nothing
)

func (t *trim) more(now budget.Instant, by float64) bool {
	t.heal(now)
	t.share, t.at = min(t.share+by, trimMost), now
	return true
}

func (t *trim) heal(now budget.Instant) bool {
	d := now.Sub(t.at)
	if t.share == 0 {
		t.tried = 0
		return false
	}
	if d < time.Second {
		return false
	}
	t.share = max(t.share-trimStep*trimTarget*t.tried-trimHeal*d.Seconds(), 0)
	t.at, t.tried = now, 0
	return true
}

// flowMeter counts what the upstream accepted, and where that count stood at earlier
// refusals: between two refusals it took what its limit allows.
type flowMeter struct {
	flow  budget.Demand
	tried budget.Demand // with what was refused
	marks []flowMark
}

type flowMark struct {
	at          budget.Instant
	flow, tried budget.Demand
}

const (
	maxFlowMarks  = 64
	flowMarkEvery = 250 * time.Millisecond
	flowMemory    = 45 * time.Second
	flowPause     = 15 * time.Second
)

// add counts what a call took, or gave back.
func (f *flowMeter) add(d budget.Demand, sign int64) {
	for i := range f.flow {
		f.flow[i] += sign * d[i]
	}
}

// try counts what a call asked of the upstream.
func (f *flowMeter) try(d budget.Demand) {
	for i := range f.tried {
		f.tried[i] += d[i]
	}
}

// mark notes what was accepted up to a refusal. A pause in the refusals begins anew:
// what was accepted in it says nothing about the limit.
func (f *flowMeter) mark(now budget.Instant) {
	if n := len(f.marks); n > 0 {
		switch last := f.marks[n-1].at; {
		case now.Sub(last) > flowPause:
			f.marks = f.marks[:0]
		case now.Sub(last) < flowMarkEvery:
			return
		}
	}
	drop := 0
	for drop < len(f.marks) && (now.Sub(f.marks[drop].at) > flowMemory || len(f.marks)-drop >= maxFlowMarks) {
		drop++
	}
	f.marks = append(f.marks[:copy(f.marks, f.marks[drop:])], flowMark{now, f.flow, f.tried})
}

// busy is the share of the rate in force that must have been asked for: an upstream that
// is asked for less shows what was asked, and not its limit.
const busy = 0.7

// measure answers which share of the nominal rate was accepted while refusals went
// on, and for how long they have; zero where too little was asked for, of the share of
// it that was in force.
func (f *flowMeter) measure(now budget.Instant, dim budget.Dimension, nominal, force float64) (float64, time.Duration) {
	if nominal <= 0 || len(f.marks) < 2 {
		return 0, 0
	}
	first := f.marks[0]
	over := now.Sub(first.at)
	if over <= 0 || float64(f.tried[dim]-first.tried[dim]) < busy*force*nominal*over.Seconds() {
		return 0, 0
	}
	return float64(f.flow[dim]-first.flow[dim]) / over.Seconds() / nominal, over
}
