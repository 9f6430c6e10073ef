package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/telemetry"
)

const wide = `
server: {trusted_proxies: [192.0.2.0/24]}
providers:
  up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}
routes:
  m: {targets: [up/m]}
  other: {targets: [up/other]}
owners:
  filed: {limits: {rpm: 8}}
client_keys:
  - {name: test, key: {{key}}}
  - {name: capped, key: sk-capped-capped-capped, max_tokens: 50, allowed_ips: [10.0.0.0/8]}
  - {name: off, key: sk-off-off-off-off-off, disabled: true}
prices: [{model: "*", input: 1000, output: 1000}]
`

// secretOf is the credential of a stored test key.
func secretOf(id string) string { return "sk-sluice-stored-" + id }

// storedKey makes a key that may call everything.
func storedKey(id string, limits map[string]string) *auth.Stored {
	return &auth.Stored{ID: "key_" + id, Name: "name-" + id, Priority: "normal", Weight: 1, Models: []string{"*"}, Limits: limits,
		Hash: auth.Digest(secretOf(id)), Version: 1}
}

// upstreamBody answers every call and keeps the last body.
type upstreamBody struct {
	mu   sync.Mutex
	last []byte
}

func (u *upstreamBody) roundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	u.last = body
	u.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	return answer(r, wholeAnswer)
}

// as calls with a credential; from is the peer's address.
func as(h http.Handler, credential, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+credential)
	r.RemoteAddr = "192.0.2.1:1234"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// codeOf is a refusal's status, type, code and param.
func codeOf(w *httptest.ResponseRecorder) string {
	var e struct {
		Error struct{ Type, Code, Param string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &e)
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", e.Error.Type, " ", e.Error.Code, " ", e.Error.Param))
}

func (u *upstreamBody) serve(t testing.TB, yaml string, keys ...*auth.Stored) (*Gateway, *auth.Directory) {
	t.Helper()
	d := auth.NewDirectory()
	for _, k := range keys {
		putKey(t, d, k)
	}
	return serveStored(t, nil, yaml, d, u.roundTrip), d
}

func putKey(t testing.TB, d *auth.Directory, k *auth.Stored) {
	t.Helper()
	if err := d.Put(k); err != nil {
		t.Fatal(err)
	}
}

// A stored key refuses in every dimension as one of the file does, and names itself.
func TestAStoredKeyLimitsEveryDimension(t *testing.T) {
	for name, c := range map[string]struct {
		limits map[string]string
		ok     int // calls that pass
		want   string
	}{
		"rps":           {map[string]string{"rps": "2"}, 2, "429 requests rate_limit_exceeded"},
		"rpm":           {map[string]string{"rpm": "3"}, 3, "429 requests rate_limit_exceeded"},
		"rpd":           {map[string]string{"rpd": "2"}, 2, "429 requests rate_limit_exceeded"},
		"tpm":           {map[string]string{"tpm": "35"}, 2, "429 tokens rate_limit_exceeded"}, // 16 each, 10 once settled
		"tpd":           {map[string]string{"tpd": "35"}, 2, "429 tokens rate_limit_exceeded"},
		"input_tpm":     {map[string]string{"input_tpm": "30"}, 2, "429 tokens rate_limit_exceeded"},
		"output_tpm":    {map[string]string{"output_tpm": "3"}, 2, "429 tokens rate_limit_exceeded"},
		"usd_per_day":   {map[string]string{"usd_per_day": "0.035"}, 2, "429 insufficient_quota insufficient_quota"}, // 0.016 each, 0.01 once settled
		"usd_per_month": {map[string]string{"usd_per_month": "0.035"}, 2, "429 insufficient_quota insufficient_quota"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up upstreamBody
				g, _ := up.serve(t, wide, storedKey("a", c.limits))
				h := g.Handler()
				const three = `{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"hi"}]}`
				for i := range c.ok {
					if w := as(h, secretOf("a"), three); w.Code != 200 {
						t.Fatalf("call %d: %s", i, w.Body)
					}
				}
				w := as(h, secretOf("a"), three)
				if codeOf(w) != c.want || w.Header().Get("X-Sluice-Limited-By") != "client_key" || !strings.Contains(w.Body.String(), "name-a") {
					t.Fatalf("%s %v\n%s", codeOf(w), w.Header(), w.Body)
				}
			})
		})
	}
}

