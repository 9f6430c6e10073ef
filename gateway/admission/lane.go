package admission

import (
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// Budget is what a lane asks of its account's buckets. *budget.Scope, wrapped by
// InMemory, answers at once; a networked engine may answer Pending from Reserve and
// report later through Pool.Acquired.
type Budget interface {
	Peek(now budget.Instant, d budget.Demand) budget.Answer
	PeekBehind(now budget.Instant, before, d budget.Demand) budget.Answer
	Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer
	// Force reserves whatever there is, into debt.
	Force(now budget.Instant, h *budget.Hold, d budget.Demand)
	Forecast(now budget.Instant, ahead, d budget.Demand) budget.Answer
	Observe(now budget.Instant, o budget.Observation) budget.Finding
	SetRatio(now budget.Instant, ratio float64)
	View(now budget.Instant, dst []budget.BucketView) []budget.BucketView
}

// InMemory makes a Budget of a scope that lives in this process.
func InMemory(s *budget.Scope) Budget { return memory{s} }

type memory struct{ *budget.Scope }

func (m memory) Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer {
	return budget.Reserve(now, h, d, m.Scope)
}

func (m memory) Force(now budget.Instant, h *budget.Hold, d budget.Demand) {
	budget.Force(now, h, d, m.Scope)
}

// KeyState says whether an upstream key may be used for new attempts.
type KeyState uint8

const (
	// KeyEnabled keys take new attempts.
	KeyEnabled KeyState = iota
	// KeyDraining keys finish what they have and take nothing new.
	KeyDraining
	// KeyDisabled keys are switched off.
	KeyDisabled
)

// String is the name used by the admin API.
func (s KeyState) String() string {
	return [...]string{"enabled", "draining", "disabled"}[min(s, KeyDisabled)]
}

// ParseKeyState reads a state's name.
func ParseKeyState(s string) (KeyState, error) {
	for k := KeyEnabled; k <= KeyDisabled; k++ {
		if s == k.String() {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a state: enabled, draining or disabled", s)
}

// Key is one upstream credential of an account. The secret stays with the driver. What
// the operator wants (State) and what the key's use has shown (Down) are apart: it takes
// new attempts only if both allow it. The driver may change both between events; the
// next Step acts on it.
type Key struct {
	// Owner is the driver's own, not touched here.
	Owner any
	// Index tells keys apart where nobody needs more.
	Index int
	State KeyState
	// Down says that the key does not work: its provider refuses it, or it has ended.
	Down bool
	// Why is the reason of Down, for people.
	Why string

	inFlight int
}

// InFlight is the number of attempts that use the key now.
func (k *Key) InFlight() int { return k.inFlight }

// Usable says that the key takes new attempts.
func (k *Key) Usable() bool { return k.State == KeyEnabled && !k.Down }

// Account is a quota scope at a provider. Its lanes share its keys. An account
// belongs to exactly one pool.
type Account struct {
	Provider, Name string
	Keys           []*Key
	next           int
}

// pick answers the next usable key in turn, or nil.
func (a *Account) pick(advance bool) *Key {
	for i := range a.Keys {
		n := (a.next + i) % len(a.Keys)
		if a.Keys[n].Usable() {
			if advance {
				a.next = n + 1
			}
			return a.Keys[n]
		}
	}
	return nil
}

// Lane is one account's limit group: the models that share one set of buckets.
type Lane struct {
	// ID is the lane's name, unique in the process: provider/account/group.
	ID string
	// Owner is the driver's own, not touched here.
	Owner    any
	Account  *Account
	Budget   Budget
	Charging budget.Charging
	// TokensPerSecond and CallsPerSecond are what the configured limits let through;
	// zero: not limited so, or not known.
	TokensPerSecond, CallsPerSecond float64
	// Jitter spreads calls that were freed together over this long. Zero: not at all.
	Jitter time.Duration
	// Reserve is how much of the rate less important calls leave in the buckets while
	// more important ones come. It delays them once and slows nobody: a bucket refills
	// as fast at any level. Zero: nothing; windows, whose rest is lost, want none.
	Reserve time.Duration
	// Burst is what full buckets hold at the full rate, so that no reserve is larger than
	// what a call leaves of one. Zero: not known.
	Burst budget.Demand
	// Unknown says that nobody has configured limits: until the first answer tells
	// them, calls go slowly (SlowStart).
	Unknown bool
	// Adaptive and Ramp shape how the rate follows refusals. Read once, at the lane's
	// first use in a pool; see Adapt.
	Adaptive Adaptive
	Ramp     Ramp

	rate     *rateControl
	ramp     *rampControl
	blocked  budget.Instant // nothing starts here before (failures, not budget)
	lastUsed uint64         // grant number, for turns among equals
	claim    claim          // of an earlier call that waits for this lane
	inFlight int
	answered bool // an upstream's answer has been seen
}

// claim keeps a lane for the earliest call that waits for it: others may pass only
// where that does not delay it.
type claim struct {
	step   uint64 // the step in which it was made
	at     budget.Instant
	demand budget.Demand
	closed bool // whatever passes would delay it
}

// SlowStart is how many calls a lane of unknown limits has in flight before the
// first answer.
const SlowStart = 1

// Adapt replaces the lane's adaptive and ramp settings; a rate that was adapted stays.
func (l *Lane) Adapt(a Adaptive, r Ramp) {
	l.Adaptive, l.Ramp = a, r
	if l.rate != nil {
		l.rate.o = a
	}
	if l.ramp != nil {
		l.ramp.o = newRampControl(r).o
	}
}

func (l *Lane) prepare() {
	if l.rate == nil {
		l.rate = newRateControl(l.Adaptive)
	}
	if l.ramp == nil {
		l.ramp = newRampControl(l.Ramp)
	}
}

// InFlight is the number of attempts that hold this lane now.
func (l *Lane) InFlight() int { return l.inFlight }

// BlockedUntil is the moment before which the lane takes nothing because of recent
// failures; zero when it is not blocked.
func (l *Lane) BlockedUntil() budget.Instant { return l.blocked }

// Ratio is the share of the configured rate that is in force: adapted, and ramped.
func (l *Lane) Ratio() float64 {
	if l.rate == nil {
		return 1
	}
	return min(l.rate.share(), l.ramp.share)
}

// Restore sets the adapted share of the rate, as a restart does.
func (l *Lane) Restore(now budget.Instant, ratio float64) {
	l.prepare()
	if ratio > 0 && ratio < 1 {
		l.rate.ratio, l.rate.next = ratio, now.Add(l.rate.holds)
		l.applyRatio(now)
	}
}

func (l *Lane) applyRatio(now budget.Instant) { l.Budget.SetRatio(now, l.Ratio()) }

// tick lets the rate grow where its time has come, and answers when to come again.
func (l *Lane) tick(now budget.Instant) budget.Instant {
	grown := l.rate.grow(now)
	if l.ramp.grow(now) || grown {
		l.applyRatio(now)
	}
	return min(l.rate.next, l.ramp.next)
}

// nominal is the configured rate per second of a dimension; zero: not known.
func (l *Lane) nominal(d budget.Dimension) float64 {
	if d == budget.Requests {
		return l.CallsPerSecond
	}
	if d == budget.Tokens {
		return l.TokensPerSecond
	}
	return 0
}

// hold notes what a full bucket of a dimension holds; the smallest counts.
func (l *Lane) hold(d budget.Dimension, capacity int64) {
	if was := l.Burst[d]; was == 0 || capacity < was {
		l.Burst[d] = capacity
	}
}
