package admission

import (
	"container/heap"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

// classes is the number of priority classes, the most important first.
const classes = shedding.Classes

// lineup is one class of the queue: its waiting calls by route and client.
type lineup struct {
	groups         []*group
	tallies        map[string]*tally
	sweepAt        int
	virtual        float64 // virtual time: where the last call that was served began
	n              int
	bytes          int64
	demand         budget.Estimate // sums over the calls waiting, first target's estimate
	oldest, newest *Call           // all of the class, in order of arrival
}

// queue holds the waiting calls: strict classes, then fair between clients, then arrival.
type queue struct {
	lines  [classes]lineup
	n      int
	exempt int   // of them, calls that came back after an attempt: the bound is not theirs
	bytes  int64 // of those that are not exempt
}

func newQueue() queue {
	var q queue
	for i := range q.lines {
		q.lines[i].tallies, q.lines[i].sweepAt = map[string]*tally{}, idleTallies
	}
	return q
}

func (q *queue) line(c *Call) *lineup { return &q.lines[min(int(c.Class), classes-1)] }

// put queues a call at its place.
func (q *queue) put(c *Call) {
	l := q.line(c)
	t := l.tallyOf(c)
	f := l.flowOf(t, c.Route)
	f.insert(c)
	if f.index < 0 {
		heap.Push(f.group, f)
	} else if f.head == c {
		heap.Fix(f.group, f.index)
	}
	c.flow, c.status = f, Waiting
	c.tokens = expected(c)
	t.waiting += c.tokens
	l.append(c)
	q.n++
	if c.retried {
		q.exempt++
		c.exempt = true
	} else {
		q.bytes += c.Bytes
	}
	l.count(c, 1)
}

func (q *queue) remove(c *Call) {
	l, f := q.line(c), c.flow
	f.unlink(c)
	f.tally.waiting -= c.tokens
	if f.head == nil {
		l.drop(f)
	} else {
		heap.Fix(f.group, f.index)
	}
	l.unlink(c)
	c.flow, c.status = nil, Idle
	q.n--
	if c.exempt {
		q.exempt--
		c.exempt = false
	} else {
		q.bytes -= c.Bytes
	}
	l.count(c, -1)
}

// flowOf finds or makes the flow of a client and a route; a new one has index -1 and
// stands in no heap yet.
func (l *lineup) flowOf(t *tally, r *Route) *flow {
	for _, f := range t.flows {
		if f.group.route == r {
			return f
		}
	}
	f := &flow{tally: t, group: l.groupOf(r), index: -1}
	t.flows = append(t.flows, f)
	return f
}

func (l *lineup) groupOf(r *Route) *group {
	for _, g := range l.groups {
		if g.route == r {
			return g
		}
	}
	g := &group{route: r}
	l.groups = append(l.groups, g)
	return g
}

// drop takes an empty flow out.
func (l *lineup) drop(f *flow) {
	heap.Remove(f.group, f.index)
	f.index = -1
	t := f.tally
	for i := range t.flows {
		if t.flows[i] == f {
			last := len(t.flows) - 1
			t.flows[i], t.flows[last] = t.flows[last], nil
			t.flows = t.flows[:last]
			break
		}
	}
	if len(t.flows) == 0 {
		t.since = 0
	}
	if len(f.group.flows) > 0 {
		return
	}
	for i := range l.groups {
		if l.groups[i] == f.group {
			last := len(l.groups) - 1
			l.groups[i], l.groups[last] = l.groups[last], nil
			l.groups = l.groups[:last]
			return
		}
	}
}

// append adds a call to the class's list; those that come back keep their place.
func (l *lineup) append(c *Call) {
	switch {
	case l.newest == nil || l.newest.seq < c.seq:
		c.older, c.newer = l.newest, nil
	case c.seq-l.oldest.seq < l.newest.seq-c.seq || c.seq < l.oldest.seq: // nearer to the oldest
		c.newer = l.oldest
		for c.newer.seq < c.seq {
			c.newer = c.newer.newer
		}
		c.older = c.newer.older
	default:
		c.older = l.newest
		for c.older.seq > c.seq {
			c.older = c.older.older
		}
		c.newer = c.older.newer
	}
	if c.older == nil {
		l.oldest = c
	} else {
		c.older.newer = c
	}
	if c.newer == nil {
		l.newest = c
	} else {
		c.newer.older = c
	}
}

func (l *lineup) unlink(c *Call) {
	if c.older == nil {
		l.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		l.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil
}

func (l *lineup) count(c *Call, sign int64) {
	e := c.estimate(c.first())
	l.n += int(sign)
	l.bytes += sign * c.Bytes
	l.demand.Input += sign * e.Input
	l.demand.Output += sign * e.Output
	l.demand.MaxOutput += sign * e.MaxOutput
	l.demand.Cost += sign * e.Cost
}

// tokens waiting in this class and in the more important ones.
func (q *queue) tokens(upTo shedding.Class) (sum int64) {
	for i := 0; i <= min(int(upTo), classes-1); i++ {
		sum += q.lines[i].demand.Input + q.lines[i].demand.Output
	}
	return sum
}

// calls waiting in this class and in the more important ones.
func (q *queue) calls(upTo shedding.Class) (n int) {
	for i := 0; i <= min(int(upTo), classes-1); i++ {
		n += q.lines[i].n
	}
	return n
}

func (c *Call) estimate(target int) budget.Estimate {
	if len(c.Estimates) == 0 {
		return budget.Estimate{}
	}
	return c.Estimates[min(target, len(c.Estimates)-1)]
}

func expected(c *Call) int64 {
	e := c.estimate(c.first())
	return e.Input + e.Output
}
