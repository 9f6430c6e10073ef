package admission

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

// Step does what has become possible and appends the effects to out. It answers the
// moment to come back at, if nothing happens before; budget.Never when only an event
// can change anything.
func (p *Pool) Step(now budget.Instant, out []Effect) ([]Effect, budget.Instant) {
	p.step++
	p.out = append(out, p.out...) // grants that an engine's late answer brought
	for c := p.deadlines.due(now - 1); c != nil; c = p.deadlines.due(now - 1) {
		p.refuse(now, c, NoRoom)
	}
	for c := p.sleepers.due(now); c != nil; c = p.sleepers.due(now) {
		p.enter(c)
	}
	wake := budget.Never
	for i := range p.queue.lines {
		if p.queue.lines[i].n > 0 {
			wake = min(wake, p.serve(now, &p.queue.lines[i]))
		}
	}
	p.meetFresh(now)
	for c := p.deadlines.due(now); c != nil; c = p.deadlines.due(now) {
		p.refuse(now, c, NoRoom)
	}
	out, p.out = p.out, nil
	return out, min(wake, p.deadlines.next(), p.sleepers.next())
}

// serve grants what it can in one class and answers when to look again.
func (p *Pool) serve(now budget.Instant, l *lineup) budget.Instant {
	wake := budget.Never
	for _, f := range l.flows {
		f.cursor = f.head
	}
	for f := l.earliest(); f != nil; f = l.earliest() {
		c := f.cursor
		f.cursor = c.next
		s := p.look(now, c, false)
		switch {
		case s.lane != nil:
			p.take(now, c, &s)
		case s.soonest != nil:
			s.soonest.earmark = p.step
			wake = min(wake, s.at, p.widens(now, c))
		case s.hopeless():
			if c.Exact {
				p.refuse(now, c, s.reason())
			}
		default: // every candidate is claimed by an earlier call
			wake = min(wake, p.widens(now, c))
			if len(c.excluded) == 0 {
				f.cursor = nil // those behind have the same candidates or fewer
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

// take reserves the lane that look found.
func (p *Pool) take(now budget.Instant, c *Call, s *survey) {
	a := s.lane.Budget.Reserve(now, &c.hold, s.demand)
	if a.State == budget.Later || a.State == budget.TooLarge {
		s.lane.earmark = p.step // somebody outside this pool took it in between
		return
	}
	waited := !c.fresh
	p.leave(c)
	c.grant = Grant{
		Target: s.target, Lane: s.lane, Demand: s.demand,
		Waited: waited, Rotated: s.rotated, Moved: s.moved,
	}
	if a.State == budget.Pending {
		c.status = Asking
		return
	}
	p.granted(now, c)
}

func (p *Pool) granted(now budget.Instant, c *Call) {
	l := c.grant.Lane
	p.grants++
	l.lastUsed = p.grants
	l.inFlight++
	c.status, c.fresh = Granted, false
	c.grant.Key, c.grant.At = l.Account.pick(true), now
	p.drain.add(now, expected(c))
	p.out = append(p.out, Effect{Kind: EffectGrant, Call: c, Grant: c.grant})
}

// meetFresh settles what becomes of the calls that came since the last step and
// found no room.
func (p *Pool) meetFresh(now budget.Instant) {
	for _, c := range p.fresh {
		if c.status != Waiting || !c.fresh {
			continue
		}
		c.fresh = false
		switch {
		case c.retried && c.Exact:
		case !c.retried && !p.o.Thresholds.Admit(c.Class, p.load(now, c)):
			p.refuse(now, c, Shed)
		case !c.Exact:
			p.leave(c)
			c.status = Refining
			p.out = append(p.out, Effect{Kind: EffectRefine, Call: c})
		case p.queue.n > p.o.MaxQueue:
			p.makeRoom(now, c)
		}
	}
	clear(p.fresh)
	p.fresh = p.fresh[:0]
}

// load describes the backlog before this call, as its class sees it.
func (p *Pool) load(now budget.Instant, c *Call) shedding.Load {
	tokens, calls := p.drain.rates(now)
	tokens = max(tokens, p.o.TokensPerSecond)
	calls = max(calls, p.o.CallsPerSecond)
	l := shedding.Load{
		Queued: p.queue.n - 1, MaxQueue: p.o.MaxQueue,
		MaxWait: max(c.Deadline.Sub(c.arrived), time.Millisecond),
	}
	if p.o.TokensPerSecond > 0 {
		l.QueuedTokens, l.DrainPerSecond = float64(p.queue.tokens(c.Class)-c.tokens), tokens
	}
	if p.o.CallsPerSecond > 0 {
		ahead := float64(p.queue.calls(c.Class) - 1)
		if l.DrainPerSecond == 0 || ahead/calls > l.QueuedTokens/l.DrainPerSecond {
			l.QueuedTokens, l.DrainPerSecond = ahead, calls
		}
	}
	return l
}

// makeRoom applies the rule for a full queue: someone of the least important class
// goes, never someone more important than the newcomer.
func (p *Pool) makeRoom(now budget.Instant, newcomer *Call) {
	victim := newcomer
	for i := classes - 1; i > int(newcomer.Class); i-- {
		if p.queue.lines[i].n > 0 {
			victim = p.victim(&p.queue.lines[i], shedding.DropNewest)
			break
		}
	}
	if victim == newcomer {
		victim = p.victim(p.queue.line(newcomer), p.o.WhenFull)
	}
	if victim == nil {
		victim = newcomer
	}
	p.refuse(now, victim, QueueFull)
}

// victim picks who leaves a class; nil: the newcomer.
func (p *Pool) victim(l *lineup, rule shedding.WhenFull) *Call {
	pick := -1
	switch rule {
	case shedding.DropOldest:
		pick = 0
	case shedding.DropNewest:
		pick = l.n - 1
	case shedding.DropRandom:
		pick = 0
		if p.o.Random != nil {
			pick = min(int(p.o.Random()*float64(l.n)), l.n-1)
		}
	}
	if pick < 0 {
		return nil
	}
	return l.nth(pick)
}

// nth is the call at a place in the order of the whole class.
func (l *lineup) nth(n int) *Call {
	for _, f := range l.flows {
		f.cursor = f.head
	}
	for f := l.earliest(); f != nil; f = l.earliest() {
		if n == 0 {
			return f.cursor
		}
		n--
		f.cursor = f.cursor.next
	}
	return nil
}

func (p *Pool) refuse(now budget.Instant, c *Call, why Reason) {
	p.leave(c)
	at, dim := budget.Never, budget.Requests
	switch why {
	case NoRoom, Shed, QueueFull:
		at, dim = p.Forecast(now, c)
	}
	p.out = append(p.out, Effect{Kind: EffectRefuse, Call: c, Refusal: Refusal{Reason: why, At: at, Dimension: dim}})
}
