package admission

import (
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// survey is what looking over a call's candidates found.
type survey struct {
	lane   *Lane // with room now, and the most of it
	target int
	index  int // the lane's place among the target's
	demand budget.Demand

	rotated, moved bool // another lane of this target, or an earlier target, was full

	at        budget.Instant // earliest moment on the lanes that are full
	soonest   *Lane          // the lane of that moment
	wants     budget.Demand  // and what the call asks of it
	dimension budget.Dimension

	later, never, keyless, excluded, claimed int

	resting int // of later: those that have room and are only kept off by their breakers
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
	last := p.lastPlace(now, c)
	end := len(c.Route.Targets)
	if c.pinned > 0 {
		end = min(end, c.pinned)
	}
	for place := c.floor; place < end && place <= last; place++ {
		before := s.later + s.claimed
		p.lookTarget(now, c, c.target(place), ahead, &s)
		if s.lane != nil {
			s.moved = before > 0
			s.rotated = s.later+s.claimed > before
			return s
		}
		if s.later+s.claimed == before {
			last = max(last, place+1) // this target can never take it: waiting for it is vain
		}
	}
	return s
}

// lastPlace is the last place in the call's order that it may take by now without a
// failure.
func (p *Pool) lastPlace(now budget.Instant, c *Call) int {
	r := c.Route
	if !r.SkipFull || now < c.arrived.Add(r.WaitBeforeFallback) {
		return c.floor
	}
	return len(r.Targets) - 1
}

func (p *Pool) lookTarget(now budget.Instant, c *Call, t int, ahead bool, s *survey) {
	target := &c.Route.Targets[t]
	if target.Weight < 0 && c.Route.Strategy == Ordered {
		return // paused
	}
	sticky := c.Route.Sticky && c.Affinity != 0
	best := 0.0
	for i, l := range target.Lanes {
		if slices.Contains(c.excluded, exclusion{l, t}) {
			s.excluded++
			continue
		}
		if l.Account.pick(false) == nil {
			s.keyless++
			continue
		}
		if !ahead && p.claimed(l) && l.claim.closed {
			s.claimed++
			continue
		}
		d := l.Charging.Demand(c.estimate(t))
		a := p.ask(now, c, l, &d, ahead)
		h := target.health(i)
		from := max(l.blocked, p.ready(now, l, h))
		if a.State == budget.Granted && l.blocked <= now && h.off(now) {
			s.resting++
		}
		switch {
		case a.State == budget.TooLarge:
			s.never++
		case a.State == budget.Later || from > now || ahead:
			s.later++
			at := max(a.At, from)
			if s.soonest == nil || at < s.at {
				s.at, s.soonest, s.wants, s.dimension = at, l, d, a.Dimension
			}
		case p.claimed(l) && l.Budget.PeekBehind(now, d, l.claim.demand).At > max(l.claim.at, now):
			s.claimed++
		default:
			room := a.Headroom
			if sticky {
				room = unit(l.rendezvous(c.Affinity))
			}
			if s.lane == nil || room > best || room == best && l.lastUsed < s.lane.lastUsed {
				best, s.lane, s.target, s.index, s.demand = room, l, t, i, d
			}
		}
	}
}

// ready is when the lane takes calls for reasons other than its budget: its breaker,
// or limits that are still to be learned.
func (p *Pool) ready(now budget.Instant, l *Lane, h *Health) budget.Instant {
	if l.Unknown && !l.answered && l.inFlight >= SlowStart {
		return budget.Never // the first answer wakes the queue
	}
	if h != nil {
		if ok, at := h.Breaker.Ready(int64(now)); !ok {
			return budget.Instant(at)
		}
	}
	return 0
}

// resting says that nothing but breakers keeps a call off its candidates.
func (p *Pool) resting(now budget.Instant, c *Call) bool {
	s := p.look(now, c, false)
	return s.lane == nil && s.resting > 0 && s.resting == s.later && s.claimed == 0
}

// off says that the breaker keeps calls off.
func (h *Health) off(now budget.Instant) bool {
	if h == nil {
		return false
	}
	ok, _ := h.Breaker.Ready(int64(now))
	return !ok
}

// claimed says that an earlier call of this step waits for the lane.
func (p *Pool) claimed(l *Lane) bool { return l.claim.step == p.step }

// hold claims the lane that a blocked call will have first, unless somebody has.
func (p *Pool) hold(now budget.Instant, s *survey) {
	l := s.soonest
	if l == nil || p.claimed(l) {
		return
	}
	l.claim = claim{step: p.step, at: s.at, demand: s.wants}
	least := budget.Demand{budget.Requests: 1, budget.Tokens: 1, budget.InputTokens: 1, budget.OutputTokens: 1}
	l.claim.closed = s.at == budget.Never || l.Budget.PeekBehind(now, least, s.wants).At > s.at
}

// shut says that no lane of the route is left for anybody in this step.
func (p *Pool) shut(r *Route) bool {
	for i := range r.Targets {
		for _, l := range r.Targets[i].Lanes {
			if !p.claimed(l) || !l.claim.closed {
				return false
			}
		}
	}
	return true
}

func (p *Pool) ask(now budget.Instant, c *Call, l *Lane, d *budget.Demand, ahead bool) budget.Answer {
	if !ahead {
		if kept, ok := p.kept(now, c, l, d); ok {
			return l.Budget.PeekBehind(now, kept, *d)
		}
		return l.Budget.Peek(now, *d)
	}
	a := l.Budget.Forecast(now, p.ahead(c, l), *d)
	if a.State == budget.Granted {
		a.At = now
	}
	return a
}

// keptFor is how long a class is remembered to send calls.
const keptFor = time.Minute

// kept is what the call has to leave in the lane's buckets for more important ones: no
// more than half of what it leaves of a full one, or large calls would never go.
func (p *Pool) kept(now budget.Instant, c *Call, l *Lane, d *budget.Demand) (budget.Demand, bool) {
	var kept budget.Demand
	if l.Reserve <= 0 {
		return kept, false
	}
	important := false
	for i := range min(int(c.Class), classes-1) {
		important = important || p.seen[i] > 0 && now.Sub(p.seen[i]) < keptFor
	}
	if !important {
		return kept, false
	}
	ratio := l.Ratio()
	kept[budget.Tokens] = int64(l.TokensPerSecond * ratio * l.Reserve.Seconds())
	kept[budget.Requests] = int64(l.CallsPerSecond * ratio * l.Reserve.Seconds())
	for _, i := range [...]budget.Dimension{budget.Tokens, budget.Requests} {
		if burst := int64(float64(l.Burst[i]) * ratio); burst > 0 {
			kept[i] = min(kept[i], max(burst-d[i], 0)/2)
		} else if d[i] > 4*kept[i] {
			kept[i] = 0
		}
	}
	return kept, true
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
