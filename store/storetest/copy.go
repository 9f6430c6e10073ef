package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/sqlstore"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

// fill puts something into every table.
func fill(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	revoked, alive := key("k1"), key("k2")
	revoked.RevokedAt, alive.Disabled = begin(), false
	ok(t, s.CreateKey(ctx, &revoked))
	ok(t, s.CreateKey(ctx, &alive))
	ok(t, s.CreateOwner(ctx, &auth.StoredOwner{Name: "acme", Tags: []string{"é"}}))
	a := account("a1")
	ok(t, s.CreateAccount(ctx, &a))
	ok(t, s.CreateToken(ctx, &access.Token{ID: "t1", Name: "t", Hash: hash("t")}))
	ok(t, s.CreateSession(ctx, &access.Session{Hash: hash("s"), AccountID: "a1", ExpiresAt: begin()}))
	for range 3 {
		ok(t, s.AppendAudit(ctx, &access.Audit{At: begin(), Who: "ann", Detail: []byte(`{"a":1}`)}))
	}
	ok(t, s.AppendConfig(ctx, &history.Version{Who: "ann", Text: []byte("\x00\xff"), Sealed: true}, 0))
	ok(t, s.AppendConfig(ctx, &history.Version{Who: "bob"}, 1))
	ok(t, s.PutUpstreamKey(ctx, &vault.UpstreamKey{Provider: "p", Account: "a", Fingerprint: "f", Sealed: []byte{0, 255}}))
	ok(t, s.PutUpstreamKey(ctx, &vault.UpstreamKey{Provider: "p", Account: "a", Fingerprint: "g", State: "disabled"}))
	ok(t, s.SetCanary(ctx, []byte("canary")))
	entries := Load(0, 200)
	entries = append(entries, ledger.Entry{Request: request("r1"), Attempts: []ledger.Attempt{attempt("r1", 0), attempt("r1", 1)}, Content: content("r1")})
	ok(t, s.Append(ctx, entries))
}

// everything is what a store answers, printed.
func everything(t *testing.T, s Store) string {
	t.Helper()
	ctx := t.Context()
	out := ""
	say := func(what any, err error) {
		t.Helper()
		ok(t, err)
		out += fmt.Sprintf("%+v\n", what)
	}
	say(s.Changes(ctx, 0))
	say(s.Changes(ctx, 1))
	say(s.Accounts(ctx))
	say(s.Tokens(ctx))
	say(s.SessionByHash(ctx, hash("s")))
	say(s.Audits(ctx, 0, 10))
	say(s.ConfigHistory(ctx, 10))
	say(s.ConfigVersion(ctx, 1))
	say(s.ActiveConfig(ctx))
	say(s.UpstreamKeys(ctx))
	say(s.Canary(ctx))
	rows, _, err := s.Requests(ctx, ledger.Filter{Limit: 1000})
	say(rows, err)
	r, attempts, err := s.Request(ctx, "r1")
	say(*r, err)
	say(attempts, nil)
	c, err := s.Content(ctx, "r1")
	say(*c, err)
	say(s.Usage(ctx, ledger.UsageQuery{GroupBy: []string{ledger.ByKey, ledger.ByHour, ledger.ByProvider, ledger.ByOwner}}))
	return out
}

// RunTables tells whether a copy knows all columns that there are: found lists them as
// table.column.
func RunTables(t *testing.T, found *sql.Rows) {
	t.Helper()
	defer found.Close()
	var columns []string
	for found.Next() {
		var name string
		ok(t, found.Scan(&name))
		columns = append(columns, name)
	}
	ok(t, found.Err())
	slices.Sort(columns)
	same(t, columns, sqlstore.Copied(), "what is copied")
}

// RunCopy copies databases from one engine to another: what the other then answers is the
// same, it goes on from there, and nothing is ever copied by half.
func RunCopy(t *testing.T, from, to Engine) {
	source, target := open(t, from), open(t, to)
	fill(t, source)
	ctx := t.Context()

	soon, cancel := context.WithCancel(ctx)
	err := sqlstore.Copy(soon, source, target, func(p sqlstore.Progress) {
		if p.Table == "attempts" {
			cancel()
		}
	})
	refused(t, from, err, context.Canceled)
	same(t, total(t, target, ledger.UsageQuery{}), ledger.Usage{}, "after a copy that was broken off")

	last := map[string]sqlstore.Progress{}
	ok(t, sqlstore.Copy(ctx, source, target, func(p sqlstore.Progress) { last[p.Table] = p }))
	equal(t, last["requests"].Rows, 201, "requests copied")
	equal(t, len(last), 14, "tables copied")
	for name, p := range last {
		if p.Rows == 0 || p.Rows != p.All || !p.Comparing {
			t.Errorf("%s: %+v", name, p)
		}
	}
	same(t, everything(t, target), everything(t, source), "the copy")
	ok(t, target.Check(ctx))

	refused(t, from, sqlstore.Copy(ctx, source, target, nil), sqlstore.ErrNotEmpty)
	// It goes on where the other was.
	a := access.Audit{At: begin()}
	ok(t, target.AppendAudit(ctx, &a))
	equal(t, a.ID, 4, "the next entry of the audit log")
	k := auth.Stored{ID: "k3", Name: "k3", Hash: hash("k3")}
	ok(t, target.CreateKey(ctx, &k))
	c, err := target.Changes(ctx, 3)
	ok(t, err)
	equal(t, len(c.Keys), 1, "keys changed since")
	ok(t, target.AppendConfig(ctx, &history.Version{At: time.Now()}, 2))
	before := total(t, target, ledger.UsageQuery{})
	ok(t, target.Append(ctx, Load(0, 200))) // what was there counts once
	same(t, total(t, target, ledger.UsageQuery{}), before, "sums")
}
