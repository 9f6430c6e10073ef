package main

import (
	"context"

	"github.com/sluice-gateway/sluice/control/upstreams"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/api"
)

// dataPlane shows the gateway to the admin API in its words.
type dataPlane struct {
	*gateway.Gateway
	upstreams *upstreams.Service
}

// Budgets answers every live bucket.
func (d dataPlane) Budgets() []api.Budget { return d.budgets(d.BucketStates()) }

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
func (d dataPlane) Upstreams() []api.Upstream { return d.upstreams.Upstreams() }

// Queue answers what waits, by class.
func (d dataPlane) Queue() map[string]api.Lane {
	tokens, oldest := d.QueueTokens(), d.QueueOldest()
	out := map[string]api.Lane{}
	for class, n := range d.QueueDepth() {
		out[class] = api.Lane{Depth: n, Tokens: tokens[class], OldestMS: int64(oldest[class] * 1000)}
	}
	return out
}
