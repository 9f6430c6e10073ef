package main

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/alerting"
	"github.com/sluice-gateway/sluice/web/api"
)

// setUpAlerting watches what the gateway does.
func (s *service) setUpAlerting() (err error) {
	s.alerting, err = alerting.New(alerting.Options{
		Sources: alerting.Sources{
			Gateway: s.gateway, Meter: s.alertMeter, Conflict: s.settings.Conflict, Expiries: s.expiries, LedgerLag: s.ledgerLag,
		},
		Shed:       s.gateway.ShedFrom,
		DisableKey: s.disableKey,
		Changed:    func(c api.AlertChange) { s.live.Tell("alert", c, nil) },
		Log:        s.log,
		Networks:   s.cfg.Server.WebhookNetworks,
	}, s.cfg.Alerts)
	if err != nil {
		return err
	}
	s.settings.Follow(s.alerting)
	s.onStop(func(context.Context) error { s.alerting.Close(); return nil })
	s.background(s.alerting.Run)
	return nil
}

// disableTimeout bounds how long taking a key out may wait for the store.
const disableTimeout = 5 * time.Second

// disableKey takes an upstream key out for an alert.
func (s *service) disableKey(provider, account, fingerprint, why string) error {
	ctx, cancel := context.WithTimeout(context.Background(), disableTimeout)
	defer cancel()
	_, err := s.upstreams.SetState(ctx, api.KeyName{Provider: provider, Account: account, Fingerprint: fingerprint}, "disabled", false)
	if err == nil {
		s.log.Warn("upstream key disabled", "provider", provider, "account", account, "key", fingerprint, "reason", why)
	}
	return err
}

// expiries answers when upstream keys end, of those that do.
func (s *service) expiries() []alerting.Expiry {
	var out []alerting.Expiry
	for _, a := range s.gateway.AccountStates() {
		for _, k := range a.Keys {
			if !k.ExpiresAt.IsZero() {
				out = append(out, alerting.Expiry{Provider: a.Provider, Account: a.Account, Fingerprint: k.Fingerprint, At: k.ExpiresAt})
			}
		}
	}
	return out
}

// ledgerLag is how long the database has taken no rows while some wait.
func (s *service) ledgerLag() time.Duration {
	st := s.ledger.Stats()
	if !st.Failing || st.LastCommit.IsZero() {
		return 0
	}
	return time.Since(st.LastCommit)
}

// firing answers the alerts that the dashboard shows.
func (s *service) firing() map[string]any {
	if s.alerting == nil {
		return nil
	}
	return s.alerting.Firing()
}

// checkAlerts says what of a configuration's alerts cannot be watched.
func checkAlerts(cfg *config.Config) error {
	_, err := alerting.Rules(cfg.Alerts)
	return err
}
