package simulation

import (
	"container/heap"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// start is where virtual time begins: a full minute of some quiet day, so that runs are
// the same whenever they are made.
const start = budget.Instant(1_700_000_040_000_000_000)

type event struct {
	at  budget.Instant
	seq uint64
	do  func()
}

// clock is virtual time: a heap of what is to happen.
type clock struct {
	now    budget.Instant
	seq    uint64
	events []event
}

func (c *clock) Len() int { return len(c.events) }

func (c *clock) Less(i, j int) bool {
	if c.events[i].at != c.events[j].at {
		return c.events[i].at < c.events[j].at
	}
	return c.events[i].seq < c.events[j].seq
}

func (c *clock) Swap(i, j int) { c.events[i], c.events[j] = c.events[j], c.events[i] }

// Push is heap.Interface's.
func (c *clock) Push(x any) { c.events = append(c.events, x.(event)) }

// Pop is heap.Interface's.
func (c *clock) Pop() any {
	last := len(c.events) - 1
	e := c.events[last]
	c.events[last] = event{}
	c.events = c.events[:last]
	return e
}

// at does something at a moment, not before now.
func (c *clock) at(t budget.Instant, do func()) {
	c.seq++
	heap.Push(c, event{max(t, c.now), c.seq, do})
}

func (c *clock) after(d time.Duration, do func()) { c.at(c.now.Add(d), do) }

// step does what is next; false: nothing is left.
func (c *clock) step() bool {
	if len(c.events) == 0 {
		return false
	}
	e := heap.Pop(c).(event)
	c.now = e.at
	e.do()
	return true
}
