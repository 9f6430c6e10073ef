package admission

import (
	"slices"

	"github.com/sluice-gateway/sluice/budget"
)

// survey is what looking over a call's candidates found.
type survey struct {
	lane   *Lane // with room now, and the most of it
	target int
	demand budget.Demand

	rotated, moved bool // another lane of this target, or an earlier target, was full

	at        budget.Instant // earliest moment on the lanes that are full
	soonest   *Lane          // the lane of that moment
	dimension budget.Dimension

	later, never, keyless, excluded, claimed int
}

// reason is why nothing can be granted when no lane will have room later either.
func (s *survey) reason() Reason {
	switch {
	case s.never > 0:
		return TooLarge
	case s.keyless > 0 && s.excluded == 0:
		return NoKeys
	default:
		return Exhausted
	}
}

// hopeless says that no lane can take the call, now or later.
func (s *survey) hopeless() bool { return s.lane == nil && s.later == 0 && s.claimed == 0 }

// look goes over the call's candidates in order and stops at the first target that
// has room. With ahead, full lanes answer when they will have room behind that much.
func (p *Pool) look(now budget.Instant, c *Call, ahead bool) survey {
	s := survey{at: budget.Never}
	last := p.lastTarget(now, c)
	end := len(c.Route.Targets)
	if c.pinned > 0 {
		end = min(end, c.pinned)
	}
	for t := c.floor; t < end && t <= last; t++ {
		before := s.later + s.claimed
		p.lookTarget(now, c, t, ahead, &s)
		if s.lane != nil {
			s.moved = before > 0
			s.rotated = s.later+s.claimed > before
			return s
		}
		if s.later+s.claimed == before {
			last = max(last, t+1) // this target can never take it: waiting for it is vain
		}
	}
	return s
}

// lastTarget is the last target that the call may take by now without a failure.
func (p *Pool) lastTarget(now budget.Instant, c *Call) int {
	r := c.Route
	if !r.SkipFull || now < c.arrived.Add(r.WaitBeforeFallback) {
		return c.floor
	}
	return len(r.Targets) - 1
}

func (p *Pool) lookTarget(now budget.Instant, c *Call, t int, ahead bool, s *survey) {
	best := 0.0
	for _, l := range c.Route.Targets[t].Lanes {
		if slices.Contains(c.excluded, exclusion{l, t}) {
			s.excluded++
			continue
		}
		if l.Account.pick(false) == nil {
			s.keyless++
			continue
		}
		d := l.Charging.Demand(c.estimate(t))
		if l.earmark == p.step && !ahead {
			s.claimed++
			continue
		}
		a := p.ask(now, c, l, d, ahead)
		switch {
		case a.State == budget.TooLarge:
			s.never++
		case a.State == budget.Later || l.blocked > now || ahead:
			s.later++
			at := max(a.At, l.blocked)
			if s.soonest == nil || at < s.at {
				s.at, s.soonest, s.dimension = at, l, a.Dimension
			}
		case s.lane == nil || a.Headroom > best || a.Headroom == best && l.lastUsed < s.lane.lastUsed:
			best, s.lane, s.target, s.demand = a.Headroom, l, t, d
		}
	}
}

func (p *Pool) ask(now budget.Instant, c *Call, l *Lane, d budget.Demand, ahead bool) budget.Answer {
	if !ahead {
		return l.Budget.Peek(now, d)
	}
	a := l.Budget.Forecast(now, p.ahead(c, l), d)
	if a.State == budget.Granted {
		a.At = now
	}
	return a
}

// ahead is this lane's part of the demand that waits before the call: everything of
// its class and the more important ones, spread evenly over the pool's lanes.
func (p *Pool) ahead(c *Call, l *Lane) budget.Demand {
	var sum budget.Estimate
	n := 0
	for i := 0; i <= min(int(c.Class), classes-1); i++ {
		line := &p.queue.lines[i]
		n += line.n
		sum.Input += line.demand.Input
		sum.Output += line.demand.Output
		sum.MaxOutput += line.demand.MaxOutput
		sum.Cost += line.demand.Cost
	}
	if n == 0 {
		return budget.Demand{}
	}
	d := l.Charging.Demand(sum)
	d[budget.Requests] = int64(n)
	lanes := int64(len(p.lanes))
	for i := range d {
		d[i] /= lanes
	}
	d[budget.Concurrency] = 0
	return d
}
