package admission

import (
	"container/heap"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// tally is one client's account of service within a class: start-time fair queueing.
// Its virtual time grows by the dominant-share seconds of what it was granted (the
// largest of demand ÷ rate over the dimensions), divided by its weight.
type tally struct {
	id       string
	virtual  float64
	weight   float64
	inFlight int
	flows    []*flow // its waiting calls, one flow per route

	waiting int64          // their expected tokens
	since   budget.Instant // when it began to have some; 0: it has none
	served  drain          // what it was granted lately
}

// flow is the waiting calls of one client for one route, in order of arrival.
type flow struct {
	tally      *tally
	group      *group
	head, tail *Call
	index      int // in the group's heap
}

// group is the waiting flows of one route in one class: a heap, least served first.
type group struct {
	route *Route
	flows []*flow
	done  bool // nothing more can be granted from it in this step
}

func (g *group) Len() int { return len(g.flows) }

func (g *group) Less(i, j int) bool { return g.flows[i].before(g.flows[j]) }

func (g *group) Swap(i, j int) {
	g.flows[i], g.flows[j] = g.flows[j], g.flows[i]
	g.flows[i].index, g.flows[j].index = i, j
}

// Push is heap.Interface's.
func (g *group) Push(x any) {
	f := x.(*flow)
	f.index = len(g.flows)
	g.flows = append(g.flows, f)
}

// Pop is heap.Interface's.
func (g *group) Pop() any {
	last := len(g.flows) - 1
	f := g.flows[last]
	g.flows[last] = nil
	g.flows = g.flows[:last]
	return f
}

// before says that f is to be served before o.
func (f *flow) before(o *flow) bool {
	if f.tally.virtual != o.tally.virtual {
		return f.tally.virtual < o.tally.virtual
	}
	return f.head.seq < o.head.seq
}

// insert puts a call at its place in order of arrival: new ones at the tail, those
// that come back near the head.
func (f *flow) insert(c *Call) {
	switch {
	case f.tail == nil || f.tail.seq < c.seq:
		c.prev, c.next = f.tail, nil
	case c.seq < f.head.seq || c.seq-f.head.seq < f.tail.seq-c.seq: // nearer to the head
		c.next = f.head
		for c.next.seq < c.seq {
			c.next = c.next.next
		}
		c.prev = c.next.prev
	default:
		c.prev = f.tail
		for c.prev.seq > c.seq {
			c.prev = c.prev.prev
		}
		c.next = c.prev.next
	}
	if c.prev == nil {
		f.head = c
	} else {
		c.prev.next = c
	}
	if c.next == nil {
		f.tail = c
	} else {
		c.next.prev = c
	}
}

func (f *flow) unlink(c *Call) {
	if c.prev == nil {
		f.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		f.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// idleTallies is how many clients without work are remembered before the sweep.
const idleTallies = 1024

// tallyOf finds or makes the account of a call's client. One that was idle starts at
// the class's virtual time: nobody saves up service by being away.
func (l *lineup) tallyOf(c *Call) *tally {
	t := l.tallies[c.Client]
	if t == nil {
		if len(l.tallies) >= l.sweepAt {
			l.sweep()
		}
		t = &tally{id: c.Client, virtual: l.virtual}
		l.tallies[c.Client] = t
	}
	t.weight = 1
	if c.Weight > 0 {
		t.weight = c.Weight
	}
	if len(t.flows) == 0 {
		t.virtual = max(t.virtual, l.virtual)
	}
	return t
}

// sweep forgets the clients whose account says nothing any more.
func (l *lineup) sweep() {
	for id, t := range l.tallies {
		if len(t.flows) == 0 && t.inFlight == 0 && t.virtual <= l.virtual {
			delete(l.tallies, id)
		}
	}
	l.sweepAt = max(2*len(l.tallies), idleTallies)
}

// behind is how long the client's own waiting calls take at the pace at which it has
// been served, once that pace is known; zero before.
func (t *tally) behind(now budget.Instant, own int64) float64 {
	if t.since == 0 || now.Sub(t.since) < paceKnown {
		return 0
	}
	tokens, calls := t.served.rates(now)
	if calls*drainMemory.Seconds() < paceCalls {
		return 0
	}
	return float64(t.waiting-own) / tokens
}

// paceKnown is how long a client must have had calls waiting, and paceCalls how many
// must have been served lately, before its pace says something.
const (
	paceKnown = 5 * time.Second
	paceCalls = 3
)

// charge adds service to a client's account and moves its flows to their places.
func (t *tally) charge(seconds float64) {
	t.virtual += seconds / t.weight
	for _, f := range t.flows {
		heap.Fix(f.group, f.index)
	}
}

// share is a demand's dominant share of everything that the pool's lanes let through, in
// seconds of it: the same demand costs the same on whatever lane it is served.
func (p *Pool) share(d *budget.Demand) float64 {
	tokens, calls := p.nominal()
	s := 0.0
	if tokens > 0 {
		s = float64(d[budget.Tokens]) / tokens
	}
	if calls > 0 {
		s = max(s, float64(d[budget.Requests])/calls)
	}
	if tokens <= 0 && calls <= 0 { // only the ratios between clients matter
		s = float64(max(d[budget.Tokens], d[budget.InputTokens]+d[budget.OutputTokens], d[budget.Requests])) / 1000
	}
	return s
}
