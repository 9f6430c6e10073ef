package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
)

// readFile reads what the host's owner says: the file, or the demo.
func (s *Settings) readFile() (cfg *config.Config, hash string, err error) {
	if s.o.File == "" {
		cfg, err = s.o.Demo()
	} else if cfg, err = config.LoadWith(s.o.File, config.Options{Env: s.o.Env, Run: config.RunCommand}); err == nil {
		hash = hashOf(cfg.Source())
	}
	if err == nil && s.o.Override != nil {
		s.o.Override(cfg)
	}
	return cfg, hash, err
}

// read reads a text from the admin API, within the bounds of the file. Known are
// configurations that its placeholders may come from.
func (s *Settings) read(text []byte, file *config.Config, known ...*config.Config) (*config.Config, error) {
	name := s.o.File
	if name == "" {
		name = "configuration"
	}
	cfg, err := config.ParseWith(name, text, config.Options{Env: s.o.Env, Run: config.RunCommand, File: file, Known: known})
	if err == nil && s.o.Override != nil {
		s.o.Override(cfg)
	}
	return cfg, err
}

// prepare lets every part do what can fail. Commit puts all of it in force.
func (s *Settings) prepare(cfg *config.Config) (commit func(), err error) {
	var commits []func()
	for _, a := range s.appliers {
		c, err := a.Prepare(cfg)
		if err != nil {
			return nil, err
		}
		if c != nil {
			commits = append(commits, c)
		}
	}
	return func() {
		for _, c := range commits {
			c()
		}
	}, nil
}

// swap puts a state in force that everything was prepared for.
func (s *Settings) swap(commit func(), next *State) {
	commit()
	s.state.Store(next)
	if s.o.Changed != nil {
		s.o.Changed(next)
	}
}

// Reload reads the file again, and whatever the configuration in force refers to, and
// applies what is in force. On any error nothing has changed. While a version of the
// admin API is in force, a changed file is a conflict, which is logged and stays until it
// is resolved; it is no error.
func (s *Settings) Reload() error {
	_, err := s.reload()
	return err
}

func (s *Settings) reload() (*Applied, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.o.File == "" {
		return nil, errors.New("there is no file to load: the gateway runs the demo configuration")
	}
	before := s.State()
	next := *before
	cfg, hash, err := s.readFile()
	if next.FileProblem = err; err != nil {
		s.state.Store(&next)
		return nil, err
	}
	next.File, next.FileHash = cfg, hash
	if next.Version.N == 0 {
		return s.reapply(before, &next, cfg)
	}
	again, err := s.read(before.Config.Source(), cfg, before.Config)
	if err != nil {
		s.state.Store(&next)
		s.tellConflict(&next)
		return nil, fmt.Errorf("version %d stays in force as it was read before: %w", next.Version.N, err)
	}
	return s.reapply(before, &next, again)
}

// reapply puts a configuration in force that was read again.
func (s *Settings) reapply(before, next *State, cfg *config.Config) (*Applied, error) {
	commit, err := s.prepare(cfg)
	if err != nil {
		next.FileProblem = err
		if next.Version.N == 0 {
			next.File, next.FileHash = before.File, before.FileHash
		}
		s.state.Store(next)
		return nil, err
	}
	next.Config = cfg
	s.swap(commit, next)
	done := applied(next, before.Config)
	s.o.Log.Info("configuration loaded", "in_force", next.Tag(), "changes", done.Diff)
	for _, w := range cfg.Warnings() {
		s.o.Log.Warn("configuration", "warning", w.String())
	}
	if !before.Conflict() || before.FileHash != next.FileHash {
		s.tellConflict(next)
	}
	return done, nil
}

// watchEvery is the pause between looks at the configuration's files. A look is one stat
// each; it works on every file system, and where a file is replaced by a link.
const watchEvery = time.Second

// Watch reloads at every signal, and when a file of the configuration changes, until the
// context ends. Where the history is shared with other nodes, it also takes over what
// they have applied.
func (s *Settings) Watch(ctx context.Context, signals <-chan os.Signal, shared bool) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := s.seen
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		case <-tick.C:
			if shared {
				s.takeOver(ctx)
			}
			now := s.marks()
			if now == seen {
				continue
			}
			seen = now
		}
		if err := s.Reload(); err != nil {
			s.o.Log.Error("configuration not loaded; the old one goes on", "error", err.Error())
		}
	}
}

// marks describes the state of the files that the file and what is in force refer to.
func (s *Settings) marks() string { return s.markOf(s.o.File) + s.marksBeside() }

func (s *Settings) marksBeside() string {
	st := s.State()
	files := slices.Concat(st.File.Files(), st.Config.Files())
	slices.Sort(files)
	var b strings.Builder
	for _, f := range slices.Compact(files) {
		b.WriteString(s.markOf(f))
	}
	return b.String()
}

func (s *Settings) markOf(file string) string {
	info, err := os.Stat(file)
	if file == "" || err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d;", file, info.ModTime().UnixNano(), info.Size())
}

// elsewhere answers the version that the history has in force, and whether it is another
// than here. A history that cannot be read changes nothing: the ledger tells that the
// database is gone.
func (s *Settings) elsewhere(ctx context.Context) (v history.Version, changed bool) {
	v, err := s.store.ActiveConfig(ctx)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		return v, false
	}
	st := s.State()
	return v, v.N != st.Version.N && (st.Lost == nil || v.N != st.lostN)
}

// takeOver puts in force what another node has applied or rolled back. While the history
// cannot be read, what is in force stays.
func (s *Settings) takeOver(ctx context.Context) {
	if s.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, changed := s.elsewhere(ctx); !changed {
		return
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	v, changed := s.elsewhere(ctx) // a change of this node's own may have come in between
	if !changed {
		return
	}
	st := s.State()
	cfg, err := st.File, error(nil)
	if v.N != 0 {
		cfg, err = s.open(&v)
	}
	var commit func()
	if err == nil || v.N == 0 {
		commit, err = s.prepare(cfg)
	}
	next := *st
	if err != nil {
		next.Lost, next.lostN = fmt.Errorf("version %d of another node cannot be used here: %w", v.N, err), v.N
		s.state.Store(&next)
		s.o.Log.Error("a configuration that another node has applied cannot be used here", "version", v.N, "error", err.Error())
		return
	}
	v.Text = nil
	next.Config, next.Version, next.Lost, next.lostN = cfg, v, nil, 0
	s.swap(commit, &next)
	s.o.Log.Info("configuration taken over from another node", "in_force", next.Tag(), "changes", config.Diff(st.Config, cfg))
}
