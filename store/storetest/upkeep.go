package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/ledger"
)

// testPurge removes the oldest in small steps: sums and what is younger stay.
func testPurge(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	var entries []ledger.Entry
	for i := range 10 {
		id := fmt.Sprint("r", i)
		r, a := request(id), attempt(id, 0)
		r.At = begin().Add(time.Duration(i) * time.Minute)
		a.At = r.At
		entries = append(entries, ledger.Entry{Request: r, Attempts: []ledger.Attempt{a}, Content: content(id)})
	}
	orphan, young := attempt("never ended", 3), attempt("not ended yet", 0)
	orphan.At, young.At = begin(), begin().Add(time.Hour)
	ok(t, s.Append(ctx, append(entries, ledger.Entry{Attempts: []ledger.Attempt{orphan, young}})))
	before := total(t, s, ledger.UsageQuery{})

	limit := begin().Add(7 * time.Minute)
	for i, want := range []int{3, 3, 2, 0} { // 7 requests and an attempt
		n, err := s.Purge(ctx, limit, 3)
		ok(t, err)
		equal(t, n, want, fmt.Sprint("purged in step ", i))
	}
	for _, none := range []int{0, -1} {
		n, err := s.Purge(ctx, begin().Add(24*time.Hour), none)
		ok(t, err)
		equal(t, n, 0, "purged when nothing is to be")
	}
	rows, _, err := s.Requests(ctx, ledger.Filter{})
	ok(t, err)
	same(t, ids(rows), []string{"r9", "r8", "r7"}, "what is left")
	_, attempts, err := s.Request(ctx, "r7")
	ok(t, err)
	equal(t, len(attempts), 1, "attempts of what is left")
	_, _, err = s.Request(ctx, "r6")
	refused(t, e, err, ledger.ErrNotFound)
	_, err = s.Content(ctx, "r6")
	refused(t, e, err, ledger.ErrNotFound)
	_, err = s.Content(ctx, "r7")
	ok(t, err)
	same(t, total(t, s, ledger.UsageQuery{}), before, "sums")

	// The attempts are gone and not only out of sight.
	ok(t, s.Append(ctx, []ledger.Entry{{Attempts: []ledger.Attempt{orphan, entries[0].Attempts[0], young, entries[9].Attempts[0]}}}))
	equal(t, total(t, s, ledger.UsageQuery{}).Attempts, before.Attempts+2, "attempts counted")
}

func testPurgeContent(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	var entries []ledger.Entry
	for i := range 5 {
		c := content(fmt.Sprint("r", i))
		c.At = begin().Add(time.Duration(i) * time.Minute)
		entries = append(entries, ledger.Entry{Request: request(c.RequestID), Content: c})
	}
	ok(t, s.Append(ctx, entries))
	for i, want := range []int{2, 1, 0} {
		n, err := s.PurgeContent(ctx, begin().Add(3*time.Minute), 2)
		ok(t, err)
		equal(t, n, want, fmt.Sprint("purged in step ", i))
	}
	for i := range 5 {
		id := fmt.Sprint("r", i)
		_, err := s.Content(ctx, id)
		if i < 3 {
			refused(t, e, err, ledger.ErrNotFound)
		} else {
			ok(t, err)
		}
		_, _, err = s.Request(ctx, id)
		ok(t, err)
	}
}

// testReopen closes a database and finds everything again.
func testReopen(t *testing.T, e Engine) {
	if e.Alone {
		t.Log("this database ends with its node")
		return
	}
	fresh, ctx := e.fresh(t), t.Context()
	s, err := fresh(ctx)
	ok(t, err)
	k := key("k1")
	ok(t, s.CreateKey(ctx, &k))
	ok(t, s.Append(ctx, []ledger.Entry{{Request: request("r1"), Attempts: []ledger.Attempt{attempt("r1", 0)}}}))
	sum := total(t, s, ledger.UsageQuery{})
	for n := range int64(2) {
		ok(t, s.AppendConfig(ctx, &history.Version{At: begin(), Who: "ann", Base: "abc", Text: []byte{byte('a' + n), 0, 0xff}, Sealed: true}, n))
	}
	ok(t, s.ActivateConfig(ctx, 1))
	ok(t, s.Close())
	again := node(t, fresh)
	ok(t, again.Ping(ctx))
	ok(t, again.Check(ctx))
	got, err := again.Key(ctx, "k1")
	ok(t, err)
	same(t, got, k, "the key")
	r, _, err := again.Request(ctx, "r1")
	ok(t, err)
	same(t, r, request("r1"), "the request")
	v, err := again.ActiveConfig(ctx)
	ok(t, err)
	same(t, v, history.Version{N: 1, At: begin(), Who: "ann", Base: "abc", Text: []byte{'a', 0, 0xff}, Sealed: true, Active: true}, "the configuration in force")
	same(t, total(t, again, ledger.UsageQuery{}), sum, "sums")
}

// testDeadlines asks with contexts that have ended: the answer is theirs, nothing is
// written, and the store works on.
func testDeadlines(t *testing.T, e Engine) {
	s := open(t, e)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{gone, context.Canceled}, {late, context.DeadlineExceeded}} {
		k := key("k")
		_, err := s.Changes(c.ctx, 0)
		refused(t, e, err, c.want)
		_, err = s.Usage(c.ctx, ledger.UsageQuery{})
		refused(t, e, err, c.want)
		_, _, err = s.Requests(c.ctx, ledger.Filter{})
		refused(t, e, err, c.want)
		refused(t, e, s.CreateKey(c.ctx, &k), c.want)
		refused(t, e, s.Append(c.ctx, []ledger.Entry{{Request: request("r")}}), c.want)
		refused(t, e, s.Ping(c.ctx), c.want)
	}
	// A writer that is interrupted, over and over, leaves everything or nothing.
	entries := make([]ledger.Entry, 100)
	for i := range entries {
		id := fmt.Sprint("r", i)
		entries[i] = ledger.Entry{Request: request(id), Attempts: []ledger.Attempt{attempt(id, 0)}}
	}
	written, patience := false, time.Millisecond
	for ; !written && patience < 20*time.Second; patience += patience / 4 {
		soon, cancel := context.WithTimeout(t.Context(), patience)
		written = s.Append(soon, entries) == nil
		cancel()
		if n := total(t, s, ledger.UsageQuery{}).Requests; n != 0 && n != 100 {
			t.Fatalf("%d of 100 requests are written", n)
		}
	}
	equal(t, written, true, "written at last")
	ok(t, s.Append(t.Context(), entries))
	equal(t, total(t, s, ledger.UsageQuery{}).Attempts, 100, "attempts")
}

// testNodesOpenAtOnce starts several nodes on one empty database.
func testNodesOpenAtOnce(t *testing.T, e Engine) {
	if e.Alone {
		t.Log("this database has one node")
		return
	}
	fresh := e.fresh(t)
	const nodes = 5
	var work sync.WaitGroup
	errs := make([]error, nodes)
	for i := range nodes {
		work.Go(func() {
			s, err := fresh(t.Context())
			if err == nil {
				k := auth.Stored{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Hash: hash(fmt.Sprint(i))}
				err = s.CreateKey(t.Context(), &k)
				if e := s.Close(); err == nil {
					err = e
				}
			}
			errs[i] = err
		})
	}
	work.Wait()
	for _, err := range errs {
		ok(t, err)
	}
	c, err := node(t, fresh).Changes(t.Context(), 0)
	ok(t, err)
	equal(t, len(c.Keys), nodes, "keys")
	equal(t, c.Revision, nodes, "revision")
}
