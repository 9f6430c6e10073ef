package upstreams

import (
	"context"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/web/api"
)

// SetState says what becomes of all keys of a provider or of an account. With dry it
// tells only what would.
func (s *Service) SetState(ctx context.Context, of api.KeyName, state string, dry bool) (api.StateChange, error) {
	want, err := admission.ParseKeyState(state)
	if err != nil {
		return api.StateChange{}, api.Invalid("the state cannot be taken", map[string]string{"state": err.Error()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := s.o.Config()
	if p := cfg.Provider(of.Provider); p == nil || of.Account != "" && p.Account(of.Account) == nil {
		return api.StateChange{}, auth.ErrNotFound
	}
	out := s.foresee(cfg, of, want)
	if dry {
		return out, nil
	}
	row := s.row(of.Provider, of.Account, "")
	row.State, row.UpdatedAt = state, s.now()
	if err := s.write(ctx, row); err != nil {
		return api.StateChange{}, err
	}
	out.Applied = true
	return out, nil
}

// foresee tells what a state would do; the lock is held.
func (s *Service) foresee(cfg *config.Config, of api.KeyName, want admission.KeyState) api.StateChange {
	out := api.StateChange{State: want.String(), RoutesWithoutKeys: []string{}}
	usable := map[string]int{} // by provider, afterwards
	for _, a := range s.states() {
		concerned := a.Provider == of.Provider && (of.Account == "" || a.Account == of.Account)
		above := s.stated(a.Provider, "")
		own := s.stated(a.Provider, a.Account)
		if concerned && of.Account == "" {
			above = want
		} else if concerned {
			own = want
		}
		n := 0
		for i := range a.Keys {
			if k := &a.Keys[i]; !healthy(k) || max(above, own, k.State) != admission.KeyEnabled {
				continue
			}
			n++
		}
		usable[a.Provider] += n
		if !concerned {
			continue
		}
		out.Keys += len(a.Keys)
		out.UsableAfter += n
		out.InFlight += a.InFlight
		for i := range a.Keys {
			if a.Keys[i].Usable {
				out.UsableBefore++
			}
		}
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		left := 0
		for _, t := range r.Targets {
			left += usable[t.Provider]
		}
		if left == 0 {
			out.RoutesWithoutKeys = append(out.RoutesWithoutKeys, r.Name)
		}
	}
	return out
}

// stated is what the rows say of a provider or an account itself; the lock is held.
func (s *Service) stated(provider, account string) admission.KeyState {
	state, err := admission.ParseKeyState(s.row(provider, account, "").State)
	if err != nil {
		return admission.KeyEnabled // nobody has said anything
	}
	return state
}

// healthy says that a key's health lets it take calls.
func healthy(k *gateway.KeyState) bool {
	return k.Health == gateway.HealthUnknown || k.Health == gateway.HealthWorks
}
