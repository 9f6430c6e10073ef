package main

import (
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/jobs"
)

// setUpJobs runs simulations for the admin API: of the configuration in force or another,
// over what the ledger has kept of the last hour or a trace that is given.
func (s *service) setUpJobs() (err error) {
	s.jobs, err = jobs.New(jobs.Options{
		Config: s.settings.Config, Parse: s.parseForSimulation, Recording: jobs.FromLedger(s.store), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.background(s.jobs.Run)
	return nil
}

// parseForSimulation reads a configuration that nothing is sent with: references may only
// be the file's own, and their values do not matter.
func (s *service) parseForSimulation(text []byte) (*config.Config, error) {
	now := s.settings.Config()
	return config.ParseWith("simulation", text, config.Options{
		Env: placeholders(s.env), Run: placeholder, File: now, Known: []*config.Config{now},
	})
}
