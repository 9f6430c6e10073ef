package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/clients"
	"github.com/sluice-gateway/sluice/store/sqlite"
	"github.com/sluice-gateway/sluice/web/access"
)

// holders shows one bucket of everybody.
type holders struct{}

func (holders) KeyBudgets(id string) []Budget {
	return []Budget{{Scope: "client_key", Name: id, Limit: "rpm", Level: 7}}
}
func (holders) OwnerBudgets(string) []Budget { return nil }

// newKeyAPI is the API of keys and owners, with the real service on a real store.
func newKeyAPI(t *testing.T, audit Auditor) (*API, *auth.Directory) {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(`
providers: {up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}}
routes: {m: {targets: [up/m]}}
owners: {acme: {limits: {rpm: 100, usd_per_day: 0.5}}, "a/b": {}}
client_keys:
  - {name: filed, key: sk-filed-filed-filed-filed, owner: acme, limits: {rpm: 25%, tpm: 1000}, tags: [t]}
  - {name: "a/b c", key: sk-other-other-other-other}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	d, get := auth.NewDirectory(), func() *config.Config { return cfg }
	s, err := clients.New(clients.Options{Store: store, Directory: d, Config: get})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{
		Endpoints:    slices.Concat(KeyEndpoints(s, holders{}, get), OwnerEndpoints(s, holders{}, get)),
		Authenticate: as, Audit: audit, Version: "v1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, d
}

// ask calls and decodes; what is not expected fails the test.
func ask[T any](t *testing.T, a http.Handler, role, method, path, body string, want int) T {
	t.Helper()
	w := do(a, role, method, path, body)
	if w.Code != want {
		t.Fatalf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
	}
	var v T
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return v
}

func TestKeysOverTheAPI(t *testing.T) {
	var kept audits
	a, d := newKeyAPI(t, &kept)
	made := ask[MadeKey](t, a, "operator", "POST", "/keys",
		`{"name":"web-app","owner":"acme","priority":"high","models":["m"],"limits":{"rpm":60,"tpm":"10k","usd_per_month":4.99},"max_tokens":500,"allowed_ips":["10.0.0.0/8"],"tags":["a"],"expires_at":"2099-01-31T00:00:00Z"}`, 201)
	if !auth.WellFormed(made.Key) || made.State != "active" || made.Version != 1 || made.Limits["usd_per_month"] != 4.99 || made.Limits["tpm"] != "10k" || made.Source != "store" {
		t.Fatalf("%+v", made)
	}
	path := "/keys/" + made.ID
	shown := do(a, "viewer", "GET", path, "")
	sum := auth.Digest(made.Key)
	for _, secret := range []string{made.Key, fmt.Sprintf("%x", sum[:8]), "hash", "Hash"} {
		if strings.Contains(shown.Body.String(), secret) {
			t.Fatalf("%q is shown: %s", secret, shown.Body)
		}
	}
	var detail KeyDetail
	if err := json.Unmarshal(shown.Body.Bytes(), &detail); err != nil || len(detail.Usage) != 1 || detail.Hint != made.Key[len(made.Key)-4:] {
		t.Fatalf("%v %s", err, shown.Body)
	}

	edited := ask[EditedKey](t, a, "operator", "PATCH", path, `{"limits":{"tpm":null,"rpm":"50%","rps":2},"owner":"acme","expires_at":null,"tags":null,"models":["m","x"]}`, 200)
	if got := slices.Sorted(maps.Keys(edited.Limits)); !slices.Equal(got, []string{"rpm", "rps", "usd_per_month"}) || edited.ExpiresAt != nil || len(edited.Tags) != 0 ||
		edited.Name != "web-app" || edited.Priority != "high" || len(edited.Warnings) != 1 || edited.Version != 2 {
		t.Fatalf("%+v", edited)
	}
	if k := d.Key(made.ID); k.Profile().Limits["rps"] != "2" || k.Profile().MaxTokens != 500 {
		t.Fatalf("%+v", k.Stored())
	}
	ask[body](t, a, "operator", "PATCH", path, `{"version":1,"disabled":true}`, 409)
	if e := ask[EditedKey](t, a, "operator", "PATCH", path, `{"version":2,"disabled":true}`, 200); e.State != "disabled" {
		t.Fatalf("%+v", e)
	}

	rotated := ask[MadeKey](t, a, "admin", "POST", path+"/rotate", `{"grace":"2h"}`, 200)
	if rotated.Key == made.Key || rotated.OldKeyUntil == nil {
		t.Fatalf("%+v", rotated)
	}
	if r := ask[MadeKey](t, a, "admin", "POST", path+"/rotate", ``, 200); r.OldKeyUntil == nil {
		t.Fatal("a rotation without a body has no grace")
	}
	if r := ask[MadeKey](t, a, "admin", "POST", path+"/rotate", `{"grace":"0"}`, 200); r.OldKeyUntil != nil {
		t.Fatal("there is a grace of none")
	}
	for _, grace := range []string{"-1h", "x", "31d", "1000000h"} {
		ask[body](t, a, "admin", "POST", path+"/rotate", `{"grace":"`+grace+`"}`, 422)
	}
	ask[body](t, a, "operator", "DELETE", path+"?version=3", "", 409)
	ask[any](t, a, "operator", "DELETE", path, "", 204)
	ask[body](t, a, "operator", "DELETE", path, "", 404)
	if k := ask[KeyDetail](t, a, "viewer", "GET", path, "", 200); k.State != "revoked" || d.Key(made.ID) != nil {
		t.Fatalf("%+v", k)
	}
	for _, e := range kept.kept {
		if text := string(e.Detail); strings.Contains(text, made.Key) || strings.Contains(text, rotated.Key) {
			t.Fatalf("a credential is in the audit log: %s", text)
		}
	}
	if first := kept.kept[0]; first.Action != "keys.create" || first.Target != made.ID || !strings.Contains(string(first.Detail), `"rpm":60`) {
		t.Errorf("%+v %s", first, first.Detail)
	}
}

// What nobody may choose is refused, whoever sends it.
func TestNobodyAssignsIdentity(t *testing.T) {
	a, d := newKeyAPI(t, nil)
	made := ask[MadeKey](t, a, "admin", "POST", "/keys", `{"name":"app"}`, 201)
	before := d.Key(made.ID).Stored()
	for _, field := range []string{
		`"id":"key_x"`, `"hash":"00"`, `"Hash":"00"`, `"key":"sk-mine"`, `"hint":"x"`, `"created_at":"2020-01-01T00:00:00Z"`, `"updated_at":null`, `"old_hash":"00"`,
		`"old_until":"2099-01-01T00:00:00Z"`, `"revoked_at":null`, `"source":"file"`, `"state":"active"`,
	} {
		ask[body](t, a, "admin", "PATCH", "/keys/"+made.ID, `{`+field+`}`, 400)
		ask[body](t, a, "admin", "POST", "/keys", `{"name":"other",`+field+`}`, 400)
	}
	ask[body](t, a, "admin", "POST", "/keys", `{"name":"other","version":7}`, 400)
	ask[body](t, a, "admin", "PATCH", "/keys/"+made.ID, `{"version":7}`, 409) // a guard, not a value
	for _, null := range []string{"name", "priority", "weight", "models", "disabled"} {
		if e := ask[body](t, a, "admin", "PATCH", "/keys/"+made.ID, `{"`+null+`":null}`, 422); e.Error.Fields[null] == "" {
			t.Errorf("%s: %+v", null, e)
		}
	}
	if after := d.Key(made.ID).Stored(); after.Hash != before.Hash || after.Version != before.Version || d.Len() != 1 {
		t.Fatalf("%+v", after)
	}
}

func TestWhatIsWrongWithAKeyIsToldByField(t *testing.T) {
	a, _ := newKeyAPI(t, nil)
	for _, c := range []struct {
		body   string
		fields []string
	}{
		{`{}`, []string{"name"}},
		{`{"name":"a","owner":"nobody","limits":{"rpm":"60x","tpm":true,"rps":[1]}}`, []string{"limits.rpm", "limits.rps", "limits.tpm", "owner"}},
		{`{"name":"a","owner":"nobody","limits":{"rpm":"60x","rpn":1,"tpm":-5,"usd_per_day":1e300,"rps":1.5}}`,
			[]string{"limits.rpm", "limits.rpn", "limits.rps", "limits.tpm", "limits.usd_per_day", "owner"}},
		{`{"name":"filed","allowed_ips":["10.0.0.1/8"],"expires_at":"2020-01-01T00:00:00Z"}`, []string{"allowed_ips[0]", "expires_at", "name"}},
	} {
		e := ask[body](t, a, "operator", "POST", "/keys", c.body, 422)
		if got := slices.Sorted(maps.Keys(e.Error.Fields)); !slices.Equal(got, c.fields) {
			t.Errorf("%s: %v", c.body, e.Error.Fields)
		}
	}
	ask[MadeKey](t, a, "operator", "POST", "/keys", `{"name":"a"}`, 201)
	ask[body](t, a, "operator", "POST", "/keys", `{"name":"a"}`, 409)
}

// A key-owner sees and rotates the own keys, and nothing else; others' are not there.
func TestKeyOwnersManageTheirOwnKeysOnly(t *testing.T) {
	a, d := newKeyAPI(t, nil)
	own := ask[MadeKey](t, a, "admin", "POST", "/keys", `{"name":"own","owner":"acme"}`, 201)
	other := ask[MadeKey](t, a, "admin", "POST", "/keys", `{"name":"other"}`, 201)
	list := ask[List[ClientKey]](t, a, "key-owner", "GET", "/keys", "", 200)
	if len(list.Data) != 2 || list.Data[0].ID != "file:filed" || list.Data[1].ID != own.ID {
		t.Fatalf("%+v", list)
	}
	for _, q := range []string{"?owner=other", "?search=other"} {
		if l := ask[List[ClientKey]](t, a, "key-owner", "GET", "/keys"+q, "", 200); len(l.Data) != 0 {
			t.Errorf("%s: %+v", q, l)
		}
	}
	ask[KeyDetail](t, a, "key-owner", "GET", "/keys/"+own.ID, "", 200)
	ask[KeyDetail](t, a, "key-owner", "GET", "/keys/file:filed", "", 200)
	ask[MadeKey](t, a, "key-owner", "POST", "/keys/"+own.ID+"/rotate", `{}`, 200)
	for _, id := range []string{other.ID, "key_nothing", "file:a%2Fb%20c", "file:x"} {
		ask[body](t, a, "key-owner", "GET", "/keys/"+id, "", 404)
		ask[body](t, a, "key-owner", "POST", "/keys/"+id+"/rotate", `{}`, 404)
	}
	for _, call := range [][2]string{{"PATCH", "/keys/" + own.ID}, {"DELETE", "/keys/" + own.ID}, {"POST", "/keys"}, {"POST", "/owners"}, {"PATCH", "/owners/acme"}, {"DELETE", "/owners/acme"}} {
		ask[body](t, a, "key-owner", call[0], call[1], `{}`, 403)
	}
	if l := ask[List[Owner]](t, a, "key-owner", "GET", "/owners", "", 200); len(l.Data) != 1 || l.Data[0].Name != "acme" || l.Data[0].Keys != 2 {
		t.Fatalf("%+v", l)
	}
	ask[body](t, a, "key-owner", "GET", "/owners/a%2Fb", "", 404)
	if k := d.Key(own.ID); k.Version() != 2 || d.Key(other.ID).Version() != 1 {
		t.Fatal("somebody else's key was rotated")
	}
}

func TestKeysOfTheFileAreShownAndNotChanged(t *testing.T) {
	a, _ := newKeyAPI(t, nil)
	k := ask[KeyDetail](t, a, "viewer", "GET", "/keys/file:filed", "", 200)
	if k.Source != "file" || k.Limits["rpm"] != "25%" || k.Limits["tpm"] != 1000.0 || k.Owner != "acme" || k.State != "active" || len(k.Usage) != 1 {
		t.Fatalf("%+v", k)
	}
	if k := ask[KeyDetail](t, a, "viewer", "GET", "/keys/file:a%2Fb%20c", "", 200); k.Name != "a/b c" {
		t.Fatalf("%+v", k)
	}
	ask[body](t, a, "admin", "PATCH", "/keys/file:filed", `{"disabled":true}`, 409)
	ask[body](t, a, "admin", "DELETE", "/keys/file:filed", "", 409)
	ask[body](t, a, "admin", "POST", "/keys/file:filed/rotate", "", 409)
	ask[body](t, a, "admin", "PATCH", "/owners/acme", `{}`, 409)
	ask[body](t, a, "admin", "DELETE", "/owners/a%2Fb", "", 409)
	o := ask[OwnerDetail](t, a, "viewer", "GET", "/owners/acme", "", 200)
	if o.Source != "file" || o.Limits["usd_per_day"] != 0.5 || o.Keys != 1 || o.Usage == nil {
		t.Fatalf("%+v", o)
	}
}

func TestPagesOfKeys(t *testing.T) {
	a, _ := newKeyAPI(t, nil)
	for i := range 5 {
		ask[MadeKey](t, a, "admin", "POST", "/keys", fmt.Sprintf(`{"name":"k%d","tags":["t"]}`, i), 201)
	}
	for _, c := range []struct {
		query string
		want  int
	}{{"", 7}, {"tag=t", 6}, {"search=k", 5}, {"search=FILED", 1}, {"owner=acme", 1}, {"tag=none", 0}} {
		for limit := 1; limit <= 8; limit++ {
			seen := map[string]bool{}
			for after, pages := "", 0; ; pages++ {
				l := ask[List[ClientKey]](t, a, "viewer", "GET", fmt.Sprintf("/keys?limit=%d&after=%s&%s", limit, after, c.query), "", 200)
				if len(l.Data) > limit || pages > 20 {
					t.Fatalf("%+v: a page of %d, the %dth", c, len(l.Data), pages)
				}
				for _, k := range l.Data {
					if seen[k.ID] {
						t.Fatalf("%+v, limit %d: %s twice", c, limit, k.ID)
					}
					seen[k.ID] = true
				}
				if l.Next == nil {
					break
				}
				after = *l.Next
			}
			if len(seen) != c.want {
				t.Fatalf("%+v, limit %d: %d keys", c, limit, len(seen))
			}
		}
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x"} {
		ask[body](t, a, "viewer", "GET", "/keys?"+bad, "", 422)
	}
	for _, odd := range []string{"file:-5", "file:999", "file:x", "zzz", "'--", "%00"} {
		ask[List[ClientKey]](t, a, "viewer", "GET", "/keys?after="+odd, "", 200)
	}
}

func TestOwnersOverTheAPI(t *testing.T) {
	a, d := newKeyAPI(t, nil)
	o := ask[Owner](t, a, "operator", "POST", "/owners", `{"name":"team/x","limits":{"rpm":60,"tpm":"100k"},"tags":["q"]}`, 201)
	if o.Kind != "team" || o.Version != 1 || o.Limits["tpm"] != "100k" {
		t.Fatalf("%+v", o)
	}
	ask[body](t, a, "operator", "POST", "/owners", `{"name":"team/x"}`, 409)
	if e := ask[body](t, a, "operator", "POST", "/owners", `{"name":"acme","kind":"club","limits":{"rpm":"10%"}}`, 422); len(e.Error.Fields) != 3 {
		t.Fatalf("%+v", e)
	}
	for _, field := range []string{`"name":"x"`, `"created_at":null`, `"keys":5`, `"deleted_at":null`} {
		ask[body](t, a, "operator", "PATCH", "/owners/team%2Fx", `{`+field+`}`, 400)
	}
	k := ask[MadeKey](t, a, "operator", "POST", "/keys", `{"name":"app","owner":"team/x","limits":{"tpm":"50%"}}`, 201)
	e := ask[EditedOwner](t, a, "operator", "PATCH", "/owners/team%2Fx", `{"limits":{"tpm":null},"kind":"user","tags":null}`, 200)
	if len(e.Warnings) != 1 || e.Kind != "user" || len(e.Limits) != 1 || len(e.Tags) != 0 || e.Keys != 1 {
		t.Fatalf("%+v", e)
	}
	ask[body](t, a, "operator", "PATCH", "/owners/team%2Fx", `{"version":1}`, 409)
	refused := do(a, "operator", "DELETE", "/owners/team%2Fx", "")
	if refused.Code != 409 || !strings.Contains(refused.Body.String(), `"in_use"`) || !strings.Contains(refused.Body.String(), `"keys":1`) {
		t.Fatalf("%d %s", refused.Code, refused.Body)
	}
	ask[any](t, a, "operator", "DELETE", "/keys/"+k.ID, "", 204)
	ask[any](t, a, "operator", "DELETE", "/owners/team%2Fx", "", 204)
	ask[body](t, a, "operator", "GET", "/owners/team%2Fx", "", 404)
	if d.Owner("team/x") != nil {
		t.Fatal("it is still in memory")
	}
	if l := ask[List[Owner]](t, a, "viewer", "GET", "/owners?search=A", "", 200); len(l.Data) != 2 {
		t.Fatalf("%+v", l)
	}
}

// Every operation refuses every role that it does not name, and answers what the
// document says.
func TestTheDocumentOfKeysIsWhatIsServed(t *testing.T) {
	a, _ := newKeyAPI(t, nil)
	check := documented(t, a)
	made := ask[MadeKey](t, a, "admin", "POST", "/keys", `{"name":"one","limits":{"rpm":1,"tpm":"5k"}}`, 201)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/keys", ""}, {"POST", "/keys", `{"name":"two"}`}, {"POST", "/keys", `{"name":""}`}, {"GET", "/keys/" + made.ID, ""}, {"GET", "/keys/x", ""},
		{"PATCH", "/keys/" + made.ID, `{"limits":{"rps":5}}`}, {"POST", "/keys/" + made.ID + "/rotate", `{"grace":"1h"}`}, {"DELETE", "/keys/" + made.ID, ""},
		{"POST", "/owners", `{"name":"new"}`}, {"GET", "/owners", ""}, {"GET", "/owners/new", ""}, {"PATCH", "/owners/new", `{"limits":{"rpm":5}}`}, {"DELETE", "/owners/new", ""},
	} {
		check(c.method, c.path, c.body)
	}
	for _, e := range a.Endpoints() {
		for _, role := range []string{"admin", "operator", "viewer", "key-owner", "root"} {
			w := do(a, role, e.Method, strings.NewReplacer("{id}", "x", "{name}", "x").Replace(e.Path), "{}")
			if refused := w.Code == http.StatusForbidden; refused == e.allows(access.Role(role)) {
				t.Errorf("%s as %q: %d", e.ID, role, w.Code)
			}
		}
	}
}

// documented checks answers against the document.
func documented(t *testing.T, a *API) func(method, path, body string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(do(a, "viewer", http.MethodGet, "/openapi.json", "").Body.Bytes())
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
	return func(method, path, body string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://admin.test"+Prefix+path, strings.NewReader(body))
		r.Header.Set("X-Role", "admin")
		r.Header.Set("Content-Type", "application/json")
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		input := openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}, Status: w.Code, Header: w.Header(),
		}
		input.SetBodyBytes(w.Body.Bytes())
		if err = openapi3filter.ValidateResponse(t.Context(), &input); err != nil {
			t.Errorf("%s %s: %v\n%s", method, path, err, w.Body)
		}
	}
}

func FuzzKeyBodies(f *testing.F) {
	f.Add(`{"name":"a","limits":{"rpm":1}}`)
	f.Add(`{"limits":null,"expires_at":null}`)
	f.Add(`{"grace":"1h"}`)
	f.Add(`{"name":"\u0000","tags":[""],"weight":-1,"limits":{"":""}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(*Call) error{
			func(c *Call) error {
				var n NewKey
				if err := c.Decode(&n); err != nil {
					return err
				}
				n.stored()
				return nil
			},
			func(c *Call) error {
				e, err := readKeyEdit(c)
				if err != nil {
					return err
				}
				return e.apply(&auth.Stored{Limits: map[string]string{"rpm": "1"}})
			},
			func(c *Call) error { _, _, err := readRotation(c); return err },
		} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(text))
			if err := read(&Call{Request: r}); err != nil {
				if e, meant := asError(err); !meant || e.Status >= 500 {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
	})
}
