package admission

import (
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

// Options are a pool's settings. The zero value of a field has the meaning told.
type Options struct {
	// MaxQueue bounds the calls that wait. Zero: nothing waits.
	MaxQueue int
	// LowWater is where a queue that was at its bound counts as having room again.
	// Zero: MaxQueue.
	LowWater int
	// MaxQueueBytes bounds the Bytes of the calls that wait, together. Zero: no bound.
	MaxQueueBytes int64
	// Thresholds of shedding per class. Zero: shedding.DefaultThresholds.
	Thresholds shedding.Thresholds
	// WhenFull says who goes when the queue is at its bound.
	WhenFull shedding.WhenFull
	// Random answers numbers in [0,1), for drop_random, weights, jitter and throttles.
	// Nil: always one half.
	Random func() float64
	// Busy answers the calls that the driver serves at once, and how many it can (0: any
	// number): the nearer to it, the less important must be those that may not wait. Nil:
	// not counted.
	Busy func() (inFlight, most int)
	// ShedFrom answers the most important class that is shed whatever the load: of it and
	// those below, a new call that finds no room at once is refused. shedding.Classes:
	// none. Critical never is. Nil: none.
	ShedFrom func() shedding.Class
}

// Pool decides for a set of lanes. Not safe for concurrent use.
type Pool struct {
	o     Options
	lanes []*Lane

	queue     queue
	deadlines alarm
	sleepers  alarm
	fresh     []*Call
	out       []Effect

	full              bool // the queue was at its bound and has not come down to LowWater
	seq, step, grants uint64
	seen              [classes]budget.Instant // when a call of the class last came
	drain             drain
}

// New makes a pool over lanes that no other pool has.
func New(o Options, lanes []*Lane) *Pool {
	if o.Thresholds == (shedding.Thresholds{}) {
		o.Thresholds = shedding.DefaultThresholds()
	}
	for _, l := range lanes {
		l.prepare()
	}
	return &Pool{
		o: o, lanes: lanes, queue: newQueue(),
		deadlines: alarm{slot: 0, at: func(c *Call) budget.Instant { return c.Deadline }},
		sleepers:  alarm{slot: 1, at: func(c *Call) budget.Instant { return c.notBefore }},
	}
}

// Lanes answers the pool's lanes; the slice is the pool's own.
func (p *Pool) Lanes() []*Lane { return p.lanes }

// Queued is the number of waiting calls of a class.
func (p *Pool) Queued(c shedding.Class) int { return p.queue.lines[min(int(c), classes-1)].n }

// QueuedTokens is what the waiting calls of a class are expected to take.
func (p *Pool) QueuedTokens(c shedding.Class) int64 {
	d := &p.queue.lines[min(int(c), classes-1)].demand
	return d.Input + d.Output
}

// Oldest is when the call of a class arrived that has waited longest; zero: none waits.
func (p *Pool) Oldest(c shedding.Class) budget.Instant {
	if oldest := p.queue.lines[min(int(c), classes-1)].oldest; oldest != nil {
		return oldest.arrived
	}
	return 0
}

// Arrive brings a new call. Its effect comes from the next Step, or a later one.
func (p *Pool) Arrive(now budget.Instant, c *Call) {
	p.seq++
	c.seq, c.arrived, c.fresh, c.retried, c.floor, c.pinned, c.attempts = p.seq, now, true, false, 0, 0, 0
	c.excluded = c.excluded[:0]
	c.heapIndex = [2]int32{-1, -1}
	c.order = c.Route.arrange(c, p.random)
	p.seen[min(int(c.Class), classes-1)] = now
	c.Deadline = max(c.Deadline, now) // a call that may not wait is looked at once
	p.enter(c)
}

// Adopt brings a call that waited in another pool, which a reload has replaced. It
// keeps its arrival; calls must be adopted in the order in which Drain gave them.
func (p *Pool) Adopt(c *Call, r *Route) {
	p.seq++
	c.Route, c.seq, c.floor, c.pinned, c.excluded = r, p.seq, 0, 0, c.excluded[:0]
	c.order = r.arrange(c, p.random)
	c.fresh, c.retried = true, true
	p.enter(c)
}

// Drain takes every call out of the pool that holds no lane, first come first, for
// Adopt. A call that is Refining or Asking is left to its next event.
func (p *Pool) Drain() []*Call {
	calls := slices.Clone(p.deadlines.calls)
	slices.SortFunc(calls, func(a, b *Call) int { return int(int64(a.seq) - int64(b.seq)) })
	for _, c := range calls {
		p.leave(c)
	}
	return calls
}

// Refined brings a call back whose Estimates are exact now.
func (p *Pool) Refined(now budget.Instant, c *Call) {
	if c.status != Refining {
		return
	}
	c.Deadline = max(c.Deadline, now)
	c.Exact, c.fresh = true, true
	p.enter(c)
}

// Retry brings back a call whose attempt failed and was settled.
func (p *Pool) Retry(now budget.Instant, c *Call, v Verdict) {
	if c.status != Idle {
		return
	}
	g := c.grant
	if v.DisableKey && g.Key != nil && !g.Key.Down {
		g.Key.Down, g.Key.Why = true, v.Why
	}
	p.Block(now, g.Lane, v.BlockLane)
	if h := c.health(); h != nil && h.Retries != nil && !v.Free && !h.Retries.Retry(int64(now)) {
		p.refuse(now, c, NoRetries)
		return
	}
	if v.ExcludeLane {
		c.excluded = append(c.excluded, exclusion{g.Lane, g.Target})
	}
	place := c.place(g.Target)
	if v.Stay {
		c.floor, c.pinned = place, place+1
	}
	if v.NextTarget {
		c.floor = max(c.floor, place+1)
	}
	c.fresh, c.retried = true, true
	if v.After > 0 {
		c.notBefore = now.Add(v.After)
		c.status = Sleeping
		p.sleepers.set(c)
		p.deadlines.set(c)
		return
	}
	p.enter(c)
}

// Block keeps everybody off a lane for a while; a shorter block never shortens one.
func (p *Pool) Block(now budget.Instant, l *Lane, d time.Duration) {
	if l != nil && d > 0 {
		l.blocked = max(l.blocked, now.Add(d))
	}
}

// Settle ends the call's hold with what was used and tells what the attempt showed
// of its upstream; false when the call held nothing.
func (p *Pool) Settle(now budget.Instant, c *Call, actual budget.Demand, o budget.Outcome, r Report) bool {
	if c.status != Granted {
		return false
	}
	c.status = Idle
	l := c.grant.Lane
	l.inFlight--
	c.grant.Key.inFlight--
	l.answered = l.answered || o != budget.Unsent
	if h := c.health(); h != nil {
		h.end(now, c.pass, r)
	}
	if o != budget.Used {
		actual = budget.Demand{}
	}
	l.rate.flow.add(c.grant.Demand, -1)
	l.rate.flow.add(actual, 1)
	c.discharge(p.share(&actual))
	return c.hold.Settle(now, actual, o)
}

// Observe brings the provider's own word about a lane. since is the call whose answer
// told it; nil: nobody's.
func (p *Pool) Observe(now budget.Instant, l *Lane, since *Call, o budget.Observation) {
	if since != nil && since.grant.Lane == l {
		o.Since = &since.hold
	}
	l.answered = true
	f := l.Budget.Observe(now, o)
	if f.Learned {
		p.Learned(now, l)
	}
	if o.Refused && l.rate.refused(now, o.Dimension, l.nominal(o.Dimension), f) {
		l.applyRatio(now)
	}
}

// Answered ends the slow start of a lane whose limits nobody knows, and says whether it
// did: its upstream has answered.
func (p *Pool) Answered(l *Lane) bool {
	if l.answered {
		return false
	}
	l.answered = true
	return l.Unknown
}

// Learned takes the rates of a lane from what its buckets say now, where the provider
// has told some.
func (p *Pool) Learned(now budget.Instant, l *Lane) {
	views := l.Budget.View(now, nil)
	if !slices.ContainsFunc(views, func(v budget.BucketView) bool { return v.Limit.Learned || v.Told > 0 }) {
		return
	}
	l.Unknown = false
	l.TokensPerSecond, l.CallsPerSecond, l.Burst = 0, 0, budget.Demand{}
	for _, v := range views {
		amount := v.Limit.Amount
		if v.Told > 0 {
			amount = v.Told
		}
		if v.Limit.Kind == budget.Gauge || v.Limit.Window <= 0 || v.Limit.Window > time.Hour {
			continue
		}
		rate := float64(amount) / v.Limit.Window.Seconds()
		if v.Limit.Kind == budget.Rate {
			l.hold(v.Limit.Dimension, int64(float64(v.Capacity)/max(v.Ratio, 1e-6)))
		}
		switch v.Limit.Dimension {
		case budget.Tokens:
			l.TokensPerSecond = tightest(l.TokensPerSecond, rate)
		case budget.Requests:
			l.CallsPerSecond = tightest(l.CallsPerSecond, rate)
		}
	}
}

func tightest(a, b float64) float64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// Ramped brings a refusal because the traffic of a lane grew too quickly.
func (p *Pool) Ramped(now budget.Instant, l *Lane) {
	l.ramp.refused(now)
	l.applyRatio(now)
}

// Acquired brings a networked engine's late answer for a call that is Asking.
func (p *Pool) Acquired(now budget.Instant, c *Call, a budget.Answer) {
	if c.status != Asking {
		if a.State == budget.Granted {
			c.hold.Cancel(now)
		}
		return
	}
	if a.State == budget.Granted && c.grant.Lane.Account.pick(false) != nil {
		p.granted(now, c)
		return
	}
	c.discharge(0)
	if a.State == budget.Granted {
		c.hold.Cancel(now) // its last key was taken out while the engine was asked
	} else if a.State == budget.TooLarge {
		c.excluded = append(c.excluded, exclusion{c.grant.Lane, c.grant.Target})
	} else {
		p.Block(now, c.grant.Lane, max(a.At.Sub(now), time.Millisecond))
	}
	c.status, c.fresh, c.retried = Idle, true, true
	p.enter(c)
}

// Cancel takes a call out whose client has gone. A Granted call is not touched: it
// ends with Settle.
func (p *Pool) Cancel(_ budget.Instant, c *Call) {
	if c.status == Granted {
		return
	}
	if c.status == Asking {
		c.discharge(0)
	}
	p.leave(c)
}

// Forecast answers when any candidate could take the call behind the work already
// queued, and what is short there.
func (p *Pool) Forecast(now budget.Instant, c *Call) (budget.Instant, budget.Dimension) {
	s := p.look(now, c, true)
	return s.at, s.dimension
}

// sheds says that a call that would have to wait is refused.
func (p *Pool) sheds(now budget.Instant, c *Call) bool {
	if p.o.ShedFrom != nil && c.Class != shedding.Critical && c.Class >= p.o.ShedFrom() {
		return true
	}
	return !p.o.Thresholds.Admit(c.Class, p.load(now, c))
}

// enter puts the call into the queue, to be looked at by the next Step.
func (p *Pool) enter(c *Call) {
	p.queue.put(c)
	if c.heapIndex[0] < 0 {
		p.deadlines.set(c)
	}
	p.fresh = append(p.fresh, c)
}

// leave takes the call out of wherever it stands.
func (p *Pool) leave(c *Call) {
	if c.status == Waiting {
		p.queue.remove(c)
	}
	if c.heapIndex[1] >= 0 {
		p.sleepers.clear(c)
	}
	if c.heapIndex[0] >= 0 {
		p.deadlines.clear(c)
	}
	c.status = Idle
}
