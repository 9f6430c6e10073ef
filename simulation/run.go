package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// Run simulates.
func Run(o Options) (*Result, error) { return RunContext(context.Background(), o) }

// RunContext simulates until the context ends, whose cause is the error then.
func RunContext(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	var e engine
	switch o.Engine {
	case Sluice, FIFO, NoRefund, "":
		e, err = newCore(w)
	case Afterwards, NoLimiter:
		e = newNaive(w)
	case Mirror:
		e = newMirror(w)
	default:
		err = fmt.Errorf("no engine named %q", o.Engine)
	}
	if err != nil {
		return nil, err
	}
	r, err := w.run(ctx, e)
	if err != nil {
		return nil, err
	}
	r.Took = time.Since(began)
	return r, nil
}

// engine is who decides about calls.
type engine interface {
	arrive(c *Call)
	// queued and ratio are for the timeline.
	queued() [4]int
	ratio() float64
}

// world is one run: the traffic, the upstreams and the clock.
type world struct {
	o        Options
	c        clock
	rnd      *rand.Rand
	counts   map[string]plan.Upstream // by provider
	accounts map[string]*account      // by lane
	order    []*account
	tally    tally
	end      budget.Instant // of the arrivals
}

func newWorld(o Options) (*world, error) {
	if o.Config == nil || len(o.Calls) == 0 {
		return nil, errors.New("simulation: a configuration and calls are needed")
	}
	w := &world{
		o: o, rnd: rand.New(rand.NewPCG(o.Seed, 0x51)), accounts: map[string]*account{},
		counts: map[string]plan.Upstream{}, c: clock{now: start},
	}
	w.end = start.Add(o.Calls[len(o.Calls)-1].At + time.Millisecond)
	for i := range o.Config.Providers {
		p := &o.Config.Providers[i]
		u, err := plan.NewUpstream(p, o.Config.TimeZone)
		if err != nil {
			return nil, err
		}
		w.counts[p.Name] = u
	}
	interval := o.Interval
	if interval <= 0 {
		interval = max(w.end.Sub(start)/60, time.Second)
	}
	w.tally = newResults(o, start.Add(o.Warmup), w.end, interval)
	return w, nil
}

// behaviour is how a provider really counts.
func (w *world) behaviour(p *config.Provider) Upstream {
	u, ok := w.o.Upstreams[p.Name]
	if !ok {
		u = w.o.Upstreams[""]
	}
	counts := w.counts[p.Name]
	if u.Algorithm == "" {
		u.Algorithm = map[string]string{"fixed": "fixed", "sliding": "sliding", "slices": "slices"}[counts.Preset.Window]
	}
	if u.Charging == "" {
		u.Charging = counts.Charging.Policy.String()
	}
	return u.withDefaults()
}

// account finds or makes the provider's side of a lane.
func (w *world) account(id string, p *config.Provider, entry *config.AccountLimits) *account {
	if a := w.accounts[id]; a != nil {
		return a
	}
	amount := func(name string) int64 {
		if entry == nil {
			return 0
		}
		if l := entry.Find(name); l != nil {
			return l.Amount
		}
		return 0
	}
	u := w.behaviour(p)
	limit := u.limit(amount("rpm"), amount("rps"), amount("tpm"), amount("concurrency"))
	a := &account{
		name: id, u: u, c: &w.c, from: start.Add(w.o.Warmup), to: w.end, stats: AccountResult{Name: id},
		rnd: rand.New(rand.NewPCG(w.o.Seed, uint64(len(w.order))+7)), quota: simulated.NewQuota(limit), first: limit,
	}
	a.foreign(w.o.Calls)
	a.changes()
	w.accounts[id] = a
	w.order = append(w.order, a)
	return a
}

// looksEvery is how many events pass between two looks at the context.
const looksEvery = 1 << 10

// run plays the traffic to its end.
func (w *world) run(ctx context.Context, e engine) (*Result, error) {
	next := 0
	var arrive func()
	arrive = func() {
		for next < len(w.o.Calls) && start.Add(w.o.Calls[next].At) <= w.c.now {
			c := &w.o.Calls[next]
			next++
			w.tally.arrived(w.c.now, c)
			e.arrive(c)
		}
		if next < len(w.o.Calls) {
			w.c.at(start.Add(w.o.Calls[next].At), arrive)
		}
	}
	w.c.at(start.Add(w.o.Calls[0].At), arrive)
	var tick func()
	tick = func() {
		w.tally.point(w.c.now, e.queued(), e.ratio())
		if w.o.Progress != nil {
			w.o.Progress(float64(next) / float64(len(w.o.Calls)))
		}
		if w.c.now < w.end {
			w.c.after(w.tally.interval, tick)
		}
	}
	w.c.after(w.tally.interval, tick)
	for n := 1; w.c.step(); n++ {
		if n%looksEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return w.tally.result(w), nil
}
