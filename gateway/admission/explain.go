package admission

import (
	"slices"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
)

// Candidate is what one lane says to a call.
type Candidate struct {
	Target int // index on the route's list
	Lane   *Lane
	Demand budget.Demand
	// Now is what the budget answers now; Behind what it answers behind the work that
	// waits before the call.
	Now, Behind budget.Answer
	// Blocked is the moment before which failures or the breaker keep calls off; zero:
	// they do not.
	Blocked budget.Instant
	Breaker fallback.Condition
	// NoKey: no key of the account is usable. Excluded: the call has failed there.
	// Unknown: limits are still to be learned. Paused: the target is taken out.
	// Kept: there is room, and it is kept for more important calls until Now.At.
	NoKey, Excluded, Unknown, Paused, Kept bool
	Ratio                                  float64
	InFlight                               int
	Buckets                                []budget.BucketView
}

// Fits says that the candidate could take the call now.
func (c *Candidate) Fits(now budget.Instant) bool {
	return c.Now.State == budget.Granted && c.Blocked <= now && !c.NoKey && !c.Excluded && !c.Unknown && !c.Paused
}

// Outlook is what would become of a call that is not in the pool.
type Outlook struct {
	Candidates []Candidate // in the order of choice
	// Chosen is the index among Candidates where it would go now; below zero: it waits
	// or is refused.
	Chosen int
	// At is the earliest moment at which it could go, behind the work queued; Never:
	// not known. Refused is why it would be refused now, if Refuse.
	At      budget.Instant
	Refuse  bool
	Refused Reason
	// Queued is the calls that wait in its class and above; Wait the predicted wait.
	Queued int
	Wait   budget.Instant
}

// Explain tells what would become of a call, and changes nothing. The call is as for
// Arrive; one that is in the pool is explained as it stands.
func (p *Pool) Explain(now budget.Instant, c *Call) Outlook {
	if c.status == Idle && c.arrived == 0 {
		c.arrived, c.order = now, c.Route.arrange(c, p.random)
		defer func() { c.arrived = 0 }()
	}
	o := Outlook{Chosen: -1, Queued: p.queue.calls(c.Class)}
	for place := range c.Route.Targets {
		t := c.target(place)
		target := &c.Route.Targets[t]
		for i, l := range target.Lanes {
			o.Candidates = append(o.Candidates, p.candidate(now, c, t, i, l))
		}
	}
	p.step++ // nobody has claimed anything
	s := p.look(now, c, false)
	o.At, _ = p.Forecast(now, c)
	o.Wait = budget.Instant(p.wait(now, c.Class, c))
	switch {
	case s.lane != nil && o.Queued == 0:
		o.At = now
		o.Chosen = slices.IndexFunc(o.Candidates, func(x Candidate) bool { return x.Lane == s.lane && x.Target == s.target })
	case s.hopeless():
		o.Refuse, o.Refused = true, s.reason()
	case p.sheds(now, c):
		o.Refuse, o.Refused = true, Shed
	case p.queue.n >= p.o.MaxQueue:
		o.Refuse, o.Refused = true, QueueFull
	default:
		o.At = max(o.At, o.soonest())
	}
	return o
}

// soonest is the earliest moment at which a candidate's own answer changes. The forecast
// knows nothing of what is kept for more important calls; zero: no candidate knows a moment.
func (o *Outlook) soonest() budget.Instant {
	at := budget.Never
	for i := range o.Candidates {
		if c := &o.Candidates[i]; !c.NoKey && !c.Excluded && !c.Paused {
			at = min(at, max(c.Now.At, c.Blocked))
		}
	}
	if at == budget.Never {
		return 0
	}
	return at
}

func (p *Pool) candidate(now budget.Instant, c *Call, t, i int, l *Lane) Candidate {
	target := &c.Route.Targets[t]
	d := l.Charging.Demand(c.estimate(t))
	x := Candidate{
		Target: t, Lane: l, Demand: d, Now: l.Budget.Peek(now, d), Behind: l.Budget.Forecast(now, p.ahead(c, l), d),
		NoKey: l.Account.pick(false) == nil, Excluded: slices.Contains(c.excluded, exclusion{l, t}),
		Unknown: l.Unknown && !l.answered && l.inFlight >= SlowStart, Paused: target.Weight < 0,
		Ratio: l.Ratio(), InFlight: l.inFlight, Buckets: l.Budget.View(now, nil),
	}
	if kept, ok := p.kept(now, c, l, &d); ok && x.Now.State == budget.Granted {
		if a := l.Budget.PeekBehind(now, kept, d); a.State != budget.Granted {
			x.Now, x.Kept = a, true
		}
	}
	if l.blocked > now {
		x.Blocked = l.blocked
	}
	if h := target.health(i); h != nil {
		x.Breaker = h.Breaker.Condition(int64(now))
		if ok, at := h.Breaker.Ready(int64(now)); !ok {
			x.Blocked = max(x.Blocked, budget.Instant(at))
		}
	}
	return x
}

// Force grants a call a place whatever budget, breaker and queue say: the first target's
// lane with the most headroom and a usable key. False: there is no usable key.
func (p *Pool) Force(now budget.Instant, c *Call) bool {
	if c.status == Granted || c.status == Asking {
		return false
	}
	if c.status != Idle {
		p.leave(c)
	}
	for place := c.floor; place < len(c.Route.Targets); place++ {
		t := c.target(place)
		if i := p.roomiest(now, c, t); i >= 0 {
			l := c.Route.Targets[t].Lanes[i]
			d := l.Charging.Demand(c.estimate(t))
			l.Budget.Force(now, &c.hold, d)
			c.grant = Grant{Target: t, Lane: l, Demand: d}
			c.tally = nil
			p.granted(now, c)
			return true
		}
	}
	return false
}

// roomiest is the index of the lane with the most headroom; below zero: none has a key.
func (p *Pool) roomiest(now budget.Instant, c *Call, t int) int {
	best, room := -1, 0.0
	for i, l := range c.Route.Targets[t].Lanes {
		if l.Account.pick(false) == nil || slices.Contains(c.excluded, exclusion{l, t}) {
			continue
		}
		a := l.Budget.Peek(now, l.Charging.Demand(c.estimate(t)))
		headroom := -1.0
		if a.State == budget.Granted {
			headroom = a.Headroom
		}
		if best < 0 || headroom > room {
			best, room = i, headroom
		}
	}
	return best
}
