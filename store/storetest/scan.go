package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-gateway/sluice/auth"
)

// testKeyScan reads everything that lives row by row, as Changes answers it at once.
func testKeyScan(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	for i := range 5 {
		ok(t, s.CreateOwner(ctx, &auth.StoredOwner{Name: fmt.Sprint("owner ", i), CreatedAt: begin()}))
		ok(t, s.CreateKey(ctx, &auth.Stored{ID: fmt.Sprint("id ", i), Name: fmt.Sprint("name ", i), Hash: hash(fmt.Sprint(i)), Limits: map[string]string{"rpm": "1"}, CreatedAt: begin()}))
	}
	k, err := s.Key(ctx, "id 3")
	ok(t, err)
	k.RevokedAt = begin()
	ok(t, s.UpdateKey(ctx, &k))
	o, err := s.Owner(ctx, "owner 2")
	ok(t, err)
	o.DeletedAt = begin()
	ok(t, s.UpdateOwner(ctx, &o))
	want, err := s.Changes(ctx, 0)
	ok(t, err)
	var got auth.Changes
	got.Revision, err = s.ScanKeys(ctx,
		func(o *auth.StoredOwner) error { got.Owners = append(got.Owners, *o); return nil },
		func(k *auth.Stored) error { got.Keys = append(got.Keys, *k); return nil })
	ok(t, err)
	same(t, got, want, "all that lives")
	equal(t, len(got.Keys), 4, "keys")
	equal(t, len(got.Owners), 4, "owners")
	enough := errors.New("enough")
	for _, f := range []struct{ owner, key error }{{enough, nil}, {nil, enough}} {
		calls := 0
		_, err := s.ScanKeys(ctx,
			func(*auth.StoredOwner) error { calls++; return f.owner }, func(*auth.Stored) error { calls++; return f.key })
		if !errors.Is(err, enough) {
			t.Fatalf("%v", err)
		}
		equal(t, calls, map[bool]int{true: 1, false: 5}[f.owner != nil], "calls before the end")
	}
}
