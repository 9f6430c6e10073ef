package settings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
)

// Applier is a part of the program that follows the configuration. Prepare does all that
// can fail and touches nothing live; commit puts it in force and cannot fail. A commit
// that is never called leaves no trace.
type Applier interface {
	Prepare(cfg *config.Config) (commit func(), err error)
}

// ApplierFunc is an Applier that is one function.
type ApplierFunc func(cfg *config.Config) (commit func(), err error)

// Prepare calls the function.
func (f ApplierFunc) Prepare(cfg *config.Config) (func(), error) { return f(cfg) }

// Vault seals texts with literal secrets for a place, and opens them.
type Vault interface {
	Seal(plain []byte, place string) ([]byte, error)
	Open(sealed []byte, place string) ([]byte, error)
}

// Options are what Settings are made of.
type Options struct {
	// File is the configuration file. Empty: there is none, and Demo is what it would
	// hold.
	File string
	// Demo makes the configuration that runs without a file. Required where File is empty.
	Demo func() (*config.Config, error)
	// Env looks up environment variables. Nil: there are none.
	Env func(string) (string, bool)
	// Override changes what was read before it is used, such as flags that come before
	// the file. Nil: nothing does.
	Override func(*config.Config)
	// Changed is told what has come in force, after each change. It must not block or change
	// anything itself. Nil: nobody is told.
	Changed func(*State)
	// Log takes what happens. Nil: discarded; see LogTo.
	Log *slog.Logger
	// Now is the clock of the history. Nil: time.Now.
	Now func() time.Time
}

// State is which configuration is in force, and what is to be known about it. It is not
// changed after it was made.
type State struct {
	Config *config.Config // in force
	// File is the file's last good configuration, FileHash the SHA-256 of its text.
	File     *config.Config
	FileHash string
	// FileProblem is what is wrong with the file now; nil: nothing.
	FileProblem error
	// Began is the configuration that the program began with: what is read at the start only
	// is as it says.
	Began *config.Config
	// Version is the version in force; N is 0 while the file is. Its text is left out.
	Version history.Version
	// Lost is why the active version of the history is not in force; nil: it is, or
	// there is none.
	Lost  error
	lostN int64 // its number, where another node has applied it
}

// Conflict says that the file has changed since the version in force was made.
func (s *State) Conflict() bool {
	return s.Version.N != 0 && (s.Version.Base != s.FileHash || s.FileProblem != nil)
}

// NeedsRestart are the settings of what is in force that act only after a restart, by
// their paths.
func (s *State) NeedsRestart() []string { return config.NeedsRestart(s.Began, s.Config) }

// Lasting says that versions outlive the process: that the store is not in memory.
func (s *State) Lasting() bool { return s.File.Store.Driver != "sqlite" || s.File.Store.File() != "" }

// Tag names what is in force: it changes whenever that does.
func (s *State) Tag() string {
	if s.Version.N != 0 {
		return "v" + strconv.FormatInt(s.Version.N, 10)
	}
	if s.FileHash == "" {
		return "demo"
	}
	return "file-" + s.FileHash[:16]
}

// Settings hold the configuration in force. They are safe for concurrent use.
type Settings struct {
	o     Options
	state atomic.Pointer[State]

	seen string // the files' marks when they were read first

	changing sync.Mutex // one change at a time
	appliers []Applier
	store    history.Store
	vault    Vault
}

// New reads the file, or makes the demo's configuration. The error is config.Problems
// where the file is wrong.
func New(o Options) (*Settings, error) {
	if o.File == "" && o.Demo == nil {
		return nil, errors.New("settings: Options need a File or a Demo")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Settings{o: o}
	mark := s.markOf(o.File) // before it is read: a change meanwhile is seen later
	cfg, hash, err := s.readFile()
	if err != nil {
		return nil, err
	}
	s.state.Store(&State{Config: cfg, File: cfg, FileHash: hash, Began: cfg})
	s.seen = mark + s.marksBeside()
	return s, nil
}

// LogTo takes what happens from now on: how a log is written stands in the configuration.
func (s *Settings) LogTo(log *slog.Logger) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.o.Log = log
}

// State is what is in force now.
func (s *Settings) State() *State { return s.state.Load() }

// Config is the configuration in force now.
func (s *Settings) Config() *config.Config { return s.State().Config }

// Conflict says that what is in force is not what it should be without a doubt: the file
// has changed under a version of the admin API, or such a version could not be used.
func (s *Settings) Conflict() bool { st := s.State(); return st.Conflict() || st.Lost != nil }

// Follow adds parts that follow the configuration. They begin with the one in force.
func (s *Settings) Follow(parts ...Applier) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.appliers = append(s.appliers, parts...)
}

// Resume takes the history: from here on versions can be applied, and one that is active
// comes in force. It is called once, before any part follows. Where the active version
// cannot be used (a variable is gone, or it cannot be opened), the file stays in force;
// State().Lost says why. Vault nil: texts with literal secrets cannot be kept.
func (s *Settings) Resume(ctx context.Context, store history.Store, vault Vault) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.store, s.vault = store, vault
	v, err := store.ActiveConfig(ctx)
	if errors.Is(err, auth.ErrNotFound) {
		return
	}
	var cfg *config.Config
	if err == nil {
		cfg, err = s.open(&v)
	}
	next := *s.State()
	if err != nil {
		next.lostN = v.N
		next.Lost = fmt.Errorf("version %d cannot be used: %w", v.N, err)
		if v.N == 0 {
			next.Lost = fmt.Errorf("the history of configurations cannot be read: %w", err)
		}
		s.o.Log.Error("THE CONFIGURATION APPLIED THROUGH THE ADMIN API IS NOT IN FORCE: the file is used instead", "version", v.N, "error", err.Error())
		s.state.Store(&next)
		return
	}
	v.Text = nil
	next.Config, next.Version, next.Began = cfg, v, cfg
	s.state.Store(&next)
	s.o.Log.Info("a configuration applied through the admin API is in force", "version", v.N, "by", v.Who, "at", v.At)
	s.tellConflict(&next)
}

// tellConflict logs that the file is not what is in force.
func (s *Settings) tellConflict(st *State) {
	if st.Conflict() {
		s.o.Log.Warn("the configuration file has changed since the version in force was applied through the admin API: the file is not applied. Apply a version that has the change, or roll back to the file",
			"file", s.o.File, "version", st.Version.N)
	}
}

// hashOf names a text.
func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
