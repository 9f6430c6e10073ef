package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/telemetry"
)

// demoKey is the client key of the demo. It is no secret: it is shown, and opens nothing
// but a simulated provider, or what the environment of whoever tries it pays for.
const demoKey = "sk-sluice-demo"

// setUpConfig reads the configuration, or makes the demo's; flags come before both.
func (s *service) setUpConfig() (err error) {
	if s.flags.file == "" {
		s.demoKey, s.env = demoKey, config.Trimmed(s.env)
	}
	s.settings, err = settings.New(settings.Options{
		File: s.flags.file, Demo: func() (*config.Config, error) { return config.Demo(s.env, s.demoKey) }, Env: s.env, Override: s.override,
		Changed: func(st *settings.State) { s.live.Tell("config", configEvent{st.Tag()}, nil) },
	})
	if err != nil {
		sayProblems(s.errs, s.flags.file, err)
		return errSaid
	}
	s.cfg = s.settings.Config()
	return nil
}

// configEvent tells the dashboard that another configuration is in force.
type configEvent struct {
	Version string `json:"version"` // as GET /config names it
}

// override puts flags before a configuration.
func (s *service) override(cfg *config.Config) {
	if s.flags.listen != "" {
		cfg.Server.Listen = s.flags.listen
	}
	if s.flags.admin != "" {
		cfg.Server.AdminListen = s.flags.admin
	}
}

// setUpHistory puts the configuration in force that was applied through the admin API,
// if there is one. What follows the configuration is set up after it.
func (s *service) setUpHistory() error {
	s.settings.LogTo(s.log)
	if s.history != nil {
		s.settings.Resume(context.Background(), s.history, s.vault)
		s.cfg = s.settings.Config()
		s.log = s.newLog() // its format may be another one now
		s.settings.LogTo(s.log)
	}
	s.sinks = append(s.sinks, telemetry.NewRecordLogger(s.log))
	for _, w := range s.cfg.Warnings() {
		s.log.Warn("configuration", "warning", w.String())
	}
	s.settings.Follow(settings.ApplierFunc(func(cfg *config.Config) (func(), error) {
		return func() { s.level.Set(telemetry.ParseLevel(cfg.Logging.Level)) }, nil
	}))
	return nil
}

// setUpReload reads the configuration again on SIGHUP and when its files change.
func (s *service) setUpReload() error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before anybody can know that this program runs
	s.onStop(func(context.Context) error { signal.Stop(hup); return nil })
	shared := s.cfg.Store.Driver == "postgres"
	s.background(func(ctx context.Context) { s.settings.Watch(ctx, hup, shared) })
	return nil
}

// newLog makes the log; its level follows the configuration.
func (s *service) newLog() *slog.Logger {
	s.level.Set(telemetry.ParseLevel(s.cfg.Logging.Level))
	return telemetry.NewLogger(s.errs, s.cfg.Logging.Format, &s.level)
}
