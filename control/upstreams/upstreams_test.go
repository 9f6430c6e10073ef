package upstreams

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/store/sqlite"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

const (
	clientKey = "sk-client-0123456789abcd"
	fileKey   = "sk-up-file-0123456789"
	newKey    = "sk-up-new-9876543210"
)

const text = `
providers:
  up: {base_url: "http://upstream.invalid/v1", preset: openai, accounts: [{name: a, keys: [` + fileKey + `]}, {name: b, keys: [sk-up-other-00112233]}]}
  spare: {base_url: "http://spare.invalid/v1", preset: openai, accounts: [{name: s, keys: [sk-spare-00112233]}]}
routes:
  m: {targets: [up/m]}
  both: {targets: [up/m, spare/m]}
client_keys: [{name: test, key: ` + clientKey + `}]
`

// upstream answers calls and remembers their keys. It is safe for concurrent use.
type upstream struct {
	mu   sync.Mutex
	seen []string
	bad  map[string]bool
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, key)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	status, body := 200, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`
	if u.bad[key] {
		status, body = 401, `{"error":{"message":"Incorrect API key provided: `+key+`","type":"invalid_request_error","code":"invalid_api_key"}}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (u *upstream) last() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[len(u.seen)-1]
}

// node is a gateway with its service, on a database that others may share.
type node struct {
	t       *testing.T
	db      string
	up      *upstream
	store   *sqlite.Store
	service *Service
	gateway *gateway.Gateway
	api     *api.API
	log     *bytes.Buffer
	answers *strings.Builder
}

