package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/access/accesstest"
)

const (
	rootToken    = "configured-token-of-the-tests"
	goodPassword = "canary-password-7391"
)

// desk is the API's endpoints of people, behind a Guard with a store.
type desk struct {
	*API
	t      *testing.T
	store  *accesstest.Store
	routes routers.Router
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, store: accesstest.New()}
	g, err := access.New(access.Options{
		Settings: access.Settings{Token: rootToken}, Store: d.store,
		Cost: argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []Endpoint
	for _, e := range [][]Endpoint{SessionEndpoints(g), AccountEndpoints(g), TokenEndpoints(g), AuditEndpoints(g)} {
		all = append(all, e...)
	}
	d.API, err = New(Options{Endpoints: all, Authenticate: g.Authenticate, Audit: d.store})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(d.document)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "http://admin.test" + Prefix}}
	if d.routes, err = gorillamux.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// ask sends a request; headers come in pairs.
func (d *desk) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://admin.test"+Prefix+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	unknown := `hash":"there is no such field` // the asker's own word
	if s := strings.ReplaceAll(w.Body.String(), unknown, ""); strings.Contains(s, goodPassword) || strings.Contains(s, "argon2id$") || strings.Contains(s, `hash":`) {
		d.t.Errorf("%s %s tells a secret: %s", method, path, s)
	}
	d.documented(r, w)
	return w
}

// documented holds an answer against the OpenAPI document.
func (d *desk) documented(r *http.Request, w *httptest.ResponseRecorder) {
	d.t.Helper()
	route, params, err := d.routes.FindRoute(r)
	if err != nil {
		d.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return
	}
	input := openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}, Status: w.Code, Header: w.Header(),
	}
	input.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(d.t.Context(), &input); err != nil {
		d.t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, w.Body)
	}
}

