package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/access"
)

// as authenticates everybody as the role of the X-Role header; without one, as nobody.
func as(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := access.Identity{Name: "tester", Role: access.Role(r.Header.Get("X-Role")), Owner: "acme", From: "192.0.2.1"}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), who)))
	})
}

type plane struct{}

func (plane) Budgets() []Budget {
	return []Budget{{Scope: "upstream", Name: "p/a/*", Limit: "rpm"}, {Scope: "owner", Name: "acme", Limit: "tpm"}, {Scope: "owner", Name: "other", Limit: "tpm"}}
}

func (plane) Upstreams() []Upstream {
	return []Upstream{{Provider: "p", Account: "a", Keys: []Key{{Fingerprint: "0123", State: "enabled"}}, Failures: []UpstreamFailure{}, Breakers: []UpstreamBreaker{}}}
}

func (plane) Provider(name string) (Provider, error) {
	if name != "p" {
		return Provider{}, auth.ErrNotFound
	}
	return Provider{Provider: name, Accounts: plane{}.Upstreams()}, nil
}

func (plane) SetState(context.Context, KeyName, string, bool) (StateChange, error) {
	return StateChange{State: "enabled", RoutesWithoutKeys: []string{}}, nil
}
func (plane) AddKey(context.Context, string, string, NewUpstreamKey) (Key, error) { return Key{}, nil }
func (plane) EditKey(context.Context, KeyName, UpstreamKeyEdit) (Key, error)      { return Key{}, nil }
func (plane) RemoveKey(context.Context, KeyName) error                            { return nil }
func (plane) ReplaceKey(context.Context, KeyName, NewUpstreamKey) (Replacement, error) {
	return Replacement{}, nil
}
func (plane) TestKey(context.Context, KeyName, KeyTest) (TestedKey, error) { return TestedKey{}, nil }

func (plane) Explain(_ context.Context, q Question) (*telemetry.Explanation, error) {
	if strings.Contains(string(q.Request), "nowhere") {
		return nil, errors.New("there is no route")
	}
	return &telemetry.Explanation{Route: "m", Sentence: "It would be sent.", Door: []telemetry.DoorAnswer{}, Candidates: []telemetry.Candidate{}}, nil
}

func (plane) Trail(id string) *Trail {
	if id != "req_1" {
		return nil
	}
	return TrailOf(&telemetry.Record{ID: id, Attempts: []telemetry.Attempt{{Provider: "p"}}})
}

type audits struct{ kept []access.Audit }

func (a *audits) AppendAudit(_ context.Context, e *access.Audit) error {
	a.kept = append(a.kept, *e)
	return nil
}

type noted struct {
	Name string `json:"name"`
}

// oddities are endpoints that do what handlers may do.
func oddities() []Endpoint {
	broken := func(err error) func(*Call) (any, error) { return func(*Call) (any, error) { return nil, err } }
	e := []Endpoint{
		{Path: "/broken/inside", Handle: broken(errors.New("dial tcp 10.0.0.1: password=hunter2"))},
		{Path: "/broken/missing", Handle: broken(fmt.Errorf("key: %w", auth.ErrNotFound))},
		{Path: "/broken/conflict", Handle: broken(auth.ErrConflict)},
		{Path: "/broken/exists", Handle: broken(auth.ErrExists)},
		{Path: "/broken/panic", Handle: func(*Call) (any, error) { panic("hunter2") }},
	}
	for i := range e {
		e[i].Method, e[i].ID, e[i].Tag, e[i].Summary, e[i].Roles = http.MethodGet, fmt.Sprint("broken.", i), "test", "breaks", Admins()
	}
	return append(e, Endpoint{
		Method: http.MethodPut, Path: "/things/{id}", ID: "things.put", Tag: "test", Summary: "takes", Roles: Operators(),
		Body: noted{}, Answer: noted{}, MaxBody: 100,
		Handle: func(c *Call) (any, error) {
			var n noted
			if err := c.Decode(&n); err != nil {
				return nil, err
			}
			if n.Name == "" {
				return nil, Invalid("the thing cannot be used", map[string]string{"name": "is needed"})
			}
			c.Note("", n)
			return n, nil
		},
	})
}

