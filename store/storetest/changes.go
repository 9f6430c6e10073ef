package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/auth"
)

// testKeysAgainstAModel does what administrators do, at random, to a store and to a map, and
// follows the changes as another node does.
func testKeysAgainstAModel(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	// Revision 0 asks for all that lives, not for what changed: the runs begin after it.
	ok(t, s.CreateKey(ctx, &auth.Stored{ID: "before", Name: "before", Hash: hash("before"), CreatedAt: begin()}))
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		m := keyModel{store: s, run: runs, all: map[string]auth.Stored{}, follower: map[string]auth.Stored{}}
		c, err := s.Changes(ctx, 0)
		ok(t, err)
		m.revision = c.Revision
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			m.step(t)
		}
		m.follow(t)
		same(t, m.follower, m.all, "what a node that followed the changes knows")
		for _, want := range m.all { // leave nothing alive for the next run
			if want.RevokedAt.IsZero() {
				want.RevokedAt = begin()
				ok(t, s.UpdateKey(ctx, &want))
			}
		}
	})
}

type keyModel struct {
	store         Store
	run           int
	all, follower map[string]auth.Stored
	revision      int64
}

func (m *keyModel) step(t *rapid.T) {
	ctx := t.Context()
	id := fmt.Sprintf("run %d key %d", m.run, rapid.IntRange(1, 4).Draw(t, "id"))
	name := fmt.Sprintf("run %d name %d", m.run, rapid.IntRange(1, 3).Draw(t, "name"))
	stored, there := m.all[id]
	switch rapid.SampledFrom([]string{"create", "update", "stale", "revoke", "read", "follow"}).Draw(t, "do") {
	case "create":
		k := auth.Stored{ID: id, Name: name, Hash: hash(id), CreatedAt: begin(), Weight: rapid.IntRange(0, 9).Draw(t, "weight")}
		want := error(nil)
		if there || m.taken(name, "") {
			want = auth.ErrExists
		}
		m.wants(t, s2(m.store.CreateKey(ctx, &k), k), want)
	case "update":
		k := stored
		k.ID, k.Name, k.Tags = id, name, []string{rapid.String().Filter(storable).Draw(t, "tag")}
		want := m.alive(id)
		if want == nil && m.taken(name, id) {
			want = auth.ErrExists
		}
		if !there {
			k.Hash = hash(id)
		}
		m.wants(t, s2(m.store.UpdateKey(ctx, &k), k), want)
	case "stale":
		k := stored
		k.ID, k.Version = id, stored.Version+rapid.SampledFrom([]int64{-1, 1, 100}).Draw(t, "off")
		k.Name, k.Hash = fmt.Sprintf("run %d free", m.run), hash(id)
		want := m.alive(id)
		if want == nil {
			want = auth.ErrConflict
		}
		m.wants(t, s2(m.store.UpdateKey(ctx, &k), k), want)
	case "revoke":
		k := stored
		k.ID, k.RevokedAt = id, begin().Add(time.Hour)
		if !there {
			k.Name, k.Hash = name, hash(id)
		}
		m.wants(t, s2(m.store.UpdateKey(ctx, &k), k), m.alive(id))
	case "read":
		got, err := m.store.Key(ctx, id)
		if !there {
			if !errors.Is(err, auth.ErrNotFound) {
				t.Fatalf("a key that is not there: %v", err)
			}
			return
		}
		ok(t, err)
		same(t, got, stored, "the key")
	case "follow":
		m.follow(t)
		same(t, m.follower, m.all, "what a node that followed the changes knows")
	}
}

// answer is what a write answered, and what it left in its argument.
type answer struct {
	err error
	key auth.Stored
}

func s2(err error, k auth.Stored) answer { return answer{err, k} }

func (m *keyModel) wants(t *rapid.T, a answer, want error) {
	t.Helper()
	if !errors.Is(a.err, want) || a.err != nil && want == nil {
		t.Fatalf("got error %v, want %v", a.err, want)
	}
	if want == nil {
		equal(t, a.key.Version, m.all[a.key.ID].Version+1, "version")
		m.all[a.key.ID] = a.key
	}
}

// alive is what an update of a key is refused with: nothing if it lives.
func (m *keyModel) alive(id string) error {
	if k, there := m.all[id]; !there || !k.RevokedAt.IsZero() {
		return auth.ErrNotFound
	}
	return nil
}

func (m *keyModel) taken(name, except string) bool {
	for _, k := range m.all {
		if k.Name == name && k.ID != except && k.RevokedAt.IsZero() {
			return true
		}
	}
	return false
}

func (m *keyModel) follow(t *rapid.T) {
	c, err := m.store.Changes(t.Context(), m.revision)
	ok(t, err)
	for _, k := range c.Keys {
		m.follower[k.ID] = k
	}
	m.revision = c.Revision
}

