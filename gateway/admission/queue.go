package admission

import (
	"container/heap"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

// classes is the number of priority classes, the most important first.
const classes = 4

// flow is the waiting calls of one route in one class, in order of arrival.
type flow struct {
	route      *Route
	head, tail *Call
	cursor     *Call // next to look at in the current step
}

// lineup is one class of the queue.
type lineup struct {
	flows  []*flow
	n      int
	demand budget.Estimate // sums over the calls waiting, first target's estimate
}

// queue holds the waiting calls: strict classes, then arrival.
type queue struct {
	lines [classes]lineup
	n     int
}

func (q *queue) line(c *Call) *lineup { return &q.lines[min(int(c.Class), classes-1)] }

// put inserts by sequence number, so that a retry stands where it stood. New calls
// have the highest number and go to the tail at once.
func (q *queue) put(c *Call) {
	l := q.line(c)
	f := l.flowOf(c.Route)
	at := f.tail
	for at != nil && at.seq > c.seq {
		at = at.prev
	}
	c.prev, c.flow = at, f
	if at == nil {
		c.next, f.head = f.head, c
	} else {
		c.next, at.next = at.next, c
	}
	if c.next == nil {
		f.tail = c
	} else {
		c.next.prev = c
	}
	c.status = Waiting
	c.tokens = expected(c)
	q.n++
	l.count(c, 1)
}

func (q *queue) remove(c *Call) {
	f := c.flow
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
	if f.cursor == c {
		f.cursor = c.next
	}
	c.prev, c.next, c.flow = nil, nil, nil
	c.status = Idle
	q.n--
	q.line(c).count(c, -1)
}

func (l *lineup) flowOf(r *Route) *flow {
	for _, f := range l.flows {
		if f.route == r {
			return f
		}
	}
	f := &flow{route: r}
	l.flows = append(l.flows, f)
	return f
}

func (l *lineup) count(c *Call, sign int64) {
	e := c.estimate(c.floor)
	l.n += int(sign)
	l.demand.Input += sign * e.Input
	l.demand.Output += sign * e.Output
	l.demand.MaxOutput += sign * e.MaxOutput
	l.demand.Cost += sign * e.Cost
}

// earliest answers the flow whose next call to look at arrived first.
func (l *lineup) earliest() *flow {
	var first *flow
	for _, f := range l.flows {
		if f.cursor != nil && (first == nil || f.cursor.seq < first.cursor.seq) {
			first = f
		}
	}
	return first
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
	e := c.estimate(c.floor)
	return e.Input + e.Output
}

// alarm is a heap of calls by one of their moments.
type alarm struct {
	calls []*Call
	slot  int // which of the call's heap indexes it keeps
	at    func(*Call) budget.Instant
}

func (a *alarm) Len() int           { return len(a.calls) }
func (a *alarm) Less(i, j int) bool { return a.at(a.calls[i]) < a.at(a.calls[j]) }
func (a *alarm) Swap(i, j int) {
	a.calls[i], a.calls[j] = a.calls[j], a.calls[i]
	a.calls[i].heapIndex[a.slot] = i
	a.calls[j].heapIndex[a.slot] = j
}

// Push is heap.Interface's; use set.
func (a *alarm) Push(x any) {
	c := x.(*Call)
	c.heapIndex[a.slot] = len(a.calls)
	a.calls = append(a.calls, c)
}

// Pop is heap.Interface's; use due or clear.
func (a *alarm) Pop() any {
	last := len(a.calls) - 1
	c := a.calls[last]
	a.calls[last] = nil
	a.calls = a.calls[:last]
	c.heapIndex[a.slot] = -1
	return c
}

func (a *alarm) set(c *Call) { heap.Push(a, c) }

func (a *alarm) clear(c *Call) {
	if i := c.heapIndex[a.slot]; i >= 0 {
		heap.Remove(a, i)
	}
}

// due answers and removes a call whose moment has come, or nil.
func (a *alarm) due(now budget.Instant) *Call {
	if len(a.calls) == 0 || a.at(a.calls[0]) > now {
		return nil
	}
	return heap.Pop(a).(*Call)
}

func (a *alarm) next() budget.Instant {
	if len(a.calls) == 0 {
		return budget.Never
	}
	return a.at(a.calls[0])
}
