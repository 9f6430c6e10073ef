package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/shedding"
)

// dispatcher drives one admission pool with real time: one short lock, one timer.
// It is the only place where the pool meets goroutines.
type dispatcher struct {
	clock clock

	mu      sync.Mutex
	pool    *admission.Pool
	timer   *time.Timer
	effects []admission.Effect
	// heir answers the new home of a route once a reload has replaced this
	// dispatcher; nil before.
	heir func(route string) (*dispatcher, *admission.Route)
}

// ticket is one request's place with a dispatcher.
type ticket struct {
	admission.Call
	answer chan admission.Effect // buffered: a step never waits for a request
	at     atomic.Pointer[dispatcher]
}

// laneOwner finds the dispatcher that a lane belongs to since the last reload.
type laneOwner struct{ atomic.Pointer[dispatcher] }

func newDispatcher(c clock, p *admission.Pool) *dispatcher {
	return &dispatcher{clock: c, pool: p}
}

// poolOptions are what a pool is told, the use of the whole process included.
func (g *Gateway) poolOptions(cfg *config.Config) admission.Options {
	o := plan.Pool(cfg, g.random)
	o.ShedFrom = func() shedding.Class { return shedding.Class(g.shedFrom.Load()) }
	o.Busy = func() (inFlight, most int) { return int(g.guard.InFlight()), cfg.Server.MaxInFlight }
	return o
}

func newTicket() *ticket {
	t := &ticket{answer: make(chan admission.Effect, 1)}
	t.Owner = t
	return t
}

// arrive brings a new call: to an heir of the dispatcher where a reload has replaced it
// since the call found its route. A call whose route is gone is refused.
func (d *dispatcher) arrive(t *ticket) {
	t.at.Store(d)
	d = t.lock()
	defer d.mu.Unlock()
	if d.heir != nil {
		t.strand()
		return
	}
	now := d.clock.now()
	d.pool.Arrive(now, &t.Call)
	d.step(now)
}

// strand refuses a call whose route is gone: the lanes of its old pool belong to others.
func (t *ticket) strand() {
	t.answer <- admission.Effect{Kind: admission.EffectRefuse, Call: &t.Call,
		Refusal: admission.Refusal{Reason: admission.NoKeys, At: budget.Never}}
}

// refined brings a call back with exact estimates.
func (t *ticket) refined() {
	d := t.lock()
	defer d.mu.Unlock()
	if d.heir != nil {
		t.strand()
		return
	}
	now := d.clock.now()
	d.pool.Refined(now, &t.Call)
	d.step(now)
}

// retry brings a call back whose attempt failed.
func (t *ticket) retry(v admission.Verdict) {
	d := t.lock()
	defer d.mu.Unlock()
	if d.heir != nil {
		t.strand()
		return
	}
	now := d.clock.now()
	d.pool.Retry(now, &t.Call, v)
	d.step(now)
}

// settle ends the hold of an attempt.
func (t *ticket) settle(actual budget.Demand, o budget.Outcome, r admission.Report) bool {
	d := lockLane(t.Grant().Lane)
	defer d.mu.Unlock()
	now := d.clock.now()
	ok := d.pool.Settle(now, &t.Call, actual, o, r)
	d.step(now)
	return ok
}

// force sends the call whatever the pool thinks of it; false: no key is usable.
func (t *ticket) force() bool {
	d := t.lock()
	defer d.mu.Unlock()
	if d.heir != nil {
		return false // its route is gone
	}
	now := d.clock.now()
	ok := d.pool.Force(now, &t.Call)
	d.step(now)
	return ok
}

// explain tells how the call's candidates look to it now.
func (t *ticket) explain() admission.Outlook {
	d := t.lock()
	defer d.mu.Unlock()
	return d.pool.Explain(d.clock.now(), &t.Call)
}

// forecast answers when any candidate could take the call.
func (t *ticket) forecast() (budget.Instant, budget.Dimension) {
	d := t.lock()
	defer d.mu.Unlock()
	if d.heir != nil {
		return budget.Never, budget.Requests // its route is gone
	}
	return d.pool.Forecast(d.clock.now(), &t.Call)
}

// wait blocks until the call is granted, refused or to be refined, or its client has
// gone; then it leaves nothing behind.
func (t *ticket) wait(ctx context.Context) (admission.Effect, error) {
	select {
	case e := <-t.answer:
		return e, nil
	default:
	}
	select {
	case e := <-t.answer:
		return e, nil
	case <-ctx.Done():
	}
	t.leave()
	return admission.Effect{}, ctx.Err()
}

