package gateway

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/prices"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers"
)

// pricesOf turns the configuration's prices into a table.
func pricesOf(c *config.Config) prices.Table {
	t := make(prices.Table, 0, len(c.Prices))
	for _, p := range c.Prices {
		t = append(t, prices.Price{
			Provider: p.Provider, Model: p.Model, From: p.From, Input: p.Input, CachedInput: p.CachedInput,
			CacheWrite: p.CacheWrite, Output: p.Output, Request: p.Request, Image: p.Image, Above: p.Above,
		})
	}
	return t
}

// prices are those of one model: the configuration's by the provider's name, and the
// shipped ones by its preset.
func (b *builder) prices(provider, preset, model string) [2]prices.Table {
	return [2]prices.Table{b.own.For(provider, model), b.shipped.For(preset, model)}
}

// price is what the target costs now, for so many tokens of input; false: nobody has told it.
func (t *target) price(at time.Time, input int64) (prices.Price, bool) {
	for _, table := range t.prices {
		if p, ok := table.Find("", t.model, at, input); ok {
			return p, true
		}
	}
	return prices.Price{}, false
}

// cost is what a call of the target costs in nano-dollars; nothing where no price is told.
func (t *target) cost(at time.Time, u prices.Usage) int64 {
	p, ok := t.price(at, u.Input)
	if !ok {
		return 0
	}
	return p.Cost(u)
}

// expectedCost is what an estimate costs, with the prompt's pictures.
func (t *target) expectedCost(at time.Time, e budget.Estimate, images int) int64 {
	out := e.Output
	if e.MaxOutput > 0 {
		out = min(out, e.MaxOutput)
	}
	return t.cost(at, prices.Usage{Input: e.Input, CachedInput: e.Cached, Output: out, Images: int64(images)})
}

// spent is what an attempt has cost.
func (t *target) spent(at time.Time, u providers.Usage, images int) int64 {
	return t.cost(at, prices.Usage{Input: u.Input, CachedInput: u.Cached, CacheWrite: u.CacheWrite, Output: u.Output, Images: int64(images)})
}

// unpriced names the models that are routed and have no price, where somebody's limits
// are in dollars.
func (g *Gateway) unpriced(n *generation) []string {
	dollars := false
	look := func(l *config.Limits) {
		dollars = dollars || l.Find("usd_per_day") != nil || l.Find("usd_per_month") != nil
	}
	for i := range n.cfg.ClientKeys {
		look(&n.cfg.ClientKeys[i].Limits)
	}
	for i := range n.cfg.Owners {
		look(&n.cfg.Owners[i].Limits)
	}
	for i := range n.cfg.Routes {
		look(&n.cfg.Routes[i].Limits)
	}
	if !dollars && !g.keyring.directory.Limited("usd_per_day", "usd_per_month") {
		return nil
	}
	return n.withoutPrice(g.clock.time(g.clock.now()))
}

// withoutPrice names the routed models that have no price.
func (n *generation) withoutPrice(at time.Time) []string {
	var out []string
	for i := range n.cfg.Routes {
		for _, t := range n.routes[n.cfg.Routes[i].Name].targets {
			if _, ok := t.price(at, 0); !ok {
				out = append(out, t.name)
			}
		}
	}
	return out
}

// Unpriced names the routed models that have no price, for which limits in dollars are
// blind.
func (g *Gateway) Unpriced() []string {
	return g.current.Load().withoutPrice(g.clock.time(g.clock.now()))
}
