package admission

import (
	"container/heap"

	"github.com/sluice-gateway/sluice/budget"
)

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
	a.calls[i].heapIndex[a.slot] = int32(i)
	a.calls[j].heapIndex[a.slot] = int32(j)
}

// Push is heap.Interface's; use set.
func (a *alarm) Push(x any) {
	c := x.(*Call)
	c.heapIndex[a.slot] = int32(len(a.calls))
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
		heap.Remove(a, int(i))
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
