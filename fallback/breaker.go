package fallback

import "time"

// Condition is what a Breaker lets through.
type Condition uint8

const (
	// Closed: every call goes through.
	Closed Condition = iota
	// Open: no call goes through.
	Open
	// HalfOpen: one call at a time goes through, to see whether the upstream is well.
	HalfOpen
)

// String is the condition's name in logs and metrics.
func (c Condition) String() string {
	return [...]string{"closed", "open", "half_open"}[min(c, HalfOpen)]
}

// Outcome is what a call through a Breaker came to.
type Outcome uint8

const (
	// Neutral says nothing of the upstream's health: a rate limit, a bad request, a
	// client that has gone, a call that was not sent.
	Neutral Outcome = iota
	// Healthy: the upstream answered.
	Healthy
	// Sick: it failed by a Cause that is Sick.
	Sick
)

// OutcomeOf is the outcome of an attempt that failed by c. A refusal proves an upstream
// that answers, not one that works, so it is Neutral.
func OutcomeOf(c Cause) Outcome {
	if c.Sick() {
		return Sick
	}
	return Neutral
}

// BreakerOptions shape a Breaker.
type BreakerOptions struct {
	// Failures is how many failures within Window open it, at least. Zero: 5.
	Failures int
	// Ratio is the share of failures among the calls of Window that opens it, at
	// least. Zero: 0.5.
	Ratio float64
	// Window is the time that calls are counted over. Zero: 30 s.
	Window time.Duration
	// OpenFor is how long it stays open before the first probe; each failed probe
	// doubles it. Zero: 5 s.
	OpenFor time.Duration
	// MaxOpenFor bounds the doubling. Zero: 60 s.
	MaxOpenFor time.Duration
	// ProbeFor is when a probe that nobody has reported on is given up for lost.
	// Zero: 60 s.
	ProbeFor time.Duration
}

// Breaker keeps calls off an upstream that fails. It opens on failures of the upstream
// itself, never on rate limits; after a while it lets one call through, and that call's
// success closes it.
//
// Time is an argument, in nanoseconds on any timeline that the caller keeps to. A
// Breaker is not safe for concurrent use: the caller holds its own lock.
type Breaker struct {
	o       BreakerOptions
	cond    Condition // Open stands for half-open too, once its time has come
	era     uint64    // grows on every opening, closing and probe
	until   int64     // Open: when the first probe may go
	openFor time.Duration
	probing bool
	lost    int64  // when the probe is given up for lost
	seen    window // a: healthy, b: sick
}

// Pass is the right to send one call. Every Pass that was given ends in Leave.
type Pass struct {
	era   uint64
	probe bool
}

// Probe says that the call is the one by which a half-open Breaker judges.
func (p Pass) Probe() bool { return p.probe }

// NewBreaker is a closed breaker.
func NewBreaker(o BreakerOptions) *Breaker {
	o.Failures = max(orElse(o.Failures, 5), 1)
	o.Ratio = orElse(o.Ratio, 0.5)
	o.Window = orElse(o.Window, 30*time.Second)
	o.OpenFor = orElse(o.OpenFor, 5*time.Second)
	o.MaxOpenFor = max(orElse(o.MaxOpenFor, time.Minute), o.OpenFor)
	o.ProbeFor = orElse(o.ProbeFor, time.Minute)
	return &Breaker{o: o, openFor: o.OpenFor, seen: newWindow(o.Window)}
}

func orElse[T int | float64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Condition is what the breaker does now.
func (b *Breaker) Condition(now int64) Condition {
	if b.cond == Open && now >= b.until {
		return HalfOpen
	}
	return b.cond
}

// Ready says whether Enter would let a call through, and if not, when it is worth
// asking again; a probe that comes back may change that earlier.
func (b *Breaker) Ready(now int64) (ok bool, at int64) {
	switch b.Condition(now) {
	case Closed:
		return true, now
	case Open:
		return false, b.until
	}
	if b.probing && now < b.lost {
		return false, b.lost
	}
	return true, now
}

// Enter lets a call through or not. A call that goes through must Leave.
func (b *Breaker) Enter(now int64) (Pass, bool) {
	if ok, _ := b.Ready(now); !ok {
		return Pass{}, false
	}
	if b.cond == Closed {
		return Pass{era: b.era}, true
	}
	b.era++
	b.probing, b.lost = true, now+int64(b.o.ProbeFor)
	return Pass{era: b.era, probe: true}, true
}

// Leave tells what became of a call. Calls that began before the breaker last changed
// tell of another time and are not counted.
func (b *Breaker) Leave(now int64, p Pass, o Outcome) {
	if p.era != b.era {
		return
	}
	if p.probe {
		b.judge(now, o)
		return
	}
	if b.cond != Closed {
		return
	}
	b.seen.roll(now)
	switch o {
	case Healthy:
		b.seen.addA()
	case Sick:
		b.seen.addB()
		sick := b.seen.sumB
		if sick >= b.o.Failures && float64(sick) >= b.o.Ratio*float64(sick+b.seen.sumA) {
			b.open(now)
		}
	}
}

// judge ends a probe. One that says nothing leaves the breaker half-open for the next.
func (b *Breaker) judge(now int64, o Outcome) {
	b.probing = false
	switch o {
	case Healthy:
		b.era++
		b.cond, b.openFor = Closed, b.o.OpenFor
		b.seen.clear()
	case Sick:
		b.openFor = min(2*b.openFor, b.o.MaxOpenFor)
		b.open(now)
	default:
		b.era++
	}
}

func (b *Breaker) open(now int64) {
	b.era++
	b.cond, b.probing, b.until = Open, false, now+int64(b.openFor)
	b.seen.clear()
}
