package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
)

func routed(t testing.TB) *config.Config {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(`
providers: {up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}}
routes: {m: {targets: [up/m]}}
owners: {filed: {limits: {rpm: 100}}}
client_keys: [{name: static, key: sk-test-test-test-test-test}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// node is one gateway's Service and Directory.
func node(t testing.TB, store auth.KeyStore, log *bytes.Buffer) (*Service, *auth.Directory) {
	t.Helper()
	cfg, d := routed(t), auth.NewDirectory()
	o := Options{Store: store, Directory: d, Config: func() *config.Config { return cfg }, Unpriced: func() []string { return []string{"up/m"} }}
	if log != nil {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, d
}

func create(t testing.TB, s *Service, k auth.Stored) (auth.Stored, string) {
	t.Helper()
	k, secret, _, err := s.CreateKey(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func TestAKeysLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		s, d := node(t, store, nil)
		ctx := t.Context()
		find := func(secret string) error { _, err := d.Find(auth.Digest(secret), time.Now()); return err }

		k, secret, warnings, err := s.CreateKey(ctx, auth.Stored{Name: "app", Owner: "filed", Limits: map[string]string{"rpm": "25%", "usd_per_day": "5"}, Models: []string{"m", "x"},
			ID: "chosen", Version: 77, Hash: auth.Digest("chosen"), RevokedAt: time.Now()})
		if err != nil || len(warnings) != 2 || !auth.WellFormed(secret) || k.ID == "chosen" || k.Version != 1 || k.Hash != auth.Digest(secret) || k.Hint != secret[len(secret)-4:] {
			t.Fatalf("%+v %v %v", k, warnings, err)
		}
		if k.Priority != "normal" || k.Weight != 1 || find(secret) != nil {
			t.Fatalf("%+v", k)
		}
		for _, row := range store.keys {
			if text := fmt.Sprintf("%+v", row); strings.Contains(text, secret) || strings.Contains(text, secret[10:30]) {
				t.Fatal("the credential is stored")
			}
		}

		k, _, err = s.EditKey(ctx, k.ID, 1, func(k *auth.Stored) error {
			k.Name, k.Limits["rpm"], k.Hash, k.ID, k.CreatedAt, k.Version = "renamed", "50%", auth.Digest("x"), "other", time.Time{}, 9
			return nil
		})
		if err != nil || k.Version != 2 || k.Name != "renamed" || find(secret) != nil || d.Key(k.ID).Profile().Limits["rpm"] != "50%" || k.CreatedAt.IsZero() {
			t.Fatalf("%+v %v", k, err)
		}
		if _, _, err := s.EditKey(ctx, k.ID, 1, func(*auth.Stored) error { return nil }); !errors.Is(err, auth.ErrConflict) {
			t.Fatal(err)
		}

		k, fresh, err := s.RotateKey(ctx, k.ID, 0, time.Hour)
		if err != nil || fresh == secret || find(secret) != nil || find(fresh) != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if find(secret) == nil || find(fresh) != nil {
			t.Fatal("the grace does not end, or takes the new one along")
		}
		k, last, err := s.RotateKey(ctx, k.ID, 0, 0)
		if err != nil || find(fresh) == nil || find(last) != nil {
			t.Fatal("a rotation without grace leaves the old credential")
		}
		if _, _, err := s.RotateKey(ctx, k.ID, 0, MaxGrace+1); err == nil {
			t.Fatal("an absurd grace is accepted")
		}

		k, _, err = s.EditKey(ctx, k.ID, 0, func(k *auth.Stored) error { k.Disabled = true; return nil })
		if err != nil || !errors.Is(find(last), auth.ErrDisabled) {
			t.Fatal(err, find(last))
		}
		if _, _, err = s.EditKey(ctx, k.ID, 0, func(k *auth.Stored) error { k.Disabled = false; return nil }); err != nil || find(last) != nil {
			t.Fatal(err)
		}
		if _, err := s.RevokeKey(ctx, k.ID, 0); err != nil || !errors.Is(find(last), auth.ErrUnknown) {
			t.Fatal(err, find(last))
		}
		if k, err = s.Key(ctx, k.ID); err != nil || k.RevokedAt.IsZero() {
			t.Fatal("a revoked key cannot be read any more", err)
		}
		for _, err := range []error{
			func() error { _, err := s.RevokeKey(ctx, k.ID, 0); return err }(),
			func() error { _, _, err := s.RotateKey(ctx, k.ID, 0, 0); return err }(),
			func() error { _, _, err := s.EditKey(ctx, "key_x", 0, nil); return err }(),
		} {
			if !errors.Is(err, auth.ErrNotFound) {
				t.Error(err)
			}
		}
	})
}

func TestWhatIsWrongIsToldByField(t *testing.T) {
	s, _ := node(t, newFake(), nil)
	_, _, _, err := s.CreateKey(t.Context(), auth.Stored{Name: "static", Owner: "filde", Priority: "urgent", MaxTokens: -1,
		Limits: map[string]string{"rpm": "60x", "tpm": "25%"}, AllowedIPs: []string{"home"}, ExpiresAt: time.Now().Add(-time.Hour)})
	var wrong auth.FieldErrors
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	want := []string{"allowed_ips[0]", "expires_at", "limits.rpm", "max_tokens", "name", "owner", "priority"}
	if got := slices.Sorted(maps.Keys(wrong)); !slices.Equal(got, want) {
		t.Fatal(wrong)
	}
	create(t, s, auth.Stored{Name: "app"})
	if _, _, _, err := s.CreateKey(t.Context(), auth.Stored{Name: "app"}); !errors.Is(err, auth.ErrExists) {
		t.Fatal(err)
	}
}

// What was wrong already keeps no other field from being edited: a key can always be
// disabled.
func TestAnOldWrongDoesNotKeepAKeyFromBeingDisabled(t *testing.T) {
	store := newFake()
	now := time.Now()
	store.keys["key_1"] = auth.Stored{ID: "key_1", Name: "app", Owner: "gone", Priority: "normal", Weight: 1, Models: []string{"*"},
		Limits: map[string]string{"rpm": "10%"}, ExpiresAt: now.Add(-time.Hour), Version: 1}
	store.stamp("key key_1")
	s, _ := node(t, store, nil)
	if _, _, err := s.EditKey(t.Context(), "key_1", 0, func(k *auth.Stored) error { k.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	var wrong auth.FieldErrors
	_, _, err := s.EditKey(t.Context(), "key_1", 0, func(k *auth.Stored) error { k.Owner, k.Priority = "gone-too", "x"; return nil })
	if !errors.As(err, &wrong) || len(wrong) != 2 || wrong["owner"] == "" || wrong["priority"] == "" {
		t.Fatal(err)
	}
}

func TestOwners(t *testing.T) {
	s, d := node(t, newFake(), nil)
	ctx := t.Context()
	o, err := s.CreateOwner(ctx, auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "60", "tpm": "1000"}})
	if err != nil || o.Kind != "team" || d.Owner("team") == nil {
		t.Fatal(o, err)
	}
	var wrong auth.FieldErrors
	if _, err := s.CreateOwner(ctx, auth.StoredOwner{Name: "filed", Limits: map[string]string{"rpm": "10%"}}); !errors.As(err, &wrong) || len(wrong) != 2 {
		t.Fatal(err)
	}
	if _, err := s.CreateOwner(ctx, auth.StoredOwner{Name: "team"}); !errors.Is(err, auth.ErrExists) {
		t.Fatal(err)
	}
	create(t, s, auth.Stored{Name: "app", Owner: "team", Limits: map[string]string{"tpm": "50%"}})
	create(t, s, auth.Stored{Name: "app2", Owner: "team"})
	var inUse *auth.InUse
	if err := s.DeleteOwner(ctx, "team", 0); !errors.As(err, &inUse) || inUse.Keys != 2 {
		t.Fatal(err)
	}
	_, warnings, err := s.EditOwner(ctx, "team", 1, func(o *auth.StoredOwner) error { o.Limits, o.Name = map[string]string{"rpm": "30"}, "x"; return nil })
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "limits.tpm: 1 keys") || d.Owner("team").Limits["rpm"] != "30" {
		t.Fatal(warnings, err)
	}
	if _, _, err := s.EditOwner(ctx, "team", 1, func(*auth.StoredOwner) error { return nil }); !errors.Is(err, auth.ErrConflict) {
		t.Fatal(err)
	}
	found, _ := s.Keys(auth.KeyQuery{Owner: "team"})
	for _, k := range found {
		if _, err := s.RevokeKey(ctx, k.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteOwner(ctx, "team", 0); err != nil || d.Owner("team") != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateOwner(ctx, auth.StoredOwner{Name: "team"}); err != nil || d.Owner("team") == nil {
		t.Fatal("the name is not free again", err)
	}
	if err := s.Refresh(ctx); err != nil || d.Owner("team") == nil {
		t.Fatal("the new owner of the name went with the old one", err)
	}
}

// Two nodes on one store: what one does is in force on the other within a second.
func TestOtherNodesFollowWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		a, _ := node(t, store, nil)
		b, d := node(t, store, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go b.Run(ctx)
		find := func(secret string) error { _, err := d.Find(auth.Digest(secret), time.Now()); return err }
		second := func() { time.Sleep(time.Second); synctest.Wait() }

		if _, err := a.CreateOwner(ctx, auth.StoredOwner{Name: "team"}); err != nil {
			t.Fatal(err)
		}
		k, secret := create(t, a, auth.Stored{Name: "app", Owner: "team"})
		second()
		if find(secret) != nil || d.Owner("team") == nil {
			t.Fatal("a new key is unknown after a second")
		}
		_, fresh, err := a.RotateKey(ctx, k.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		second()
		if find(secret) == nil || find(fresh) != nil {
			t.Fatal("a rotation is not in force after a second")
		}
		if _, err := a.RevokeKey(ctx, k.ID, 0); err != nil {
			t.Fatal(err)
		}
		if err := a.DeleteOwner(ctx, "team", 0); err != nil {
			t.Fatal(err)
		}
		second()
		if find(fresh) == nil || d.Owner("team") != nil {
			t.Fatal("a revocation is not in force after a second")
		}
	})
}

// A store that is gone: keys go on working, changes fail, the age is told, looks become
// seldom; when it is back, what happened meanwhile is caught up on.
func TestAStoreThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		var log bytes.Buffer
		s, d := node(t, store, &log)
		other, _ := node(t, store, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Run(ctx)
		k, secret := create(t, s, auth.Stored{Name: "app"})
		gone := errors.New("the disk is gone")
		store.set(gone)
		store.mu.Lock()
		looks := store.looks
		store.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		store.mu.Lock()
		looks = store.looks - looks
		store.mu.Unlock()
		if looks > 20 {
			t.Errorf("%d looks in a minute at a store that is gone", looks)
		}
		if _, err := d.Find(auth.Digest(secret), time.Now()); err != nil {
			t.Fatal("a known key stopped working", err)
		}
		if s.Stale() < 50*time.Second {
			t.Errorf("known to be %v old", s.Stale())
		}
		if _, err := s.RevokeKey(ctx, k.ID, 0); !errors.Is(err, gone) {
			t.Fatal(err)
		}
		if _, err := d.Find(auth.Digest(secret), time.Now()); err != nil {
			t.Fatal("a change that was not stored is in force", err)
		}
		store.set(nil)
		if _, err := other.RevokeKey(ctx, k.ID, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(slowest * 5 / 4)
		synctest.Wait()
		if _, err := d.Find(auth.Digest(secret), time.Now()); err == nil || s.Stale() > slowest {
			t.Fatal("it was not caught up on", err, s.Stale())
		}
		if n := strings.Count(log.String(), "does not answer"); n != 1 || !strings.Contains(log.String(), "answers again") {
			t.Errorf("said %d times:\n%s", n, &log)
		}
		if strings.Contains(log.String(), secret) {
			t.Error("a credential is in the log")
		}
	})
}

// A look that began before a revocation does not bring the key back.
func TestASlowLookDoesNotBringBackWhatIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		s, d := node(t, store, nil)
		k, secret := create(t, s, auth.Stored{Name: "app"})
		o, err := s.CreateOwner(t.Context(), auth.StoredOwner{Name: "team"})
		if err != nil {
			t.Fatal(err)
		}
		store.mu.Lock()
		store.reading = make(chan struct{})
		store.mu.Unlock()
		done := make(chan error)
		go func() { done <- s.Refresh(context.Background()) }()
		synctest.Wait() // it has read, and not applied
		if _, err := s.RevokeKey(t.Context(), k.ID, 0); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock() // as DeleteOwner does, without its own look
		s.deleted["team"] = o.CreatedAt
		gone := o
		gone.DeletedAt, gone.Version = time.Now(), 2
		d.PutOwner(&gone)
		s.mu.Unlock()
		close(store.reading)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := d.Find(auth.Digest(secret), time.Now()); err == nil || d.Owner("team") != nil {
			t.Fatal("it is back")
		}
		if err := store.UpdateOwner(t.Context(), &auth.StoredOwner{Name: "team", CreatedAt: o.CreatedAt, DeletedAt: time.Now(), Version: 1}); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.revoked)+len(s.deleted) != 0 {
			t.Fatal("what has been seen is remembered for ever")
		}
	})
}

// A backup that was put back counts, though it is older.
func TestABackupThatWasPutBack(t *testing.T) {
	store := newFake()
	s, d := node(t, store, nil)
	kept, secret := create(t, s, auth.Stored{Name: "kept"})
	store.mu.Lock()
	backup, revision := maps.Clone(store.keys), store.revision
	store.mu.Unlock()
	if _, _, err := s.EditKey(t.Context(), kept.ID, 0, func(k *auth.Stored) error { k.Name = "later"; return nil }); err != nil {
		t.Fatal(err)
	}
	_, later := create(t, s, auth.Stored{Name: "new"})
	if _, err := s.CreateOwner(t.Context(), auth.StoredOwner{Name: "team"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.mu.Lock()
	store.keys, store.owners, store.revision = backup, nil, revision
	store.mu.Unlock()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, err := d.Find(auth.Digest(secret), time.Now())
	if err != nil || k.Name() != "kept" || d.Len() != 1 || d.Owner("team") != nil {
		t.Fatal(err, d.Len())
	}
	if _, err := d.Find(auth.Digest(later), time.Now()); err == nil {
		t.Fatal("a key that the backup does not know works")
	}
}

// Edits that name no version are all made; of those that name one, one of each is.
func TestConcurrentEdits(t *testing.T) {
	s, _ := node(t, newFake(), nil)
	k, _ := create(t, s, auth.Stored{Name: "app"})
	var wg sync.WaitGroup
	var mu sync.Mutex
	conflicts := 0
	for i := range 4 {
		wg.Go(func() {
			_, _, err := s.EditKey(context.Background(), k.ID, 1, func(k *auth.Stored) error { k.MaxTokens = int64(i + 1); return nil })
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, auth.ErrConflict) {
				conflicts++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if conflicts != 3 {
		t.Errorf("%d of 4 edits of one version met a conflict", conflicts)
	}
	for i := range 4 {
		wg.Go(func() {
			if _, _, err := s.EditKey(context.Background(), k.ID, 0, func(k *auth.Stored) error { k.Tags = append(k.Tags, fmt.Sprint(i)); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := s.Key(context.Background(), k.ID); err != nil || len(got.Tags) != 4 {
		t.Fatalf("%v %v", got.Tags, err)
	}
}

func TestListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := node(t, newFake(), nil)
		for i := range 250 {
			time.Sleep(time.Millisecond) // IDs are in the order of making
			k := auth.Stored{Name: fmt.Sprintf("app-%03d", i)}
			if i%5 == 0 {
				k.Owner, k.Tags = "filed", []string{"Team:A"}
			}
			create(t, s, k)
		}
		seen, after := []string{}, ""
		for pages := 0; ; pages++ {
			rows, next := s.Keys(auth.KeyQuery{After: after, Limit: 60})
			for _, k := range rows {
				seen = append(seen, k.Name)
			}
			if after = next; next == "" {
				break
			}
			if pages > 5 {
				t.Fatal("it does not end")
			}
		}
		if len(seen) != 250 || seen[0] != "app-249" || seen[249] != "app-000" || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Fatalf("%d: %v", len(seen), seen)
		}
		for _, c := range []struct {
			q    auth.KeyQuery
			want int
		}{
			{auth.KeyQuery{Owner: "filed"}, 50}, {auth.KeyQuery{Tag: "Team:A"}, 50}, {auth.KeyQuery{Tag: "team:a"}, 0}, {auth.KeyQuery{Search: "team:a"}, 50},
			{auth.KeyQuery{Search: "APP-00"}, 10}, {auth.KeyQuery{Search: "filed", Owner: "x"}, 0}, {auth.KeyQuery{Search: "%"}, 0}, {auth.KeyQuery{}, 100},
		} {
			if rows, _ := s.Keys(c.q); len(rows) != c.want {
				t.Errorf("%+v: %d", c.q, len(rows))
			}
		}
	})
}

// scanner is a store that is read row by row.
type scanner struct {
	*fakeStore
	scans int
}

func (f *scanner) ScanKeys(_ context.Context, owner func(*auth.StoredOwner) error, key func(*auth.Stored) error) (int64, error) {
	f.scans++
	c, _, err := f.read(0)
	for i := range c.Owners {
		err = errors.Join(err, owner(&c.Owners[i]))
	}
	for i := range c.Keys {
		err = errors.Join(err, key(&c.Keys[i]))
	}
	return c.Revision, err
}

func TestAStoreIsReadRowByRowWhereItCan(t *testing.T) {
	store := &scanner{fakeStore: newFake()}
	a, _ := node(t, store, nil)
	create(t, a, auth.Stored{Name: "one"})
	b, d := node(t, store, nil)
	create(t, a, auth.Stored{Name: "two"})
	if err := b.Refresh(t.Context()); err != nil || d.Len() != 2 || store.scans != 2 {
		t.Fatal(err, d.Len(), store.scans)
	}
}

func BenchmarkList10k(b *testing.B) {
	s, _ := node(b, newFake(), nil)
	for i := range 10_000 {
		k := auth.Stored{ID: fmt.Sprintf("key_%06d", i), Name: fmt.Sprint("app-", i), Models: []string{"*"}, Priority: "normal", Hash: auth.Digest(fmt.Sprint(i)), Version: 1}
		if err := s.o.Directory.Put(&k); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if rows, _ := s.Keys(auth.KeyQuery{Search: "app-99", Limit: 50}); len(rows) != 50 {
			b.Fatal(len(rows))
		}
	}
}
