package upstreams

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/api"
)

// Bounds of a credential, in bytes.
const (
	shortestKey = 8
	longestKey  = 4096
)

// checkKey says what is wrong with a key to keep; it tells nothing of it.
func (s *Service) checkKey(n api.NewUpstreamKey) error {
	fields := map[string]string{}
	switch {
	case n.Key == "":
		fields["key"] = "is needed: the provider's credential"
	case strings.HasPrefix(n.Key, "${"):
		fields["key"] = "must be the credential itself; references to the environment and to files belong into the configuration"
	case strings.ContainsFunc(n.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		fields["key"] = "holds characters that cannot stand in a header: spaces, line breaks or letters beyond ASCII"
	case len(n.Key) < shortestKey || len(n.Key) > longestKey:
		fields["key"] = "must have from 8 to 4096 characters"
	}
	s.checkExpiry(n.ExpiresAt, fields)
	if len(fields) > 0 {
		return api.Invalid("the key cannot be taken", fields)
	}
	return nil
}

func (s *Service) checkExpiry(at *time.Time, fields map[string]string) {
	if at != nil && !at.After(s.o.Now()) {
		fields["expires_at"] = "must be in the future"
	}
}

// sealed makes a row of a key to keep.
func (s *Service) sealed(provider, account string, n api.NewUpstreamKey) (vault.UpstreamKey, error) {
	k := vault.UpstreamKey{
		Provider: provider, Account: account, Fingerprint: gateway.Fingerprint(n.Key),
		State: admission.KeyEnabled.String(), UpdatedAt: s.now(),
	}
	if n.ExpiresAt != nil {
		k.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	var err error
	k.Sealed, err = s.o.Vault.Seal([]byte(n.Key), vault.UpstreamKeyPlace(&k))
	if errors.Is(err, vault.ErrNoKey) || errors.Is(err, vault.ErrWrongKey) {
		return k, api.Conflict("no_encryption_key", err.Error())
	}
	return k, err
}

// find answers a key as it is, or auth.ErrNotFound.
func (s *Service) find(of api.KeyName) (gateway.KeyState, error) {
	for _, a := range s.states() {
		if a.Provider != of.Provider || a.Account != of.Account {
			continue
		}
		for _, k := range a.Keys {
			if k.Fingerprint == of.Fingerprint {
				return k, nil
			}
		}
	}
	return gateway.KeyState{}, auth.ErrNotFound
}

// home says whether the configuration has an account.
func (s *Service) home(provider, account string) error {
	if p := s.o.Config().Provider(provider); p == nil || p.Account(account) == nil {
		return auth.ErrNotFound
	}
	return nil
}

// AddKey keeps a key for an account, which uses it at once.
func (s *Service) AddKey(ctx context.Context, provider, account string, n api.NewUpstreamKey) (api.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.fresh(provider, account, n)
	if err != nil {
		return api.Key{}, err
	}
	if err := s.write(ctx, k); err != nil {
		return api.Key{}, err
	}
	return s.shown(api.KeyName{Provider: provider, Account: account, Fingerprint: k.Fingerprint})
}

// fresh makes the row of a key that the account does not have yet.
func (s *Service) fresh(provider, account string, n api.NewUpstreamKey) (vault.UpstreamKey, error) {
	if err := s.home(provider, account); err != nil {
		return vault.UpstreamKey{}, err
	}
	if err := s.checkKey(n); err != nil {
		return vault.UpstreamKey{}, err
	}
	if _, err := s.find(api.KeyName{Provider: provider, Account: account, Fingerprint: gateway.Fingerprint(n.Key)}); err == nil {
		return vault.UpstreamKey{}, api.Conflict("exists", "the account has this key already")
	}
	return s.sealed(provider, account, n)
}

func (s *Service) shown(of api.KeyName) (api.Key, error) {
	k, err := s.find(of)
	return keyOf(&k), err
}

// EditKey changes what an operator wants of a key, or when a stored one ends.
func (s *Service) EditKey(ctx context.Context, of api.KeyName, e api.UpstreamKeyEdit) (api.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.find(of)
	if err != nil {
		return api.Key{}, err
	}
	fields := map[string]string{}
	row := s.row(of.Provider, of.Account, of.Fingerprint)
	if e.State != "" {
		if _, err := admission.ParseKeyState(e.State); err != nil {
			fields["state"] = err.Error()
		}
		row.State = e.State
	}
	if e.ExpiresAt != nil {
		s.checkExpiry(e.ExpiresAt, fields)
		if !known.Stored {
			fields["expires_at"] = "is the configuration's to say for a key of the file"
		}
		row.ExpiresAt = e.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	if e.State == "" && e.ExpiresAt == nil {
		fields["state"] = "is needed, or expires_at"
	}
	if len(fields) > 0 {
		return api.Key{}, api.Invalid("the key cannot be changed so", fields)
	}
	row.UpdatedAt = s.now()
	if err := s.write(ctx, row); err != nil {
		return api.Key{}, err
	}
	return s.shown(of)
}

// ReplaceKey puts a new key in the place of another, which drains. The new one is in the
// store before the old one is told to drain, so no moment has neither.
func (s *Service) ReplaceKey(ctx context.Context, of api.KeyName, by api.NewUpstreamKey) (api.Replacement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(of); err != nil {
		return api.Replacement{}, err
	}
	k, err := s.fresh(of.Provider, of.Account, by)
	if err != nil {
		return api.Replacement{}, err
	}
	old := s.row(of.Provider, of.Account, of.Fingerprint)
	old.State, old.UpdatedAt = admission.KeyDraining.String(), k.UpdatedAt
	if err := s.write(ctx, k, old); err != nil {
		return api.Replacement{}, err
	}
	var r api.Replacement
	if r.New, err = s.shown(api.KeyName{Provider: of.Provider, Account: of.Account, Fingerprint: k.Fingerprint}); err == nil {
		r.Old, err = s.shown(of)
	}
	return r, err
}

// RemoveKey forgets a stored key. What it has in flight ends with it.
func (s *Service) RemoveKey(ctx context.Context, of api.KeyName) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.row(of.Provider, of.Account, of.Fingerprint)
	if row.Sealed == nil {
		if _, err := s.find(of); err != nil {
			return err
		}
		return api.Conflict("in_configuration", "the key is in the configuration: take it out there, or disable it here")
	}
	if err := s.o.Store.DeleteUpstreamKey(ctx, of.Provider, of.Account, of.Fingerprint); err != nil {
		return err
	}
	return s.refresh(ctx)
}

// TestKey asks the provider now whether a key works.
func (s *Service) TestKey(ctx context.Context, of api.KeyName, t api.KeyTest) (api.TestedKey, error) {
	g := s.plane()
	if g == nil {
		return api.TestedKey{}, auth.ErrNotFound
	}
	f, err := g.TestKey(ctx, of.Provider, of.Account, of.Fingerprint, t.Call)
	if errors.Is(err, gateway.ErrNoSuchKey) {
		return api.TestedKey{}, auth.ErrNotFound
	}
	if err != nil {
		return api.TestedKey{}, err
	}
	out := api.TestedKey{Conclusive: f.Told, Health: f.Health.String(), Status: f.Status, Reason: f.Why, Model: f.Model, TookMS: ms(f.Took)}
	if !f.Told {
		k, err := s.find(of)
		if err != nil {
			return api.TestedKey{}, err
		}
		out.Health = k.Health.String()
	}
	return out, nil
}