func TestAStoredKeyLimitsConcurrency(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	d := auth.NewDirectory()
	putKey(t, d, storedKey("a", map[string]string{"concurrency": "1"}))
	g := serveStored(t, nil, wide, d, func(r *http.Request) (*http.Response, error) {
		close(inside)
		<-leave
		return answer(r, wholeAnswer)
	})
	h := g.Handler()
	done := make(chan int)
	go func() { done <- as(h, secretOf("a"), ask).Code }()
	<-inside
	if w := as(h, secretOf("a"), ask); codeOf(w) != "429 requests rate_limit_exceeded" {
		t.Fatal(codeOf(w))
	}
	g.keyring.sweep()
	if len(g.keyring.shard("key_a").keys) != 1 {
		t.Fatal("a key with a call in flight was forgotten")
	}
	close(leave)
	if code := <-done; code != 200 {
		t.Fatal(code)
	}
}

// Class and models of a stored key count as those of a key of the file do.
func TestAStoredKeysClassAndModels(t *testing.T) {
	k := storedKey("a", nil)
	k.Priority, k.Models, k.Owner = "low", []string{"m*"}, "nobody-knows"
	d := auth.NewDirectory()
	putKey(t, d, k)
	var got []telemetry.Record
	g := serveStored(t, sinkFunc(func(r *telemetry.Record) { got = append(got, *r) }), wide, d, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
	h := g.Handler()
	if w := as(h, secretOf("a"), ask, "X-Priority", "critical"); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if r := got[0]; r.Priority != "low" || r.Key != "name-a" || r.KeyID != "key_a" || r.Owner != "nobody-knows" {
		t.Fatalf("%+v", r)
	}
	if w := as(h, secretOf("a"), strings.Replace(ask, `"m"`, `"other"`, 1)); codeOf(w) != "404 invalid_request_error model_not_found model" {
		t.Fatal(codeOf(w))
	}
	if e, err := g.Explain(t.Context(), Question{Body: []byte(ask), Key: "name-a"}); err != nil || e.Priority != "low" {
		t.Fatalf("%+v %v", e, err)
	}
	if e, err := g.Explain(t.Context(), Question{Body: []byte(ask), Key: "key_a"}); err != nil || e.Priority != "low" {
		t.Fatalf("%+v %v", e, err)
	}
}

// An owner's limits are shared by all of its keys, and a key may have a share of them;
// an edit of the owner counts at once and keeps what was taken.
func TestAStoredOwnerIsSharedAndEditedInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		a, b := storedKey("a", map[string]string{"rpm": "50%"}), storedKey("b", nil)
		a.Owner, b.Owner = "team", "team"
		g, d := up.serve(t, wide, a, b)
		d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "4"}, Version: 1})
		h := g.Handler()
		for range 2 {
			if w := as(h, secretOf("a"), ask); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
		if w := as(h, secretOf("a"), ask); w.Header().Get("X-Sluice-Limited-By") != "client_key" {
			t.Fatalf("the share: %s", w.Body)
		}
		for range 2 {
			if w := as(h, secretOf("b"), ask); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
		if w := as(h, secretOf("b"), ask); w.Header().Get("X-Sluice-Limited-By") != "owner" || !strings.Contains(w.Body.String(), "(team)") {
			t.Fatalf("%v %s", w.Header(), w.Body)
		}
		d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "6"}, Version: 2})
		for i := range 2 { // two more than before, one of them the key's own new half
			if w := as(h, secretOf([]string{"a", "b"}[i]), ask); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
		if w := as(h, secretOf("b"), ask); w.Header().Get("X-Sluice-Limited-By") != "owner" {
			t.Fatalf("the edit gave the level back: %d", w.Code)
		}
		d.PutOwner(&auth.StoredOwner{Name: "team", Version: 3}) // limits nothing any more
		if w := as(h, secretOf("a"), ask); w.Code != 200 {
			t.Fatal(w.Body)
		}
	})
}

