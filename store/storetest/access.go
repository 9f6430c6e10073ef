package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

func account(id string) access.Account {
	return access.Account{ID: id, Name: "name of " + id, Role: access.KeyOwner, Owner: "acme",
		PasswordHash: "$argon2id$v=19$m=65536,t=1,p=2$c2FsdA$aGFzaA", Disabled: true, CreatedAt: begin(), UpdatedAt: begin()}
}

func testAccounts(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	a, b := account("a1"), account("a2")
	ok(t, s.CreateAccount(ctx, &b))
	ok(t, s.CreateAccount(ctx, &a))
	equal(t, a.Version, 1, "version")
	got, err := s.Account(ctx, "a1")
	ok(t, err)
	same(t, got, a, "by ID")
	got, err = s.AccountByName(ctx, "name of a1")
	ok(t, err)
	same(t, got, a, "by name")
	all, err := s.Accounts(ctx)
	ok(t, err)
	same(t, all, []access.Account{a, b}, "all, by name")

	other := account("a3")
	other.Name = a.Name
	refused(t, e, s.CreateAccount(ctx, &other), auth.ErrExists)
	other = account("a1")
	other.Name = "free"
	refused(t, e, s.CreateAccount(ctx, &other), auth.ErrExists)
	taken := a
	taken.Name = b.Name
	refused(t, e, s.UpdateAccount(ctx, &taken, nil), auth.ErrExists)

	stale := a
	a.Disabled, a.Role, a.PasswordHash = false, access.Admin, ""
	ok(t, s.UpdateAccount(ctx, &a, nil))
	equal(t, a.Version, 2, "version")
	refused(t, e, s.UpdateAccount(ctx, &stale, nil), auth.ErrConflict)
	got, err = s.Account(ctx, "a1")
	ok(t, err)
	same(t, got, a, "as it was changed")

	ok(t, s.DeleteAccount(ctx, "a1", nil))
	refused(t, e, s.DeleteAccount(ctx, "a1", nil), auth.ErrNotFound)
	refused(t, e, s.UpdateAccount(ctx, &a, nil), auth.ErrNotFound)
	for _, id := range []string{"a1", "", "a\x00"} {
		_, err = s.Account(ctx, id)
		refused(t, e, err, auth.ErrNotFound)
		_, err = s.AccountByName(ctx, id)
		refused(t, e, err, auth.ErrNotFound)
	}
}

func testTokens(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	a := access.Token{ID: "t1", Name: "deploy", Role: access.Operator, Owner: "o", Hash: hash("t1"), CreatedAt: begin(), ExpiresAt: begin().Add(time.Hour)}
	b := access.Token{ID: "t2", Name: "backup", Role: access.Viewer, Hash: hash("t2"), CreatedAt: begin()}
	ok(t, s.CreateToken(ctx, &a))
	ok(t, s.CreateToken(ctx, &b))
	for _, other := range []access.Token{
		{ID: "t1", Name: "free", Hash: hash("free")},
		{ID: "t3", Name: "deploy", Hash: hash("free")},
		{ID: "t3", Name: "free", Hash: hash("t1")},
	} {
		refused(t, e, s.CreateToken(ctx, &other), auth.ErrExists)
	}
	got, err := s.TokenByHash(ctx, hash("t1"))
	ok(t, err)
	same(t, got, a, "by hash")
	_, err = s.TokenByHash(ctx, hash("t3"))
	refused(t, e, err, auth.ErrNotFound)
	all, err := s.Tokens(ctx)
	ok(t, err)
	same(t, all, []access.Token{b, a}, "all, by name")
	ok(t, s.DeleteToken(ctx, "t1", nil))
	refused(t, e, s.DeleteToken(ctx, "t1", nil), auth.ErrNotFound)
	_, err = s.TokenByHash(ctx, hash("t1"))
	refused(t, e, err, auth.ErrNotFound)
}

