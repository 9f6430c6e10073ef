package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
)

func contextOf(t tester) context.Context { return t.(interface{ Context() context.Context }).Context() }

func ids(rows []ledger.Request) []string {
	all := make([]string, 0, len(rows))
	for _, r := range rows {
		all = append(all, r.ID)
	}
	return all
}

func testFilters(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	vary := []func(r *ledger.Request){
		func(r *ledger.Request) {},
		func(r *ledger.Request) { r.ClientID = "other" },
		func(r *ledger.Request) { r.KeyID = "other" },
		func(r *ledger.Request) { r.Owner = "other" },
		func(r *ledger.Request) { r.Route = "other" },
		func(r *ledger.Request) { r.Model = "other" },
		func(r *ledger.Request) { r.Provider = "other" },
		func(r *ledger.Request) { r.Account = "other" },
		func(r *ledger.Request) { r.Outcome = "other" },
		func(r *ledger.Request) { r.Fault = "other" },
	}
	var entries []ledger.Entry
	for i, f := range vary {
		r := request(fmt.Sprint("r", i))
		r.ClientID, r.At = "client", begin().Add(time.Duration(i)*time.Minute)
		f(r)
		entries = append(entries, ledger.Entry{Request: r})
	}
	ok(t, s.Append(ctx, entries))
	minute := func(n int) time.Time { return begin().Add(time.Duration(n) * time.Minute) }
	for _, c := range []struct {
		f    ledger.Filter
		want []string
	}{
		{ledger.Filter{ClientID: "other"}, []string{"r1"}},
		{ledger.Filter{KeyID: "other"}, []string{"r2"}},
		{ledger.Filter{Owner: "other"}, []string{"r3"}},
		{ledger.Filter{Route: "other"}, []string{"r4"}},
		{ledger.Filter{Model: "other"}, []string{"r5"}},
		{ledger.Filter{Provider: "other"}, []string{"r6"}},
		{ledger.Filter{Account: "other"}, []string{"r7"}},
		{ledger.Filter{Outcome: "other"}, []string{"r8"}},
		{ledger.Filter{Fault: "other"}, []string{"r9"}},
		{ledger.Filter{ID: "r5"}, []string{"r5"}},
		{ledger.Filter{ID: "r5", Owner: "other"}, nil},
		{ledger.Filter{ID: "r5' OR ''='"}, nil},
		{ledger.Filter{Outcome: "ok", From: minute(7)}, []string{"r9", "r7"}},
		{ledger.Filter{KeyID: "k1", Owner: "acme", To: minute(3)}, []string{"r1", "r0"}},
		{ledger.Filter{From: minute(4), To: minute(5)}, []string{"r4"}},
		{ledger.Filter{From: minute(4).Add(1), To: minute(5).Add(1)}, []string{"r5"}}, // a nanosecond counts
		{ledger.Filter{From: minute(4).In(time.FixedZone("", -7200)), To: minute(4)}, nil},
		{ledger.Filter{Limit: 2}, []string{"r9", "r8"}},
		{ledger.Filter{Limit: -1, To: minute(1)}, []string{"r0"}},
	} {
		rows, _, err := s.Requests(ctx, c.f)
		ok(t, err)
		if got := ids(rows); !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.f, got, c.want)
		}
	}
}

// some appends requests, several of which arrived at the same moment.
func some(t *testing.T, s Store, prefix string, n int) []string {
	t.Helper()
	entries := make([]ledger.Entry, n)
	for i := range entries {
		r := request(fmt.Sprintf("%s%04d", prefix, (i*7919)%n))
		r.At = begin().Add(-time.Duration(i/9) * time.Second)
		entries[i].Request = r
	}
	ok(t, s.Append(t.Context(), entries))
	want := make([]string, n)
	slices.SortFunc(entries, func(a, b ledger.Entry) int {
		if c := b.Request.At.Compare(a.Request.At); c != 0 {
			return c
		}
		return slices.Compare([]byte(b.Request.ID), []byte(a.Request.ID))
	})
	for i, e := range entries {
		want[i] = e.Request.ID
	}
	return want
}

func testPages(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	want := some(t, s, "r", 1050)
	for _, limit := range []int{0, 1, 97, 5000} {
		var got []string
		f := ledger.Filter{Limit: limit, KeyID: "k1"}
		pages := 0
		for {
			rows, next, err := s.Requests(ctx, f)
			ok(t, err)
			got = append(got, ids(rows)...)
			pages++
			if next == "" || limit == 1 && pages == 20 {
				break
			}
			f.Before = next
		}
		if limit == 1 {
			same(t, got, want[:20], "requests one by one")
			continue
		}
		same(t, got, want, fmt.Sprintf("all requests, in %d pages of at most %d", pages, limit))
		equal(t, pages, map[int]int{0: 11, 97: 11, 5000: 2}[limit], "pages")
	}
	for _, bad := range []string{"x", "!", "MTIzNA", "IHI", "MSAA", "' OR 1=1"} {
		_, _, err := s.Requests(ctx, ledger.Filter{Before: bad})
		refused(t, e, err, ledger.ErrInvalid)
	}
}

// testPagesWhileRowsAreAdded pages through while newer rows come and old ones are purged:
// what was there at the beginning, and still is, comes once each.
func testPagesWhileRowsAreAdded(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	want := some(t, s, "r", 300)
	seen := map[string]int{}
	f := ledger.Filter{Limit: 23}
	for page := 0; ; page++ {
		rows, next, err := s.Requests(ctx, f)
		ok(t, err)
		for _, r := range rows {
			seen[r.ID]++
		}
		if next == "" {
			break
		}
		f.Before = next
		newer, between := request(fmt.Sprint("newer ", page)), request(fmt.Sprint("between ", page))
		newer.At, between.At = begin().Add(time.Second), rows[len(rows)/2].At
		ok(t, s.Append(ctx, []ledger.Entry{{Request: newer}, {Request: between}}))
		_, err = s.Purge(ctx, begin().Add(-30*time.Second), 1)
		ok(t, err)
	}
	for id, n := range seen {
		equal(t, n, 1, "how often came "+id)
	}
	for _, id := range want[:279] { // arrived in the last 30 seconds
		equal(t, seen[id], 1, "how often came "+id)
	}
}
