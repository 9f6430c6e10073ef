package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/prices"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/shedding"
)

// build makes a generation from a valid configuration. Buckets and lanes of old that
// bear the same name live on. Nothing live is changed here: changes are collected in
// update, so a build that fails leaves no trace.
func (g *Gateway) build(cfg *config.Config, old *generation) (*generation, error) {
	n := &generation{
		cfg: cfg, routes: map[string]*route{}, upstreams: map[string]*upstream{},
		lanes: map[string]*admission.Lane{}, accounts: map[string]*admission.Account{},
		healths: map[string]*admission.Health{}, retries: map[string]*fallback.RetryBudget{},
		scopes: map[string]*budget.Scope{}, writeTimeout: cfg.Server.WriteTimeout,
		made: g.clock.start.Unix(),
	}
	if old == nil {
		old = &generation{}
	}
	n.number = old.number + 1
	n.addresses = newAddresses(&cfg.Server, g.clock.now())
	b := &builder{g: g, new: n, old: old, now: g.clock.now(), own: pricesOf(cfg), shipped: prices.Shipped()}
	for i := range cfg.Providers {
		if err := b.upstream(&cfg.Providers[i]); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Routes {
		if err := b.route(&cfg.Routes[i]); err != nil {
			return nil, err
		}
	}
	b.pools()
	return n, b.clients()
}

type builder struct {
	g        *Gateway
	new, old *generation
	now      budget.Instant

	own, shipped prices.Table
}

func (b *builder) upstream(p *config.Provider) error {
	counts, err := plan.NewUpstream(p, b.new.cfg.TimeZone)
	if err != nil {
		return err
	}
	u := &upstream{name: p.Name, counts: counts, timeouts: p.Timeouts}
	for i := range p.Accounts {
		id := p.Name + "/" + p.Accounts[i].Name
		b.new.accounts[id] = b.old.accounts[id] // its keys are set by upstreamKeys
		if b.new.accounts[id] == nil {
			b.new.accounts[id] = &admission.Account{Provider: p.Name, Name: p.Accounts[i].Name}
		}
	}
	u.dialect, u.client, err = b.g.connect(p, counts.Preset)
	b.new.upstreams[p.Name] = u
	return err
}

// Fingerprint names an upstream key without telling it: the first bytes of its SHA-256 in
// hex.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:6])
}

func (b *builder) route(c *config.Route) error {
	r := &route{name: c.Name, maxWait: c.MaxWait, timeout: c.Timeout, comments: c.WaitComments,
		cache: newCachePolicy(c, b.new.cfg.Cache)}
	r.admission = &admission.Route{Owner: r, Name: c.Name}
	for _, t := range c.Targets {
		u := b.new.upstreams[t.Provider]
		r.targets = append(r.targets, target{
			name: t.String(), model: t.Model, upstream: u, prices: b.prices(t.Provider, u.counts.Preset.Name, t.Model),
		})
		at := admission.Target{Provider: t.Provider, Model: t.Model}
		p := b.new.cfg.Provider(t.Provider)
		for i := range p.Accounts {
			l := b.lane(p, &p.Accounts[i], t.Model, u)
			at.Lanes = append(at.Lanes, l)
			at.Health = append(at.Health, b.health(u, l, t.Model))
		}
		r.admission.Targets = append(r.admission.Targets, at)
	}
	plan.Route(r.admission, c)
	if len(c.Limits.Entries) > 0 {
		r.scope = b.scope(budget.ScopeRoute, c.Name, plan.Door(&c.Limits, b.new.cfg.TimeZone))
	}
	policy, err := plan.Policy(c)
	r.policy = policy
	b.new.routes[c.Name] = r
	return err
}

// health finds or makes what watches a model at a lane. A budget of retries belongs to
// one provider within one account's pool, whose lock guards it.
func (b *builder) health(u *upstream, l *admission.Lane, model string) *admission.Health {
	id := l.ID + " " + model
	if h := b.new.healths[id]; h != nil {
		return h
	}
	account := u.name + "/" + l.Account.Name
	if b.new.retries[account] == nil {
		b.new.retries[account] = u.counts.Retries()
		if old := b.old.retries[account]; old != nil && b.sameRetries(u) {
			b.new.retries[account] = old
		}
	}
	h := u.counts.Health(b.new.retries[account])
	if old := b.old.healths[id]; old != nil && b.sameHealth(u) {
		h = old
	}
	b.new.healths[id] = h
	return h
}

// sameHealth says that nothing of a provider's breakers and retries was changed.
func (b *builder) sameHealth(u *upstream) bool {
	old, now := b.old.cfg.Provider(u.name), b.new.cfg.Provider(u.name)
	return old != nil && old.Breaker == now.Breaker && old.Retries == now.Retries
}

// sameRetries says that a provider's budget of retries is configured as before.
func (b *builder) sameRetries(u *upstream) bool {
	old, now := b.old.cfg.Provider(u.name), b.new.cfg.Provider(u.name)
	return old != nil && old.Retries == now.Retries
}

