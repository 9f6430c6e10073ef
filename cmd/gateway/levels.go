package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// saveEvery is how often the levels are saved, so that a killed gateway does not begin
// with full buckets.
const saveEvery = time.Second

// savePace keeps saving to a tenth of the time, where very many keys are in use: it
// takes about 75 ms of CPU for ten thousand keys with three limits.
const savePace = 9

// maxLevels bounds the file of levels that is read.
const maxLevels = 1 << 30

// setUpLevels restores the levels, keeps them saved, and saves them at the end.
func (s *service) setUpLevels() error {
	s.restoreLevels()
	s.onStop(func(context.Context) error {
		if err := s.saveLevels(true); err != nil {
			return fmt.Errorf("levels not saved: %w", err)
		}
		return nil
	})
	s.background(s.keepLevels)
	return nil
}

// restoreLevels takes the levels over from the last run. A file that is missing or bad
// is told and does not keep the gateway from starting.
func (s *service) restoreLevels() {
	path := s.cfg.Budgets.Levels
	if path == "" {
		return
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var data []byte
	if err == nil && st.Size() > maxLevels {
		err = errors.New("the file is too large")
	}
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err == nil {
		err = s.gateway.RestoreLevels(data)
	}
	if err != nil {
		s.log.Warn("levels not restored: limits begin full", "file", path, "error", err.Error())
		return
	}
	s.log.Info("levels restored", "file", path)
}

// keepLevels saves the levels every second, or as often as is cheap, until the context ends.
func (s *service) keepLevels(ctx context.Context) {
	timer := time.NewTimer(saveEvery)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			begin := time.Now()
			err := s.saveLevels(false)
			if err != nil && !failing {
				s.log.Error("levels not saved; a restart would begin with full limits", "error", err.Error())
			}
			failing = err != nil
			timer.Reset(max(saveEvery, savePace*time.Since(begin)))
		}
	}
}

// saveLevels writes the levels beside their file and puts them in its place.
func (s *service) saveLevels(clean bool) error {
	path := s.cfg.Budgets.Levels
	if path == "" {
		return nil
	}
	data, err := s.gateway.Levels(clean)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sluice-levels-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use
	}
	return err
}
