package settings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/vault"
)

// A process that begins with a version of the admin API, whose files nobody touches, has
// nothing to load again.
func TestARestartIntoAVersionLoadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		secret := filepath.Join(filepath.Dir(w.file), "app.key")
		if err := os.WriteFile(secret, []byte("sk-client-of-a-file-0123456789"), 0o600); err != nil {
			t.Fatal(err)
		}
		named := strings.Replace(text, "${APP}", "${file:app.key}", 1)
		w.write(named)
		w.restart()
		if _, err := w.replace(strings.Replace(named, "max_wait: 5s", "max_wait: 7s", 1)); err != nil {
			t.Fatal(err)
		}
		for _, shared := range []bool{false, true} {
			w.restart()
			ctx, stop := context.WithCancel(t.Context())
			go w.Watch(ctx, nil, shared)
			time.Sleep(5 * time.Second)
			stop()
			synctest.Wait()
			w.want("v1", 7*time.Second, false)
			if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "is in force") {
				t.Errorf("shared %v:\n%s", shared, log)
			}
		}
		if err := os.Remove(secret); err != nil { // and one that cannot be used is told once
			t.Fatal(err)
		}
		w.write(text)
		w.restart()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go w.Watch(ctx, nil, true)
		time.Sleep(5 * time.Second)
		stop()
		synctest.Wait()
		if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "NOT IN FORCE") {
			t.Errorf("%s", log)
		}
	})
}

// What only a restart changes stays told for as long as the process runs, however many
// versions come after it.
func TestWhatWaitsForARestart(t *testing.T) {
	w := newWorld(t)
	var told []string
	w.o.Changed = func(st *State) { told = append(told, st.Tag()) }
	const traced = "telemetry: {sample: 0.5}\n"
	done, err := w.replace(text + traced)
	if err != nil || !slices.Equal(done.NeedsRestart, []string{"telemetry.sample"}) || !strings.HasSuffix(done.Diff[0], "(needs a restart)") {
		t.Fatalf("%v %+v", err, done)
	}
	if done, err = w.replace(waits("7s") + traced); err != nil || len(done.NeedsRestart) > 0 || !slices.Equal(w.State().NeedsRestart(), []string{"telemetry.sample"}) {
		t.Fatalf("%v %+v %q", err, done, w.State().NeedsRestart())
	}
	if shown, err := w.Show(t.Context(), 1); err != nil || len(shown.NeedsRestart) > 0 {
		t.Errorf("%v %+v", err, shown)
	}
	if _, err := w.replace(waits("7s")); err != nil || len(w.State().NeedsRestart()) > 0 {
		t.Errorf("what is as it was at the start waits: %v %q", err, w.State().NeedsRestart())
	}
	if _, err := w.replace(text + traced); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replace("routes: ["); err == nil || !slices.Equal(told, []string{"v1", "v2", "v3", "v4"}) {
		t.Errorf("told of %q", told)
	}
	w.restart()
	if n := w.State().NeedsRestart(); len(n) > 0 {
		t.Errorf("after the restart: %q", n)
	}
	w.write(text + "budgets: {levels: none}\n")
	if _, err := w.ToFile(t.Context(), Change{Tag: w.State().Tag()}); err != nil || !slices.Equal(w.State().NeedsRestart(), []string{"budgets.levels", "telemetry.sample"}) {
		t.Errorf("%v %q", err, w.State().NeedsRestart())
	}
	w.write(text)
	if told, err := w.ReloadSurface(); err != nil || !slices.Equal(told.NeedsRestart, []string{"budgets.levels"}) || len(told.Diff) != 1 {
		t.Errorf("%v %+v", err, told)
	}
}

func TestDemo(t *testing.T) {
	s, err := New(Options{Demo: func() (*config.Config, error) { return config.Demo(nil, "sk-sluice-demo") }})
	if err != nil {
		t.Fatal(err)
	}
	if s.State().Tag() != "demo" {
		t.Errorf("%s", s.State().Tag())
	}
	if err := s.Reload(); err == nil {
		t.Error("there is nothing to reload")
	}
	if _, err := s.Replace(t.Context(), Change{Tag: "demo"}, []byte(text)); !errors.Is(err, ErrNoHistory) {
		t.Errorf("%v", err)
	}
	key, err := vault.NewSealer(vault.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	s.Resume(t.Context(), &shelf{}, sealer{key})
	shown, _ := s.Config().Redacted()
	changed := strings.Replace(string(shown), "routes:\n", "routes:\n  mine: {targets: [simulated/qwen-turbo], max_wait: 3s}\n", 1)
	done, err := s.Replace(t.Context(), Change{Tag: "demo"}, []byte(changed))
	if err != nil || !slices.Equal(done.Diff, []string{"added routes.mine"}) || s.State().Tag() != "v1" || s.State().Conflict() || s.State().Lasting() {
		t.Fatalf("%v %+v", err, done)
	}
	if s.Config().ClientKeys[0].SHA256 != s.State().File.ClientKeys[0].SHA256 {
		t.Error("the demo's key was lost on the way through its placeholder")
	}
	if _, err := s.ToFile(t.Context(), Change{Tag: "v1"}); err != nil || s.State().Tag() != "demo" || s.Config().Route("mine") != nil {
		t.Errorf("%v %s", err, s.State().Tag())
	}
	if _, err := New(Options{}); err == nil {
		t.Error("neither file nor demo")
	}
}
