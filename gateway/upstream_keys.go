package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

// Health is what the use of an upstream key and its probes have shown.
type Health uint8

const (
	// HealthUnknown: nothing has been heard yet. The key is used.
	HealthUnknown Health = iota
	// HealthWorks keys were accepted when they were used last.
	HealthWorks
	// HealthInvalid keys are refused by their provider.
	HealthInvalid
	// HealthExpired keys have reached their expires_at.
	HealthExpired
	// HealthExhausted keys have no quota left that would come back by itself soon.
	HealthExhausted
)

// String is the health's name in the admin API.
func (h Health) String() string {
	return [...]string{"unknown", "works", "invalid", "expired", "exhausted"}[min(h, HealthExhausted)]
}

// down says that a key of this health is not used.
func (h Health) down() bool { return h > HealthWorks }

// StoredKey is an upstream key that is not in the configuration.
type StoredKey struct {
	Provider, Account, Secret string
	ExpiresAt                 time.Time // zero: not known
}

// Wish is what an operator wants of a key; without Fingerprint of all keys of an
// account, without Account of all of a provider. Of several that speak of a key the
// most restrictive counts.
type Wish struct {
	Provider, Account, Fingerprint string
	State                          admission.KeyState
	Since                          time.Time
}

// Overlay is what operators have said about upstream keys beside the configuration.
type Overlay struct {
	Keys   []StoredKey
	Wishes []Wish
}

// upstreamKey is one upstream key with what is known of it. It stays the same over
// reloads, so calls in flight keep theirs, and what is known is not forgotten.
type upstreamKey struct {
	secret, fingerprint string
	home                *keyHome
	key                 *admission.Key
	heard               atomic.Bool // a call has been answered since the health changed last

	// What follows is guarded by upstreamKeys' lock.

	stored    bool // not in the configuration
	expiresAt time.Time
	wish      Wish // of the key itself
	health    Health
	since     time.Time // of the health; zero: since the start
	why       string
	model     string    // whose call showed that the key is down; empty: a probe did
	checked   time.Time // last probe that told something
	due       time.Time // of the next probe; zero: now
	tries     int       // probes since it went down
	warned    time.Duration
}

// keyHome is an account with its keys.
type keyHome struct {
	provider, account string
	recent            recent

	// Guarded by upstreamKeys' lock; keys are also read under the lane's.

	pool  *admission.Account
	lane  *admission.Lane // whose lock guards pool; nil: no route has ever used it
	named []StoredKey     // of the configuration
	keys  []*upstreamKey
	wish  Wish // of the account
}

// upstreamKeys knows the upstream keys of all accounts. Its lock is taken before a
// dispatcher's.
type upstreamKeys struct {
	mu      sync.Mutex
	homes   map[string]*keyHome // by provider/account
	overlay Overlay
	probes  map[string]config.Probe // by provider
	random  func() float64
	// Something is to be probed, or expires, earlier than thought.
	probeSoon, expireSoon chan struct{}
}

func newUpstreamKeys(random func() float64) *upstreamKeys {
	return &upstreamKeys{homes: map[string]*keyHome{}, random: random, probeSoon: make(chan struct{}, 1), expireSoon: make(chan struct{}, 1)}
}

func keyOf(k *admission.Key) *upstreamKey { return k.Owner.(*upstreamKey) }

// adopt takes the keys of a new generation over. It is called with its own lock
// and those of all dispatchers that serve.
func (r *upstreamKeys) adopt(n *generation, now time.Time) {
	homes := make(map[string]*keyHome, len(n.accounts))
	r.probes = map[string]config.Probe{}
	for i := range n.cfg.Providers {
		p := &n.cfg.Providers[i]
		r.probes[p.Name] = p.Probe
		for j := range p.Accounts {
			a := &p.Accounts[j]
			id := p.Name + "/" + a.Name
			h := r.homes[id]
			if h == nil {
				h = &keyHome{provider: p.Name, account: a.Name}
			}
			h.pool, h.named = n.accounts[id], h.named[:0]
			for _, k := range a.Keys {
				h.named = append(h.named, StoredKey{p.Name, a.Name, k.Value.Reveal(), k.ExpiresAt})
			}
			if len(a.Keys) == 0 { // a simulated account needs no credential
				h.named = append(h.named, StoredKey{Provider: p.Name, Account: a.Name, Secret: p.Name + "-" + a.Name})
			}
			homes[id] = h
		}
	}
	for _, l := range n.lanes {
		homes[l.Account.Provider+"/"+l.Account.Name].lane = l
	}
	r.homes = homes
	for _, h := range homes {
		r.assemble(h, now)
		h.push()
	}
	r.nudge()
}

// assemble makes an account's keys of the configuration's and the stored ones; the same
// credential counts once and keeps what is known of it.
func (r *upstreamKeys) assemble(h *keyHome, now time.Time) {
	before := map[string]*upstreamKey{}
	for _, c := range h.keys {
		before[c.fingerprint] = c
	}
	h.keys, h.wish = nil, Wish{}
	add := func(k StoredKey, stored bool) {
		print := Fingerprint(k.Secret)
		for _, c := range h.keys {
			if c.fingerprint == print {
				return
			}
		}
		c := before[print]
		if c == nil {
			c = &upstreamKey{secret: k.Secret, fingerprint: print, home: h, key: &admission.Key{}}
			c.key.Owner = c
		}
		c.stored, c.wish = stored, Wish{}
		c.expires(k.ExpiresAt, now)
		h.keys = append(h.keys, c)
	}
	for _, k := range h.named {
		add(k, false)
	}
	for _, k := range r.overlay.Keys {
		if k.Provider == h.provider && k.Account == h.account {
			add(k, true)
		}
	}
	for _, w := range r.overlay.Wishes {
		switch {
		case w.Provider != h.provider || w.Account != "" && w.Account != h.account:
		case w.Fingerprint == "":
			if w.State >= h.wish.State {
				h.wish = w
			}
		default:
			for _, c := range h.keys {
				if c.fingerprint == w.Fingerprint {
					c.wish = w
				}
			}
		}
	}
}