func start(t *testing.T, db string) *node {
	t.Helper()
	n := &node{t: t, db: db, up: &upstream{bad: map[string]bool{}}, log: &bytes.Buffer{}, answers: &strings.Builder{}}
	ctx := context.Background()
	var err error
	if n.store, err = sqlite.Open(ctx, sqlite.Options{Path: db}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.store.Close() })
	box, err := vault.OpenBox(ctx, vault.Options{Store: n.store, Missing: auth.ErrNotFound, KeyFile: db + ".key"})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("test.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	n.service, err = New(Options{Store: n.store, Vault: box, Config: func() *config.Config { return cfg }, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := n.service.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n.gateway, err = gateway.New(gateway.Options{
		Config: cfg, Tokens: tokens.New(tokens.Options{}), Embeddings: openai.ConvertEmbeddings, Log: log, Overlay: overlay,
		Connect: func(p *config.Provider, preset providers.Preset) (providers.Dialect, *http.Client, error) {
			d, err := openai.New(openai.Options{BaseURL: p.BaseURL, Preset: preset})
			return d, &http.Client{Transport: n.up}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.service.Attach(n.gateway)
	n.api, err = api.New(api.Options{
		Endpoints: api.UpstreamEndpoints(n.service), Audit: n.store, Log: log,
		Authenticate: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Identity{Name: "op", Role: access.Operator})))
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// do calls the admin API and reads its answer into out.
func (n *node) do(method, path, body string, want int, out any) {
	n.t.Helper()
	r := httptest.NewRequest(method, "/admin/api/v1"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	n.api.ServeHTTP(w, r)
	n.answers.WriteString(w.Body.String())
	if w.Code != want {
		n.t.Fatalf("%s %s %s: %d %s\n%s", method, path, body, w.Code, w.Body, n.log)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			n.t.Fatalf("%s: %v", w.Body, err)
		}
	}
}

// call sends a chat completion through the gateway.
func (n *node) call(model string) int {
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"`+model+`","messages":[{"role":"user","content":"hi"}]}`))
	r.Header.Set("Authorization", "Bearer "+clientKey)
	w := httptest.NewRecorder()
	n.gateway.Handler().ServeHTTP(w, r)
	n.answers.WriteString(w.Body.String())
	return w.Code
}

func (n *node) key(secret string) api.Key {
	n.t.Helper()
	var p api.Provider
	n.do("GET", "/upstreams/up", "", 200, &p)
	for _, a := range p.Accounts {
		for _, k := range a.Keys {
			if k.Fingerprint == gateway.Fingerprint(secret) {
				return k
			}
		}
	}
	n.t.Fatalf("no key %s", secret)
	return api.Key{}
}

func path(secret, rest string) string {
	return "/upstreams/up/a/keys/" + gateway.Fingerprint(secret) + rest
}

func TestAStoredKeysLife(t *testing.T) {
	db := filepath.Join(t.TempDir(), "sluice.db")
	n := start(t, db)
	n.do("PATCH", "/upstreams/up/b", `{"state":"disabled"}`, 200, nil)
	var r api.Replacement
	n.do("POST", path(fileKey, "/replace"), `{"key":"`+newKey+`"}`, 201, &r)
	if r.New.Source != "stored" || !r.New.Usable || r.Old.State != "draining" || !r.Old.Drained || r.Old.Usable || r.Old.Source != "file" {
		t.Fatalf("%+v", r)
	}
	if n.call("m") != 200 || n.up.last() != newKey {
		t.Fatalf("the call went with %s", n.up.last())
	}
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	var k api.Key
	n.do("PATCH", path(newKey, ""), `{"expires_at":"`+end.Format(time.RFC3339)+`"}`, 200, &k)
	if k.ExpiresAt == nil || !k.ExpiresAt.Equal(end) || k.State != "enabled" {
		t.Fatalf("%+v", k)
	}

	n = start(t, db) // a restart
	if k := n.key(newKey); !k.Usable || k.ExpiresAt == nil || k.Health != "unknown" {
		t.Fatalf("%+v", k)
	}
	if k := n.key(fileKey); k.State != "draining" || k.StateSince == nil {
		t.Fatalf("%+v", k)
	}
	if n.call("m") != 200 || n.up.last() != newKey {
		t.Fatalf("the call went with %s", n.up.last())
	}
	n.up.bad[newKey] = true
	var f api.TestedKey
	n.do("POST", path(newKey, "/test"), "", 200, &f)
	if !f.Conclusive || f.Health != "invalid" || f.Status != 401 || n.key(newKey).Usable {
		t.Fatalf("%+v", f)
	}
	n.up.bad[newKey] = false
	n.do("POST", path(newKey, "/test"), `{"call":true}`, 200, &f)
	if !f.Conclusive || f.Health != "works" || f.Model != "m" || !n.key(newKey).Usable {
		t.Fatalf("%+v", f)
	}
	n.do("DELETE", path(newKey, ""), "", 204, nil)
	n.do("DELETE", path(newKey, ""), "", 404, nil)
	n.do("DELETE", path(fileKey, ""), "", 409, nil)
	if code := n.call("m"); code != 503 {
		t.Fatalf("%d without a key", code)
	}
	n.do("PATCH", path(fileKey, ""), `{"state":"enabled"}`, 200, &k)
	if !k.Usable || n.call("m") != 200 {
		t.Fatalf("%+v", k)
	}
	n.safe(db, newKey, fileKey)
}

// safe looks for keys where none may be.
func (n *node) safe(db string, secrets ...string) {
	n.t.Helper()
	files, _ := filepath.Glob(db + "*")
	all := n.log.String() + n.answers.String()
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil {
			all += string(data)
		}
	}
	for _, s := range secrets {
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), fmt.Sprintf("%x", s)} {
			if strings.Contains(all, form) {
				n.t.Errorf("a key lies somewhere as %s", form)
			}
		}
	}
}

func TestWhatAStateDoesIsToldAhead(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "sluice.db"))
	var c api.StateChange
	n.do("PATCH", "/upstreams/up?dry_run=true", `{"state":"draining"}`, 200, &c)
	if c.Applied || c.Keys != 2 || c.UsableBefore != 2 || c.UsableAfter != 0 || len(c.RoutesWithoutKeys) != 1 || c.RoutesWithoutKeys[0] != "m" || n.call("m") != 200 {
		t.Fatalf("%+v", c)
	}
	n.do("PATCH", "/upstreams/up/a?dry_run=true", `{"state":"disabled"}`, 200, &c)
	if c.Keys != 1 || c.UsableAfter != 0 || len(c.RoutesWithoutKeys) != 0 {
		t.Fatalf("%+v", c)
	}
	n.do("PATCH", "/upstreams/up", `{"state":"disabled"}`, 200, &c)
	if !c.Applied || n.call("m") != 503 || n.call("both") != 200 {
		t.Fatalf("%+v", c)
	}
	n.do("PATCH", "/upstreams/up/a", `{"state":"enabled"}`, 200, &c) // the provider's is stricter
	if c.UsableAfter != 0 || n.call("m") != 503 {
		t.Fatalf("%+v", c)
	}
	var p api.Provider
	n.do("GET", "/upstreams/up", "", 200, &p)
	if p.State != "disabled" || p.StateSince == nil || p.Accounts[0].State != "enabled" || p.Accounts[0].ProviderState != "disabled" || p.Host != "upstream.invalid" || p.Accounts[1].StateSince != nil {
		t.Fatalf("%+v", p)
	}
	n.do("PATCH", "/upstreams/up", `{"state":"enabled"}`, 200, &c)
	if c.UsableBefore != 0 || c.UsableAfter != 2 || n.call("m") != 200 {
		t.Fatalf("%+v", c)
	}
	audits, err := n.store.Audits(context.Background(), 0, 10)
	if err != nil || len(audits) != 3 || audits[0].Target != "up" { // dry runs are none
		t.Fatalf("%+v %v", audits, err)
	}
}

func TestOtherNodesFollow(t *testing.T) {
	db := filepath.Join(t.TempDir(), "sluice.db")
	one, two := start(t, db), start(t, db)
	one.do("POST", "/upstreams/up/a/keys", `{"key":"`+newKey+`"}`, 201, nil)
	one.do("PATCH", path(fileKey, ""), `{"state":"disabled"}`, 200, nil)
	one.do("PATCH", "/upstreams/up/b", `{"state":"disabled"}`, 200, nil)
	if err := two.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if two.call("m") != 200 || two.up.last() != newKey {
		t.Fatalf("the call went with %s", two.up.last())
	}
	one.do("DELETE", path(newKey, ""), "", 204, nil)
	if err := two.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := two.call("m"); code != 503 {
		t.Fatal(code)
	}
}

func TestBadKeysAndStatesAreRefused(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "sluice.db"))
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/upstreams/up/a/keys", `{}`, 422}, {"POST", "/upstreams/up/a/keys", `{"key":"short"}`, 422},
		{"POST", "/upstreams/up/a/keys", `{"key":"with a space in it"}`, 422}, {"POST", "/upstreams/up/a/keys", `{"key":"line\nbreak-0123456789"}`, 422},
		{"POST", "/upstreams/up/a/keys", `{"key":"${SECRET_OF_THE_HOST}"}`, 422}, {"POST", "/upstreams/up/a/keys", `{"key":"` + strings.Repeat("k", 5000) + `"}`, 422},
		{"POST", "/upstreams/up/a/keys", `{"key":"` + newKey + `","expires_at":"2020-01-01T00:00:00Z"}`, 422},
		{"POST", "/upstreams/up/a/keys", `{"key":"` + newKey + `","base_url":"http://evil.invalid"}`, 400},
		{"POST", "/upstreams/up/a/keys", `{"key":"` + fileKey + `"}`, 409}, {"POST", "/upstreams/up/nobody/keys", `{"key":"` + newKey + `"}`, 404},
		{"POST", "/upstreams/nobody/a/keys", `{"key":"` + newKey + `"}`, 404}, {"PATCH", path(fileKey, ""), `{}`, 422},
		{"PATCH", path(fileKey, ""), `{"state":"paused"}`, 422}, {"PATCH", path(fileKey, ""), `{"expires_at":"2099-01-01T00:00:00Z"}`, 422},
		{"PATCH", path(newKey, ""), `{"state":"enabled"}`, 404}, {"POST", path(newKey, "/replace"), `{"key":"` + newKey + `"}`, 404},
		{"POST", path(fileKey, "/replace"), `{"key":"` + fileKey + `"}`, 409}, {"POST", path(newKey, "/test"), "", 404},
		{"PATCH", "/upstreams/up", `{"state":""}`, 422}, {"PATCH", "/upstreams/nobody", `{"state":"enabled"}`, 404},
		{"PATCH", "/upstreams/up/nobody", `{"state":"enabled"}`, 404}, {"GET", "/upstreams/nobody", "", 404},
	} {
		n.do(c.method, c.path, c.body, c.want, nil)
	}
	rows, err := n.store.UpstreamKeys(t.Context())
	if err != nil || len(rows) != 0 {
		t.Fatalf("%+v %v", rows, err)
	}
	if _, err := os.Stat(n.db + ".key"); err == nil {
		t.Fatal("a refused key made an encryption key")
	}
	n.safe(n.db, newKey, fileKey)
}

// broken is a store that takes nothing.
type broken struct {
	vault.Store
	err error
}

func (b broken) PutUpstreamKey(context.Context, *vault.UpstreamKey) error { return b.err }

func TestWhatCannotBeKeptIsNotInForce(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "sluice.db"))
	n.service.o.Store = broken{n.store, errors.New("disk full")}
	n.do("PATCH", "/upstreams/up", `{"state":"disabled"}`, 500, nil)
	n.do("POST", "/upstreams/up/a/keys", `{"key":"`+newKey+`"}`, 500, nil)
	if n.call("m") != 200 || n.key(fileKey).State != "enabled" {
		t.Fatal("it is in force")
	}
}

// A row that was copied to another account, or sealed with a key that is gone, is told
// of and left alone.
func TestAKeyThatDoesNotOpenIsTold(t *testing.T) {
	n := start(t, filepath.Join(t.TempDir(), "sluice.db"))
	n.do("POST", "/upstreams/up/a/keys", `{"key":"`+newKey+`"}`, 201, nil)
	rows, _ := n.store.UpstreamKeys(t.Context())
	copied := rows[0]
	copied.Provider, copied.Account = "spare", "s"
	if err := n.store.PutUpstreamKey(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.service.follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var p api.Provider
	n.do("GET", "/upstreams/spare", "", 200, &p)
	if len(p.Accounts[0].Keys) != 1 || strings.Count(n.log.String(), "stored upstream key cannot be used") != 1 || !n.key(newKey).Usable {
		t.Fatalf("%+v\n%s", p, n.log)
	}
}
