package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/providers"
)

// probeTimeout bounds one probe, realTimeout one call of one token.
const (
	probeTimeout = 10 * time.Second
	realTimeout  = 30 * time.Second
)

// maxProbeBody bounds what is read of an answer to a probe.
const maxProbeBody = 64 << 10

// Finding is what a probe of an upstream key has shown.
type Finding struct {
	// Told says that the probe was conclusive. Without it Health is as before.
	Told   bool
	Health Health
	// Status is the upstream's; 0: it did not answer. Why is for people.
	Status int
	Why    string
	// Model was called for one token; empty: nothing was generated.
	Model string
	Took  time.Duration
}

// probe asks a key's provider whether it works, in the cheapest way that tells.
func (g *Gateway) probe(ctx context.Context, n *generation, c *upstreamKey, health Health, model string) Finding {
	up := n.upstreams[c.home.provider]
	if up == nil {
		return Finding{Why: "the provider is not configured any more"}
	}
	// What costs nothing knows nothing of quota, nor of what a key may not use.
	if health == HealthExhausted || health == HealthInvalid && model != "" {
		return g.probeReal(ctx, n, c, health, model)
	}
	if up.misleads.Load() {
		if !health.down() {
			return Finding{Why: "the provider's " + up.counts.Preset.HealthPath + " does not check keys"}
		}
		return g.probeReal(ctx, n, c, health, model)
	}
	f := g.probeCheap(ctx, up, c.secret)
	switch {
	case !f.Told, up.counts.Preset.HealthSure:
		return f
	case f.Health == HealthWorks && health == HealthUnknown:
		return Finding{Status: f.Status, Why: "the provider's " + up.counts.Preset.HealthPath + " may answer to any key", Took: f.Took}
	case f.Health == HealthWorks && health == HealthWorks:
		return f
	}
	// The word would change something, and may be given to everybody.
	real := g.probeReal(ctx, n, c, health, model)
	if real.Told && real.Health != f.Health {
		up.misleads.Store(true)
	}
	return real
}

// probeCheap asks for what costs nothing. The request is made by the provider's own
// dialect, so the key goes to its own host only; redirects are not followed.
func (g *Gateway) probeCheap(ctx context.Context, up *upstream, secret string) (f Finding) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p, ok := up.dialect.(providers.Prober)
	if !ok {
		return Finding{Why: "no cheap probe is known for this provider"}
	}
	req, ok := p.ProbeRequest(ctx, secret)
	if !ok {
		return Finding{Why: "no cheap probe is known for this provider"}
	}
	begin := time.Now()
	defer func() { f.Took = time.Since(begin) }()
	resp, err := up.client.Do(req)
	if err != nil {
		return Finding{Why: "the provider could not be reached"}
	}
	defer resp.Body.Close()
	f.Status = resp.StatusCode
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		f.Told, f.Health, f.Why = true, HealthWorks, "the provider accepts the key"
		return f
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody)) // a cut body is classified by its status
	failure := up.dialect.Classify(resp.StatusCode, resp.Header, body)
	f.Why = "the provider said: " + failure.Kind.String()
	switch failure.Kind {
	case providers.InvalidKey:
		f.Told, f.Health = true, HealthInvalid
	case providers.QuotaExhausted:
		f.Told, f.Health = true, HealthExhausted
	}
	return f
}

// probeReal calls a model for one token: the surest way, and not free.
func (g *Gateway) probeReal(ctx context.Context, n *generation, c *upstreamKey, health Health, model string) (f Finding) {
	lane, model := n.laneFor(c.home, model)
	if lane == nil {
		return Finding{Why: "no route uses the account, so there is no model to call"}
	}
	up := n.upstreams[c.home.provider]
	ctx, cancel := context.WithTimeout(ctx, realTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"model": model, "max_tokens": 1,
		"messages": []map[string]string{{"role": "user", "content": "Hi"}}})
	if err != nil {
		return Finding{Why: "the request could not be made"}
	}
	req, err := up.dialect.NewRequest(ctx, providers.Call{Endpoint: providers.ChatCompletions, Model: model, Body: body, Key: c.secret})
	if err != nil {
		return Finding{Why: "the request could not be made"}
	}
	defer providers.ReleaseBody(req)
	defer g.charge(lane)()
	begin := time.Now()
	f.Model = model
	defer func() { f.Took = time.Since(begin) }()
	resp, err := up.client.Do(req)
	if err != nil {
		f.Why = "the provider could not be reached"
		return f
	}
	defer resp.Body.Close()
	f.Status = resp.StatusCode
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody)) // a cut body is classified by its status
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		f.Told, f.Health, f.Why = true, HealthWorks, "the model answered"
		return f
	}
	f.judge(up.dialect.Classify(resp.StatusCode, resp.Header, bytes.TrimSpace(answer)).Kind, health)
	return f
}

// judge says what a refused call of one token tells of the key.
func (f *Finding) judge(k providers.Kind, health Health) {
	f.Why = "the provider said: " + k.String()
	switch k {
	case providers.InvalidKey, providers.Forbidden:
		f.Told, f.Health = true, HealthInvalid
	case providers.QuotaExhausted:
		f.Told, f.Health = true, HealthExhausted
	case providers.RateRequests, providers.RateTokens, providers.RateUnknown, providers.BurstRamp:
		f.Told, f.Health = true, HealthWorks // whom it does not know, and who has no quota, it does not slow down
	case providers.BadRequest, providers.NotFound, providers.ContextLength, providers.ContentFilter, providers.TooLarge:
		if health != HealthExhausted { // what is wrong with the call is told to those it knows
			f.Told, f.Health = true, HealthWorks
		}
	}
}

// probeTokens is what a call of one token is counted as.
const probeTokens = 16

// charge takes a probe's call from the lane's budget, into debt if need be, so that the
// upstream's count and ours stay together. The answer gives its place back.
func (g *Gateway) charge(l *admission.Lane) (done func()) {
	var h budget.Hold
	e := budget.Estimate{Input: probeTokens - 1, Output: 1, MaxOutput: 1}
	d := lockLane(l)
	l.Budget.Force(d.clock.now(), &h, l.Charging.Demand(e))
	d.mu.Unlock()
	return func() {
		d := lockLane(l)
		defer d.mu.Unlock()
		h.Settle(d.clock.now(), l.Charging.Actual(h.Demand(), budget.Usage{Input: e.Input, Output: e.Output}), budget.Used)
		d.step(d.clock.now())
	}
}

// laneFor finds a model to call at an account: the one that is asked for, or the first
// by name that a route has there.
func (n *generation) laneFor(h *keyHome, model string) (lane *admission.Lane, found string) {
	for _, r := range n.routes {
		for _, t := range r.admission.Targets {
			if t.Provider != h.provider || model != "" && t.Model != model || found != "" && t.Model >= found {
				continue
			}
			for _, l := range t.Lanes {
				if l.Account.Name == h.account {
					lane, found = l, t.Model
				}
			}
		}
	}
	if lane == nil && model != "" {
		return n.laneFor(h, "") // that model is not routed any more
	}
	return lane, found
}