// The file's owner counts where both know the name, and its buckets are one with those
// of the file's own keys.
func TestTheFilesOwnerComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		a := storedKey("a", map[string]string{"rpm": "25%"})
		a.Owner = "filed"
		g, d := up.serve(t, wide, a)
		d.PutOwner(&auth.StoredOwner{Name: "filed", Limits: map[string]string{"rpm": "1000"}, Version: 1})
		h := g.Handler()
		for i, want := range []int{200, 200, 429} { // a quarter of the file's eight
			if w := as(h, secretOf("a"), ask); w.Code != want {
				t.Fatalf("%d: %d %s", i, w.Code, w.Body)
			}
		}
	})
}

// An owner that moves between the file and the store takes its buckets along.
func TestAnOwnerMovesBetweenFileAndStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		a := storedKey("a", nil)
		a.Owner = "filed"
		g, d := up.serve(t, wide, a)
		d.PutOwner(&auth.StoredOwner{Name: "filed", Limits: map[string]string{"rpm": "8"}, Version: 1})
		h := g.Handler()
		apply := func(yaml string) {
			t.Helper()
			cfg, err := config.Parse("test.yaml", []byte(strings.ReplaceAll(yaml, "{{key}}", testKey)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Apply(cfg); err != nil {
				t.Fatal(err)
			}
		}
		call := func(n int) {
			t.Helper()
			for range n {
				if w := as(h, secretOf("a"), ask); w.Code != 200 {
					t.Fatal(w.Body)
				}
			}
		}
		call(3)
		without := strings.Replace(wide, "owners:\n  filed: {limits: {rpm: 8}}\n", "", 1)
		apply(without)
		call(3)
		apply(wide)
		call(2)
		if w := as(h, secretOf("a"), ask); w.Header().Get("X-Sluice-Limited-By") != "owner" {
			t.Fatalf("a move gave the budget back: %d", w.Code)
		}
		apply(without)
		if w := as(h, secretOf("a"), ask); w.Header().Get("X-Sluice-Limited-By") != "owner" {
			t.Fatalf("a move gave the budget back: %d", w.Code)
		}
	})
}

// An edit counts from the next call on and keeps what was taken; so does a reload.
func TestAnEditKeepsLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		k := storedKey("a", map[string]string{"rpm": "3"})
		g, d := up.serve(t, wide, k)
		h := g.Handler()
		for range 3 {
			as(h, secretOf("a"), ask)
		}
		if err := g.Apply(g.current.Load().cfg); err != nil {
			t.Fatal(err)
		}
		if w := as(h, secretOf("a"), ask); w.Code != 429 {
			t.Fatal("a reload gave the budget back")
		}
		k.Limits, k.Version, k.Name = map[string]string{"rpm": "5"}, 2, "renamed"
		putKey(t, d, k)
		for i, want := range []int{200, 200, 429} {
			if w := as(h, secretOf("a"), ask); w.Code != want || want == 429 && !strings.Contains(w.Body.String(), "renamed") {
				t.Fatalf("%d: %d %s", i, w.Code, w.Body)
			}
		}
		k.Limits, k.Version = nil, 3
		putKey(t, d, k)
		if w := as(h, secretOf("a"), ask); w.Code != 200 || w.Header().Get("X-Ratelimit-Limit-Requests") != "" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
	})
}

// What is shown of a key that was edited is what its next call meets, before that call.
func TestAnEditShowsBeforeTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &upstreamBody{}
		k := storedKey("a", map[string]string{"rpm": "10"})
		k.Owner = "team"
		g, d := up.serve(t, wide)
		d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "20"}, Version: 1})
		putKey(t, d, k)
		if w := as(g.Handler(), secretOf("a"), ask); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		shown := func() string {
			var all []string
			for _, b := range g.BucketStates() {
				if b.Name == k.Name || b.Name == "team" {
					all = append(all, fmt.Sprintf("%s %d of %d", b.Scope, b.Limit.Amount-b.Level, b.Limit.Amount))
				}
			}
			return strings.Join(all, ", ")
		}
		if got := shown(); got != "client_key 1 of 10, owner 1 of 20" {
			t.Fatal(got)
		}
		edited := *k
		edited.Limits, edited.Version = map[string]string{"rpm": "100"}, 2
		putKey(t, d, &edited)
		d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "200"}, Version: 2})
		if got := shown(); got != "client_key 1 of 100, owner 1 of 200" {
			t.Error(got)
		}
	})
}

func TestRotationExpiryDisabledRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		k := storedKey("a", nil)
		g, d := up.serve(t, wide, k)
		h := g.Handler()
		k.OldHash, k.OldUntil, k.Hash, k.Version = k.Hash, time.Now().Add(time.Hour), auth.Digest("sk-new"), 2
		putKey(t, d, k)
		check := func(credential, want string) {
			t.Helper()
			if w := as(h, credential, ask); codeOf(w) != want {
				t.Fatalf("%s %s", codeOf(w), w.Body)
			}
		}
		const refused = "401 invalid_request_error invalid_api_key"
		check(secretOf("a"), "200")
		check("sk-new", "200")
		time.Sleep(time.Hour)
		check(secretOf("a"), refused)
		check("sk-new", "200")
		k.Disabled, k.Version = true, 3
		putKey(t, d, k)
		check("sk-new", refused)
		k.Disabled, k.ExpiresAt, k.Version = false, time.Now().Add(time.Minute), 4
		putKey(t, d, k)
		check("sk-new", "200")
		time.Sleep(time.Minute)
		check("sk-new", refused)
		k.ExpiresAt, k.RevokedAt, k.Version = time.Time{}, time.Now(), 5
		putKey(t, d, k)
		check("sk-new", refused)
	})
}

// One credential in the file and in the store: the file's counts, also where it refuses.
func TestTheFilesKeyComesFirst(t *testing.T) {
	var up upstreamBody
	a, b := storedKey("a", nil), storedKey("b", nil)
	a.Hash, b.Hash = auth.Digest(testKey), auth.Digest("sk-off-off-off-off-off")
	a.Models = []string{"nothing"}
	var log bytes.Buffer
	g, d := up.serve(t, wide, a, b)
	g.log = telemetry.NewLogger(&log, "json", slog.LevelInfo)
	d.PutOwner(&auth.StoredOwner{Name: "filed", Version: 1})
	if err := g.Apply(g.current.Load().cfg); err != nil {
		t.Fatal(err)
	}
	h := g.Handler()
	if w := as(h, testKey, ask); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if w := as(h, "sk-off-off-off-off-off", ask); w.Code != 401 {
		t.Fatal(w.Body)
	}
	for _, said := range []string{"key_a", "key_b", `"owner":"filed"`} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("%s is not said:\n%s", said, &log)
		}
	}
	if strings.Contains(log.String(), testKey) {
		t.Error("the credential is in the log")
	}
}

// max_tokens and allowed_ips hold keys of the file and stored ones alike.
func TestCapsAndAddresses(t *testing.T) {
	var up upstreamBody
	k := storedKey("a", nil)
	k.MaxTokens, k.AllowedIPs = 50, []string{"10.0.0.0/8"}
	g, _ := up.serve(t, wide, k)
	h := g.Handler()
	const from = "X-Forwarded-For"
	for name, credential := range map[string]string{"file": "sk-capped-capped-capped", "stored": secretOf("a")} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ ip, extra, want, sent string }{
				{"10.1.2.3", ``, "200", `"max_tokens":50`},
				{"10.1.2.3", `,"max_tokens":null`, "200", `"max_tokens":50`},
				{"10.1.2.3", `,"max_tokens":7`, "200", `"max_tokens":7`},
				{"10.1.2.3", `,"max_completion_tokens":50`, "200", `"max_completion_tokens":50`},
				{"10.1.2.3", `,"max_tokens":51`, "400 invalid_request_error invalid_value max_tokens", ""},
				{"10.1.2.3", `,"max_completion_tokens":51`, "400 invalid_request_error invalid_value max_completion_tokens", ""},
				{"11.1.2.3", ``, "403 invalid_request_error ip_not_allowed", ""},
				{"10.1.2.3, 8.8.8.8", ``, "403 invalid_request_error ip_not_allowed", ""}, // the nearest stranger counts
				{"", ``, "403 invalid_request_error ip_not_allowed", ""},
				{"nonsense", ``, "403 invalid_request_error ip_not_allowed", ""},
			} {
				up.last = nil
				w := as(h, credential, `{"model":"m"`+c.extra+`,"messages":[{"role":"user","content":"hi"}]}`, from, c.ip)
				if codeOf(w) != c.want || !bytes.Contains(up.last, []byte(c.sent)) || bytes.Count(up.last, []byte("_tokens")) > 1 {
					t.Errorf("%+v: %s, sent %s", c, codeOf(w), up.last)
				}
				if c.want != "200" && up.last != nil {
					t.Errorf("%+v: it was sent", c)
				}
			}
		})
	}
}

