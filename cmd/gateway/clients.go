package main

import (
	"context"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/clients"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/web/api"
)

// loadTimeout is how long reading all client keys may take before the program serves
// without them and goes on trying.
const loadTimeout = 5 * time.Minute

// setUpClients loads the stored client keys and follows what others do to them.
func (s *service) setUpClients() (err error) {
	s.keys = auth.NewDirectory()
	s.clients, err = clients.New(clients.Options{
		Store: s.store, Directory: s.keys, Log: s.log,
		Config:   func() *config.Config { return s.gateway.Config() },
		Unpriced: func() []string { return s.gateway.Unpriced() },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	if err := s.clients.Load(ctx); err != nil {
		s.log.Error("stored client keys not loaded; until they are, only those of the file work", "error", err.Error())
	}
	s.background(s.clients.Run)
	s.metrics.Gauge("client_keys", "Stored client keys that live.", nil, func() float64 { return float64(s.keys.Len()) })
	s.metrics.Gauge("client_keys_staleness_seconds", "Time since the store last told what has changed about client keys.", nil,
		func() float64 { return s.clients.Stale().Seconds() })
	return nil
}

// KeyBudgets answers the live buckets of a client key and of its owner.
func (d dataPlane) KeyBudgets(id string) []api.Budget {
	if name, ok := strings.CutPrefix(id, "file:"); ok {
		return d.budgets(d.FiledKeyBuckets(name))
	}
	states, _ := d.KeyBuckets(id)
	return d.budgets(states)
}

// OwnerBudgets answers the live buckets of an owner.
func (d dataPlane) OwnerBudgets(name string) []api.Budget { return d.budgets(d.OwnerBuckets(name)) }

// budgets puts buckets into the admin API's words.
func (d dataPlane) budgets(states []gateway.BucketState) []api.Budget {
	now := d.Now()
	out := make([]api.Budget, 0, len(states))
	for _, b := range states {
		full := int64(-1)
		if wait := b.Full.Sub(now); b.Full < gateway.Never {
			full = wait.Milliseconds()
		}
		window := b.Limit.Window
		if b.Limit.Kind == budget.Gauge {
			window = 0 // what is in flight is counted, whatever the time
		}
		out = append(out, api.Budget{
			Scope: b.Scope, Name: b.Name, Limit: b.Limit.Name, Dimension: b.Limit.Dimension.String(), Kind: b.Limit.Kind.String(),
			Amount: b.Limit.Amount, WindowMS: window.Milliseconds(), Capacity: b.Capacity,
			Level: b.Level, Reserved: b.Reserved, Debt: b.Debt, Learned: b.Limit.Learned, FullInMS: full,
			Effective: b.Amount, Told: b.Told, Ratio: b.Ratio,
		})
	}
	return out
}
