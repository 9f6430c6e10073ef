package main

import (
	"context"

	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/api"
)

// dataPlane shows the gateway to the admin API in its words.
type dataPlane struct{ *gateway.Gateway }

// Budgets answers every live bucket.
func (d dataPlane) Budgets() []api.Budget {
	now := d.Now()
	var out []api.Budget
	for _, b := range d.BucketStates() {
		full := int64(-1)
		if wait := b.Full.Sub(now); b.Full < gateway.Never {
			full = wait.Milliseconds()
		}
		out = append(out, api.Budget{
			Scope: b.Scope, Name: b.Name, Limit: b.Limit.Name, Dimension: b.Limit.Dimension.String(),
			Amount: b.Limit.Amount, WindowMS: b.Limit.Window.Milliseconds(), Capacity: b.Capacity,
			Level: b.Level, Reserved: b.Reserved, Debt: b.Debt, Learned: b.Limit.Learned, FullInMS: full,
			Effective: b.Amount, Told: b.Told, Ratio: b.Ratio,
		})
	}
	return out
}

// Explain tells what would become of a request now.
func (d dataPlane) Explain(ctx context.Context, q api.Question) (*telemetry.Explanation, error) {
	return d.Gateway.Explain(ctx, gateway.Question{Body: q.Request, Endpoint: q.Endpoint, Key: q.Key, Priority: q.Priority})
}

// Trail is what became of one of the last requests.
func (d dataPlane) Trail(id string) *api.Trail {
	r, ok := d.Gateway.Trail(id)
	if !ok {
		return nil
	}
	return api.TrailOf(&r)
}

// Upstreams answers every account with its keys.
func (d dataPlane) Upstreams() []api.Upstream {
	var out []api.Upstream
	for _, a := range d.AccountStates() {
		u := api.Upstream{Provider: a.Provider, Account: a.Account, InFlight: a.InFlight, Keys: []api.Key{}}
		for _, k := range a.Keys {
			u.Keys = append(u.Keys, api.Key{Fingerprint: k.Fingerprint, State: k.State.String(), Reason: k.Why})
		}
		out = append(out, u)
	}
	return out
}

// Queue answers what waits, by class.
func (d dataPlane) Queue() map[string]api.Lane {
	tokens, oldest := d.QueueTokens(), d.QueueOldest()
	out := map[string]api.Lane{}
	for class, n := range d.QueueDepth() {
		out[class] = api.Lane{Depth: n, Tokens: tokens[class], OldestMS: int64(oldest[class] * 1000)}
	}
	return out
}