// A capped key's shorter answer is nobody else's.
func TestACappedAnswerIsNotSharedThroughTheCache(t *testing.T) {
	var up upstreamBody
	capped, free := storedKey("a", nil), storedKey("b", nil)
	capped.MaxTokens = 50
	g, _ := up.serve(t, strings.Replace(wide, "m: {targets: [up/m]}", "m: {targets: [up/m], cache: {ttl: 1h, scope: all}}", 1), capped, free)
	for i, want := range []string{"miss", "miss", "hit", "hit"} {
		if w := as(g.Handler(), secretOf([]string{"a", "b"}[i%2]), ask); w.Code != 200 || w.Header().Get("X-Sluice-Cache") != want {
			t.Fatalf("call %d: %d, cache %s", i, w.Code, w.Header().Get("X-Sluice-Cache"))
		}
	}
}

func TestTheCapsNameFollowsTheUpstream(t *testing.T) {
	var up upstreamBody
	k := storedKey("a", nil)
	k.MaxTokens = 50
	g, _ := up.serve(t, strings.Replace(wide, "up: {base_url", "up: {preset: openai, base_url", 1), k)
	if w := as(g.Handler(), secretOf("a"), ask); w.Code != 200 || !bytes.Contains(up.last, []byte(`"max_completion_tokens":50`)) {
		t.Fatalf("%d %s", w.Code, up.last)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/embeddings", strings.NewReader(`{"model":"m","input":"a"}`))
	r.Header.Set("Authorization", "Bearer "+secretOf("a"))
	g.Handler().ServeHTTP(httptest.NewRecorder(), r)
	if bytes.Contains(up.last, []byte("max_")) || !bytes.Contains(up.last, []byte("input")) {
		t.Fatalf("embeddings: %s", up.last)
	}
}

// What carries nothing is forgotten; spend is kept until its month is over.
func TestTheKeyringForgetsWhatCarriesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		var keys []*auth.Stored
		for i := range 100 {
			k := storedKey(fmt.Sprint(i), map[string]string{"rpm": "60"})
			k.Owner = fmt.Sprint("team", i%10)
			if i%10 == 0 {
				k.Limits["usd_per_month"] = "5"
			}
			keys = append(keys, k)
		}
		g, d := up.serve(t, wide, keys...)
		for i := range 10 {
			d.PutOwner(&auth.StoredOwner{Name: fmt.Sprint("team", i), Limits: map[string]string{"tpm": "100000"}, Version: 1})
		}
		h := g.Handler()
		for i := range keys {
			if w := as(h, secretOf(fmt.Sprint(i)), ask); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
		count := func() (scopes, owners int) {
			g.keyring.sweep()
			for i := range g.keyring.shards {
				scopes += len(g.keyring.shards[i].keys)
			}
			return scopes, len(g.keyring.owners)
		}
		if scopes, owners := count(); scopes != 100 || owners != 10 {
			t.Fatalf("%d keys, %d owners while they carry something", scopes, owners)
		}
		time.Sleep(2 * time.Minute)
		if scopes, owners := count(); scopes != 10 || owners != 1 { // the ten with spend hold on to theirs
			t.Fatalf("%d keys, %d owners after two minutes", scopes, owners)
		}
		if b, ok := g.KeyBuckets("key_10"); !ok || len(b) != 3 || b[1].Limit.Name != "usd_per_month" || b[1].Level >= b[1].Capacity {
			t.Fatalf("%+v", b)
		}
		d.Remove("key_10")
		if scopes, _ := count(); scopes != 9 {
			t.Fatalf("%d keys after one is gone for good", scopes)
		}
		time.Sleep(32 * 24 * time.Hour)
		if scopes, owners := count(); scopes != 0 || owners != 0 {
			t.Fatalf("%d keys, %d owners in the next month", scopes, owners)
		}
	})
}

