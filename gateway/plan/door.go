package plan

import "github.com/sluice-gateway/sluice/budget"

// DoorDemand is what the caller's own limits count: the prompt and the answer that
// is expected of it, at most what the caller declared.
func DoorDemand(e budget.Estimate) budget.Demand {
	out := e.Output
	if e.MaxOutput > 0 {
		out = min(out, e.MaxOutput)
	}
	return DoorActual(budget.Usage{Input: e.Input, Output: out, Cost: e.Cost})
}

// DoorActual is what they count in the end: everything that all attempts took.
func DoorActual(u budget.Usage) budget.Demand {
	var d budget.Demand
	d[budget.Requests], d[budget.Concurrency] = 1, 1
	d[budget.Tokens] = u.Input + u.Output
	d[budget.InputTokens], d[budget.OutputTokens] = u.Input, u.Output
	d[budget.Cost] = u.Cost
	return d
}
