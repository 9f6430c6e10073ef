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
	p.out = append(out, p.out...) // what events brought since the last step
	wake := budget.Never
	for _, l := range p.lanes {
		at := l.tick(now)
		if p.queue.n > 0 {
			wake = min(wake, at)
		}
	}
	for c := p.deadlines.due(now - 1); c != nil; c = p.deadlines.due(now - 1) {
		p.refuse(now, c, NoRoom)
	}
	for c := p.sleepers.due(now); c != nil; c = p.sleepers.due(now) {
		p.enter(c)
	}
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

// meetFresh settles what becomes of the calls that came since the last step and
// found no room.
func (p *Pool) meetFresh(now budget.Instant) {
	for _, c := range p.fresh {
		if c.status != Waiting || !c.fresh {
			continue
		}
		c.fresh = false
		if t := c.flow.tally; t.since == 0 {
			t.since = now
		}
		switch s := p.look(now, c, false); {
		case c.Exact && s.hopeless():
			p.refuse(now, c, s.reason())
		case c.retried && c.Exact:
		case !c.retried && p.sheds(now, c):
			p.refuse(now, c, Shed)
		case !c.Exact:
			p.leave(c)
			c.status = Refining
			p.out = append(p.out, Effect{Kind: EffectRefine, Call: c})
		default:
			if p.crowded() {
				p.makeRoomFor(now, c)
			}
			p.reconsider(now, c.Class)
		}
	}
	clear(p.fresh)
	p.fresh = p.fresh[:0]
}

// crowded says that the queue has no room for the newcomer that is in it: it is above
// its bound, or was and has not come down to its low water yet.
func (p *Pool) crowded() bool {
	low := p.o.LowWater
	if low <= 0 || low > p.o.MaxQueue {
		low = p.o.MaxQueue
	}
	switch {
	case p.queue.n-p.queue.exempt > p.o.MaxQueue:
		p.full = true
	case p.queue.n-p.queue.exempt <= low:
		p.full = false
	}
	return p.full || p.excess() > 0
}

// excess is by how many bytes the waiting calls are above their bound.
func (p *Pool) excess() int64 {
	if p.o.MaxQueueBytes <= 0 {
		return 0
	}
	return p.queue.bytes - p.o.MaxQueueBytes
}

// reconsidered bounds how many calls one arrival can push out.
const reconsidered = 4

// reconsider lets go, from the least important class up, of calls that joined last
// and can no longer be served in time since something more important has come.
func (p *Pool) reconsider(now budget.Instant, arrived shedding.Class) {
	left := reconsidered
	for i := classes - 1; i > int(arrived); i-- {
		for left > 0 {
			c := p.queue.lines[i].newest
			if c == nil || p.wait(now, shedding.Class(i), c) <= c.Deadline.Sub(now) {
				break
			}
			left--
			p.refuse(now, c, Shed)
		}
	}
}

// load describes the backlog before this call, as its class sees it.
func (p *Pool) load(now budget.Instant, c *Call) shedding.Load {
	inFlight, most := 0, 0
	if p.o.Busy != nil {
		inFlight, most = p.o.Busy()
	}
	return shedding.Load{
		InFlight: inFlight, InFlightCap: most,
		Queued: p.queue.n - 1, MaxQueue: p.o.MaxQueue,
		MaxWait:      max(c.Deadline.Sub(c.arrived), time.Millisecond),
		QueuedTokens: p.wait(now, c.Class, c).Seconds(), DrainPerSecond: 1,
	}
}

// wait predicts how long the work takes that goes before a call of a class: the
// queued tokens and calls of its class and the more important ones, over what drains.
func (p *Pool) wait(now budget.Instant, class shedding.Class, c *Call) time.Duration {
	tokens, calls := p.drain.rates(now)
	capTokens, capCalls := p.capacity()
	seconds := 0.0
	own, one := int64(0), 0
	if c.status == Waiting {
		own, one = c.tokens, 1
	}
	if capTokens > 0 {
		seconds = float64(p.queue.tokens(class)-own) / max(tokens, capTokens)
	}
	if capCalls > 0 {
		seconds = max(seconds, float64(p.queue.calls(class)-one)/max(calls, capCalls))
	}
	if c.flow != nil {
		seconds = max(seconds, c.flow.tally.behind(now, c.tokens))
	}
	return time.Duration(min(seconds, 1e6) * float64(time.Second))
}