func testSessions(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	a, b := account("a1"), account("a2")
	ok(t, s.CreateAccount(ctx, &a))
	ok(t, s.CreateAccount(ctx, &b))
	session := func(name, account string, hours time.Duration) access.Session {
		n := access.Session{Hash: hash(name), AccountID: account, CreatedAt: begin(), ExpiresAt: begin().Add(hours * time.Hour)}
		ok(t, s.CreateSession(ctx, &n))
		return n
	}
	there := func(names ...string) {
		t.Helper()
		for _, name := range []string{"1", "2", "3", "4"} {
			_, err := s.SessionByHash(ctx, hash(name))
			if strings.Contains(fmt.Sprint(names), name) {
				ok(t, err)
			} else {
				refused(t, e, err, auth.ErrNotFound)
			}
		}
	}
	one := session("1", "a1", 1)
	session("2", "a1", 2)
	session("3", "a2", 3)
	session("4", "a2", 4)
	got, err := s.SessionByHash(ctx, hash("1"))
	ok(t, err)
	same(t, got, one, "a session")
	refused(t, e, s.CreateSession(ctx, &one), auth.ErrExists)
	refused(t, e, s.CreateSession(ctx, &access.Session{Hash: hash("5"), AccountID: "a3"}), auth.ErrNotFound)

	ok(t, s.PurgeSessions(ctx, begin().Add(2*time.Hour)))
	there("2", "3", "4")
	one.Hash, one.ExpiresAt = hash("2"), begin().Add(9*time.Hour)
	ok(t, s.ExtendSession(ctx, one.Hash, one.ExpiresAt))
	ok(t, s.ExtendSession(ctx, hash("5"), one.ExpiresAt))
	got, err = s.SessionByHash(ctx, one.Hash)
	ok(t, err)
	same(t, got, one, "a session that ends later")
	ok(t, s.DeleteSession(ctx, hash("3")))
	ok(t, s.DeleteSession(ctx, hash("3")))
	there("2", "4")
	ok(t, s.DeleteSessions(ctx, "a2"))
	ok(t, s.DeleteSessions(ctx, "nobody"))
	there("2")
	ok(t, s.DeleteAccount(ctx, "a1", nil))
	there()
}

func testAudit(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	all, err := s.Audits(ctx, 0, 10)
	ok(t, err)
	equal(t, len(all), 0, "entries of an empty log")
	var want []access.Audit
	for i := range 5 {
		a := access.Audit{At: begin().Add(time.Duration(i) * time.Second), Who: "ann", Role: "admin", From: "::1", Action: "key.create", Target: fmt.Sprint(i)}
		if i%2 == 0 {
			a.Detail = json.RawMessage(`{"a":"\u0000 \" é"}`)
		}
		ok(t, s.AppendAudit(ctx, &a))
		if len(want) > 0 && a.ID <= want[0].ID {
			t.Fatalf("ID %d after %d", a.ID, want[0].ID)
		}
		want = append([]access.Audit{a}, want...)
	}
	all, err = s.Audits(ctx, 0, 3)
	ok(t, err)
	same(t, all, want[:3], "the latest")
	all, err = s.Audits(ctx, all[2].ID, 100_000)
	ok(t, err)
	same(t, all, want[3:], "those before")
	refused(t, e, s.AppendAudit(ctx, &access.Audit{At: begin(), Detail: json.RawMessage(`{`)}), auth.ErrInvalid)

	typed := access.Audit{At: begin(), Who: "a\x00b\xff", Action: "sign_in.failed", Target: strings.Repeat("é", 1<<19)}
	ok(t, s.AppendAudit(ctx, &typed))
	all, err = s.Audits(ctx, 0, 1)
	ok(t, err)
	equal(t, all[0].Who, "a\uFFFDb\uFFFD", "what somebody typed")
	equal(t, all[0].Target, strings.Repeat("é", 2048), "a very long target")
}