// testChangesMissNothing writes from several nodes at once while another follows: at the end
// it has seen the last state of everything, and no revision went backwards.
func testChangesMissNothing(t *testing.T, e Engine) {
	fresh := e.fresh(t)
	first := node(t, fresh)
	nodes := []Store{first, first}
	if !e.Alone {
		nodes = append(nodes, node(t, fresh))
	}
	ctx := t.Context()
	const writers, rounds = 6, 12
	var work sync.WaitGroup
	var failed atomic.Pointer[error]
	for w := range writers {
		s := nodes[w%len(nodes)]
		work.Go(func() {
			if err := churn(t, s, w, rounds); err != nil {
				failed.Store(&err)
			}
		})
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	seen, at := map[string]auth.Stored{}, int64(0)
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		c, err := nodes[len(nodes)-1].Changes(ctx, at)
		ok(t, err)
		if c.Revision < at {
			t.Fatalf("the revision went from %d to %d", at, c.Revision)
		}
		for _, k := range c.Keys {
			if k.Version < seen[k.ID].Version {
				t.Fatalf("key %s went back from version %d to %d", k.ID, seen[k.ID].Version, k.Version)
			}
			seen[k.ID] = k
		}
		at = c.Revision
	}
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
	equal(t, at, writers*rounds*2, "revision")
	equal(t, len(seen), writers*rounds, "keys seen")
	for id, k := range seen {
		equal(t, k.Version, 2, "version seen of "+id)
	}
	checkReplay(t, first, at)
}

// checkReplay holds the other ways to ask against each other.
func checkReplay(t *testing.T, s Store, at int64) {
	ctx := t.Context()
	c, err := s.Changes(ctx, at)
	ok(t, err)
	equal(t, len(c.Keys)+len(c.Owners), 0, "changes when there are none")
	equal(t, c.Revision, at, "revision when nothing has changed")
	gone, err := s.Key(ctx, "0/0")
	ok(t, err)
	gone.RevokedAt = begin()
	ok(t, s.UpdateKey(ctx, &gone))
	all, err := s.Changes(ctx, 0)
	ok(t, err)
	if slices.ContainsFunc(all.Keys, func(k auth.Stored) bool { return k.ID == gone.ID }) {
		t.Fatal("a revoked key among all that lives")
	}
	ahead, err := s.Changes(ctx, at+1000)
	ok(t, err)
	equal(t, len(ahead.Keys), len(all.Keys)+1, "keys after a revision that was never reached")
	equal(t, ahead.Revision, at+1, "revision after one that was never reached")
	same(t, ahead.Keys[len(ahead.Keys)-1], gone, "the last change")
}

// churn creates keys and changes each once.
func churn(t *testing.T, s Store, writer, rounds int) error {
	for i := range rounds {
		id := fmt.Sprintf("%d/%d", writer, i)
		k := auth.Stored{ID: id, Name: id, Hash: hash(id)}
		if err := s.CreateKey(t.Context(), &k); err != nil {
			return err
		}
		if err := s.UpdateKey(t.Context(), &k); err != nil {
			return err
		}
	}
	return nil
}

// testOneOfManyUpdatesWins has several change one version at the same time.
func testOneOfManyUpdatesWins(t *testing.T, e Engine) {
	fresh := e.fresh(t)
	nodes := []Store{node(t, fresh)}
	if !e.Alone {
		nodes = append(nodes, node(t, fresh))
	}
	ctx := t.Context()
	k := key("k")
	ok(t, nodes[0].CreateKey(ctx, &k))
	const rivals = 8
	for round := range 5 {
		results := make([]answer, rivals)
		var work sync.WaitGroup
		for i := range rivals {
			mine := k
			mine.Hint = fmt.Sprintf("%d/%d", round, i)
			work.Go(func() { results[i] = s2(nodes[i%len(nodes)].UpdateKey(ctx, &mine), mine) })
		}
		work.Wait()
		winners := map[int]string{}
		for i, r := range results {
			if r.err == nil {
				winners[i] = r.key.Hint
			} else {
				refused(t, e, r.err, auth.ErrConflict)
			}
		}
		equal(t, len(winners), 1, "winners")
		got, err := nodes[0].Key(ctx, "k")
		ok(t, err)
		equal(t, got.Hint, slices.Collect(maps.Values(winners))[0], "what is stored")
		equal(t, got.Version, k.Version+1, "version")
		k = got
	}
	names := make([]error, rivals)
	var work sync.WaitGroup
	for i := range rivals {
		id := fmt.Sprint("new ", i)
		work.Go(func() {
			names[i] = nodes[i%len(nodes)].CreateKey(ctx, &auth.Stored{ID: id, Name: "one name", Hash: hash(id)})
		})
	}
	work.Wait()
	won := 0
	for _, err := range names {
		if err == nil {
			won++
		} else {
			refused(t, e, err, auth.ErrExists)
		}
	}
	equal(t, won, 1, "keys of one name")
}
