package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
)

// diff tells how two values differ; empty: they do not.
func diff(got, want any) string {
	if reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf("\n got %.2000s\nwant %.2000s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
}

// key is a key with something in every field.
func key(id string) auth.Stored {
	return auth.Stored{
		ID: id, Name: "name of " + id, Owner: "acme", Priority: "high", Weight: 3,
		Models: []string{"qwen3-*", "gpt-4o"}, Limits: map[string]string{"rpm": "60", "tpm": "25%", "usd_per_day": "0.5"},
		MaxTokens: 4096, AllowedIPs: []string{"10.0.0.0/8", "::1/128"}, Tags: []string{"blue", "it's \"quoted\" \\ <&>"},
		ExpiresAt: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), Disabled: true,
		Hash: hash(id), Hint: "wxyz", OldHash: hash("old " + id), OldUntil: begin().Add(time.Hour),
		CreatedAt: begin(), UpdatedAt: begin().Add(time.Second),
	}
}

func testKeys(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	full, bare := key("k1"), auth.Stored{ID: "k2", Name: "bare", Hash: hash("k2")}
	for _, k := range []*auth.Stored{&full, &bare} {
		ok(t, s.CreateKey(ctx, k))
		equal(t, k.Version, 1, "version")
		got, err := s.Key(ctx, k.ID)
		ok(t, err)
		same(t, got, *k, "the key as it was created")
	}
	full.Name, full.Models, full.Limits, full.Tags, full.AllowedIPs = "another", nil, map[string]string{}, []string{}, nil
	full.Weight, full.MaxTokens, full.Disabled, full.OldHash, full.OldUntil = 0, 0, false, [32]byte{}, time.Time{}
	full.Hash, full.ExpiresAt = hash("rotated"), time.Time{}
	ok(t, s.UpdateKey(ctx, &full))
	equal(t, full.Version, 2, "version")
	got, err := s.Key(ctx, "k1")
	ok(t, err)
	full.Limits, full.Tags = nil, nil // what is empty comes back nil
	same(t, got, full, "the key as it was changed")

	local := time.FixedZone("", 3600)
	bare.ExpiresAt = time.Date(2027, 1, 31, 0, 0, 0, 999_999_999, local)
	ok(t, s.UpdateKey(ctx, &bare))
	got, err = s.Key(ctx, "k2")
	ok(t, err)
	equal(t, got.ExpiresAt, time.Date(2027, 1, 30, 23, 0, 0, 999_999_000, time.UTC), "a time in UTC, to the microsecond")
}

func testKeyGuards(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	k := key("k1")
	ok(t, s.CreateKey(ctx, &k))
	taken := func(what string, change func(k *auth.Stored)) {
		t.Helper()
		other := key("k2")
		change(&other)
		refused(t, e, s.CreateKey(ctx, &other), auth.ErrExists)
		equal(t, other.Version, 0, "version after "+what)
	}
	taken("a taken name", func(o *auth.Stored) { o.Name = k.Name })
	taken("a taken ID", func(o *auth.Stored) { o.ID = k.ID })
	taken("a taken credential", func(o *auth.Stored) { o.Hash = k.Hash })

	other := key("k2")
	ok(t, s.CreateKey(ctx, &other))
	other.Name = k.Name
	refused(t, e, s.UpdateKey(ctx, &other), auth.ErrExists)
	equal(t, other.Version, 1, "version after a refused update")

	stale := k
	ok(t, s.UpdateKey(ctx, &k))
	refused(t, e, s.UpdateKey(ctx, &stale), auth.ErrConflict)
	missing := key("k3")
	missing.Version = 1
	refused(t, e, s.UpdateKey(ctx, &missing), auth.ErrNotFound)
	for _, id := range []string{"k3", "", "K1", "k1 ", "k1\x00", "k\xff", "k1' OR '1'='1", strings.Repeat("k", 1<<20)} {
		_, err := s.Key(ctx, id)
		refused(t, e, err, auth.ErrNotFound)
	}

	k.RevokedAt = begin()
	ok(t, s.UpdateKey(ctx, &k))
	got, err := s.Key(ctx, "k1")
	ok(t, err)
	same(t, got, k, "a revoked key")
	k.RevokedAt = time.Time{}
	refused(t, e, s.UpdateKey(ctx, &k), auth.ErrNotFound)
	other.Name = "name of k1"
	ok(t, s.UpdateKey(ctx, &other)) // the name is free again
	taken("a revoked key's credential", func(o *auth.Stored) { o.ID, o.Name, o.Hash = "k4", "k4", k.Hash })
	taken("a revoked key's ID", func(o *auth.Stored) { o.ID, o.Name, o.Hash = "k1", "k4", hash("k4") })
}

func testOwners(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	o := auth.StoredOwner{Name: "acme", Kind: "team", Limits: map[string]string{"rpm": "60"}, Tags: []string{"x"}, CreatedAt: begin(), UpdatedAt: begin()}
	ok(t, s.CreateOwner(ctx, &o))
	equal(t, o.Version, 1, "version")
	again := o
	refused(t, e, s.CreateOwner(ctx, &again), auth.ErrExists)
	stale := o
	o.Limits, o.Kind = map[string]string{"tpm": "5"}, "user"
	ok(t, s.UpdateOwner(ctx, &o))
	refused(t, e, s.UpdateOwner(ctx, &stale), auth.ErrConflict)
	got, err := s.Owner(ctx, "acme")
	ok(t, err)
	same(t, got, o, "the owner as it was changed")
	refused(t, e, s.UpdateOwner(ctx, &auth.StoredOwner{Name: "nobody", Version: 1}), auth.ErrNotFound)
	_, err = s.Owner(ctx, "ac\x00me")
	refused(t, e, err, auth.ErrNotFound)

	o.DeletedAt = begin()
	ok(t, s.UpdateOwner(ctx, &o))
	got, err = s.Owner(ctx, "acme")
	ok(t, err)
	same(t, got, o, "a deleted owner")
	refused(t, e, s.UpdateOwner(ctx, &o), auth.ErrNotFound)

	anew := auth.StoredOwner{Name: "acme", Kind: "team"}
	ok(t, s.CreateOwner(ctx, &anew))
	got, err = s.Owner(ctx, "acme")
	ok(t, err)
	same(t, got, anew, "the owner that took the name")
	c, err := s.Changes(ctx, 1)
	ok(t, err)
	if len(c.Owners) != 2 || c.Owners[0].DeletedAt.IsZero() || !c.Owners[1].DeletedAt.IsZero() {
		t.Fatalf("want the deleted owner and then the living one, got %+v", c.Owners)
	}
}
