package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/shedding"
)

// core drives the admission pool: what the gateway does with sockets, in virtual time.
type core struct {
	w         *world
	pool      *admission.Pool
	routes    map[string]*route
	lanes     map[string]*admission.Lane
	healths   map[string]*admission.Health
	retries   map[string]*fallback.RetryBudget
	estimator *tokens.Estimator
	rnd       *rand.Rand
	door      *door
	effects   []admission.Effect
	wake      budget.Instant // the earliest step that is scheduled
	fifo      bool
	noRefund  bool
}

type route struct {
	name   string
	r      *admission.Route
	policy fallback.Policy
	wait   time.Duration
	at     [][]*account // by target and lane
}

// call is one request inside the core.
type call struct {
	admission.Call
	c     *Call
	r     *route
	state fallback.State
	last  int // target of the last failure
	began budget.Instant
	door  budget.Hold
	scale [2]float64 // how wrong the estimates are: input, output
}

func newCore(w *world) (*core, error) {
	k := &core{
		w: w, routes: map[string]*route{}, lanes: map[string]*admission.Lane{},
		healths: map[string]*admission.Health{}, retries: map[string]*fallback.RetryBudget{}, estimator: tokens.New(tokens.Options{}),
		door: newDoor(w.o.Config),
		rnd:  rand.New(rand.NewPCG(w.o.Seed, 0xc0)), wake: budget.Never,
		fifo: w.o.Engine == FIFO, noRefund: w.o.Engine == NoRefund,
	}
	var lanes []*admission.Lane
	for i := range w.o.Config.Routes {
		if err := k.route(&w.o.Config.Routes[i], &lanes); err != nil {
			return nil, err
		}
	}
	po := plan.Pool(w.o.Config, k.rnd.Float64)
	if k.fifo {
		po.Thresholds = shedding.Thresholds{1, 1, 1, 1}
	}
	k.pool = admission.New(po, lanes)
	return k, nil
}

func (k *core) route(c *config.Route, lanes *[]*admission.Lane) error {
	policy, err := plan.Policy(c)
	if err != nil {
		return err
	}
	r := &route{name: c.Name, policy: policy, wait: c.MaxWait, r: &admission.Route{Name: c.Name}}
	for _, t := range c.Targets {
		p := k.w.o.Config.Provider(t.Provider)
		target := admission.Target{Provider: t.Provider, Model: t.Model}
		var at []*account
		for i := range p.Accounts {
			l, a := k.lane(p, &p.Accounts[i], t.Model, lanes)
			target.Lanes = append(target.Lanes, l)
			target.Health = append(target.Health, k.health(p, l, t.Model))
			at = append(at, a)
		}
		r.r.Targets = append(r.r.Targets, target)
		r.at = append(r.at, at)
	}
	plan.Route(r.r, c)
	k.routes[c.Name] = r
	return nil
}

// health finds or makes what watches a model at a lane, and the provider's retries.
func (k *core) health(p *config.Provider, l *admission.Lane, model string) *admission.Health {
	u := k.w.counts[p.Name]
	if k.retries[p.Name] == nil {
		k.retries[p.Name] = u.Retries()
	}
	id := l.ID + " " + model
	if k.healths[id] == nil {
		k.healths[id] = u.Health(k.retries[p.Name])
	}
	return k.healths[id]
}

func (k *core) lane(p *config.Provider, a *config.Account, model string, lanes *[]*admission.Lane) (*admission.Lane, *account) {
	u := k.w.counts[p.Name]
	entry, group := plan.Group(a, model)
	id := fmt.Sprintf("%s/%s/%s", p.Name, a.Name, group)
	if l := k.lanes[id]; l != nil {
		return l, k.w.accounts[id]
	}
	var limits []budget.Limit
	if entry != nil {
		limits = u.Limits(&entry.Limits)
	}
	scope := budget.NewScope(budget.ScopeUpstream, id, start, limits)
	scope.LearnAs(u.Template())
	l := &admission.Lane{ID: id, Budget: admission.InMemory(scope), Account: &admission.Account{
		Provider: p.Name, Name: a.Name, Keys: []*admission.Key{{}},
	}}
	plan.Fill(l, u, entry, limits, k.w.o.Config.Adaptive)
	if k.noRefund {
		l.Charging.NoRefund = true
	}
	k.lanes[id] = l
	*lanes = append(*lanes, l)
	return l, k.w.account(id, p, entry)
}