// lane finds or makes the lane of an account and a model: the first limit entry that
// matches, or a lane without limits.
func (b *builder) lane(p *config.Provider, a *config.Account, model string, u *upstream) *admission.Lane {
	entry, group := plan.Group(a, model)
	var limits []budget.Limit
	if entry != nil {
		limits = u.counts.Limits(&entry.Limits)
	}
	id := fmt.Sprintf("%s/%s/%s", p.Name, a.Name, group)
	if l := b.new.lanes[id]; l != nil {
		return l
	}
	scope := b.scope(budget.ScopeUpstream, id, limits)
	l := b.old.lanes[id]
	if l == nil {
		l = &admission.Lane{ID: id, Account: b.new.accounts[p.Name+"/"+a.Name], Budget: admission.InMemory(scope), Owner: &laneOwner{}}
	}
	b.new.update = append(b.new.update, func() {
		plan.Fill(l, u.counts, entry, limits, b.new.cfg.Adaptive)
		scope.LearnAs(u.counts.Template())
	})
	b.new.lanes[id] = l
	return l
}

// scope takes the old buckets of that name over with the new limits, or makes new
// ones.
func (b *builder) scope(kind budget.ScopeKind, name string, limits []budget.Limit) *budget.Scope {
	id := kind.String() + " " + name
	if s := b.new.scopes[id]; s != nil {
		return s
	}
	s := b.old.scopes[id]
	if s == nil {
		s = b.g.keyring.scopeOf(kind, name) // an owner who was stored, and is in the file now
	}
	if s == nil {
		s = budget.NewScope(kind, name, b.now, limits)
		if l, ok, done := b.g.keyring.take(id); ok {
			s.Restore(b.now, l.Levels, l.Clean)
			b.new.update = append(b.new.update, done)
		}
	} else {
		b.new.update = append(b.new.update, func() { s.Reconfigure(b.now, limits) })
	}
	b.new.scopes[id] = s
	return s
}

// pools joins the routes that share an account, directly or through others, and
// gives each such group a dispatcher of its own.
func (b *builder) pools() {
	group := map[*admission.Account]*admission.Account{} // union-find over accounts
	var find func(a *admission.Account) *admission.Account
	find = func(a *admission.Account) *admission.Account {
		if group[a] == nil {
			group[a] = a
		}
		if group[a] != a {
			group[a] = find(group[a])
		}
		return group[a]
	}
	for _, r := range b.new.routes {
		first := r.admission.Targets[0].Lanes[0].Account
		for _, t := range r.admission.Targets {
			for _, l := range t.Lanes {
				group[find(l.Account)] = find(first)
			}
		}
	}
	for _, l := range b.new.lanes {
		find(l.Account)
	}
	lanes := map[*admission.Account][]*admission.Lane{}
	for _, l := range b.new.lanes {
		lanes[find(l.Account)] = append(lanes[find(l.Account)], l)
	}
	made := map[*admission.Account]*dispatcher{}
	for root, ls := range lanes {
		slices.SortFunc(ls, func(a, b *admission.Lane) int { return strings.Compare(a.ID, b.ID) })
		made[root] = newDispatcher(b.g.clock, admission.New(b.g.poolOptions(b.new.cfg), ls))
		b.new.dispatchers = append(b.new.dispatchers, made[root])
	}
	for _, r := range b.new.routes {
		r.dispatcher = made[find(r.admission.Targets[0].Lanes[0].Account)]
	}
}

func (b *builder) clients() error {
	cfg := b.new.cfg
	keys := make([]auth.Key, 0, len(cfg.ClientKeys))
	for i := range cfg.ClientKeys {
		c := &cfg.ClientKeys[i]
		keys = append(keys, auth.Key{
			ID: c.Name, Name: c.Name, Owner: c.Owner, Priority: c.Priority, Models: c.Models,
			MaxTokens: c.MaxTokens, AllowedIPs: c.AllowedIPs, ExpiresAt: c.ExpiresAt, Disabled: c.Disabled, Hash: c.SHA256, Ref: i,
		})
		b.new.clients = append(b.new.clients, nil)
	}
	index, err := auth.NewIndex(keys)
	if err != nil {
		return err
	}
	b.new.keys = index
	owners := map[string]*budget.Scope{} // of all of them: stored keys may belong to any
	for i := range cfg.Owners {
		if o := &cfg.Owners[i]; len(o.Limits.Entries) > 0 {
			owners[o.Name] = b.scope(budget.ScopeOwner, o.Name, plan.Door(&o.Limits, cfg.TimeZone))
		}
	}
	for i := range cfg.ClientKeys {
		c := &cfg.ClientKeys[i]
		class, err := shedding.ParseClass(c.Priority)
		if err != nil {
			return err
		}
		cl := &client{key: &keys[i], class: class, weight: float64(max(c.Weight, 1))}
		if len(c.Limits.Entries) > 0 {
			cl.scopes = append(cl.scopes, b.scope(budget.ScopeClientKey, c.Name, plan.Door(&c.Limits, cfg.TimeZone)))
		}
		if s := owners[c.Owner]; s != nil {
			cl.scopes = append(cl.scopes, s)
		}
		b.new.clients[i] = cl
	}
	return nil
}
