package access_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/web/access"
)

// withProvider is a house beside a provider.
func withProvider(t *testing.T) (*house, *provider) {
	t.Helper()
	h := newHouse(t)
	p := newProvider(t, func() time.Time { return h.now })
	h.Apply(access.Settings{Token: configured, OIDC: &access.OIDC{
		Issuer: p.URL, ClientID: "sluice", ClientSecret: "oidc-client-secret", RedirectURL: "https://gateway.test/admin/api/v1/oidc/callback",
		RoleClaim: "realm.groups", OwnerClaim: "team",
		Roles: []access.ClaimRole{{Value: "root", Role: access.Admin}, {Value: "ops", Role: access.Operator}, {Value: "devs", Role: access.KeyOwner}},
	}})
	return h, p
}

// journey takes a browser to the provider and back; change may tamper with the way back.
func (h *house) journey(back string, change func(*http.Request, url.Values)) (*access.SignedIn, string, error) {
	h.t.Helper()
	to, cookie, err := h.BeginOIDC(request(http.MethodGet), back)
	if err != nil {
		return nil, "", err
	}
	if cookie.SameSite != http.SameSiteLaxMode || !cookie.HttpOnly {
		h.t.Errorf("%+v", cookie)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(to)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = resp.Body.Close()
	at, err := resp.Location()
	if err != nil {
		h.t.Fatal(err)
	}
	q := at.Query()
	r := httptest.NewRequest(http.MethodGet, "https://gateway.test/admin/api/v1/oidc/callback", nil)
	r.RemoteAddr = "192.0.2.7:1"
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	if change != nil {
		change(r, q)
	}
	r.URL.RawQuery = q.Encode()
	in, ends, clear, err := h.EndOIDC(r)
	if clear == nil || clear.MaxAge >= 0 || clear.Name != cookie.Name {
		h.t.Errorf("the flow's cookie stays: %+v", clear)
	}
	return in, ends, err
}

func group(names ...any) map[string]any {
	return map[string]any{"preferred_username": "Ada", "realm": map[string]any{"groups": names}}
}

func TestOIDCSignsIn(t *testing.T) {
	h, p := withProvider(t)
	p.next(group("staff", "ops"))
	in, back, err := h.journey("/#/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	if in.Who.Name != "ada" || in.Who.Role != access.Operator || back != "/#/requests" || !in.Cookie.Secure || in.Cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("%+v %q %+v", in.Who, back, in.Cookie)
	}
	who, status := h.ask(request(http.MethodGet, header("Cookie", in.Cookie.Name+"="+in.Cookie.Value)))
	if status != 200 || who.Role != access.Operator {
		t.Errorf("%+v %d", who, status)
	}
	// What the provider says the next time counts at once, in the old session too.
	p.next(map[string]any{"preferred_username": "Ada", "team": "acme", "realm": map[string]any{"groups": "devs"}})
	if in, _, err = h.journey("/", nil); err != nil || in.Who.Role != access.KeyOwner || in.Who.Owner != "acme" {
		t.Errorf("%+v %v", in, err)
	}
	if all, err := h.Accounts(t.Context()); err != nil || len(all) != 1 || !all[0].External() {
		t.Errorf("%+v %v", all, err)
	}
	if p.asked != 1 {
		t.Errorf("%d discoveries", p.asked)
	}
	if _, _, err := h.SignIn(request(http.MethodPost), "ada", ""); code(err) != "wrong_credentials" {
		t.Errorf("with an empty password: %v", err)
	}
	next := password
	if _, err := h.EditAccount(t.Context(), in.Who.AccountID, access.AccountEdit{Password: &next}); fields(err)["password"] == "" {
		t.Errorf("a password beside the provider: %v", err)
	}
}

func TestOIDCRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		code   string
	}{
		"no role":                     {group("staff"), "no_role"},
		"no claim":                    {map[string]any{"preferred_username": "ada"}, "no_role"},
		"a claim of another kind":     {map[string]any{"realm": map[string]any{"groups": 7}}, "no_role"},
		"a key-owner of nobody":       {group("devs"), "no_owner"},
		"a key-owner of two":          {map[string]any{"realm": map[string]any{"groups": "devs"}, "team": []string{"a", "b"}}, "no_owner"},
		"somebody else's token":       {map[string]any{"aud": "another", "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"another issuer":              {map[string]any{"iss": "https://evil.test", "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"an old token":                {map[string]any{"exp": 1, "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"another sign-in's token":     {map[string]any{"nonce": "another", "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"without a nonce":             {map[string]any{"nonce": "", "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"not valid yet":               {map[string]any{"nbf": 4e9, "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
		"an audience that is no text": {map[string]any{"aud": 7, "realm": map[string]any{"groups": "root"}}, "sign_in_failed"},
	} {
		h, p := withProvider(t)
		p.next(c.claims)
		in, _, err := h.journey("/", nil)
		if code(err) != c.code || in != nil {
			t.Errorf("%s: %v %+v", name, err, in)
		}
		if all, _ := h.Accounts(t.Context()); len(all) != 0 {
			t.Errorf("%s: an account was made", name)
		}
	}
}

func TestOIDCTrustsOnlyTheProvidersKeys(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*provider){
		"another key": func(p *provider) { p.signWith = other },
		"none":        func(p *provider) { p.spoil = func(h, _ map[string]any) { h["alg"] = "none" } },
		"HS256":       func(p *provider) { p.spoil = func(h, _ map[string]any) { h["alg"] = "HS256" } },
	} {
		h, p := withProvider(t)
		p.set(func() { f(p) })
		p.next(group("root"))
		if _, _, err := h.journey("/", nil); code(err) != "sign_in_failed" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What comes back must belong to a sign-in of this browser, from this provider, and once.
func TestOIDCsWayBack(t *testing.T) {
	for name, change := range map[string]func(*http.Request, url.Values){
		"another state":  func(_ *http.Request, q url.Values) { q.Set("state", "another") },
		"no state":       func(_ *http.Request, q url.Values) { q.Del("state") },
		"no cookie":      func(r *http.Request, _ url.Values) { r.Header.Del("Cookie") },
		"two cookies":    func(r *http.Request, _ url.Values) { r.AddCookie(&http.Cookie{Name: "sluice_oidc", Value: "e30"}) },
		"another issuer": func(_ *http.Request, q url.Values) { q.Set("iss", "https://evil.test") },
		"an error":       func(_ *http.Request, q url.Values) { q.Set("error", "access_denied\"<script>") },
		"no code":        func(_ *http.Request, q url.Values) { q.Del("code") },
		"another code":   func(_ *http.Request, q url.Values) { q.Set("code", "another") },
	} {
		h, p := withProvider(t)
		p.next(group("root"))
		if in, _, err := h.journey("/", change); code(err) != "sign_in_failed" || in != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	h, p := withProvider(t)
	p.next(group("root"))
	var first *http.Request
	if _, _, err := h.journey("/", func(r *http.Request, _ url.Values) { first = r }); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := h.EndOIDC(first); code(err) != "sign_in_failed" {
		t.Errorf("a code that was used: %v", err)
	}
	_, _, err := h.journey("/", func(*http.Request, url.Values) { h.now = h.now.Add(10 * time.Minute) })
	if code(err) != "sign_in_failed" {
		t.Errorf("ten minutes later: %v", err)
	}
}

func TestOIDCEndsAtALocalPath(t *testing.T) {
	h, p := withProvider(t)
	p.next(group("root"))
	for _, evil := range []string{"https://evil.test/", "//evil.test", `/\evil.test`, "javascript:alert(1)", "/\tevil", "", "@evil.test", "/a\r\nSet-Cookie: x=y"} {
		if _, back, err := h.journey(evil, nil); err != nil || back != "/" {
			t.Errorf("%q: %q %v", evil, back, err)
		}
	}
}

// A provider that was down is asked again, not at every sign-in, and nothing of it is
// told.
func TestOIDCAsksAgainAfterAFailure(t *testing.T) {
	h, p := withProvider(t)
	p.next(group("root"))
	p.set(func() { p.down = true })
	_, _, err := h.journey("/", nil)
	var r *access.Refusal
	if !errors.As(err, &r) || r.Status != 503 || r.Cause == nil || strings.Contains(r.Message, "maintenance") {
		t.Fatalf("%v", err)
	}
	p.set(func() { p.down = false })
	if _, _, err := h.journey("/", nil); code(err) != "provider_unavailable" {
		t.Errorf("at once: %v", err)
	}
	h.now = h.now.Add(5 * time.Second)
	if _, _, err := h.journey("/", nil); err != nil {
		t.Errorf("five seconds later: %v", err)
	}
}

func TestOIDCsDocumentMustFit(t *testing.T) {
	for name, f := range map[string]func(map[string]any){
		"another issuer": func(d map[string]any) { d["issuer"] = "https://evil.test" },
		"no endpoint":    func(d map[string]any) { d["token_endpoint"] = "" },
		"another scheme": func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"endless":        func(d map[string]any) { d["x"] = strings.Repeat("x", 2<<20) },
	} {
		h, p := withProvider(t)
		p.set(func() { p.document = f })
		if _, _, err := h.journey("/", nil); code(err) != "provider_unavailable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The client's secret is in no refusal and in no cause.
func TestOIDCTellsNoSecret(t *testing.T) {
	h, p := withProvider(t)
	p.next(group("root"))
	_, _, err := h.journey("/", func(_ *http.Request, q url.Values) { q.Set("code", "another") })
	var r *access.Refusal
	if !errors.As(err, &r) || r.Cause == nil {
		t.Fatal(err)
	}
	if text := r.Error() + r.Cause.Error(); strings.Contains(text, "oidc-client-secret") || !strings.Contains(text, "invalid_grant") {
		t.Errorf("%s", text)
	}
}

func TestOIDCAndAccountsOfThisHouse(t *testing.T) {
	h, p := withProvider(t)
	local := h.person("ada", access.Viewer)
	p.next(group("root"))
	in, _, err := h.journey("/", nil)
	if err != nil || in.Who.AccountID == local.ID || in.Who.Name == "ada" || !strings.HasPrefix(in.Who.Name, "ada+") {
		t.Fatalf("a name of this house is shared: %+v %v", in, err)
	}
	yes := true
	if _, err := h.EditAccount(t.Context(), in.Who.AccountID, access.AccountEdit{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.journey("/", nil); code(err) != "disabled" || status(err) != 403 {
		t.Errorf("disabled here: %v", err)
	}
	p.next(map[string]any{"sub": "subject-2", "email": "bob@example.com", "realm": map[string]any{"groups": "ops"}})
	if in, _, err = h.journey("/", nil); err != nil || in.Who.Name != "bob@example.com" {
		t.Errorf("%+v %v", in, err)
	}
	h.Apply(access.Settings{Token: configured})
	if _, _, err := h.journey("/", nil); code(err) != "no_oidc" {
		t.Errorf("not configured: %v", err)
	}
}
