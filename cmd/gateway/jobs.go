package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/jobs"
)

// setUpJobs runs simulations for the admin API: of the configuration in force or another,
// over what the ledger has kept of the last hour or a trace that is given.
func (s *service) setUpJobs() (err error) {
	s.jobs, err = jobs.New(jobs.Options{
		Config: s.configForSimulation, Parse: s.parseForSimulation, Recording: jobs.FromLedger(s.store), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.background(s.jobs.Run)
	return nil
}

// configForSimulation finds a configuration by its name: current, file, or v and the
// number of a version of the history.
func (s *service) configForSimulation(ctx context.Context, name string) (*config.Config, string, error) {
	st := s.settings.State()
	switch name {
	case "current":
		return st.Config, st.Tag(), nil
	case "file":
		return st.File, "file", nil
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(name, "v"), 10, 64)
	if err != nil {
		return nil, "", errors.New("there is no such version")
	}
	text, err := s.settings.Source(ctx, n)
	if errors.Is(err, auth.ErrNotFound) {
		err = errors.New("there is no such version")
	}
	if err != nil {
		return nil, "", fmt.Errorf("version %d cannot be read: %w", n, err)
	}
	cfg, err := s.parseForSimulation(text)
	return cfg, name, err
}

// parseForSimulation reads a configuration that nothing is sent with: references may only
// be the file's own, and their values do not matter.
func (s *service) parseForSimulation(text []byte) (*config.Config, error) {
	st := s.settings.State()
	cfg, err := config.ParseWith("simulation", text, config.Options{
		Env: placeholders(s.env), Run: placeholder, File: st.File, Known: []*config.Config{st.Config, st.File},
	})
	if err == nil {
		s.override(cfg) // so that it differs from what is in force in what is written only
	}
	return cfg, err
}