// capacity is what the pool's lanes let through together now, of tokens and calls per
// second; zero where a lane's limit is not known.
func (p *Pool) capacity() (tokens, calls float64) {
	return p.together(func(l *Lane) float64 { return l.Ratio() })
}

// nominal is the same by the configured limits.
func (p *Pool) nominal() (tokens, calls float64) {
	return p.together(func(*Lane) float64 { return 1 })
}

func (p *Pool) together(ratioOf func(l *Lane) float64) (tokens, calls float64) {
	allTokens, allCalls := true, true
	for _, l := range p.lanes {
		ratio := ratioOf(l)
		tokens += l.TokensPerSecond * ratio
		calls += l.CallsPerSecond * ratio
		allTokens = allTokens && l.TokensPerSecond > 0
		allCalls = allCalls && l.CallsPerSecond > 0
	}
	if !allTokens {
		tokens = 0
	}
	if !allCalls {
		calls = 0
	}
	return tokens, calls
}

// makeRoomFor lets calls go until the newcomer fits, or the newcomer itself: one call
// where there are too many, several where they are too large together. Nobody goes in
// vain: where those that may be let go do not free enough, the newcomer goes at once.
func (p *Pool) makeRoomFor(now budget.Instant, newcomer *Call) {
	if p.excess() > p.yielding(newcomer) {
		p.refuse(now, newcomer, QueueFull)
		return
	}
	p.makeRoom(now, newcomer)
	for newcomer.status == Waiting && p.excess() > 0 {
		p.makeRoom(now, newcomer)
	}
}

// yielding is the bytes of the calls that may have to go for a newcomer, its own
// included where nobody else's would do.
func (p *Pool) yielding(newcomer *Call) int64 {
	sum := int64(0)
	for i := int(newcomer.Class) + 1; i < classes; i++ {
		sum += p.queue.lines[i].bytes
	}
	if own := &p.queue.lines[newcomer.Class]; p.o.WhenFull != shedding.Reject {
		sum += own.bytes - newcomer.Bytes
	}
	return sum
}

// makeRoom applies the rule for a full queue: someone of the least important class
// goes, never someone more important than the newcomer.
func (p *Pool) makeRoom(now budget.Instant, newcomer *Call) {
	var queued [classes]int
	for i := range p.queue.lines {
		queued[i] = p.queue.lines[i].n
	}
	queued[newcomer.Class]--
	v := p.o.WhenFull.Choose(newcomer.Class, queued, p.o.Random)
	victim := newcomer
	if !v.Newcomer {
		victim = p.victim(newcomer, v)
	}
	if victim.retried { // it is exempt from the bound, so it makes no room
		victim = newcomer
	}
	p.refuse(now, victim, QueueFull)
}

// victim finds the call at a place of its class; somewhere in the middle, any.
func (p *Pool) victim(newcomer *Call, v shedding.Victim) *Call {
	l := &p.queue.lines[v.Class]
	switch {
	case v.Place == 0:
		return l.oldest
	case v.Place >= l.n-1 || v.Class == newcomer.Class && v.Place >= l.n-2:
		if l.newest == newcomer && newcomer.older != nil {
			return newcomer.older
		}
		return l.newest
	}
	for range 16 {
		c := p.deadlines.calls[min(int(p.random()*float64(len(p.deadlines.calls))), len(p.deadlines.calls)-1)]
		if c.status == Waiting && c.Class == v.Class && c != newcomer {
			return c
		}
	}
	return l.oldest
}

func (p *Pool) refuse(now budget.Instant, c *Call, why Reason) {
	if why == NoRoom && c.status == Waiting && p.resting(now, c) {
		why = Resting
	}
	p.leave(c)
	at, dim := budget.Never, budget.Requests
	switch why {
	case NoRoom, Shed, QueueFull, Resting:
		at, dim = p.Forecast(now, c)
	}
	p.out = append(p.out, Effect{Kind: EffectRefuse, Call: c, Refusal: Refusal{Reason: why, At: at, Dimension: dim}})
}