// leave takes the call out of its pool, gives back a grant that came too late, and
// forgets an answer nobody will read.
func (t *ticket) leave() {
	if t.at.Load() == nil {
		return // it never arrived
	}
	d := t.lock()
	now := d.clock.now()
	d.pool.Cancel(now, &t.Call)
	granted := t.Status() == admission.Granted
	d.mu.Unlock()
	if granted {
		t.settle(budget.Demand{}, budget.Unsent, admission.Report{})
	}
	select {
	case <-t.answer:
	default:
	}
}

// lock locks the dispatcher that the call is with now: a reload may move it.
func (t *ticket) lock() *dispatcher {
	for {
		d := t.at.Load()
		d.mu.Lock()
		if t.at.Load() == d && !t.inherit(d) {
			return d
		}
		d.mu.Unlock()
	}
}

// inherit moves a call that stands in no queue, because it is being counted or
// between attempts, from a replaced dispatcher to its heir. The lock of d is held.
func (t *ticket) inherit(d *dispatcher) bool {
	if d.heir == nil || t.Status() != admission.Idle && t.Status() != admission.Refining {
		return false
	}
	to, r := d.heir(t.Route.Name)
	if to == nil {
		return false // its route is gone: it ends where it began
	}
	t.Route = r
	t.at.Store(to)
	return true
}

// lockLane locks the dispatcher that a lane belongs to now.
func lockLane(l *admission.Lane) *dispatcher {
	owner := l.Owner.(*laneOwner)
	for {
		d := owner.Load()
		d.mu.Lock()
		if owner.Load() == d {
			return d
		}
		d.mu.Unlock()
	}
}

// observe brings an upstream's own word about the lane of the call's attempt.
func (t *ticket) observe(observations ...budget.Observation) {
	if len(observations) == 0 {
		return
	}
	l := t.Grant().Lane
	d := lockLane(l)
	defer d.mu.Unlock()
	now := d.clock.now()
	for _, o := range observations {
		d.pool.Observe(now, l, &t.Call, o)
	}
	d.step(now)
}

// heard tells the lane of the call's attempt that its upstream has answered, without
// a word about limits.
func (t *ticket) heard() {
	l := t.Grant().Lane
	d := lockLane(l)
	defer d.mu.Unlock()
	if d.pool.Answered(l) {
		d.step(d.clock.now())
	}
}

// ramped tells the lane of the call's attempt that its traffic grew too quickly.
func (t *ticket) ramped() {
	l := t.Grant().Lane
	d := lockLane(l)
	defer d.mu.Unlock()
	now := d.clock.now()
	d.pool.Ramped(now, l)
	d.step(now)
}

// poke lets the pool look again, after something outside it has changed.
func (d *dispatcher) poke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heir == nil { // the lanes of a replaced one are its heir's
		d.step(d.clock.now())
	}
}

// step carries out what the pool decided and sets the timer; the lock is held.
func (d *dispatcher) step(now budget.Instant) {
	effects, next := d.pool.Step(now, d.effects[:0])
	for i := range effects {
		effects[i].Call.Owner.(*ticket).answer <- effects[i]
		effects[i] = admission.Effect{}
	}
	d.effects = effects
	if next == budget.Never {
		return
	}
	wait := max(next.Sub(now), 50*time.Microsecond)
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.poke)
	} else {
		d.timer.Reset(wait)
	}
}

// handOver moves everything that waits in old dispatchers to those that the new
// routes belong to, and the lanes with them. place answers the new home of a route;
// calls whose route is gone are refused. Both sides' locks are held throughout, so
// no call sees a pool between two generations; update changes what lanes say
// meanwhile.
func handOver(old, fresh []*dispatcher, update func(), place func(route string) (*dispatcher, *admission.Route)) {
	for _, d := range old {
		d.mu.Lock()
	}
	update()
	for _, d := range fresh {
		d.mu.Lock()
		for _, l := range d.pool.Lanes() {
			l.Owner.(*laneOwner).Store(d)
		}
	}
	for _, d := range old {
		d.heir = place
		for _, c := range d.pool.Drain() {
			t := c.Owner.(*ticket)
			to, route := place(c.Route.Name)
			if to == nil {
				t.answer <- admission.Effect{Kind: admission.EffectRefuse, Call: c,
					Refusal: admission.Refusal{Reason: admission.NoKeys, At: budget.Never}}
				continue
			}
			t.at.Store(to)
			to.pool.Adopt(c, route)
		}
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	for _, d := range fresh {
		d.step(d.clock.now())
		d.mu.Unlock()
	}
	for _, d := range old {
		d.mu.Unlock()
	}
}