func testConfigurations(t *testing.T, e Engine) {
	fresh := e.fresh(t)
	s, ctx := node(t, fresh), t.Context()
	_, err := s.ActiveConfig(ctx)
	refused(t, e, err, auth.ErrNotFound)
	refused(t, e, s.ActivateConfig(ctx, 1), auth.ErrNotFound)
	ok(t, s.ActivateConfig(ctx, 0))

	one := history.Version{At: begin(), Who: "ann", Note: "more", Text: []byte("a: \x00\xff"), Sealed: true, Base: "ab12"}
	two := history.Version{At: begin(), Who: "bob"}
	ok(t, s.AppendConfig(ctx, &one, 0))
	equal(t, one.N, 1, "number")
	equal(t, one.Active, true, "active")
	refused(t, e, s.AppendConfig(ctx, &two, 0), auth.ErrConflict)
	refused(t, e, s.AppendConfig(ctx, &two, 2), auth.ErrConflict)
	ok(t, s.AppendConfig(ctx, &two, 1))
	got, err := s.ActiveConfig(ctx)
	ok(t, err)
	equal(t, got.N, 2, "the active version")
	one.Active = false
	got, err = s.ConfigVersion(ctx, 1)
	ok(t, err)
	same(t, got, one, "a version with its text")

	ok(t, s.ActivateConfig(ctx, 1))
	refused(t, e, s.ActivateConfig(ctx, 3), auth.ErrNotFound)
	got, err = s.ActiveConfig(ctx) // a refusal has changed nothing
	ok(t, err)
	one.Active, two.Active = true, false
	same(t, got, one, "the version that was rolled back to")

	all, err := s.ConfigHistory(ctx, 10)
	ok(t, err)
	bare := one
	bare.Text = nil
	same(t, all, []history.Version{two, bare}, "history, without texts")
	all, err = s.ConfigHistory(ctx, 1)
	ok(t, err)
	equal(t, len(all), 1, "versions when one is asked for")

	ok(t, s.ReplaceConfigText(ctx, 1, []byte("sealed anew")))
	refused(t, e, s.ReplaceConfigText(ctx, 3, []byte("x")), auth.ErrNotFound)
	refused(t, e, s.ReplaceConfigText(ctx, 2, []byte("x")), auth.ErrNotFound) // it is not sealed
	one.Text = []byte("sealed anew")
	got, err = s.ConfigVersion(ctx, 1)
	ok(t, err)
	same(t, got, one, "a version that was sealed anew")

	ok(t, s.ActivateConfig(ctx, 0))
	_, err = s.ActiveConfig(ctx)
	refused(t, e, err, auth.ErrNotFound)
	testRivalConfigurations(t, e, s, 2)
}

// testRivalConfigurations has several add a version after the same one.
func testRivalConfigurations(t *testing.T, e Engine, s Store, latest int64) {
	const rivals = 6
	errs := make([]error, rivals)
	var work sync.WaitGroup
	for i := range rivals {
		work.Go(func() {
			errs[i] = s.AppendConfig(t.Context(), &history.Version{At: begin(), Who: fmt.Sprint(i), Text: []byte("x")}, latest)
		})
	}
	work.Wait()
	won := 0
	for i, err := range errs {
		if err != nil {
			refused(t, e, err, auth.ErrConflict)
			continue
		}
		won++
		got, err := s.ActiveConfig(t.Context())
		ok(t, err)
		equal(t, got.Who, fmt.Sprint(i), "the active version's author")
		equal(t, got.N, latest+1, "its number")
	}
	equal(t, won, 1, "versions with one number")
}

func testUpstreamKeys(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	_, err := s.Canary(ctx)
	refused(t, e, err, auth.ErrNotFound)
	for _, sealed := range []string{"\x00\xffone", "two"} {
		ok(t, s.SetCanary(ctx, []byte(sealed)))
		got, err := s.Canary(ctx)
		ok(t, err)
		equal(t, string(got), sealed, "the canary")
	}

	a := vault.UpstreamKey{Provider: "p", Account: "a", Fingerprint: "f2", Sealed: []byte("\x00\x01\xff"), State: "draining",
		ExpiresAt: begin().Add(time.Hour), UpdatedAt: begin()}
	b := vault.UpstreamKey{Provider: "p", Account: "a", Fingerprint: "f1", State: "disabled", UpdatedAt: begin()}
	c := vault.UpstreamKey{Provider: "o", Account: "z", Fingerprint: "f3", UpdatedAt: begin()}
	account := vault.UpstreamKey{Provider: "p", Account: "a", State: "disabled", UpdatedAt: begin()}
	provider := vault.UpstreamKey{Provider: "p", State: "enabled", UpdatedAt: begin()}
	for _, k := range []vault.UpstreamKey{a, account, b, provider, c} {
		ok(t, s.PutUpstreamKey(ctx, &k))
	}
	all, err := s.UpstreamKeys(ctx)
	ok(t, err)
	same(t, all, []vault.UpstreamKey{c, provider, account, b, a}, "all, by provider, account and fingerprint")
	ok(t, s.DeleteUpstreamKey(ctx, "p", "a", ""))
	ok(t, s.DeleteUpstreamKey(ctx, "p", "", ""))
	a.Sealed, a.State, a.ExpiresAt = nil, "", time.Time{}
	ok(t, s.PutUpstreamKey(ctx, &a))
	ok(t, s.DeleteUpstreamKey(ctx, "o", "z", "f3"))
	refused(t, e, s.DeleteUpstreamKey(ctx, "o", "z", "f3"), auth.ErrNotFound)
	refused(t, e, s.DeleteUpstreamKey(ctx, "p\x00", "a", "f1"), auth.ErrNotFound)
	all, err = s.UpstreamKeys(ctx)
	ok(t, err)
	same(t, all, []vault.UpstreamKey{b, a}, "after one was replaced and one removed")
}

