package access_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/web/access"
)

func fields(err error) map[string]string {
	var r *access.Refusal
	if errors.As(err, &r) {
		return r.Fields
	}
	return nil
}

func TestWhatAnAccountMustBe(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		n     access.NewAccount
		wrong string
	}{
		"good":               {access.NewAccount{Name: "Ada.L+x@Example.com", Role: access.Admin, Password: password}, ""},
		"twelve":             {access.NewAccount{Name: "b", Role: access.Admin, Password: "äöüäöüäöüäöü"}, ""},
		"eleven":             {access.NewAccount{Name: "c", Role: access.Admin, Password: "12345678901"}, "password"},
		"512":                {access.NewAccount{Name: "d", Role: access.Admin, Password: strings.Repeat("x", 512)}, ""},
		"513":                {access.NewAccount{Name: "e", Role: access.Admin, Password: strings.Repeat("x", 513)}, "password"},
		"no text":            {access.NewAccount{Name: "f", Role: access.Admin, Password: strings.Repeat("\xff", 20)}, "password"},
		"the name":           {access.NewAccount{Name: "a-long-name-indeed", Role: access.Admin, Password: "A-Long-Name-Indeed"}, "password"},
		"no name":            {access.NewAccount{Role: access.Admin, Password: password}, "name"},
		"a name with spaces": {access.NewAccount{Name: "a b", Role: access.Admin, Password: password}, "name"},
		"a name with NUL":    {access.NewAccount{Name: "a\x00b", Role: access.Admin, Password: password}, "name"},
		"a long name":        {access.NewAccount{Name: strings.Repeat("n", 129), Role: access.Admin, Password: password}, "name"},
		"no role":            {access.NewAccount{Name: "g", Password: password}, "role"},
		"another role":       {access.NewAccount{Name: "g", Role: "root", Password: password}, "role"},
		"owner without one":  {access.NewAccount{Name: "g", Role: access.KeyOwner, Password: password}, "owner"},
		"admin with one":     {access.NewAccount{Name: "g", Role: access.Admin, Owner: "acme", Password: password}, "owner"},
	} {
		a, err := h.CreateAccount(t.Context(), c.n)
		if c.wrong == "" {
			if err != nil || a.Name != strings.ToLower(c.n.Name) || a.Version != 1 || strings.Contains(a.PasswordHash, c.n.Password) {
				t.Errorf("%s: %+v %v", name, a, err)
			}
			continue
		}
		if f := fields(err); status(err) != 422 || f[c.wrong] == "" || len(f) != 1 {
			t.Errorf("%s: %v %v", name, err, f)
		}
	}
	if _, err := h.CreateAccount(t.Context(), access.NewAccount{Name: "ADA.L+X@example.com", Role: access.Viewer, Password: password}); !errors.Is(err, auth.ErrExists) {
		t.Errorf("the same name in capitals: %v", err)
	}
	if _, err := h.CreateAccount(t.Context(), access.NewAccount{}); len(fields(err)) != 3 {
		t.Errorf("not every problem at once: %v", fields(err))
	}
}

