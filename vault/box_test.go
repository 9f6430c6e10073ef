package vault_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/vault"
)

var errMissing = errors.New("missing")

// shelf is a Store in memory. It is safe for concurrent use.
type shelf struct {
	mu     sync.Mutex
	keys   []vault.UpstreamKey
	canary []byte
	fail   error // of writes
}

func (s *shelf) PutUpstreamKey(_ context.Context, k *vault.UpstreamKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	for i := range s.keys {
		if s.keys[i].Fingerprint == k.Fingerprint {
			s.keys[i] = *k
			return nil
		}
	}
	s.keys = append(s.keys, *k)
	return nil
}

func (s *shelf) DeleteUpstreamKey(context.Context, string, string, string) error { return nil }

func (s *shelf) UpstreamKeys(context.Context) ([]vault.UpstreamKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys), nil
}

func (s *shelf) Canary(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.canary == nil {
		return nil, errMissing
	}
	return s.canary, nil
}

func (s *shelf) SetCanary(_ context.Context, sealed []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.canary = sealed
	return nil
}

func box(s *shelf, file string, keys ...vault.Key) (*vault.Box, error) {
	return vault.OpenBox(context.Background(), vault.Options{Store: s, Missing: errMissing, Keys: keys, KeyFile: file})
}

func mustBox(t testing.TB, s *shelf, file string, keys ...vault.Key) *vault.Box {
	t.Helper()
	b, err := box(s, file, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *vault.Box, s *shelf, fingerprint string) {
	t.Helper()
	k := vault.UpstreamKey{Provider: "p", Account: "a", Fingerprint: fingerprint}
	var err error
	if k.Sealed, err = b.Seal([]byte("secret-"+fingerprint), vault.UpstreamKeyPlace(&k)); err != nil {
		t.Fatal(err)
	}
	if err := s.PutUpstreamKey(context.Background(), &k); err != nil {
		t.Fatal(err)
	}
}

func opens(t testing.TB, b *vault.Box, s *shelf) {
	t.Helper()
	for _, k := range s.keys {
		if plain, err := b.Open(k.Sealed, vault.UpstreamKeyPlace(&k)); err != nil || string(plain) != "secret-"+k.Fingerprint {
			t.Fatalf("%s: %q, %v", k.Fingerprint, plain, err)
		}
	}
}

func TestAKeyFileIsMadeWhenItIsFirstNeeded(t *testing.T) {
	s, file := &shelf{}, filepath.Join(t.TempDir(), "sluice.db.key")
	b := mustBox(t, s, file)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) || s.canary != nil {
		t.Fatalf("made before it was needed: %v", err)
	}
	put(t, b, s, "1")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || b.Exposed() != "" {
		t.Fatalf("%v, %v", info, err)
	}
	opens(t, mustBox(t, s, file), s)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".sluice*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if b.Exposed() != file {
		t.Error("others may read the key, and nobody is told")
	}
}

func TestTheStartIsRefusedWithoutTheRightKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sluice.db.key")
	s, one, two := &shelf{}, vault.NewKey(), vault.NewKey()
	put(t, mustBox(t, s, "", one), s, "1")
	for name, c := range map[string]struct {
		file string
		keys []vault.Key
		says string
	}{
		"none": {"", nil, "store.encryption_key"}, "none, a file is usual": {file, nil, "bring " + file + " back"},
		"another": {"", []vault.Key{two}, "at hand is key " + two.ID()}, "two others": {"", []vault.Key{two, vault.NewKey()}, "old_encryption_keys"},
	} {
		_, err := box(s, c.file, c.keys...)
		if !errors.Is(err, vault.ErrWrongKey) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), one.ID()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opens(t, mustBox(t, s, "", two, one), s)
	if _, err := os.Stat(file); err == nil {
		t.Error("a key was made although another is needed")
	}
	s.canary = []byte("garbage")
	if _, err := box(s, "", one); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("a damaged canary: %v", err)
	}
}

