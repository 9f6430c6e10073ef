package admission

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/shedding"
)

// Status is where a call stands in its pool.
type Status uint8

const (
	// Idle calls are not in the pool: new, refused, or settled.
	Idle Status = iota
	// Refining calls wait for their driver to bring an exact estimate.
	Refining
	// Waiting calls stand in the queue.
	Waiting
	// Sleeping calls wait for a retry's backoff before they queue again.
	Sleeping
	// Asking calls wait for a networked engine's answer about one lane.
	Asking
	// Granted calls hold a lane until Settle.
	Granted
)

// Call is one request's state in the pool. The driver allocates it, fills the first
// group of fields before Arrive, and does not touch it while it is in the pool
// except through events.
type Call struct {
	// Owner is the driver's own, not touched here.
	Owner any
	Route *Route
	Class shedding.Class
	// Client is whose share of the class the call takes; all calls of one name share
	// it. Weight is that share's size against others'; zero: 1.
	Client string
	Weight float64
	// Affinity keeps calls of one value on the same account where the route is
	// sticky. Zero: none.
	Affinity uint64
	// Estimates holds one estimate per target of the route.
	Estimates []budget.Estimate
	// Exact says that the estimates are as good as they get. Without it, a call
	// that does not fit at once is first sent back with a Refine effect.
	Exact bool
	// Deadline is the last moment at which a grant is of use.
	Deadline budget.Instant
	// Bytes is what the call keeps in memory while it waits: its body.
	Bytes int64

	status   Status
	fresh    bool // has not been looked at since it arrived or was refined
	retried  bool
	exempt   bool // waits outside the queue's bound
	arrived  budget.Instant
	seq      uint64
	order    []uint8 // targets in the order of choice; nil: the route's
	floor    int     // first place in the order still allowed
	pinned   int     // one more than the last place allowed; 0: all are
	excluded []exclusion
	hold     budget.Hold
	grant    Grant
	pass     fallback.Pass
	tokens   int64   // expected tokens while queued, for the backlog
	charged  float64 // seconds of service on the client's account
	attempts int

	passedOver uint64 // the step in which it was looked at behind a blocked call

	notBefore    budget.Instant
	prev, next   *Call // in the flow
	older, newer *Call // in the class
	flow         *flow
	tally        *tally
	heapIndex    [2]int32 // in deadlines, in sleepers; -1 when absent
}

// target is the route's target at a place in the call's order of choice.
func (c *Call) target(place int) int {
	if place < len(c.order) {
		return int(c.order[place])
	}
	return place
}

// place is where a target stands in the call's order of choice.
func (c *Call) place(target int) int {
	for i, t := range c.order {
		if int(t) == target {
			return i
		}
	}
	return target
}

// first is the target that the call would take first now.
func (c *Call) first() int {
	return c.target(min(c.floor, max(len(c.Route.Targets)-1, 0)))
}

// exclusion is a lane that a call does not try again for a target.
type exclusion struct {
	lane   *Lane
	target int
}

// Status tells where the call stands.
func (c *Call) Status() Status { return c.status }

// Arrived is the moment of the call's first arrival.
func (c *Call) Arrived() budget.Instant { return c.arrived }

// Grant answers the grant that the call holds or held last.
func (c *Call) Grant() Grant { return c.grant }

// Grant tells a call where to go.
type Grant struct {
	Target int // index on the route's list
	Lane   *Lane
	Key    *Key
	Demand budget.Demand
	At     budget.Instant
	// Delay is how long to wait before sending, so that calls freed together do not
	// leave together.
	Delay time.Duration
	// Waited says that the call stood in the queue for lack of budget.
	Waited bool
	// Rotated says that another lane of this target had no room.
	Rotated bool
	// Moved says that an earlier target had no room.
	Moved bool
}

// Spared says that sending the call at once to its first choice would have met an
// empty budget.
func (g Grant) Spared() bool { return g.Waited || g.Rotated || g.Moved }

// Reason says why the pool refused a call.
type Reason uint8

const (
	// NoRoom: no candidate had room before the deadline.
	NoRoom Reason = iota
	// TooLarge: the demand is above the whole limit of every candidate.
	TooLarge
	// Shed: the backlog is above the class's threshold.
	Shed
	// QueueFull: the queue is at its bound and its rule chose this call.
	QueueFull
	// NoKeys: no candidate has a usable key.
	NoKeys
	// Exhausted: every candidate was tried and failed.
	Exhausted
	// NoRetries: the upstream's budget of retries is spent.
	NoRetries
	// Resting: the candidates have room, but kept failing, and are left alone until their
	// breakers try again.
	Resting
)

// String is the reason's name in logs and metrics.
func (r Reason) String() string {
	return [...]string{"no_room", "too_large", "shed", "queue_full", "no_keys", "exhausted", "no_retries", "resting"}[min(r, Resting)]
}

// Refusal tells why a call cannot go and when it could.
type Refusal struct {
	Reason Reason
	// At is the earliest moment at which any candidate could take this demand
	// behind the work already queued; budget.Never when unknown.
	At budget.Instant
	// Dimension is what is short on the candidate that would be free first.
	Dimension budget.Dimension
}

// EffectKind tells effects apart.
type EffectKind uint8

const (
	// EffectGrant: send the call to its Grant.
	EffectGrant EffectKind = iota
	// EffectRefuse: answer the call with its Refusal.
	EffectRefuse
	// EffectRefine: bring exact estimates and report with Refined.
	EffectRefine
)

// Effect is one thing that the driver has to do.
type Effect struct {
	Kind    EffectKind
	Call    *Call
	Grant   Grant
	Refusal Refusal
}

// Verdict is what a failed attempt means for the candidates of its call. It is the
// pool's side of fallback's verdict.
type Verdict struct {
	// ExcludeLane: this call does not go to the failed lane again for this target.
	ExcludeLane bool
	// NextTarget: this call skips the failed target for good.
	NextTarget bool
	// Stay keeps this call on the failed target.
	Stay bool
	// DisableKey takes the failed key out for everybody, for the reason Why.
	DisableKey bool
	Why        string
	// BlockLane keeps everybody off the lane for this long.
	BlockLane time.Duration
	// After is the backoff before the call may be granted again.
	After time.Duration
	// Free says that the next attempt does not count against the upstream's budget of
	// retries: the failure was the request's or the key's.
	Free bool
}

// Report is what an attempt showed of its upstream beside its usage.
type Report struct {
	Health fallback.Outcome
	// FirstByte is the time from sending to the first byte. Zero: there was none.
	FirstByte time.Duration
}