func newAPI(t *testing.T, audit Auditor) *API {
	t.Helper()
	endpoints := oddities()
	endpoints = append(endpoints, BudgetEndpoints(plane{})...)
	endpoints = append(endpoints, UpstreamEndpoints(plane{})...)
	endpoints = append(endpoints, ExplainEndpoints(plane{})...)
	endpoints = append(endpoints, AlertEndpoints(watcher{map[string]time.Time{}})...)
	endpoints = append(endpoints, ReloadEndpoints(func() (Reloaded, error) { return Reloaded{Status: "loaded"}, nil })...)
	a, err := New(Options{Endpoints: endpoints, Authenticate: as, Audit: audit, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func do(a http.Handler, role, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://admin.test"+Prefix+path, strings.NewReader(body))
	if role != "" {
		r.Header.Set("X-Role", role)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// Every endpoint refuses every role that it does not name, and nobody.
func TestRolesAreDeniedByDefault(t *testing.T) {
	a := newAPI(t, nil)
	for _, e := range a.Endpoints() {
		for _, role := range []string{"", "admin", "operator", "viewer", "key-owner", "root"} {
			w := do(a, role, e.Method, strings.NewReplacer("{id}", "x").Replace(e.Path), "{}")
			want := http.StatusForbidden
			if role == "" {
				want = http.StatusUnauthorized
			}
			if refused := w.Code == want; refused == e.allows(access.Role(role)) {
				t.Errorf("%s as %q: %d", e.ID, role, w.Code)
			}
		}
	}
}

func TestErrorsAreToldAndInsidesAreNot(t *testing.T) {
	a := newAPI(t, nil)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/broken/inside": {500, "internal"}, "/broken/missing": {404, "not_found"}, "/broken/conflict": {409, "changed_meanwhile"},
		"/broken/exists": {409, "exists"}, "/broken/panic": {500, "internal"}, "/nowhere": {404, "not_found"},
		"/budgets?scop=owner": {400, "unknown_parameter"}, "/budgets?scope=planet": {422, "invalid"},
	} {
		w := do(a, "admin", http.MethodGet, path, "")
		var b body
		if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != want.status || b.Error.Code != want.code {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s tells what is inside: %s", path, w.Body)
		}
	}
	if w := do(a, "admin", http.MethodDelete, "/budgets", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("%d", w.Code)
	}
}

func TestBodiesAreStrict(t *testing.T) {
	a := newAPI(t, nil)
	for body, want := range map[string]int{
		`{"name":"x"}`: 200, `{"name":"x","hash":"y"}`: 400, `{"name":1}`: 400, `{"name":"x"}{}`: 400, ``: 400, `{`: 400, `{}`: 422, `[]`: 400,
		`{"name":"` + strings.Repeat("x", 200) + `"}`: 413,
	} {
		if w := do(a, "operator", http.MethodPut, "/things/7", body); w.Code != want {
			t.Errorf("%.40s: %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
}

func TestChangesAreKeptInTheAuditLog(t *testing.T) {
	var kept audits
	a := newAPI(t, &kept)
	do(a, "operator", http.MethodPut, "/things/7", `{"name":"x"}`)
	do(a, "operator", http.MethodPut, "/things/8", `{}`)
	do(a, "viewer", http.MethodGet, "/budgets", "")
	do(a, "viewer", http.MethodPost, "/explain", `{}`)
	if len(kept.kept) != 2 {
		t.Fatalf("%d entries", len(kept.kept))
	}
	first, second := kept.kept[0], kept.kept[1]
	if first.Who != "tester" || first.Action != "things.put" || first.Target != "7" || first.From != "192.0.2.1" ||
		string(first.Detail) != `{"change":{"name":"x"},"outcome":"done"}` {
		t.Errorf("%+v %s", first, first.Detail)
	}
	if string(second.Detail) != `{"outcome":"invalid"}` {
		t.Errorf("%s", second.Detail)
	}
}

func TestKeyOwnersSeeOnlyTheirOwnBudgets(t *testing.T) {
	var l List[Budget]
	w := do(newAPI(t, nil), "key-owner", http.MethodGet, "/budgets", "")
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Data) != 1 || l.Data[0].Name != "acme" {
		t.Fatalf("%s", w.Body)
	}
}

// The document is valid, and what is answered is what it says.
func TestTheDocumentIsWhatIsServed(t *testing.T) {
	a := newAPI(t, nil)
	w := do(a, "viewer", http.MethodGet, "/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "http://admin.test" + Prefix}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/budgets", ""}, {"GET", "/upstreams", ""}, {"POST", "/explain", `{"model":"m"}`}, {"POST", "/explain", `{"request":{"model":"nowhere"}}`},
		{"GET", "/explain/req_1", ""}, {"GET", "/explain/req_2", ""}, {"POST", "/reload", ""}, {"GET", "/alerts", ""}, {"PATCH", "/alerts/queue", `{"muted_until":null}`}, {"PUT", "/things/7", `{"name":"x"}`},
	} {
		r := httptest.NewRequest(c.method, "http://admin.test"+Prefix+c.path, strings.NewReader(c.body))
		r.Header.Set("X-Role", "admin")
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		var input openapi3filter.ResponseValidationInput
		input.RequestValidationInput = &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		input.Status, input.Header = w.Code, w.Header()
		input.SetBodyBytes(w.Body.Bytes())
		if err = openapi3filter.ValidateResponse(t.Context(), &input); err != nil {
			t.Errorf("%s %s: %v\n%s", c.method, c.path, err, w.Body)
		}
	}
	for _, e := range a.Endpoints() {
		item := doc.Paths.Value(e.Path)
		if item == nil || item.GetOperation(e.Method) == nil || item.GetOperation(e.Method).OperationID != e.ID {
			t.Errorf("%s is not in the document", e.ID)
		}
	}
}

func TestAWrongTableIsRefused(t *testing.T) {
	ok := Endpoint{Method: "GET", Path: "/x", ID: "x", Tag: "t", Summary: "s", Roles: Admins(), Handle: func(*Call) (any, error) { return nil, nil }}
	change := func(f func(*Endpoint)) []Endpoint { e := ok; f(&e); return []Endpoint{e} }
	other := ok
	other.ID = "y"
	for name, table := range map[string][]Endpoint{
		"no roles": change(func(e *Endpoint) { e.Roles = nil }), "no handler": change(func(e *Endpoint) { e.Handle = nil }),
		"no name": change(func(e *Endpoint) { e.ID = "" }), "nothing said": change(func(e *Endpoint) { e.Summary = "" }),
		"one name twice": {ok, ok}, "one place twice": {ok, other},
		"open with roles": change(func(e *Endpoint) { e.Open = true }),
		"two handlers":    change(func(e *Endpoint) { e.Stream = func(*Call, http.ResponseWriter) error { return nil } }),
	} {
		if _, err := New(Options{Endpoints: table, Authenticate: as}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
