package settings

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/vault"
)

// shelf is a history.Store in memory.
type shelf struct {
	mu       sync.Mutex
	versions []history.Version
	active   int64
	fail     error
}

func (m *shelf) AppendConfig(_ context.Context, v *history.Version, latest int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if int64(len(m.versions)) != latest {
		return auth.ErrConflict
	}
	v.N = latest + 1
	m.versions = append(m.versions, *v)
	m.active = v.N
	return nil
}

func (m *shelf) ActivateConfig(_ context.Context, n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active = n
	return m.fail
}

func (m *shelf) ActiveConfig(ctx context.Context) (history.Version, error) {
	m.mu.Lock()
	n := m.active
	m.mu.Unlock()
	if n == 0 {
		return history.Version{}, auth.ErrNotFound
	}
	return m.ConfigVersion(ctx, n)
}

func (m *shelf) ConfigVersion(_ context.Context, n int64) (history.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < 1 || n > int64(len(m.versions)) {
		return history.Version{}, auth.ErrNotFound
	}
	v := m.versions[n-1]
	v.Active = m.active == n
	return v, nil
}

func (m *shelf) ReplaceConfigText(_ context.Context, n int64, sealed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versions[n-1].Text = sealed
	return m.fail
}

func (m *shelf) ConfigHistory(_ context.Context, limit int) ([]history.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []history.Version
	for _, v := range slices.Backward(m.versions) {
		v.Text, v.Active = nil, v.N == m.active
		out = append(out, v)
	}
	return out[:min(limit, len(out))], m.fail
}

// sealer adapts vault.Sealer.
type sealer struct{ *vault.Sealer }

func (s sealer) Seal(plain []byte, place string) ([]byte, error) {
	return s.Sealer.Seal(plain, place), nil
}

// part is an Applier that can be made to fail, and remembers what is in force.
type part struct {
	fail    error
	inForce *config.Config
}

func (p *part) Prepare(cfg *config.Config) (func(), error) {
	return func() { p.inForce = cfg }, p.fail
}

const text = `# ours
providers: {one: {base_url: https://one.example/v1, accounts: [{keys: ["${UP}"]}]}}
routes:
  gpt-4o: {targets: [one/gpt-4o], max_wait: 5s} # short
client_keys: [{name: app, key: "${APP}"}]
`

// literal holds a secret in the text itself.
var literal = strings.Replace(text, "client_keys: [", "client_keys: [{name: other, key: sk-literal-0123456789abcdef}, ", 1)

// world is a file with settings and what stands around them.
type world struct {
	*Settings
	t             *testing.T
	file          string
	store         *shelf
	vault         Vault
	first, second *part
	env           map[string]string
	log           *strings.Builder
}

func newWorld(t *testing.T) *world {
	key, err := vault.NewSealer(vault.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, file: filepath.Join(t.TempDir(), "sluice.yaml"), store: &shelf{}, vault: sealer{key},
		env: map[string]string{"UP": "sk-upstream-0123456789abcdef", "APP": "sk-client-0123456789abcdef"},
	}
	w.write(text)
	w.restart()
	return w
}