func (k *core) arrive(c *Call) {
	r := k.routes[c.Route]
	if r == nil {
		k.w.tally.refused(c, "unknown_route")
		return
	}
	x := &call{c: c, r: r, began: k.w.c.now, last: -1}
	x.Owner, x.Route, x.Class, x.Client, x.Affinity, x.Exact = x, r.r, c.Class, c.Client, c.Affinity, true
	if k.fifo {
		x.Class, x.Client = shedding.Normal, ""
	}
	x.Deadline = k.w.c.now.Add(r.wait)
	k.estimate(x)
	if by := k.door.enter(k.w.c.now, x); by != "" {
		k.w.tally.refused(c, by)
		return
	}
	k.pool.Arrive(k.w.c.now, &x.Call)
	k.step()
}

// estimate says what the call is expected to take, as wrong as the options want it.
func (k *core) estimate(x *call) {
	spread := func(e, bias float64) float64 {
		if bias == 0 {
			bias = 1
		}
		return bias * (1 + e*(2*k.rnd.Float64()-1))
	}
	o := &k.w.o
	x.scale = [2]float64{spread(o.InputError, o.InputBias), spread(o.OutputError, o.OutputBias)}
	for _, t := range x.r.r.Targets {
		e := budget.Estimate{Input: k.estimator.Calibrate(t.Model, scaled(x.c.Input, x.scale[0])), MaxOutput: x.c.MaxTokens}
		expected, _ := k.estimator.Output(x.r.name, t.Model, x.c.MaxTokens, 1)
		e.Output = scaled(expected, x.scale[1])
		if o.Oracle {
			e.Input, e.Output = x.c.Input, x.c.Output
		}
		x.Estimates = append(x.Estimates, e)
	}
}

func scaled(n int64, f float64) int64 { return max(int64(float64(n)*f+0.5), 1) }

// step lets the pool decide and carries out what it decided.
func (k *core) step() {
	now := k.w.c.now
	effects, next := k.pool.Step(now, k.effects[:0])
	for _, e := range effects {
		x := e.Call.Owner.(*call)
		switch e.Kind {
		case admission.EffectGrant:
			g := e.Grant
			k.w.c.after(g.Delay, func() { k.send(x, g) })
		case admission.EffectRefuse:
			k.refused(x, e.Refusal)
		}
	}
	k.effects = effects
	if next < k.wake {
		next = max(next, now+50_000)
		k.wake = next
		k.w.c.at(next, func() {
			if k.wake <= k.w.c.now {
				k.wake = budget.Never
			}
			k.step()
		})
	}
}

func (k *core) refused(x *call, r admission.Refusal) {
	x.leave(k.w.c.now, budget.Usage{})
	if x.state.Attempts > 0 {
		k.w.tally.failed(x.c, r.Reason.String())
		return
	}
	k.w.tally.refused(x.c, r.Reason.String())
}

// send brings an attempt to its upstream.
func (k *core) send(x *call, g admission.Grant) {
	a := x.r.at[g.Target][laneIndex(x.r.r, g)]
	x.state.Attempts++
	sent := k.w.c.now
	k.w.c.after(a.delay(), func() {
		r := a.admit(x.c)
		if r.refusal != nil || r.failed {
			k.w.c.after(a.delay(), func() { k.failed(x, a, g, &r) })
			return
		}
		k.w.c.after(r.total, func() { a.finish(x.c, r.ticket) })
		first := r.firstToken + a.delay()
		k.w.c.after(first, func() { k.headers(x, a, g, &r) })
		k.w.c.after(max(r.total+a.delay(), first), func() { k.answered(x, g, sent, k.w.c.now) })
	})
}

func laneIndex(r *admission.Route, g admission.Grant) int {
	for i, l := range r.Targets[g.Target].Lanes {
		if l == g.Lane {
			return i
		}
	}
	return 0
}

