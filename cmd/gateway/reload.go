package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/config"
)

// setUpReload loads the configuration again on SIGHUP and when its files change.
func (s *service) setUpReload() error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // before anybody can know that this program runs
	s.onStop(func(context.Context) error { signal.Stop(hup); return nil })
	s.background(func(ctx context.Context) { s.watch(ctx, hup) })
	return nil
}

// watchEvery is the pause between looks at the configuration's files. A look is one
// stat each; it works on every file system, and where a file is replaced by a link.
const watchEvery = time.Second

// watch loads the configuration again on SIGHUP and when a file of it changes.
func (s *service) watch(ctx context.Context, hup <-chan os.Signal) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := s.marks()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			now := s.marks()
			if now == seen {
				continue
			}
			seen = now
		}
		if err := s.reload(); err != nil {
			s.log.Error("configuration not loaded; the old one goes on", "error", err.Error())
		}
	}
}

// marks describes the state of the configuration's files.
func (s *service) marks() string {
	var b strings.Builder
	if s.flags.file == "" {
		return ""
	}
	for _, f := range append([]string{s.flags.file}, s.cfg.Files()...) {
		if st, err := os.Stat(f); err == nil {
			fmt.Fprintf(&b, "%s %d %d;", f, st.ModTime().UnixNano(), st.Size())
		}
	}
	return b.String()
}

// reload loads the configuration and applies it; on any problem the old one stays.
func (s *service) reload() error {
	if s.flags.file == "" {
		return errors.New("there is no file to load: the gateway runs the demo configuration")
	}
	cfg, err := config.Load(s.flags.file, s.env)
	if err != nil {
		return err
	}
	watch, err := s.alerting.Prepare(cfg)
	if err != nil {
		return err
	}
	if err := s.useKeys(context.Background(), cfg); err != nil {
		return err
	}
	if err := s.gateway.Apply(cfg); err != nil {
		return err
	}
	watch()
	s.guard.Apply(accessSettings(cfg))
	s.keepLedger(cfg)
	s.log.Info("configuration loaded", "file", s.flags.file)
	return nil
}