// testText puts hard texts where texts go: what can be kept comes back as it was, what not
// is refused by every engine alike.
func testText(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	for i, text := range []string{
		"'; DROP TABLE client_keys; --", `"quoted" \'\\ $1 ? %s %00 :name @p`, "\u0001\t\r\n", "ключ 鍵 🔑 e\u0301 \u202e\ufeff", " ", "\uFFFD\uFFFF",
		strings.Repeat("long é", 30_000),
	} {
		k := key(fmt.Sprint("k", i))
		k.Owner, k.Hint, k.Tags, k.Models, k.Limits = text, text, []string{text, text}, []string{text}, map[string]string{text: text}
		if len(text) <= auth.MaxName {
			k.Name = text
		}
		ok(t, s.CreateKey(ctx, &k))
		got, err := s.Key(ctx, k.ID)
		ok(t, err)
		same(t, got, k, "a key")
		a := access.Account{ID: fmt.Sprint("a", i), Name: k.Name, PasswordHash: text}
		ok(t, s.CreateAccount(ctx, &a))
		account, err := s.AccountByName(ctx, a.Name)
		ok(t, err)
		same(t, account, a, "an account")
		v := history.Version{Who: text, Note: text, Text: []byte(text), Base: text}
		ok(t, s.AppendConfig(ctx, &v, int64(i)))
		version, err := s.ActiveConfig(ctx)
		ok(t, err)
		same(t, version, v, "a configuration")
	}
	for _, bad := range []string{"a\x00b", "\x00", "\xff", "a\xc3", "\xed\xa0\x80"} {
		for name, change := range map[string]func(k *auth.Stored){
			"ID": func(k *auth.Stored) { k.ID = bad }, "name": func(k *auth.Stored) { k.Name = bad }, "owner": func(k *auth.Stored) { k.Owner = bad },
			"tag": func(k *auth.Stored) { k.Tags = []string{bad} }, "limit": func(k *auth.Stored) { k.Limits = map[string]string{"rpm": bad} },
			"limit's name": func(k *auth.Stored) { k.Limits = map[string]string{bad: "1"} },
		} {
			k := key("bad " + name)
			change(&k)
			if err := s.CreateKey(ctx, &k); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("%q as a key's %s: got error %v", bad, name, err)
			}
		}
		refused(t, e, s.CreateOwner(ctx, &auth.StoredOwner{Name: bad}), auth.ErrInvalid)
		refused(t, e, s.CreateAccount(ctx, &access.Account{ID: "x", Name: bad}), auth.ErrInvalid)
		refused(t, e, s.CreateToken(ctx, &access.Token{ID: "x", Name: bad}), auth.ErrInvalid)
		refused(t, e, s.PutUpstreamKey(ctx, &vault.UpstreamKey{Provider: bad, Account: "a", Fingerprint: "f"}), auth.ErrInvalid)
		refused(t, e, s.AppendConfig(ctx, &history.Version{Note: bad}, 7), auth.ErrInvalid)
	}
	long := key("long")
	long.Name = strings.Repeat("x", auth.MaxName+1)
	refused(t, e, s.CreateKey(ctx, &long), auth.ErrInvalid)
	refused(t, e, s.CreateKey(ctx, &auth.Stored{ID: "", Name: "x"}), auth.ErrInvalid)
	ok(t, s.CreateKey(ctx, &auth.Stored{ID: strings.Repeat("i", auth.MaxName), Name: strings.Repeat("n", auth.MaxName), Hash: hash("n")}))
}
