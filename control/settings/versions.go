package settings

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/vault"
)

// Change is a change of the configuration by somebody at the admin API.
type Change struct {
	// Tag is the State's that the change was made from. Empty: whatever is in force.
	Tag string
	// Who makes it, and why.
	Who, Note string
}

// What keeps a change from being made, beside config.Problems.
var (
	// ErrChanged: something else is in force by now.
	ErrChanged = errors.New("another configuration is in force by now: read it again")
	// ErrNoHistory: there is no store that versions could be kept in.
	ErrNoHistory = errors.New("there is no store to keep configurations in")
	// ErrNoVault: the text holds secrets, and nothing seals them.
	ErrNoVault = errors.New("the text holds literal secrets, and there is no encryption key to seal them with: set store.encryption_key, or use references")
)

// Applied is what a change has done.
type Applied struct {
	State    *State
	Diff     []string // from what was in force before
	Warnings config.Problems
	// NeedsRestart are the paths of Diff that act only after a restart.
	NeedsRestart []string
}

// applied tells what has come in force in the place of another configuration.
func applied(now *State, before *config.Config) *Applied {
	return &Applied{now, config.Diff(before, now.Config), now.Config.Warnings(), config.NeedsRestart(before, now.Config)}
}

// Check answers what Replace would do with a text, and does nothing; no State comes of
// it. The error is config.Problems where the text is wrong.
func (s *Settings) Check(text []byte) (*Applied, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	st := s.State()
	cfg, err := s.read(text, st.File, st.Config, st.File)
	if err != nil {
		return nil, err
	}
	if _, err := s.prepare(cfg); err != nil {
		return nil, config.Problems{{File: s.o.File, Message: err.Error()}}
	}
	would := applied(&State{Config: cfg}, st.Config)
	would.State = nil
	return would, nil
}

// Replace puts a text in force as a new version.
func (s *Settings) Replace(ctx context.Context, c Change, text []byte) (*Applied, error) {
	return s.change(ctx, c, func(st *State) (*config.Config, error) { return s.read(text, st.File, st.Config, st.File) })
}

// Edit changes single values of the text in force and puts it in force as a new version.
// Edits answers them, for the configuration that is in force.
func (s *Settings) Edit(ctx context.Context, c Change, edits func(*config.Config) ([]config.Edit, error)) (*Applied, error) {
	return s.change(ctx, c, func(st *State) (*config.Config, error) {
		list, err := edits(st.Config)
		if err != nil {
			return nil, err
		}
		text, err := st.Config.Edit(list...)
		if err != nil {
			return nil, config.Problems{{File: s.o.File, Message: err.Error()}}
		}
		return s.read(text, st.File, st.Config, st.File)
	})
}

// Rollback puts an earlier version in force again, as a new one.
func (s *Settings) Rollback(ctx context.Context, c Change, n int64) (*Applied, error) {
	if c.Note == "" {
		c.Note = "rollback to version " + strconv.FormatInt(n, 10)
	}
	return s.change(ctx, c, func(st *State) (*config.Config, error) {
		if s.store == nil {
			return nil, ErrNoHistory
		}
		v, err := s.store.ConfigVersion(ctx, n)
		if err != nil {
			return nil, err
		}
		return s.open(&v)
	})
}

// change makes a version of what a function answers and puts it in force.
func (s *Settings) change(ctx context.Context, c Change, make func(*State) (*config.Config, error)) (*Applied, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	st := s.State()
	if c.Tag != "" && c.Tag != st.Tag() {
		return nil, ErrChanged
	}
	if s.store == nil {
		return nil, ErrNoHistory
	}
	cfg, err := make(st)
	if err != nil {
		return nil, err
	}
	commit, err := s.prepare(cfg)
	if err != nil {
		return nil, config.Problems{{File: s.o.File, Message: err.Error()}}
	}
	v, err := s.keep(ctx, c, st, cfg)
	if err != nil {
		return nil, err
	}
	next := *st
	next.Config, next.Version, next.Lost, next.lostN = cfg, *v, nil, 0
	s.swap(commit, &next)
	done := applied(&next, st.Config)
	s.o.Log.Info("configuration applied", "version", v.N, "by", c.Who, "changes", done.Diff)
	return done, nil
}