// Levels of stored keys outlive restarts, also a second one before anybody has called.
func TestStoredLevelsSurviveRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up upstreamBody
		make := func(levels []byte) *Gateway {
			k := storedKey("a", map[string]string{"rpd": "2", "usd_per_month": "5"})
			k.Owner = "team"
			g, d := up.serve(t, wide, k)
			d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpd": "3"}, Version: 1})
			if levels != nil {
				if err := g.RestoreLevels(levels); err != nil {
					t.Fatal(err)
				}
			}
			return g
		}
		save := func(g *Gateway, clean bool) []byte {
			data, err := g.Levels(clean)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		first := make(nil)
		for range 2 {
			as(first.Handler(), secretOf("a"), ask)
		}
		second := make(save(first, true))
		time.Sleep(time.Minute)
		third := make(save(second, false)) // nobody has called meanwhile
		if w := as(third.Handler(), secretOf("a"), ask); w.Code != 429 {
			t.Fatalf("the restarts gave the budget back: %d", w.Code)
		}
		b, _ := third.KeyBuckets("key_a")
		if len(b) != 3 || b[0].Level != 0 || b[1].Level != 5e9-20_000_000 || b[2].Level != 1 {
			t.Fatalf("%+v", b)
		}
		if len(third.keyring.kept) != 0 {
			t.Fatal("what was taken over is kept twice")
		}
		fourth := make(save(second, true))
		time.Sleep(33 * 24 * time.Hour)
		save(fourth, true)
		if len(fourth.keyring.kept) != 0 {
			t.Fatal("levels of last month are kept for ever")
		}
	})
}

// Edits, reloads, sweeps and calls at once: nothing is lost, nothing stays held.
func TestTheKeyringIsSafeForConcurrentUse(t *testing.T) {
	var up upstreamBody
	k := storedKey("a", map[string]string{"rpd": "1000000"})
	k.Owner = "team"
	g, d := up.serve(t, wide, k)
	d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpd": "1000000"}, Version: 1})
	h, cfg := g.Handler(), g.current.Load().cfg
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if w := as(h, secretOf("a"), ask); w.Code != 200 {
					t.Error(w.Code, w.Body)
				}
			}
		})
	}
	wg.Go(func() {
		for v := range int64(50) {
			edited := *k
			edited.Version, edited.Limits = v+2, map[string]string{"rpd": fmt.Sprint(1_000_000 + v)}
			putKey(t, d, &edited)
			d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpd": fmt.Sprint(1_000_000 + v)}, Version: v + 2})
			g.keyring.sweep()
			g.BucketStates()
			if v%10 == 0 {
				if err := g.Apply(cfg); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	b, _ := g.KeyBuckets("key_a")
	for _, v := range b {
		if v.Reserved != 0 {
			t.Errorf("%s %s: %d held", v.Scope, v.Name, v.Reserved)
		}
	}
	if used := b[0].Capacity - b[0].Level; used < 390 || used > 400 {
		t.Errorf("%d of 400 calls are counted", used)
	}
}

// BenchmarkServeKeys is a whole request with a key of the file and with a stored one, both
// with an owner and limits.
func BenchmarkServeKeys(b *testing.B) {
	k := storedKey("a", map[string]string{"rpm": "100G", "tpm": "100G"})
	k.Owner = "team"
	d := auth.NewDirectory()
	putKey(b, d, k)
	d.PutOwner(&auth.StoredOwner{Name: "team", Limits: map[string]string{"rpm": "100G", "tpm": "100G"}, Version: 1})
	yaml := strings.NewReplacer("filed: {limits: {rpm: 8}}", "filed: {limits: {rpm: 100G, tpm: 100G}}",
		"key: {{key}}}", "key: {{key}}, owner: filed, limits: {rpm: 100G, tpm: 100G}}").Replace(wide)
	g := serveStored(b, nil, yaml, d, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
	h := g.Handler()
	for _, c := range []struct{ name, credential string }{{"file", testKey}, {"stored", secretOf("a")}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := as(h, c.credential, ask); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
