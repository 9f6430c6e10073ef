package gateway

import (
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/telemetry"
)

// AccountState is one account of a provider with its keys, by fingerprint.
type AccountState struct {
	Provider, Account string
	// State is what an operator wants of the account, or of its whole provider. Since is
	// zero where nobody has said anything.
	State    admission.KeyState
	Since    time.Time
	InFlight int
	// Routed says that a route uses the account.
	Routed   bool
	Keys     []KeyState
	Latency  Latency
	Failures map[string]Failing // by kind
	Breakers []BreakerState
}

// KeyState is one upstream key.
type KeyState struct {
	Fingerprint string
	// State is what an operator wants of the key itself.
	State admission.KeyState
	Since time.Time // zero: nobody has said anything
	// Stored keys are not in the configuration.
	Stored bool
	// Usable says that state and health of the key, and the state of its account, let it
	// take calls.
	Usable   bool
	InFlight int
	// Drained says that the key was told to drain and nothing of it is in flight any more.
	Drained bool
	Health  Health
	// HealthSince is zero since the start; Why is for people.
	HealthSince time.Time
	Why         string
	ExpiresAt   time.Time // zero: not known
	CheckedAt   time.Time // when a probe has told something last; zero: never
}

// BreakerState is what is let through to one model at an account.
type BreakerState struct {
	Model     string
	Condition string // closed, open or half_open
}

// AccountStates answers every account of the configuration, in the order of their
// names.
func (g *Gateway) AccountStates() []AccountState {
	breakers := map[string][]BreakerState{}
	g.eachBreaker(func(l *admission.Lane, model string, c fallback.Condition) {
		id := l.Account.Provider + "/" + l.Account.Name
		breakers[id] = append(breakers[id], BreakerState{model, c.String()})
	})
	n := g.current.Load()
	r := g.keys
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]AccountState, 0, len(r.homes))
	at := map[string]int{}
	for id, h := range r.homes {
		at[id] = len(out)
		out = append(out, h.view())
		out[at[id]].Breakers = breakers[id]
	}
	for _, l := range n.lanes {
		i, ok := at[l.Account.Provider+"/"+l.Account.Name]
		if !ok {
			continue // a reload is under way
		}
		d := lockLane(l)
		out[i].InFlight += l.InFlight()
		d.mu.Unlock()
		out[i].Routed = true
	}
	slices.SortFunc(out, func(a, b AccountState) int {
		return strings.Compare(a.Provider+"\x00"+a.Account, b.Provider+"\x00"+b.Account)
	})
	return out
}

// view answers what is known of an account; upstreamKeys' lock is held.
func (h *keyHome) view() AccountState {
	s := AccountState{Provider: h.provider, Account: h.account, State: h.wish.State, Since: h.wish.Since}
	s.Latency, s.Failures = h.recent.view()
	if h.lane != nil {
		d := lockLane(h.lane)
		defer d.mu.Unlock()
	}
	for _, k := range h.keys {
		s.Keys = append(s.Keys, KeyState{
			Fingerprint: k.fingerprint, State: k.wish.State, Since: k.wish.Since, Stored: k.stored, Usable: k.key.Usable(),
			InFlight: k.key.InFlight(), Drained: k.key.State == admission.KeyDraining && k.key.InFlight() == 0,
			Health: k.health, HealthSince: k.since, Why: k.why, ExpiresAt: k.expiresAt, CheckedAt: k.checked,
		})
	}
	return s
}

// Keys is telemetry.Source's.
func (g *Gateway) Keys() []telemetry.KeyUp {
	var out []telemetry.KeyUp
	for _, a := range g.AccountStates() {
		for _, k := range a.Keys {
			out = append(out, telemetry.KeyUp{Provider: a.Provider, Account: a.Account, Fingerprint: k.Fingerprint, Up: k.Usable, ExpiresAt: k.ExpiresAt})
		}
	}
	return out
}