// headers tells the pool what an answer's headers say.
func (k *core) headers(x *call, a *account, g admission.Grant, r *reply) {
	l := a.quota.Limit()
	now := k.w.c.now
	if r.requests >= 0 {
		k.pool.Observe(now, g.Lane, &x.Call, budget.Observation{Dimension: budget.Requests, Window: time.Minute, Limit: l.RPM, Remaining: r.requests})
	}
	if r.tokens >= 0 {
		k.pool.Observe(now, g.Lane, &x.Call, budget.Observation{Dimension: budget.Tokens, Window: time.Minute, Limit: l.TPM, Remaining: r.tokens})
	}
	if r.requests >= 0 || r.tokens >= 0 {
		k.step()
	}
}

// answered ends a call that was served.
func (k *core) answered(x *call, g admission.Grant, sent, now budget.Instant) {
	used := budget.Usage{Input: x.c.Input, Output: x.c.Output}
	actual := g.Lane.Charging.Actual(g.Demand, used)
	k.pool.Settle(now, &x.Call, actual, budget.Used, admission.Report{Health: fallback.Healthy, FirstByte: now.Sub(sent)})
	k.estimator.Learn(x.r.name, x.r.r.Targets[g.Target].Model, x.Estimates[g.Target].Input, x.c.Input, 1, x.c.Output)
	x.leave(now, used)
	k.w.tally.served(x.c, g.At.Sub(x.began)+g.Delay, g.Target > 0)
	k.step()
}

// failed ends an attempt that was refused or broke, and asks what is next.
func (k *core) failed(x *call, a *account, g admission.Grant, r *reply) {
	now := k.w.c.now
	cause, wait, told := causeOf(r), time.Duration(0), int64(0)
	if r.refusal != nil {
		wait = a.says(r)
		if a.u.Headers {
			told = r.refusal.Limit
		}
	}
	k.pool.Settle(now, &x.Call, budget.Demand{}, budget.Refused, admission.Report{Health: fallback.OutcomeOf(cause)})
	if o, ok := plan.Refusal(cause, wait, g.Demand, told, time.Minute); ok {
		k.pool.Observe(now, g.Lane, &x.Call, o)
	}
	if cause == fallback.BurstRamp {
		k.pool.Ramped(now, g.Lane)
	}
	switch {
	case plan.RateLimit(cause):
		x.state.SameTarget = 0
	case x.last == g.Target:
		x.state.SameTarget++
	default:
		x.state.SameTarget = 1
	}
	x.last = g.Target
	x.state.Elapsed = now.Sub(x.began)
	v := x.r.policy.Decide(x.state, fallback.Failure{Cause: cause, RetryAfter: wait, Sent: true}, k.rnd.Float64)
	out := plan.Verdict(v, cause)
	if v.Action == fallback.GiveUp {
		k.pool.Block(now, g.Lane, out.BlockLane)
		x.leave(now, budget.Usage{})
		k.w.tally.failed(x.c, v.Reason)
	} else {
		k.pool.Retry(now, &x.Call, out)
	}
	k.step()
}

func causeOf(r *reply) fallback.Cause {
	if r.failed {
		return fallback.ServerError
	}
	switch r.refusal.Kind {
	case "tokens":
		return fallback.RateTokens
	case "too_large":
		return fallback.TooLarge
	case "ramp":
		return fallback.BurstRamp
	case "concurrency":
		return fallback.RateUnknown
	}
	return fallback.RateRequests
}

// says is the wait that a refusal names.
func (a *account) says(r *reply) time.Duration {
	switch a.u.RetryAfter {
	case Silent:
		return 0
	case Lying:
		return time.Second
	}
	return r.refusal.RetryAfter
}

func (k *core) queued() (n [4]int) {
	for i := range n {
		n[i] = k.pool.Queued(shedding.Class(i))
	}
	return n
}

func (k *core) ratio() float64 {
	sum := 0.0
	for _, l := range k.lanes {
		sum += l.Ratio()
	}
	return sum / float64(max(len(k.lanes), 1))
}