// keep writes a version to the history.
func (s *Settings) keep(ctx context.Context, c Change, st *State, cfg *config.Config) (*history.Version, error) {
	latest, err := s.store.ConfigHistory(ctx, 1)
	if err != nil {
		return nil, err
	}
	v := &history.Version{At: s.o.Now().Truncate(time.Millisecond).UTC(), Who: c.Who, Note: c.Note, Base: st.FileHash, Text: cfg.Source()}
	if cfg.HasSecrets() {
		if s.vault == nil {
			return nil, ErrNoVault
		}
		if v.Text, err = s.vault.Seal(v.Text, Place(v)); err != nil {
			return nil, fmt.Errorf("the text cannot be sealed: %w", err)
		}
		v.Sealed = true
	}
	last := int64(0)
	if len(latest) > 0 {
		last = latest[0].N
	}
	if err := s.store.AppendConfig(ctx, v, last); err != nil {
		return nil, err
	}
	v.Text = nil
	return v, nil
}

// Place is where the text of a version is sealed for.
func Place(v *history.Version) string {
	return vault.Place("config", v.Base, strconv.FormatInt(v.At.UnixMilli(), 10))
}

// text is a version's text, opened.
func (s *Settings) text(v *history.Version) ([]byte, error) {
	if !v.Sealed {
		return v.Text, nil
	}
	if s.vault == nil {
		return nil, ErrNoVault
	}
	return s.vault.Open(v.Text, Place(v))
}

// open reads a version within the bounds of the file as it is now.
func (s *Settings) open(v *history.Version) (*config.Config, error) {
	text, err := s.text(v)
	if err != nil {
		return nil, err
	}
	return s.read(text, s.State().File)
}

// ToFile puts the file in force again. The versions stay in the history.
func (s *Settings) ToFile(ctx context.Context, c Change) (*Applied, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	st := s.State()
	if c.Tag != "" && c.Tag != st.Tag() {
		return nil, ErrChanged
	}
	if s.store == nil {
		return nil, ErrNoHistory
	}
	cfg, hash, err := s.readFile()
	if err != nil {
		return nil, err
	}
	commit, err := s.prepare(cfg)
	if err != nil {
		return nil, config.Problems{{File: s.o.File, Message: err.Error()}}
	}
	if err := s.store.ActivateConfig(ctx, 0); err != nil {
		return nil, err
	}
	next := &State{Config: cfg, File: cfg, FileHash: hash, Began: st.Began}
	s.swap(commit, next)
	done := applied(next, st.Config)
	s.o.Log.Info("configuration rolled back to the file", "by", c.Who, "changes", done.Diff)
	return done, nil
}

// Shown is a version as it may be shown.
type Shown struct {
	history.Version
	Redacted []byte   // its text with placeholders in the place of secrets
	Diff     []string // from what is in force to it; nil: it cannot be read any more
	// NeedsRestart are the paths of Diff that would act only after a restart.
	NeedsRestart []string
	Problem      error // why it cannot be read; nil: it can
}

// Source answers the text of a version as it was applied, secrets in it: for uses inside
// the program.
func (s *Settings) Source(ctx context.Context, n int64) ([]byte, error) {
	if s.store == nil {
		return nil, ErrNoHistory
	}
	v, err := s.store.ConfigVersion(ctx, n)
	if err != nil {
		return nil, err
	}
	return s.text(&v)
}

// History answers the versions without their texts, latest first.
func (s *Settings) History(ctx context.Context, limit int) ([]history.Version, error) {
	if s.store == nil {
		return nil, ErrNoHistory
	}
	return s.store.ConfigHistory(ctx, limit)
}

// Show answers one version.
func (s *Settings) Show(ctx context.Context, n int64) (*Shown, error) {
	if s.store == nil {
		return nil, ErrNoHistory
	}
	v, err := s.store.ConfigVersion(ctx, n)
	if err != nil {
		return nil, err
	}
	text, err := s.text(&v)
	if err != nil {
		return &Shown{Version: v, Problem: err}, nil
	}
	out := &Shown{Version: v}
	out.Redacted, _ = config.Redact(text)
	cfg, err := s.open(&v)
	if out.Problem = err; err == nil {
		out.Diff, out.NeedsRestart = config.Diff(s.Config(), cfg), config.NeedsRestart(s.Config(), cfg)
	}
	out.Text = nil
	return out, nil
}
