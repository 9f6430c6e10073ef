package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/control/recording"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/postgres"
	"github.com/sluice-gateway/sluice/store/sqlite"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

// database is what every engine keeps.
type database interface {
	auth.KeyStore
	ledger.Store
	access.Store
	history.Store
	vault.Store
	// Check looks whether it is sound.
	Check(ctx context.Context) error
	Close() error
}

// openTimeout is how long a database may take to open and to be brought up to date.
const openTimeout = time.Minute

// setUpStore opens the database. Without it nobody's keys are known, so the program does
// not start; when it goes later, calls go on.
func (s *service) setUpStore() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if s.store, err = openStore(ctx, &s.cfg.Store); err != nil {
		return err
	}
	s.onStop(func(context.Context) error { return s.store.Close() })
	s.accounts, s.history = s.store, s.store
	return nil
}

func openStore(ctx context.Context, c *config.Store) (database, error) {
	switch c.Driver {
	case "sqlite":
		return sqlite.Open(ctx, sqlite.Options{Path: c.DSN.Reveal()})
	case "postgres":
		return postgres.Open(ctx, postgres.Options{DSN: c.DSN.Reveal()})
	}
	return nil, fmt.Errorf("store.driver %q is not known", c.Driver)
}

// setUpLedger brings what telemetry tells to the database, and takes out of it what is
// older than its retention.
func (s *service) setUpLedger() (err error) {
	c := &s.cfg.Store
	s.kept.Store(c)
	o := ledger.Options{Store: s.store, MaxBytes: c.Memory, Log: s.log}
	if c.Spool.Max > 0 {
		o.Dir, o.MaxSpool = c.Spool.Path, c.Spool.Max
	}
	if s.ledger, err = ledger.NewWriter(o); err != nil {
		return err
	}
	s.onStop(s.ledger.Close)
	recorder := recording.New(s.ledger)
	s.sinks = append(s.sinks, recorder)
	s.measureLedger(recorder)
	janitor, err := ledger.NewJanitor(ledger.JanitorOptions{Store: s.store, Log: s.log, Retention: func() ledger.Retention {
		c := s.kept.Load()
		return ledger.Retention{Requests: c.Retention, Contents: c.Content.Retention}
	}})
	if err != nil {
		return err
	}
	s.background(janitor.Run)
	s.settings.Follow(settings.ApplierFunc(func(cfg *config.Config) (func(), error) {
		return func() { s.kept.Store(&cfg.Store) }, nil
	}))
	return nil
}

// keptContent is how many bytes of a prompt, and of an answer, are kept now.
func (s *service) keptContent() int {
	if c := &s.kept.Load().Content; c.Keep {
		return int(c.Max)
	}
	return 0
}

// measureLedger shows how the ledger does.
func (s *service) measureLedger(r *recording.Recorder) {
	stat := func(f func(ledger.Stats) float64) func() float64 {
		return func() float64 { return f(s.ledger.Stats()) }
	}
	for kind, of := range map[string]func(ledger.Rows) int64{
		"request": func(r ledger.Rows) int64 { return r.Requests },
		"attempt": func(r ledger.Rows) int64 { return r.Attempts },
		"content": func(r ledger.Rows) int64 { return r.Contents },
	} {
		labels := map[string]string{"kind": kind}
		s.metrics.Counter("ledger_rows_written_total", "Rows that the database has taken.", labels,
			stat(func(s ledger.Stats) float64 { return float64(of(s.Written)) }))
		s.metrics.Counter("ledger_rows_spooled_total", "Rows that were written to the spool first.", labels,
			stat(func(s ledger.Stats) float64 { return float64(of(s.Spooled)) }))
		s.metrics.Counter("ledger_rows_lost_total", "Rows that could not be kept, earlier runs included.", labels,
			stat(func(s ledger.Stats) float64 { return float64(of(s.Lost.Rows)) }))
	}
	s.metrics.Gauge("ledger_waiting", "Entries that are only in memory.", nil,
		stat(func(s ledger.Stats) float64 { return float64(s.Waiting) }))
	s.metrics.Gauge("ledger_waiting_bytes", "Their size.", nil,
		stat(func(s ledger.Stats) float64 { return float64(s.WaitingBytes) }))
	s.metrics.Gauge("ledger_spool_bytes", "What waits on disk for the database.", nil,
		stat(func(s ledger.Stats) float64 { return float64(s.SpoolBytes) }))
	s.metrics.Gauge("ledger_failing", "1 while the database takes no rows.", nil, stat(func(s ledger.Stats) float64 {
		if s.Failing {
			return 1
		}
		return 0
	}))
	s.metrics.Gauge("ledger_last_commit_age_seconds", "Time since the database last took rows; -1: not in this run.", nil,
		stat(func(s ledger.Stats) float64 {
			if s.LastCommit.IsZero() {
				return -1
			}
			return time.Since(s.LastCommit).Seconds()
		}))
	s.metrics.Counter("ledger_skipped_total", "Requests without a valid client key that were too many for a row each.", nil,
		func() float64 { return float64(r.Skipped()) })
}
