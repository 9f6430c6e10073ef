package main

import (
	"context"

	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/web"
)

// dataPlane shows the gateway to the admin API in its words.
type dataPlane struct{ *gateway.Gateway }

// Budgets answers every live bucket.
func (d dataPlane) Budgets() []web.Budget {
	now := d.Now()
	var out []web.Budget
	for _, b := range d.BucketStates() {
		full := int64(-1)
		if wait := b.Full.Sub(now); b.Full < gateway.Never {
			full = wait.Milliseconds()
		}
		out = append(out, web.Budget{
			Scope: b.Scope, Name: b.Name, Limit: b.Limit.Name, Dimension: b.Limit.Dimension.String(),
			Amount: b.Limit.Amount, WindowMS: b.Limit.Window.Milliseconds(), Capacity: b.Capacity,
			Level: b.Level, Reserved: b.Reserved, Debt: b.Debt, Learned: b.Limit.Learned, FullInMS: full,
			Effective: b.Amount, Told: b.Told, Ratio: b.Ratio,
		})
	}
	return out
}

// Explain tells what would become of a request now.
func (d dataPlane) Explain(ctx context.Context, q web.Question) (any, error) {
	return d.Gateway.Explain(ctx, gateway.Question{Body: q.Request, Endpoint: q.Endpoint, Key: q.Key, Priority: q.Priority})
}

// Trail is what became of one of the last requests.
func (d dataPlane) Trail(id string) any {
	r, ok := d.Gateway.Trail(id)
	if !ok {
		return nil
	}
	return trailOf(&r)
}

// Upstreams answers every account with its keys.
func (d dataPlane) Upstreams() []web.Upstream {
	var out []web.Upstream
	for _, a := range d.AccountStates() {
		u := web.Upstream{Provider: a.Provider, Account: a.Account, InFlight: a.InFlight, Keys: []web.Key{}}
		for _, k := range a.Keys {
			u.Keys = append(u.Keys, web.Key{Fingerprint: k.Fingerprint, State: k.State, Reason: k.Why})
		}
		out = append(out, u)
	}
	return out
}
