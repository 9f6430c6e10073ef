package upstreams

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/web/api"
)

// Upstreams answers every account of the configuration.
func (s *Service) Upstreams() []api.Upstream {
	var out []api.Upstream
	for _, a := range s.states() {
		out = append(out, s.account(&a))
	}
	return out
}

// states is what the gateway knows; nothing before it is there.
func (s *Service) states() []gateway.AccountState {
	if g := s.plane(); g != nil {
		return g.AccountStates()
	}
	return nil
}

// Provider answers one provider with its accounts.
func (s *Service) Provider(name string) (api.Provider, error) {
	p := s.o.Config().Provider(name)
	if p == nil {
		return api.Provider{}, auth.ErrNotFound
	}
	out := api.Provider{Provider: p.Name, Dialect: p.Dialect, Preset: p.Preset, Accounts: []api.Upstream{}}
	if u, err := url.Parse(p.BaseURL); err == nil {
		out.Host = u.Host
	}
	out.State, out.StateSince = s.wish(name, "")
	for _, a := range s.states() {
		if a.Provider == name {
			out.Accounts = append(out.Accounts, s.account(&a))
			out.InFlight += a.InFlight
		}
	}
	return out, nil
}

// wish is what an operator has said about a provider or an account itself.
func (s *Service) wish(provider, account string) (string, *time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.row(provider, account, ""); k.State != "" {
		return k.State, moment(k.UpdatedAt)
	}
	return admission.KeyEnabled.String(), nil
}

func (s *Service) account(a *gateway.AccountState) api.Upstream {
	u := api.Upstream{Provider: a.Provider, Account: a.Account, InFlight: a.InFlight, Routed: a.Routed,
		Keys: []api.Key{}, Failures: []api.UpstreamFailure{}, Breakers: []api.UpstreamBreaker{}}
	u.State, u.StateSince = s.wish(a.Provider, a.Account)
	u.ProviderState, _ = s.wish(a.Provider, "")
	for i := range a.Keys {
		u.Keys = append(u.Keys, keyOf(&a.Keys[i]))
	}
	l := a.Latency
	u.Latency = api.Latency{Attempts: l.Attempts, OK: l.OK, FirstByteP50: ms(l.FirstByteP50), FirstByteP95: ms(l.FirstByteP95),
		WholeP50: ms(l.WholeP50), WholeP95: ms(l.WholeP95)}
	for kind, f := range a.Failures {
		u.Failures = append(u.Failures, api.UpstreamFailure{Kind: kind, Count: f.Count, Last: f.Last.UTC(), Status: f.Status, Message: f.Message})
	}
	slices.SortFunc(u.Failures, func(a, b api.UpstreamFailure) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Kind, b.Kind)) })
	for _, b := range a.Breakers {
		u.Breakers = append(u.Breakers, api.UpstreamBreaker{Model: b.Model, State: b.Condition})
	}
	slices.SortFunc(u.Breakers, func(a, b api.UpstreamBreaker) int { return cmp.Compare(a.Model, b.Model) })
	return u
}

func keyOf(k *gateway.KeyState) api.Key {
	out := api.Key{
		Fingerprint: k.Fingerprint, Source: "file", State: k.State.String(), StateSince: moment(k.Since),
		Health: k.Health.String(), HealthSince: moment(k.HealthSince), Reason: k.Why,
		Usable: k.Usable, InFlight: k.InFlight, Drained: k.Drained, ExpiresAt: moment(k.ExpiresAt), CheckedAt: moment(k.CheckedAt),
	}
	if k.Stored {
		out.Source = "stored"
	}
	return out
}

// moment is a time as the API tells it; zero is null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
