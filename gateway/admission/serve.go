package admission

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// scanned is how many calls behind a blocked one are looked at in one step, for those
// that may pass without delaying it.
const scanned = 64

// serve grants what it can in one class and answers when to look again.
func (p *Pool) serve(now budget.Instant, l *lineup) budget.Instant {
	wake := budget.Never
	for _, g := range l.groups {
		g.done = false
	}
	for g := l.next(); g != nil; g = l.next() {
		c := g.flows[0].head
		s := p.look(now, c, false)
		switch {
		case s.lane != nil:
			p.take(now, c, &s)
			continue
		case s.hopeless() && c.Exact:
			p.refuse(now, c, s.reason())
			continue
		}
		g.done = true
		p.hold(now, &s)
		wake = min(wake, s.at, p.widens(now, c), p.pass(now, g, c))
	}
	return wake
}

// next answers the group whose least served flow goes first.
func (l *lineup) next() *group {
	var first *group
	for _, g := range l.groups {
		if !g.done && (first == nil || g.flows[0].before(first.flows[0])) {
			first = g
		}
	}
	return first
}

// pass grants calls behind a blocked one that do not delay it: on other lanes, or in
// what is left of a window that is too small for it.
func (p *Pool) pass(now budget.Instant, g *group, blocked *Call) budget.Instant {
	wake := budget.Never
	looks := 0
	for again := true; again; {
		again = false
		for i := 0; i < len(g.flows) && !again; i++ {
			for c := g.flows[i].head; c != nil && !again; c = c.next {
				if c == blocked || c.passedOver == p.step {
					continue
				}
				if looks++; looks > scanned || p.shut(g.route) {
					return wake
				}
				c.passedOver = p.step
				s := p.look(now, c, false)
				if s.lane != nil {
					again = p.take(now, c, &s) && len(g.flows) > 0
					if again {
						break
					}
					if len(g.flows) == 0 {
						return wake
					}
					continue
				}
				p.hold(now, &s)
				wake = min(wake, s.at, p.widens(now, c))
			}
		}
	}
	return wake
}

// widens is the moment at which a call's candidates grow by waiting alone.
func (p *Pool) widens(now budget.Instant, c *Call) budget.Instant {
	at := c.arrived.Add(c.Route.WaitBeforeFallback)
	if !c.Route.SkipFull || at <= now {
		return budget.Never
	}
	return at
}

// take reserves the lane that look found. False: somebody outside the pool was faster.
func (p *Pool) take(now budget.Instant, c *Call, s *survey) bool {
	h := c.Route.Targets[s.target].health(s.index)
	if h != nil && h.Throttle != nil && !h.Throttle.Try(int64(now), p.random()) {
		c.excluded = append(c.excluded, exclusion{s.lane, s.target})
		return false
	}
	a := s.lane.Budget.Reserve(now, &c.hold, s.demand)
	if a.State == budget.Later || a.State == budget.TooLarge {
		s.lane.claim = claim{step: p.step, at: budget.Never, closed: true}
		return false
	}
	c.grant = Grant{
		Target: s.target, Lane: s.lane, Demand: s.demand,
		Waited: !c.fresh, Rotated: s.rotated, Moved: s.moved,
	}
	p.charge(now, c, s)
	if a.State == budget.Pending {
		c.status = Asking
		return true
	}
	p.granted(now, c)
	return true
}

// charge takes the call out of the queue and puts its service on its client's account.
func (p *Pool) charge(now budget.Instant, c *Call, s *survey) {
	l := p.queue.line(c)
	t := c.flow.tally
	l.virtual = max(l.virtual, t.virtual)
	p.leave(c)
	c.tally, c.charged = t, p.share(&s.demand)
	t.inFlight++
	t.charge(c.charged)
	t.served.add(now, c.tokens)
}

// discharge corrects the account by what the call really took.
func (c *Call) discharge(took float64) {
	if c.tally == nil {
		return
	}
	c.tally.inFlight--
	c.tally.charge(took - c.charged)
	c.tally = nil
}

func (p *Pool) granted(now budget.Instant, c *Call) {
	l := c.grant.Lane
	p.grants++
	l.lastUsed = p.grants
	l.inFlight++
	c.status, c.fresh = Granted, false
	c.grant.Key, c.grant.At = l.Account.pick(true), now
	c.grant.Key.inFlight++
	if c.grant.Waited && l.Jitter > 0 {
		c.grant.Delay = time.Duration(p.random() * float64(l.Jitter))
	}
	if h := c.health(); h != nil {
		c.pass = h.begin(now)
		if h.Retries != nil && c.attempts == 0 {
			h.Retries.Call(int64(now))
		}
	}
	c.attempts++
	l.rate.flow.add(c.grant.Demand, 1)
	l.rate.flow.try(c.grant.Demand)
	l.rate.attempt(now)
	if l.ramp.granted(now) {
		l.applyRatio(now)
	}
	p.drain.add(now, expected(c))
	p.out = append(p.out, Effect{Kind: EffectGrant, Call: c, Grant: c.grant})
}

// health is what is watched of the place that the call was granted.
func (c *Call) health() *Health {
	t := &c.Route.Targets[min(c.grant.Target, len(c.Route.Targets)-1)]
	for i, l := range t.Lanes {
		if l == c.grant.Lane {
			return t.health(i)
		}
	}
	return nil
}

func (p *Pool) random() float64 {
	if p.o.Random == nil {
		return 0.5
	}
	return p.o.Random()
}
