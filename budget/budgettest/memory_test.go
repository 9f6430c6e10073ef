package budgettest

import (
	"testing"

	"github.com/sluice-gateway/sluice/budget"
)

// memory is the engine of this process.
type memory struct{ *budget.Scope }

func newMemory(now budget.Instant, limits []budget.Limit) Engine {
	return memory{budget.NewScope(budget.ScopeUpstream, "s", now, limits)}
}

func (m memory) Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer {
	return budget.Reserve(now, h, d, m.Scope)
}

func (m memory) Await(*budget.Hold) budget.Answer { return budget.Answer{} }

func (m memory) Settle(now budget.Instant, h *budget.Hold, actual budget.Demand, o budget.Outcome) bool {
	return h.Settle(now, actual, o)
}

func (m memory) View(now budget.Instant) []budget.BucketView { return m.Scope.View(now, nil) }

// networked answers late, as an engine behind a network does.
type networked struct {
	memory
	late *budget.Answer
}

func (n networked) Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer {
	*n.late = n.memory.Reserve(now, h, d)
	return budget.Answer{State: budget.Pending}
}

func (n networked) Await(*budget.Hold) budget.Answer { return *n.late }

func TestMemory(t *testing.T) { Run(t, newMemory) }

func TestAnEngineThatAnswersLate(t *testing.T) {
	Run(t, func(now budget.Instant, limits []budget.Limit) Engine {
		return networked{newMemory(now, limits).(memory), &budget.Answer{}}
	})
}