func TestTheLastAdminStays(t *testing.T) {
	viewer, yes := access.Viewer, true
	withoutToken := func(o *access.Options) { o.Token = "" }
	take := map[string]func(h *house, id string) error{
		"demoted": func(h *house, id string) error {
			_, err := h.EditAccount(t.Context(), id, access.AccountEdit{Role: &viewer})
			return err
		},
		"disabled": func(h *house, id string) error {
			_, err := h.EditAccount(t.Context(), id, access.AccountEdit{Disabled: &yes})
			return err
		},
		"deleted": func(h *house, id string) error { return h.DeleteAccount(t.Context(), id) },
	}
	for name, f := range take {
		h := newHouse(t, withoutToken)
		a := h.person("ada", access.Admin)
		h.person("bob", access.Viewer)
		if err := f(h, a.ID); code(err) != "last_admin" || status(err) != 409 {
			t.Errorf("%s, the last: %v", name, err)
		}
		b := h.person("cleo", access.Admin)
		if err := f(h, a.ID); err != nil {
			t.Errorf("%s, one of two: %v", name, err)
		}
		tok, _, err := h.CreateToken(t.Context(), access.NewTokenOptions{Name: "root", Role: access.Admin, ExpiresAt: h.now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(2 * time.Hour)
		if err := f(h, b.ID); code(err) != "last_admin" {
			t.Errorf("%s, beside a token that has ended: %v", name, err)
		}
		h.now = h.now.Add(-2 * time.Hour)
		if err := f(h, b.ID); err != nil {
			t.Errorf("%s, beside an admin's token: %v", name, err)
		}
		if err := h.DeleteToken(t.Context(), tok.ID); code(err) != "last_admin" {
			t.Errorf("the token that is the last admin: %v", err)
		}
		h = newHouse(t)
		if err := f(h, h.person("ada", access.Admin).ID); err != nil {
			t.Errorf("%s, beside the configured token: %v", name, err)
		}
	}
}

// However many take each other away at once, one remains.
func TestTwoAdminsCannotTakeEachOtherAway(t *testing.T) {
	h := newHouse(t, func(o *access.Options) { o.Token = "" })
	ids := []string{h.person("a", access.Admin).ID, h.person("b", access.Admin).ID, h.person("c", access.Admin).ID}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := h.DeleteAccount(t.Context(), id); err != nil && code(err) != "last_admin" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := h.Accounts(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d remain, %v", len(all), err)
	}
}

func TestEditsGuardAgainstEachOther(t *testing.T) {
	h := newHouse(t)
	a := h.person("ada", access.KeyOwner)
	operator, keyOwner, owner := access.Operator, access.KeyOwner, "other"
	b, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Version: 1, Role: &operator})
	if err != nil || b.Version != 2 || b.Role != operator || b.Owner != "" {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Version: 1, Role: &keyOwner, Owner: &owner}); code(err) != "changed_meanwhile" {
		t.Errorf("an old version: %v", err)
	}
	if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Role: &keyOwner}); fields(err)["owner"] == "" {
		t.Errorf("a key-owner of nobody: %v", err)
	}
	if _, err := h.EditAccount(t.Context(), "acct_nobody", access.AccountEdit{}); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestChangingTheOwnPasswordEndsTheOtherSessions(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Viewer)
	mine, other := h.signIn("ada"), h.signIn("ada")
	session := func(c *http.Cookie) func(*http.Request) { return header("Cookie", c.Name+"="+c.Value) }
	change := func(c *http.Cookie, current, next string) (in *access.SignedIn, err error) {
		r := request(http.MethodPut, session(c))
		h.Authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			in, err = h.ChangePassword(r, current, next)
		})).ServeHTTP(nil, r)
		return in, err
	}
	const next = "another long password"
	if _, err := change(mine, "wrong wrong wrong", next); code(err) != "wrong_credentials" {
		t.Errorf("with a wrong one: %v", err)
	}
	if _, err := change(mine, password, "short"); fields(err)["password"] == "" {
		t.Errorf("to a short one: %v", err)
	}
	in, err := change(mine, password, next)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cookie *http.Cookie
		status int
	}{"new": {in.Cookie, 200}, "the one before": {mine, 401}, "the other": {other, 401}} {
		if _, got := h.ask(request(http.MethodGet, session(c.cookie))); got != c.status {
			t.Errorf("%s: %d", name, got)
		}
	}
	if _, _, err := h.SignIn(request(http.MethodPost), "ada", password); code(err) != "wrong_credentials" {
		t.Errorf("the old password: %v", err)
	}
	if _, _, err := h.SignIn(request(http.MethodPost), "ada", next); err != nil {
		t.Errorf("the new password: %v", err)
	}
	r := request(http.MethodPut, bearer(configured))
	h.Authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = h.ChangePassword(r, "", next) })).ServeHTTP(nil, r)
	if code(err) != "no_password" {
		t.Errorf("a token's: %v", err)
	}
}

// A hash of another cost is replaced when its password has proved right.
func TestHashesKeepUpWithTheCost(t *testing.T) {
	h := newHouse(t)
	a := h.person("ada", access.Viewer)
	old, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 32, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	a.PasswordHash = old
	if err := h.store.UpdateAccount(t.Context(), &a, nil); err != nil {
		t.Fatal(err)
	}
	h.signIn("ada")
	now, err := h.store.Account(t.Context(), a.ID)
	if err != nil || !strings.Contains(now.PasswordHash, "m=64,") {
		t.Errorf("%s %v", now.PasswordHash, err)
	}
	h.signIn("ada")
}

// A stream that goes on ends when whoever asked may not any more.
func TestAStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *access.Options) { o.Now = time.Now })
		a := h.person("ada", access.Admin)
		c := h.signIn("ada")
		begin := time.Now()
		done := make(chan time.Duration)
		go func() {
			h.Authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				done <- time.Since(begin)
			})).ServeHTTP(nil, request(http.MethodGet, header("Cookie", c.Name+"="+c.Value)))
		}()
		time.Sleep(time.Minute) // virtual
		select {
		case d := <-done:
			t.Fatalf("it ended after %s", d)
		default:
		}
		yes := true
		if _, err := h.EditAccount(t.Context(), a.ID, access.AccountEdit{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		if d := <-done; d > time.Minute+5*time.Second {
			t.Errorf("it went on for %s", d-time.Minute)
		}
	})
}
