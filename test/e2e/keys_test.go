package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/web/api"
)

// manage does one operation of the admin API and decodes its answer into v.
func (g *gateway) manage(method, path, body string, v any) answer {
	g.t.Helper()
	req, err := http.NewRequest(method, g.admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	a := do(g.t, req)
	if v != nil {
		if err := json.Unmarshal([]byte(a.body), v); err != nil {
			g.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
	return a
}

// as calls with another credential than the file's.
func (g *gateway) as(credential string, extra ...string) answer {
	g.t.Helper()
	return g.post("/v1/chat/completions", chatBody("m", "hi", extra...), "Authorization", "Bearer "+credential)
}

func (g *gateway) create(body string) api.MadeKey {
	g.t.Helper()
	var k api.MadeKey
	if a := g.manage(http.MethodPost, "/keys", body, &k); a.status != http.StatusCreated {
		g.t.Fatalf("%d %s", a.status, a.body)
	}
	return k
}

// stored is one upstream, one route m, and a database that outlives the program.
func stored(t *testing.T, url, dsn string) string {
	t.Helper()
	return one(url, "") + "store: {dsn: " + dsn + "}\n"
}

func TestAKeysLife(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	want := func(a answer, status int, code string) {
		t.Helper()
		if _, got, _ := a.errorCode(); a.status != status || got != code {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	k := g.create(`{"name":"web-app","limits":{"rpd":2,"tpm":"100k","usd_per_month":5},"max_tokens":50}`)
	want(g.as(k.Key), 200, "")
	want(g.as(k.Key, `"max_tokens":51`), 400, "invalid_value")
	want(g.as(k.Key), 200, "")
	refused := g.as(k.Key)
	want(refused, 429, "rate_limit_exceeded")
	if refused.header.Get("X-Sluice-Limited-By") != "client_key" || !strings.Contains(refused.body, "web-app") {
		t.Fatalf("%v %s", refused.header, refused.body)
	}
	var shown api.KeyDetail
	g.manage(http.MethodGet, "/keys/"+k.ID, "", &shown)
	if u := shown.Usage[0]; u.Limit != "rpd" || u.Level != 0 || u.Name != "web-app" {
		t.Fatalf("%+v", shown.Usage)
	}
	if a := g.manage(http.MethodPatch, "/keys/"+k.ID, `{"limits":{"rpd":3}}`, nil); a.status != 200 {
		t.Fatal(a.body)
	}
	want(g.as(k.Key), 200, "")
	want(g.as(k.Key), 429, "rate_limit_exceeded")

	var rotated api.MadeKey
	g.manage(http.MethodPost, "/keys/"+k.ID+"/rotate", `{"grace":"1h"}`, &rotated)
	g.manage(http.MethodPatch, "/keys/"+k.ID, `{"limits":{"rpd":null}}`, nil)
	want(g.as(k.Key), 200, "")
	want(g.as(rotated.Key), 200, "")
	g.manage(http.MethodPost, "/keys/"+k.ID+"/rotate", `{"grace":"0"}`, &rotated)
	want(g.as(rotated.Key), 200, "")
	want(g.as(k.Key), 401, "invalid_api_key")
	if a := g.manage(http.MethodDelete, "/keys/"+k.ID, "", nil); a.status != 204 {
		t.Fatal(a.body)
	}
	want(g.as(rotated.Key), 401, "invalid_api_key")
	if log := g.log.String(); strings.Contains(log, k.Key) || strings.Contains(log, rotated.Key) {
		t.Fatal("a credential is in the log")
	}
}

// Two gateways on one store: what one does to a key is in force on the other within a
// second.
func TestTwoGatewaysOnOneStore(t *testing.T) {
	_, url := upstream(t, open("a"))
	dsn := filepath.Join(t.TempDir(), "shared.db")
	node := func(name string) *gateway { // each has files of its own beside the database
		return start(t, one(url, "")+fmt.Sprintf("store: {dsn: %s, spool: {path: %[1]s.%s}}\nbudgets: {levels: %[1]s.%[2]s.levels}\n", dsn, name))
	}
	a, b := node("a"), node("b")
	k := a.create(`{"name":"shared"}`)
	// within says that what b answers changes no later than a second after now.
	within := func(what string, status int) {
		t.Helper()
		since := time.Now()
		eventually(t, what, func() bool {
			called := time.Now()
			if b.as(k.Key).status == status {
				return true
			}
			if late := called.Sub(since); late > time.Second {
				t.Fatalf("%s: not after %v", what, late)
			}
			return false
		})
		t.Logf("%s: %v", what, time.Since(since).Round(time.Millisecond))
	}
	within("a new key works on the other node", 200)
	a.manage(http.MethodPatch, "/keys/"+k.ID, `{"disabled":true}`, nil)
	within("a disabled key is refused on the other node", 401)
	a.manage(http.MethodPatch, "/keys/"+k.ID, `{"disabled":false}`, nil)
	within("an enabled key works on the other node", 200)
	a.manage(http.MethodDelete, "/keys/"+k.ID, "", nil)
	within("a revoked key is refused on the other node", 401)
	if a.as(k.Key).status != 401 {
		t.Fatal("it works where it was revoked")
	}
}

// Keys, owners and what was used of their limits outlive the program.
func TestKeysAndTheirLevelsOutliveARestart(t *testing.T) {
	_, url := upstream(t, open("a"))
	yaml := stored(t, url, filepath.Join(t.TempDir(), "sluice.db"))
	g := start(t, yaml)
	if a := g.manage(http.MethodPost, "/owners", `{"name":"team","limits":{"rpd":3}}`, nil); a.status != 201 {
		t.Fatal(a.body)
	}
	k := g.create(`{"name":"one","owner":"team","limits":{"usd_per_month":5}}`)
	other := g.create(`{"name":"two","owner":"team"}`)
	for range 2 {
		if a := g.as(k.Key); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	g.stop()
	g = start(t, yaml)
	if a := g.as(other.Key); a.status != 200 {
		t.Fatal(a.body)
	}
	if a := g.as(k.Key); a.status != 429 || a.header.Get("X-Sluice-Limited-By") != "owner" {
		t.Fatalf("the restart gave the owner's budget back: %d %s", a.status, a.body)
	}
	if a := g.manage(http.MethodDelete, "/owners/team", "", nil); a.status != 409 || !strings.Contains(a.body, `"keys":2`) {
		t.Fatal(a.status, a.body)
	}
}

func TestTheKeysCommand(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	run := func(args ...string) (string, error) {
		out, err := runBinary(append(append([]string{"keys"}, args...), "--admin", g.admin, "--token", adminToken)...)
		return out, err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	var made api.MadeKey
	if err := json.Unmarshal([]byte(must("create", "app", "--limit", "rpd=1", "--limit", "tpm=10k", "--max-tokens", "20", "--tag", "x", "--expires", "30d", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	if a := g.as(made.Key); a.status != 200 {
		t.Fatal(a.body)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, "rpd=1 tpm=10k"}, {[]string{"list", "--tag", "x"}, made.ID}, {[]string{"list", "--search", "test"}, "file:test"},
		{[]string{"show", "app"}, "client_key  rpd    1       1     0     0"}, {[]string{"show", made.ID}, "Max tokens"}, {[]string{"show", "file:test"}, "Source"},
		{[]string{"edit", "app", "--limit", "rpd=5", "--limit", "tpm=", "--expires", "never", "--tag", ""}, "Limits      rpd=5\n"},
		{[]string{"rotate", "app", "--grace", "0"}, "Key   sk-sluice-"},
	} {
		if out := must(c.args...); !strings.Contains(out, c.want) {
			t.Errorf("%v: %q is not in\n%s", c.args, c.want, out)
		}
	}
	if a := g.as(made.Key); a.status != 401 {
		t.Fatal(a.status)
	}
	must("edit", "app", "--disable")
	must("revoke", "app")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"show", "app"}, "no key named"}, {[]string{"create", "x", "--limit", "rpm"}, "NAME=AMOUNT"}, {[]string{"create", "x", "--limit", "rpn=1"}, "limits.rpn: there is no limit \"rpn\"; did you mean"},
		{[]string{"edit", "file:test", "--disable"}, "in the configuration file"}, {[]string{"edit", "file:test"}, "nothing to change"}, {[]string{"create", "x", "--expires", "soon"}, "not a date"},
	} {
		if out, err := run(c.args...); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
	if out, err := runBinary("keys", "list", "--admin", g.admin, "--token", "wrong"); err == nil || !strings.Contains(out, "SLUICE_ADMIN_TOKEN") {
		t.Errorf("%v %s", err, out)
	}
}

// What is not yours to choose, and what nobody can have meant, over the real listener.
func TestTheKeysAPIRefusesNonsense(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	k := g.create(`{"name":"app"}`)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/keys", `{"name":"x","hash":"00"}`, 400}, {"PATCH", "/keys/" + k.ID, `{"id":"key_x"}`, 400}, {"PATCH", "/keys/" + k.ID, `{"version":99}`, 409},
		{"POST", "/keys", `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, 413}, {"POST", "/keys", "", 400}, {"POST", "/keys", `{"name":"\u0000"}`, 422},
		{"GET", "/keys/" + strings.Repeat("x", 3000), "", 404}, {"GET", "/keys/'%20OR%201=1--", "", 404}, {"GET", "/keys/%00", "", 404}, {"GET", "/owners/%ff", "", 404},
		{"POST", "/keys", `{"name":"x","limits":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`, 422},
	} {
		if a := g.manage(c.method, c.path, c.body, nil); a.status != c.want {
			t.Errorf("%s %.60s %.60s: %d %.300s", c.method, c.path, c.body, a.status, a.body)
		}
	}
	var found api.List[api.ClientKey]
	g.manage(http.MethodGet, "/keys?search="+fmt.Sprintf("%x", bytes.Repeat([]byte{7}, 4)), "", &found)
	if len(found.Data) != 0 || found.Next != nil {
		t.Errorf("%+v", found)
	}
}