func (w *world) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// restart is what a new process sees.
func (w *world) restart() {
	w.t.Helper()
	w.log = &strings.Builder{}
	s, err := New(Options{
		File: w.file, Env: func(n string) (string, bool) { v, ok := w.env[n]; return v, ok },
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s.Resume(w.t.Context(), w.store, w.vault)
	w.Settings, w.first, w.second = s, &part{inForce: s.Config()}, &part{inForce: s.Config()}
	s.Follow(w.first, w.second)
}

func (w *world) wait() time.Duration { return w.second.inForce.Route("gpt-4o").MaxWait }

func (w *world) replace(text string) (*Applied, error) {
	return w.Replace(w.t.Context(), Change{Tag: w.State().Tag(), Who: "ann"}, []byte(text))
}

func waits(d string) string { return strings.Replace(text, "max_wait: 5s", "max_wait: "+d, 1) }

func (w *world) want(tag string, wait time.Duration, conflict bool) {
	w.t.Helper()
	st := w.State()
	if st.Tag() != tag || w.wait() != wait || st.Config != w.second.inForce || st.Conflict() != conflict {
		w.t.Errorf("%s, max_wait %s, conflict %v; want %s, %s, %v", st.Tag(), w.wait(), st.Conflict(), tag, wait, conflict)
	}
}

func (w *world) fileTag() string { return "file-" + w.State().FileHash[:16] }

func TestVersionsLieOverTheFile(t *testing.T) {
	w := newWorld(t)
	w.want(w.fileTag(), 5*time.Second, false)
	done, err := w.replace(waits("7s"))
	if err != nil || !slices.Equal(done.Diff, []string{"changed routes.gpt-4o.max_wait: 5s → 7s"}) {
		t.Fatalf("%v %+v", err, done)
	}
	w.want("v1", 7*time.Second, false)
	w.restart()
	w.want("v1", 7*time.Second, false)
	if _, err := w.replace(waits("8s")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rollback(t.Context(), Change{Tag: "v2", Who: "bob"}, 1); err != nil {
		t.Fatal(err)
	}
	w.want("v3", 7*time.Second, false)
	if h, err := w.History(t.Context(), 9); err != nil || len(h) != 3 || h[0].Note != "rollback to version 1" || h[0].Who != "bob" || !h[0].Active {
		t.Errorf("%v %+v", err, h)
	}
	if _, err := w.ToFile(t.Context(), Change{Tag: "v3"}); err != nil {
		t.Fatal(err)
	}
	w.want(w.fileTag(), 5*time.Second, false)
	w.restart()
	w.want(w.fileTag(), 5*time.Second, false)
}

func TestAChangedFileIsAConflict(t *testing.T) {
	w := newWorld(t)
	if _, err := w.replace(waits("7s")); err != nil {
		t.Fatal(err)
	}
	w.write(waits("9s"))
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	w.want("v1", 7*time.Second, true)
	if !strings.Contains(w.log.String(), "the file is not applied") {
		t.Errorf("the log says nothing: %s", w.log)
	}
	w.restart()
	w.want("v1", 7*time.Second, true)
	w.write("nonsense: [")
	if err := w.Reload(); err == nil {
		t.Error("nonsense is no error")
	}
	w.want("v1", 7*time.Second, true)
	w.write(waits("9s"))
	if _, err := w.replace(waits("8s")); err != nil { // made in the face of the file that was read last
		t.Fatal(err)
	}
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	w.want("v2", 8*time.Second, false)
	w.write(text)
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	w.want("v2", 8*time.Second, true)
	if _, err := w.ToFile(t.Context(), Change{Tag: "v2"}); err != nil {
		t.Fatal(err)
	}
	w.want(w.fileTag(), 5*time.Second, false)
}

func TestWhatFailsChangesNothing(t *testing.T) {
	w := newWorld(t)
	tag := w.fileTag()
	broken := errors.New("the certificate is broken")
	for name, f := range map[string]func() error{
		"a wrong file":     func() error { w.write("nonsense: ["); return w.Reload() },
		"a missing file":   func() error { _ = os.Remove(w.file); return w.Reload() },
		"an invalid file":  func() error { w.write(strings.Replace(text, "one/gpt-4o", "two/gpt-4o", 1)); return w.Reload() },
		"a part, reloaded": func() error { w.second.fail = broken; w.write(waits("6s")); return w.Reload() },
		"a part, applied":  func() error { w.second.fail = broken; _, err := w.replace(waits("6s")); return err },
		"the store":        func() error { w.store.fail = broken; _, err := w.replace(waits("6s")); return err },
		"a wrong text":     func() error { _, err := w.replace("nonsense: ["); return err },
		"another tag": func() error {
			_, err := w.Replace(t.Context(), Change{Tag: "v7"}, []byte(waits("6s")))
			return err
		},
		"no such version": func() error { _, err := w.Rollback(t.Context(), Change{Tag: tag}, 4); return err },
		"the environment": func() error { _, err := w.replace(strings.Replace(text, "5s", `"${PATH}"`, 1)); return err },
		"another host":    func() error { _, err := w.replace(strings.Replace(text, "one.example", "evil.example", 1)); return err },
		"an edit of nothing": func() error {
			_, err := w.Edit(t.Context(), Change{Tag: tag}, func(*config.Config) ([]config.Edit, error) { return nil, broken })
			return err
		},
	} {
		err := f()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		w.second.fail, w.store.fail = nil, nil
		w.want(tag, 5*time.Second, false)
		w.write(text)
		if err := w.Reload(); err != nil {
			t.Errorf("%s: does not recover: %v", name, err)
		}
		w.want(tag, 5*time.Second, false)
		if len(w.store.versions) != 0 {
			t.Fatalf("%s: a version was kept", name)
		}
	}
}

func TestCheckDoesNothing(t *testing.T) {
	w := newWorld(t)
	would, err := w.Check([]byte(waits("7s") + "telemetry: {sample: 0.5}\n"))
	if err != nil || len(would.Diff) != 2 || !slices.Equal(would.NeedsRestart, []string{"telemetry.sample"}) || would.State != nil {
		t.Errorf("%v %+v", err, would)
	}
	var problems config.Problems
	if _, err := w.Check([]byte("routes: {a: {targets: [x]}, b: {max_wait: soon}}")); !errors.As(err, &problems) || len(problems) < 3 || problems[0].Line == 0 {
		t.Errorf("%v", err)
	}
	w.second.fail = errors.New("the certificate is broken")
	if _, err := w.Check([]byte(text)); !errors.As(err, &problems) {
		t.Errorf("%v", err)
	}
	w.want(w.fileTag(), 5*time.Second, false)
}

func TestLiteralSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	if _, err := w.replace(literal); err != nil {
		t.Fatal(err)
	}
	if v := w.store.versions[0]; !v.Sealed || strings.Contains(string(v.Text), "literal") {
		t.Errorf("kept in the clear: %s", v.Text)
	}
	shown, err := w.Show(t.Context(), 1)
	if err != nil || strings.Contains(string(shown.Redacted), "sk-literal") || !strings.Contains(string(shown.Redacted), `"[secret `) || shown.Text != nil {
		t.Errorf("%v %s", err, shown.Redacted)
	}
	// What is shown may be given back.
	if _, err := w.replace(strings.Replace(string(shown.Redacted), "5s", "6s", 1)); err != nil {
		t.Fatal(err)
	}
	if k := w.Config().ClientKeys[0].Key.Reveal(); k != "sk-literal-0123456789abcdef" {
		t.Errorf("the secret came back as %q", k)
	}
	w.restart()
	w.want("v2", 6*time.Second, false)
	other, _ := vault.NewSealer(vault.NewKey())
	for _, v := range []Vault{sealer{other}, nil} {
		w.vault = v
		w.restart()
		w.want(w.fileTag(), 5*time.Second, false)
		if w.State().Lost == nil || !strings.Contains(w.log.String(), "NOT IN FORCE") {
			t.Errorf("%v: not told: %s", v, w.log)
		}
	}
	if _, err := w.replace(literal); !errors.Is(err, ErrNoVault) {
		t.Errorf("without a vault: %v", err)
	}
	if strings.Contains(w.log.String(), "sk-literal") {
		t.Error("the log tells a secret")
	}
}

func TestReseal(t *testing.T) {
	old := vault.NewKey()
	first, _ := vault.NewSealer(old)
	w := newWorld(t)
	w.vault = sealer{first}
	w.restart()
	for _, text := range []string{literal, text, strings.Replace(literal, "5s", "6s", 1)} {
		if _, err := w.replace(text); err != nil {
			t.Fatal(err)
		}
	}
	second, _ := vault.NewSealer(vault.NewKey(), old)
	if n, err := Reseal(t.Context(), w.store, second); err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	if n, err := Reseal(t.Context(), w.store, second); err != nil || n != 0 {
		t.Errorf("again: %d %v", n, err)
	}
	w.vault = sealer{second}
	w.restart()
	w.want("v3", 6*time.Second, false)
	third, _ := vault.NewSealer(vault.NewKey())
	if _, err := Reseal(t.Context(), w.store, third); !errors.Is(err, vault.ErrUnknownKey) {
		t.Errorf("sealed with a key that is not at hand: %v", err)
	}
}

func TestAVersionThatNoLongerParsesIsLeft(t *testing.T) {
	w := newWorld(t)
	if _, err := w.replace(waits("7s")); err != nil {
		t.Fatal(err)
	}
	w.write(strings.Replace(strings.Replace(text, `"${APP}"`, "sk-client-0123456789abcdef", 1), "5s", "4s", 1))
	delete(w.env, "APP")
	if err := w.Reload(); err == nil {
		t.Error("no error")
	}
	w.want("v1", 7*time.Second, true) // as it was read before
	w.restart()
	w.want(w.fileTag(), 4*time.Second, false)
	if w.State().Lost == nil {
		t.Error("not told")
	}
}

func TestEdit(t *testing.T) {
	w := newWorld(t)
	done, err := w.Edit(t.Context(), Change{Tag: w.fileTag(), Who: "ann"}, func(c *config.Config) ([]config.Edit, error) {
		return []config.Edit{{Path: []any{"routes", "gpt-4o", "max_wait"}, Value: "3s"}}, nil
	})
	if err != nil || len(done.Diff) != 1 {
		t.Fatal(err)
	}
	w.want("v1", 3*time.Second, false)
	if got := string(w.Config().Source()); got != waits("3s") {
		t.Errorf("%s", got)
	}
}

func TestChangesAreOneAtATime(t *testing.T) {
	w := newWorld(t)
	tag := w.fileTag()
	results := make(chan error, 10)
	for range cap(results) {
		go func() {
			_, err := w.Replace(t.Context(), Change{Tag: tag}, []byte(waits("7s")))
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of them were applied", won)
	}
}

// overtaken is a history that is changed right after it was looked at, once.
type overtaken struct {
	*shelf
	then func()
}

func (o *overtaken) ActiveConfig(ctx context.Context) (history.Version, error) {
	v, err := o.shelf.ActiveConfig(ctx)
	if then := o.then; then != nil {
		o.then = nil
		then()
	}
	return v, err
}

// A version that is applied here while the node looks for others' is not undone by what
// the look has seen before.
func TestALookAtOthersDoesNotUndoAnApply(t *testing.T) {
	w := newWorld(t)
	w.Settings.store = &overtaken{w.store, func() {
		if _, err := w.replace(waits("7s")); err != nil {
			t.Fatal(err)
		}
	}}
	w.takeOver(t.Context())
	w.want("v1", 7*time.Second, false)
	if log := w.log.String(); strings.Contains(log, "another node") {
		t.Error(log)
	}
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t) // another node, with the same file and store
	other.file, other.store, other.vault = w.file, w.store, w.vault
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		signals := make(chan os.Signal)
		other.restart()
		go w.Watch(ctx, signals, true)
		w.write(waits("2500ms"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		w.want(w.fileTag(), 2500*time.Millisecond, false)
		other.restart()
		if _, err := other.replace(waits("7s")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.want("v1", 7*time.Second, false)
		if _, err := other.ToFile(ctx, Change{Tag: "v1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.want(w.fileTag(), 2500*time.Millisecond, false)
		before := w.Config()
		signals <- os.Interrupt
		synctest.Wait()
		if w.Config() == before {
			t.Error("a signal did not reload")
		}
		stop()
		synctest.Wait()
	})
}
