package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

// Probe makes one cheap call with an upstream key. Nil means that the key works; an
// error that it does not, or cannot be told; invalid says that the provider itself
// refused the key.
type Probe func(ctx context.Context, p *config.Provider, secret string) (invalid bool, err error)

// defaultProbeEvery is the pause between two probes of a key that was taken out.
const defaultProbeEvery = time.Minute

// probeTimeout bounds one probe.
const probeTimeout = 10 * time.Second

// prober looks after upstream keys: all of them once at the start, and those that
// were taken out again and again, until they work.
type prober struct {
	g     *Gateway
	probe Probe
	every time.Duration

	mu   sync.Mutex
	down map[*admission.Key]*admission.Lane
	wake chan struct{}
}

func newProber(g *Gateway, p Probe, every time.Duration) *prober {
	if every <= 0 {
		every = defaultProbeEvery
	}
	return &prober{g: g, probe: p, every: every, down: map[*admission.Key]*admission.Lane{}, wake: make(chan struct{}, 1)}
}

// watch adds a key that was taken out.
func (p *prober) watch(l *admission.Lane, k *admission.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down[k] = l
}

func (p *prober) run(ctx context.Context) {
	if p.probe == nil {
		return
	}
	p.all(ctx)
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.again(ctx)
		}
	}
}

// all probes every key of the configuration once.
func (p *prober) all(ctx context.Context) {
	rt := p.g.current.Load()
	seen := map[*admission.Key]bool{}
	for _, l := range rt.lanes {
		for _, k := range keysOf(l) {
			if seen[k] || ctx.Err() != nil {
				continue
			}
			seen[k] = true
			p.one(ctx, rt, l, k, false)
		}
	}
}

// again probes the keys that were taken out.
func (p *prober) again(ctx context.Context) {
	p.mu.Lock()
	down := make(map[*admission.Key]*admission.Lane, len(p.down))
	for k, l := range p.down {
		down[k] = l
	}
	p.mu.Unlock()
	rt := p.g.current.Load()
	for k, l := range down {
		if ctx.Err() != nil {
			return
		}
		p.one(ctx, rt, l, k, true)
	}
}

// one probes a key and takes it out or, where that is meant, brings it back.
func (p *prober) one(ctx context.Context, rt *generation, l *admission.Lane, k *admission.Key, revive bool) {
	up, cfg := rt.upstreams[l.Account.Provider], rt.cfg.Provider(l.Account.Provider)
	if up == nil || cfg == nil || k.Index >= len(up.secrets[l.Account.Name]) {
		p.forget(k) // a reload has removed it
		return
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	invalid, err := p.probe(ctx, cfg, up.secret(l.Account, k))
	switch {
	case err == nil && !revive:
	case err == nil:
		if p.set(l, k, admission.KeyEnabled, "") {
			p.g.log.Info("upstream key works again", "provider", up.name, "account", l.Account.Name, "key", up.fingerprint(l.Account, k))
		}
		p.forget(k)
	case invalid:
		if p.set(l, k, admission.KeyDisabled, "probe refused") {
			p.g.log.Warn("upstream key taken out", "provider", up.name, "account", l.Account.Name, "key", up.fingerprint(l.Account, k), "reason", "probe refused")
		}
		p.watch(l, k)
	}
}

func (p *prober) forget(k *admission.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.down, k)
}

// set changes a key's state under its lane's lock; false when it was so already.
func (p *prober) set(l *admission.Lane, k *admission.Key, s admission.KeyState, why string) bool {
	d := lockLane(l)
	defer d.mu.Unlock()
	if k.State == s {
		return false
	}
	k.State, k.Why = s, why
	d.step(d.clock.now())
	return true
}

func keysOf(l *admission.Lane) []*admission.Key {
	d := lockLane(l)
	defer d.mu.Unlock()
	return append([]*admission.Key(nil), l.Account.Keys...)
}