// expires sets when the key ends. One that had ended and does not any more is looked at
// anew.
func (c *upstreamKey) expires(at, now time.Time) {
	if at.Equal(c.expiresAt) {
		return
	}
	c.expiresAt, c.warned = at, 0
	if c.health == HealthExpired && (at.IsZero() || at.After(now)) {
		c.become(HealthUnknown, "", "", now)
	}
}

// become changes what is known of the key; false: it was known.
func (c *upstreamKey) become(h Health, why, model string, now time.Time) bool {
	if c.health == h {
		return false
	}
	c.health, c.since, c.why, c.model = h, now, why, model
	c.tries, c.due = 0, time.Time{}
	c.heard.Store(h == HealthWorks)
	return true
}

// push tells the account's pool which keys there are and which are usable. The lock of
// its lane is held, or nobody serves yet.
func (h *keyHome) push() {
	keys := make([]*admission.Key, len(h.keys))
	for i, c := range h.keys {
		c.key.Index, c.key.State = i, max(c.wish.State, h.wish.State)
		c.key.Down, c.key.Why = c.health.down(), c.why
		keys[i] = c.key
	}
	h.pool.Keys = keys
}

// apply is push with the lane's lock, and lets the pool act on it at once.
func (h *keyHome) apply() {
	if h.lane == nil {
		h.push() // no pool reads it
		return
	}
	d := lockLane(h.lane)
	defer d.mu.Unlock()
	h.push()
	d.step(d.clock.now())
}

// nudge lets the background look again.
func (r *upstreamKeys) nudge() {
	for _, c := range []chan struct{}{r.probeSoon, r.expireSoon} {
		select {
		case c <- struct{}{}:
		default: // it is about to look
		}
	}
}

// SetOverlay replaces what operators have said about upstream keys. It takes effect at
// once, for calls that wait too.
func (g *Gateway) SetOverlay(o Overlay) {
	r := g.keys
	r.mu.Lock()
	defer r.mu.Unlock()
	r.overlay = o
	now := time.Now()
	for _, h := range r.homes {
		r.assemble(h, now)
		h.apply()
	}
	r.nudge()
}

// report takes what was heard of a key into account, and tells everybody who has to
// know.
func (g *Gateway) report(c *upstreamKey, h Health, why, model string) {
	r := g.keys
	r.mu.Lock()
	now := time.Now()
	before := c.health
	// What has ended stays so until it is given another end.
	changed := (before != HealthExpired || h == HealthExpired) && c.become(h, why, model, now)
	e := c.event(now)
	if changed {
		c.home.apply()
		r.nudge()
	}
	r.mu.Unlock()
	if !changed || before == HealthUnknown && h == HealthWorks {
		return
	}
	switch {
	case h == HealthUnknown:
		g.log.Info("upstream key is tried again: nothing tells whether it works", "provider", e.Provider, "account", e.Account, "key", e.Fingerprint)
		return
	case h.down():
		e.Kind = KeyTakenOut
		g.log.Warn("upstream key taken out", "provider", e.Provider, "account", e.Account, "key", e.Fingerprint, "health", h.String(), "reason", why)
	case before.down():
		e.Kind = KeyBack
		g.log.Info("upstream key works again", "provider", e.Provider, "account", e.Account, "key", e.Fingerprint)
	default:
		return
	}
	g.keyEvents(e)
}

// accepted notes that a call with the key was answered.
func (c *upstreamKey) accepted(g *Gateway) {
	if !c.heard.Load() {
		c.heard.Store(true)
		g.heard(c)
	}
}

// heard makes an unknown key a working one. One that was taken out meanwhile stays out:
// the call may have been sent before.
func (g *Gateway) heard(c *upstreamKey) {
	g.keys.mu.Lock()
	defer g.keys.mu.Unlock()
	if c.health == HealthUnknown {
		c.become(HealthWorks, "", "", time.Now())
	}
}

// KeyEventKind tells key events apart.
type KeyEventKind string

// What happens to upstream keys by itself.
const (
	KeyTakenOut    KeyEventKind = "key_taken_out"
	KeyBack        KeyEventKind = "key_works_again"
	KeyExpiresSoon KeyEventKind = "key_expires_soon"
)

// KeyEvent tells that something has happened to an upstream key.
type KeyEvent struct {
	Kind                           KeyEventKind
	At                             time.Time
	Provider, Account, Fingerprint string
	Health                         Health
	Why                            string
	ExpiresAt                      time.Time // zero: not known
}

func (c *upstreamKey) event(now time.Time) KeyEvent {
	return KeyEvent{At: now, Provider: c.home.provider, Account: c.home.account, Fingerprint: c.fingerprint,
		Health: c.health, Why: c.why, ExpiresAt: c.expiresAt}
}