func TestWithoutAKeyNothingIsSealed(t *testing.T) {
	s := &shelf{}
	_, err := mustBox(t, s, "").Seal([]byte("x"), "here")
	if !errors.Is(err, vault.ErrNoKey) || !strings.Contains(err.Error(), "openssl rand -base64 32") || s.canary != nil {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "gone", "key")
	if _, err := mustBox(t, s, file).Seal([]byte("x"), "here"); err == nil || s.canary != nil {
		t.Errorf("sealed with a key that could not be kept: %v", err)
	}
	s.fail = errors.New("disk full")
	if _, err := mustBox(t, s, filepath.Join(dir, "key")).Seal([]byte("x"), "here"); !errors.Is(err, s.fail) {
		t.Errorf("sealed without a canary: %v", err)
	}
	for _, text := range []string{"", "# nothing\n", "not a key\n", strings.Repeat("00", 32)} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := box(&shelf{}, bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Many that seal first at the same time, in processes of their own, use one key.
func TestTheFirstKeyIsMadeOnce(t *testing.T) {
	s, file := &shelf{}, filepath.Join(t.TempDir(), "key")
	var all sync.WaitGroup
	for i := range 16 {
		b := mustBox(t, s, file)
		all.Go(func() { put(t, b, s, string(rune('a'+i))) })
	}
	all.Wait()
	opens(t, mustBox(t, s, file), s)
}

func rotate(t testing.TB, b *vault.Box) (int, error) {
	t.Helper()
	ctx := context.Background()
	r, err := b.BeginRotation(ctx)
	if err != nil {
		return 0, err
	}
	n, err := r.UpstreamKeys(ctx)
	if err != nil {
		return n, err
	}
	return n, r.Finish(ctx)
}

func TestAKeyFileIsRotatedWhileAnotherProcessServes(t *testing.T) {
	s, file := &shelf{}, filepath.Join(t.TempDir(), "key")
	serving := mustBox(t, s, file)
	put(t, serving, s, "1")
	put(t, serving, s, "2")
	before, _ := vault.SealedWith(s.canary)

	command := mustBox(t, s, file)
	s.fail = errors.New("disk full")
	if _, err := rotate(t, command); !errors.Is(err, s.fail) {
		t.Fatal(err)
	}
	s.fail = nil
	opens(t, serving, s)
	put(t, serving, s, "3") // in the middle of it
	if n, err := rotate(t, mustBox(t, s, file)); err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	after, _ := vault.SealedWith(s.canary)
	for _, k := range s.keys {
		if id, _ := vault.SealedWith(k.Sealed); id != after || id == before {
			t.Errorf("%s is sealed with %s, before %s", k.Fingerprint, id, before)
		}
	}
	opens(t, serving, s)
	put(t, serving, s, "4")
	opens(t, mustBox(t, s, file), s)
	if text, _ := os.ReadFile(file); strings.Count(string(text), "\n") != 2 {
		t.Errorf("the old key is still in the file")
	}
	from, all, err := command.Status(context.Background())
	if err != nil || from != file || len(all) != 1 || !all[0].Current || !all[0].AtHand || !all[0].Canary || all[0].UpstreamKeys != 4 {
		t.Errorf("%q %+v %v", from, all, err)
	}
}

func TestConfiguredKeysAreRotatedAndMovedToFromAFile(t *testing.T) {
	s, file := &shelf{}, filepath.Join(t.TempDir(), "key")
	b := mustBox(t, s, file)
	put(t, b, s, "1")
	one, two := vault.NewKey(), vault.NewKey()
	if err := b.Use(context.Background(), []vault.Key{one}); err != nil { // the file's still opens
		t.Fatal(err)
	}
	put(t, b, s, "2")
	opens(t, b, s)
	if n, err := rotate(t, b); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	opens(t, mustBox(t, s, "", one), s)
	if err := b.Use(context.Background(), []vault.Key{two}); !errors.Is(err, vault.ErrWrongKey) {
		t.Fatal(err)
	}
	opens(t, b, s) // nothing has changed
	b = mustBox(t, s, "", two, one)
	if n, err := rotate(t, b); err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	if n, err := rotate(t, b); err != nil || n != 0 {
		t.Fatalf("again: %d, %v", n, err)
	}
	opens(t, mustBox(t, s, "", two), s)
	if _, err := rotate(t, mustBox(t, &shelf{}, "")); !errors.Is(err, vault.ErrNoKey) {
		t.Error(err)
	}
}