// root asks with the configured token, and expects a status.
func (d *desk) root(method, path, body string, status int) string {
	d.t.Helper()
	w := d.ask(method, path, body, "Authorization", "Bearer "+rootToken)
	if w.Code != status {
		d.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

func read[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// The first start: nobody has an account, the token makes one, its owner signs in, works
// and leaves.
func TestSigningInFromTheFirstStart(t *testing.T) {
	d := newDesk(t)
	if s := read[Session](t, d.ask("GET", "/session", "").Body.String()); s.SignedIn || s.Identity != nil || !s.SignIn.Password || s.SignIn.Accounts || s.SignIn.OIDC {
		t.Errorf("nobody: %+v", s)
	}
	if w := d.ask("POST", "/accounts", `{"name":"ada","role":"admin","password":"`+goodPassword+`"}`); w.Code != 401 {
		t.Errorf("an account made by nobody: %d", w.Code)
	}
	d.root("POST", "/accounts", `{"name":"Ada","role":"admin","password":"`+goodPassword+`"}`, 201)
	w := d.ask("POST", "/session", `{"name":"ada","password":"`+goodPassword+`"}`)
	s := read[Session](t, w.Body.String())
	if w.Code != 201 || !s.SignedIn || s.Identity.Name != "ada" || s.Identity.Via != "session" || s.Identity.EndsAt == nil || !s.SignIn.Accounts {
		t.Fatalf("%d %+v", w.Code, s)
	}
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if w := d.ask("GET", "/accounts", "", "Cookie", cookie); w.Code != 200 {
		t.Errorf("with the session: %d", w.Code)
	}
	for site, want := range map[string]int{"cross-site": 403, "same-origin": 201} {
		if w := d.ask("POST", "/tokens", `{"name":"`+site+`","role":"viewer"}`, "Cookie", cookie, "Sec-Fetch-Site", site); w.Code != want {
			t.Errorf("%s: %d %s", site, w.Code, w.Body)
		}
	}
	if w := d.ask("DELETE", "/session", "", "Cookie", cookie); w.Code != 204 || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := d.ask("GET", "/accounts", "", "Cookie", cookie); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("after signing out: %d", w.Code)
	}
	if w := d.ask("POST", "/session", `{"name":"ada","password":"`+goodPassword+`"}`, "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
		t.Errorf("signed in by another site: %d", w.Code)
	}
}

func TestAccountsAndTokens(t *testing.T) {
	d := newDesk(t)
	a := read[Account](t, d.root("POST", "/accounts", `{"name":"ada","role":"viewer","password":"`+goodPassword+`"}`, 201))
	d.root("POST", "/accounts", `{"name":"ada","role":"viewer","password":"`+goodPassword+`"}`, 409)
	bad := d.root("POST", "/accounts", `{"name":"","role":"root","password":"short"}`, 422)
	if e := read[body](t, bad); len(e.Error.Fields) != 3 {
		t.Errorf("%+v", e)
	}
	d.root("POST", "/accounts", `{"name":"x","password_hash":"y"}`, 400)
	b := read[Account](t, d.root("PATCH", "/accounts/"+a.ID, `{"version":1,"role":"key-owner","owner":"acme"}`, 200))
	if b.Version != 2 || b.Owner != "acme" || b.SignIn != "password" {
		t.Errorf("%+v", b)
	}
	d.root("PATCH", "/accounts/"+a.ID, `{"version":1,"disabled":true}`, 409)
	d.root("PATCH", "/accounts/nobody", `{}`, 404)
	if l := read[List[Account]](t, d.root("GET", "/accounts", "", 200)); len(l.Data) != 1 || l.Data[0] != read[Account](t, d.root("GET", "/accounts/"+a.ID, "", 200)) {
		t.Errorf("%+v", l)
	}
	d.root("DELETE", "/accounts/"+a.ID, "", 204)
	d.root("DELETE", "/accounts/"+a.ID, "", 404)

	made := read[MadeToken](t, d.root("POST", "/tokens", `{"name":"ci","role":"viewer","expires_at":"2999-01-01T00:00:00Z"}`, 201))
	d.root("POST", "/tokens", `{"name":"ci","role":"viewer"}`, 409)
	d.root("POST", "/tokens", `{"name":"old","role":"viewer","expires_at":"2001-01-01T00:00:00Z"}`, 422)
	if w := d.ask("GET", "/session", "", "Authorization", "Bearer "+made.Secret); !strings.Contains(w.Body.String(), `"via":"token"`) {
		t.Errorf("%s", w.Body)
	}
	if w := d.ask("GET", "/tokens", "", "Authorization", "Bearer "+made.Secret); w.Code != 403 {
		t.Errorf("a viewer: %d", w.Code)
	}
	if list := d.root("GET", "/tokens", "", 200); strings.Contains(list, made.Secret) || !strings.Contains(list, made.ID) {
		t.Errorf("%s", list)
	}
	d.root("DELETE", "/tokens/"+made.ID, "", 204)
	if w := d.ask("GET", "/tokens", "", "Authorization", "Bearer "+made.Secret); w.Code != 401 {
		t.Errorf("a deleted token: %d", w.Code)
	}
}

// The log tells who came, from where and how it went, never a password, and nobody can
// fill it with tries that were not taken.
func TestSignInsAreInTheAuditLog(t *testing.T) {
	d := newDesk(t)
	d.root("POST", "/accounts", `{"name":"ada","role":"admin","password":"`+goodPassword+`"}`, 201)
	d.ask("POST", "/session", `{"name":"ada","password":"`+goodPassword+`"}`)
	d.ask("POST", "/session", `{"name":"`+goodPassword+`","password":"ada"}`)
	d.ask("POST", "/session", `{`)
	throttled := 0
	for range 20 {
		if w := d.ask("POST", "/session", `{"name":"ada","password":"wrong wrong wrong"}`); w.Code == 429 {
			if throttled++; w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if throttled != 15 {
		t.Errorf("%d of 20 throttled", throttled)
	}
	all := read[List[AuditEntry]](t, d.root("GET", "/audit", "", 200))
	if len(all.Data) != 1+1+1+5 {
		t.Fatalf("%d entries: %+v", len(all.Data), all.Data)
	}
	for i, want := range []struct{ who, action, target, detail string }{
		0: {"", "session.create", "ada", `{"outcome":"wrong_credentials"}`},
		5: {"", "session.create", "unknown name", `{"outcome":"wrong_credentials"}`},
		6: {"ada", "session.create", "ada", `{"outcome":"done"}`},
		7: {"admin token", "accounts.create", all.Data[7].Target, `{"change":{"name":"ada","owner":"","role":"admin"},"outcome":"done"}`},
	} {
		if want.action == "" {
			continue
		}
		if e := all.Data[i]; e.Who != want.who || e.Action != want.action || e.Target != want.target || string(e.Detail) != want.detail || e.From != "192.0.2.1" {
			t.Errorf("%d: %+v %s", i, e, e.Detail)
		}
	}
	if text := d.root("GET", "/audit?who=ada", "", 200); strings.Count(text, `"id"`) != 1 {
		t.Errorf("%s", text)
	}
	if text := d.root("GET", "/audit?action=accounts", "", 200); strings.Count(text, `"id"`) != 1 {
		t.Errorf("%s", text)
	}
	page := read[List[AuditEntry]](t, d.root("GET", "/audit?action=session&limit=3", "", 200))
	n := len(page.Data)
	for page.Next != nil {
		page = read[List[AuditEntry]](t, d.root("GET", "/audit?action=session&limit=3&after="+*page.Next, "", 200))
		n += len(page.Data)
	}
	if n != 7 {
		t.Errorf("%d entries by pages", n)
	}
	d.root("GET", "/audit?after=x", "", 422)
}

// A rare entry is found behind many others, over pages that hold nothing.
func TestTheAuditLogIsLookedThroughInPieces(t *testing.T) {
	d := newDesk(t)
	for i := range (auditBatches+1)*auditBatch + 1 {
		e := &access.Audit{Who: "many", Action: "keys.create"}
		if i == 0 {
			e.Who = "rare"
		}
		if err := d.store.AppendAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	page := read[List[AuditEntry]](t, d.root("GET", "/audit?who=rare", "", 200))
	if len(page.Data) != 0 || page.Next == nil {
		t.Fatalf("%d entries, next %v", len(page.Data), page.Next)
	}
	page = read[List[AuditEntry]](t, d.root("GET", "/audit?who=rare&after="+*page.Next, "", 200))
	if len(page.Data) != 1 || page.Next != nil {
		t.Errorf("%d entries, next %v", len(page.Data), page.Next)
	}
}

// Who may do something is asked of the endpoint that was registered, whatever the path
// and the host look like.
func TestNoSpellingOfAPathGoesAround(t *testing.T) {
	d := newDesk(t)
	made := read[MadeToken](t, d.root("POST", "/tokens", `{"name":"ci","role":"viewer"}`, 201))
	for _, path := range []string{
		"/accounts", "//accounts", "/./accounts", "/%2e/accounts", "/session/../accounts", "/session/%2e%2e/accounts", "/accounts/", "/accounts;x=/session",
		"/accounts%2f", "/%61ccounts", "/accounts?/session", "/accounts%00", "/ACCOUNTS", "/session%2f..%2faccounts", "/accounts%23/session", "/session;/../accounts",
	} {
		for _, host := range []string{"admin.test", "admin.test/session?", "x/?", "x/#", "127.0.0.1", ""} {
			for name, token := range map[string]string{"nobody": "", "viewer": made.Secret} {
				w := d.raw(path, host, token)
				if w.Code == 200 || w.Code == 301 || w.Code == 308 || strings.Contains(w.Body.String(), `"data"`) {
					t.Errorf("%s at %q as %s: %d %s", path, host, name, w.Code, w.Body)
				}
			}
		}
	}
	if w := d.raw("/accounts", "admin.test", rootToken); w.Code != 200 {
		t.Errorf("the admin: %d", w.Code)
	}
}

// raw sends a path as it is written.
func (d *desk) raw(path, host, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	if u, err := r.URL.Parse("http://admin.test" + Prefix + path); err == nil {
		r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
	} else {
		r.URL.Path = Prefix + path
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}
