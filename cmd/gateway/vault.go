package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/control/upstreams"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/vault"
)

// setUpVault opens what is sealed in the store. With the wrong key the program does not
// start: secrets would be lost one by one.
func (s *service) setUpVault() (err error) {
	if s.vault, err = openVault(context.Background(), &s.cfg.Store, s.store); err != nil {
		return err
	}
	if file := s.vault.Exposed(); file != "" {
		s.log.Warn("others than its owner may read the encryption key: chmod 600", "file", file)
	}
	s.settings.Follow(settings.ApplierFunc(s.prepareKeys))
	return nil
}

// openVault opens the sealed values of a store with the keys that are configured, or with
// those of the file beside the database.
func openVault(ctx context.Context, c *config.Store, store vault.Store) (*vault.Box, error) {
	keys, err := encryptionKeys(c)
	if err != nil {
		return nil, err
	}
	o := vault.Options{Store: store, Missing: auth.ErrNotFound, Keys: keys}
	switch {
	case c.File() != "":
		o.KeyFile = c.File() + ".key"
	case c.Driver == "sqlite" && len(keys) == 0: // in memory: the key goes with what it seals
		o.Keys = []vault.Key{vault.NewKey()}
	}
	return vault.OpenBox(ctx, o)
}

// encryptionKeys are the configured ones, the current one first.
func encryptionKeys(c *config.Store) ([]vault.Key, error) {
	if c.EncryptionKey == "" {
		return nil, nil
	}
	var keys []vault.Key
	for i, text := range append([]config.Secret{c.EncryptionKey}, c.OldEncryptionKeys...) {
		k, err := vault.ParseKey(text.Reveal())
		if err != nil && i > 0 {
			return nil, fmt.Errorf("store.old_encryption_keys[%d]: %w", i-1, err)
		}
		if err != nil {
			return nil, fmt.Errorf("store.encryption_key: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// prepareKeys checks that the encryption keys of a new configuration open what is there.
// Where they are the same as before, the database is not asked: it may be away.
func (s *service) prepareKeys(cfg *config.Config) (func(), error) {
	now, next := &s.settings.Config().Store, &cfg.Store
	if now.EncryptionKey == next.EncryptionKey && slices.Equal(now.OldEncryptionKeys, next.OldEncryptionKeys) {
		return nil, nil
	}
	keys, err := encryptionKeys(next)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if _, err := openVault(ctx, next, s.store); err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
		defer cancel()
		if err := s.vault.Use(ctx, keys); err != nil {
			s.log.Error("encryption keys not taken over; the old ones go on", "error", err.Error())
		}
	}, nil
}

// setUpUpstreams reads what operators have said about upstream keys, for the gateway to
// begin with.
func (s *service) setUpUpstreams() (err error) {
	s.upstreams, err = upstreams.New(upstreams.Options{Store: s.store, Vault: s.vault, Config: s.inForce, Log: s.log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if s.overlay, err = s.upstreams.Load(ctx); err != nil {
		return err
	}
	s.background(s.upstreams.Run)
	return nil
}

// inForce is the configuration that serves.
func (s *service) inForce() *config.Config {
	if s.gateway != nil {
		return s.gateway.Config()
	}
	return s.cfg
}

// keyEvent tells the dashboard what happens to upstream keys by itself.
func (s *service) keyEvent(e gateway.KeyEvent) {
	s.live.Tell(string(e.Kind), struct {
		Provider    string `json:"provider"`
		Account     string `json:"account"`
		Fingerprint string `json:"fingerprint"`
		Health      string `json:"health"`
		Reason      string `json:"reason,omitempty"`
	}{e.Provider, e.Account, e.Fingerprint, e.Health.String(), e.Why}, nil)
}
