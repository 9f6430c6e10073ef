package main

import (
	"context"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/alerting"
	"github.com/sluice-gateway/sluice/web/api"
)

// setUpAlerting watches what the gateway does.
func (s *service) setUpAlerting() (err error) {
	s.alerting, err = alerting.New(alerting.Options{
		Sources: alerting.Sources{Gateway: s.gateway, Meter: s.alertMeter, Conflict: s.settings.Conflict},
		Shed:    s.gateway.ShedFrom,
		Changed: func(c api.AlertChange) { s.live.Tell("alert", c, nil) },
		Log:     s.log,
	}, s.cfg.Alerts)
	if err != nil {
		return err
	}
	s.settings.Follow(s.alerting)
	s.onStop(func(context.Context) error { s.alerting.Close(); return nil })
	s.background(s.alerting.Run)
	return nil
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
