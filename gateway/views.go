package gateway

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/telemetry"
)

// BucketState is one live bucket and whose it is.
type BucketState struct {
	Scope, Name string
	budget.BucketView
}

// maxShown bounds the stored keys and owners whose buckets are shown together. All of
// them are counted all the same, and each is shown by KeyBuckets.
const maxShown = 2000

// BucketStates answers every bucket as it is now, in the order of their names: those of
// the file, and those of stored keys and owners that are in use, of at most maxShown.
func (g *Gateway) BucketStates() []BucketState {
	n := g.current.Load()
	now := g.clock.now()
	var out []BucketState
	var views []budget.BucketView
	add := func(s *budget.Scope, name string) {
		views = s.View(now, views[:0])
		for _, v := range views {
			out = append(out, BucketState{s.Kind().String(), name, v})
		}
	}
	for _, s := range n.scopes {
		add(s, s.Name())
	}
	stored := 0
	g.keyring.refresh(n)
	g.keyring.each(func(s *budget.Scope, name string) {
		if stored++; stored <= maxShown {
			add(s, name)
		}
	})
	slices.SortStableFunc(out, func(a, b BucketState) int {
		return strings.Compare(a.Scope+"\x00"+a.Name+"\x00"+a.Limit.Name, b.Scope+"\x00"+b.Name+"\x00"+b.Limit.Name)
	})
	return out
}

// Now is the present moment of the timeline that bucket states speak in.
func (g *Gateway) Now() budget.Instant { return g.clock.now() }

// Buckets is telemetry.Source's.
func (g *Gateway) Buckets() []telemetry.Bucket {
	var out []telemetry.Bucket
	for _, b := range g.BucketStates() {
		out = append(out, telemetry.Bucket{
			Scope: b.Scope, Name: b.Name, Dimension: b.Limit.Dimension.String(), Limit: b.Limit.Name,
			Amount: float64(b.Limit.Amount), Level: float64(b.Level), Reserved: float64(b.Reserved), InDebt: float64(b.Debt),
		})
	}
	return out
}

// QueueDepth is telemetry.Source's.
func (g *Gateway) QueueDepth() map[string]int {
	out := map[string]int{}
	for c := shedding.Critical; c <= shedding.Low; c++ {
		out[c.String()] = 0
	}
	for _, d := range g.current.Load().dispatchers {
		d.mu.Lock()
		for c := shedding.Critical; c <= shedding.Low; c++ {
			out[c.String()] += d.pool.Queued(c)
		}
		d.mu.Unlock()
	}
	return out
}

// QueueOldest is telemetry.Source's.
func (g *Gateway) QueueOldest() map[string]float64 {
	out := map[string]float64{}
	now := g.clock.now()
	for c := shedding.Critical; c <= shedding.Low; c++ {
		out[c.String()] = 0
	}
	for _, d := range g.current.Load().dispatchers {
		d.mu.Lock()
		for c := shedding.Critical; c <= shedding.Low; c++ {
			if at := d.pool.Oldest(c); at > 0 {
				out[c.String()] = max(out[c.String()], now.Sub(at).Seconds())
			}
		}
		d.mu.Unlock()
	}
	return out
}

// QueueTokens answers what the waiting calls of each class are expected to take.
func (g *Gateway) QueueTokens() map[string]int64 {
	out := map[string]int64{}
	for _, d := range g.current.Load().dispatchers {
		d.mu.Lock()
		for c := shedding.Critical; c <= shedding.Low; c++ {
			out[c.String()] += d.pool.QueuedTokens(c)
		}
		d.mu.Unlock()
	}
	return out
}

// Lanes is telemetry.Source's.
func (g *Gateway) Lanes() []telemetry.Lane {
	n := g.current.Load()
	out := make([]telemetry.Lane, 0, len(n.lanes))
	for _, l := range n.lanes {
		d := lockLane(l)
		a := l.Account
		out = append(out, telemetry.Lane{
			Provider: a.Provider, Account: a.Name, Model: strings.TrimPrefix(l.ID, a.Provider+"/"+a.Name+"/"), Ratio: l.Ratio(),
		})
		d.mu.Unlock()
	}
	return out
}

// Breakers is telemetry.Source's.
func (g *Gateway) Breakers() []telemetry.Breaker {
	var out []telemetry.Breaker
	g.eachBreaker(func(l *admission.Lane, model string, c fallback.Condition) {
		out = append(out, telemetry.Breaker{
			Provider: l.Account.Provider, Account: l.Account.Name, Model: model,
			State: map[fallback.Condition]float64{fallback.Open: 1, fallback.HalfOpen: 0.5}[c],
		})
	})
	return out
}

// eachBreaker goes over the breakers of all models at all accounts.
func (g *Gateway) eachBreaker(do func(l *admission.Lane, model string, c fallback.Condition)) {
	n := g.current.Load()
	now := int64(g.clock.now())
	seen := map[string]bool{}
	for _, r := range n.routes {
		for i := range r.admission.Targets {
			t := &r.admission.Targets[i]
			for j, h := range t.Health {
				l := t.Lanes[j]
				id := l.ID + " " + t.Model
				if seen[id] {
					continue
				}
				seen[id] = true
				d := lockLane(l)
				condition := h.Breaker.Condition(now)
				d.mu.Unlock()
				do(l, t.Model, condition)
			}
		}
	}
}

// SelfProtection is telemetry.Source's.
func (g *Gateway) SelfProtection() telemetry.Protection {
	s := g.guard.State()
	p := telemetry.Protection{BodyBytes: s.BodyBytes, Pressure: s.Pressure, Refused: map[string]int64{}}
	for reason, n := range s.Refused {
		p.Refused[string(reason)] = n
	}
	return p
}

// Never is the moment of what time alone does not bring.
const Never = budget.Never
