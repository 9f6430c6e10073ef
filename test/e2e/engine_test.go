package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

// ask asks the admin API.
func (g *gateway) ask(method, path, body string) answer {
	g.t.Helper()
	req, err := http.NewRequest(method, g.admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	return do(g.t, req)
}

// limited is an upstream of three requests a minute, and its configuration.
func limited(t *testing.T, more string) string {
	o := simulated.Options{OutputTokens: 4, Headers: true, Accounts: []simulated.Account{
		{Name: "a", Keys: []string{"key-a"}, Limits: []simulated.Limit{{RPM: 3, Algorithm: "fixed"}}},
	}}
	_, url := upstream(t, o)
	return `
server: {admin_token: "{{token}}"}
providers:
  up: {preset: generic, window: fixed, charging: expected, base_url: "` + url + `", accounts: [{name: a, keys: [key-a], limits: [{rpm: 3, burst: 60s}]}]}
routes: {m: {targets: [up/m], max_wait: 0s}}
client_keys: [{name: test, key: "{{key}}"}]
` + more
}

func TestAKilledGatewayDoesNotGiveTheBudgetBack(t *testing.T) {
	levels := filepath.Join(t.TempDir(), "levels.json")
	yaml := limited(t, "budgets: {levels: "+levels+"}\n")
	g := start(t, yaml)
	if a := g.chat("m", "one"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	eventually(t, "the levels are saved", func() bool {
		data, _ := os.ReadFile(levels)
		return strings.Contains(string(data), `"Taken":1`)
	})
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	again := start(t, yaml)
	for _, b := range again.buckets() {
		if b.Scope == "upstream" && b.Limit == "rpm" && b.Level > 2 {
			t.Fatalf("a kill gave the budget back: %+v", b)
		}
	}
	if err := os.WriteFile(levels, []byte("{garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if start(t, yaml); !strings.Contains(again.log.String(), "levels restored") {
		t.Fatal("nothing said of the levels")
	}
}

func TestExplainAndTheTrailOfARequest(t *testing.T) {
	g := start(t, limited(t, ""))
	body := chatBody("m", "hi")
	explain := func() (e struct {
		Verdict, Sentence string
		Candidates        []struct {
			Target, Says, Short string
			WaitMS              int64 `json:"wait_ms"`
		}
	}) {
		a := g.ask(http.MethodPost, "/explain", `{"request":`+body+`,"key":"test"}`)
		if a.status != 200 || json.Unmarshal([]byte(a.body), &e) != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return e
	}
	if e := explain(); e.Verdict != "send" || e.Candidates[0].Says != "room" {
		t.Fatalf("%+v", e)
	}
	var last answer
	for range 8 { // three fit into a minute, which may end in between
		if last = g.chat("m", "hi"); last.status == 429 {
			break
		}
	}
	if last.status != 429 {
		t.Fatalf("%d %s", last.status, last.body)
	}
	e := explain()
	if e.Verdict != "wait" || e.Candidates[0].Short != "requests" || e.Candidates[0].WaitMS <= 0 || e.Candidates[0].WaitMS > 60_500 {
		t.Fatalf("%+v", e)
	}
	a := g.ask(http.MethodGet, "/explain/"+last.header.Get("X-Request-Id"), "")
	var trail struct {
		Outcome    string
		Candidates []struct{ Says string }
	}
	if a.status != 200 || json.Unmarshal([]byte(a.body), &trail) != nil || trail.Outcome != "no_room" || len(trail.Candidates) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if strings.Contains(a.body, "key-a") || strings.Contains(a.body, key) {
		t.Fatal("a secret in a trail")
	}
	for path, want := range map[string]int{"/explain/req_nobody": 404} {
		if a := g.ask(http.MethodGet, path, ""); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for body, want := range map[string]int{"{": 400, `{"model":"x","messages":[]}`: 422, `{"request":` + body + `,"key":"nobody"}`: 422, body: 200} {
		if a := g.ask(http.MethodPost, "/explain", body); a.status != want {
			t.Errorf("%s: %d, want %d: %s", body, a.status, want, a.body)
		}
	}
}

func TestABreakerKeepsCallsOffAFailingUpstream(t *testing.T) {
	bad := open("a")
	bad.Failures = []simulated.Rule{{Status: 500}}
	s, badURL := upstream(t, bad)
	_, goodURL := upstream(t, open("a"))
	g := start(t, `
server: {admin_token: "{{token}}"}
providers:
  bad: {preset: generic, base_url: "`+badURL+`", accounts: [{name: a, keys: [key-a]}]}
  good: {preset: generic, base_url: "`+goodURL+`", accounts: [{name: a, keys: [key-a]}]}
routes: {m: {targets: [bad/m, good/m]}}
client_keys: [{name: test, key: "{{key}}"}]
`)
	for range 30 {
		if a := g.chat("m", "hi"); a.status != 200 || a.header.Get("X-Sluice-Provider") != "good" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if n := s.Total().Attempts; n > 15 {
		t.Fatalf("the failing upstream was asked %d times for 30 calls", n)
	}
	req, _ := http.NewRequest(http.MethodGet, g.admin+"/metrics", nil)
	if m := do(t, req).body; !strings.Contains(m, `sluice_breaker_state{account="a",model="m",provider="bad"} 1`) {
		t.Error("the metrics do not show the open breaker")
	}
}

// get asks one of the program's listeners, with the admin token, within two seconds.
func (g *gateway) get(url string) int {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	return do(g.t, req).status
}

func TestHealthMetricsAndAdminAnswerWhenCallsAreTurnedAway(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer slow.Close()
	g := start(t, `
server: {admin_token: "{{token}}", max_in_flight: 2}
providers:
  up: {preset: generic, base_url: "`+slow.URL+`", accounts: [{name: a, keys: [key-a]}]}
routes: {m: {targets: [up/m]}}
client_keys: [{name: test, key: "{{key}}"}]
`)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer close(release)
	calls.Go(func() { g.chat("m", "slow") }) // the other place is for critical calls
	eventually(t, "it is inside", func() bool { return strings.Contains(do(t, get(t, g.admin+"/metrics")).body, "sluice_in_flight 1\n") })
	if a := g.chat("m", "one too many"); a.status != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, url := range []string{g.api + "/healthz", g.api + "/readyz", g.admin + "/healthz", g.admin + "/metrics", g.admin + "/admin/api/v1/budgets", g.admin + "/admin/api/v1/upstreams"} {
		if status := g.get(url); status != http.StatusOK {
			t.Errorf("%s: %d", url, status)
		}
	}
}

// Connections that are opened and left use up the API's share of the open files, and
// nobody else's.
func TestIdleConnectionsLeaveFilesForTheAdmin(t *testing.T) {
	_, url := upstream(t, simulated.Options{Accounts: []simulated.Account{{Name: "a", Keys: []string{"key-a"}}}})
	g := start(t, `
server: {admin_token: "{{token}}"}
providers:
  up: {preset: generic, base_url: "`+url+`", accounts: [{name: a, keys: [key-a]}]}
routes: {m: {targets: [up/m]}}
client_keys: [{name: test, key: "{{key}}"}]
`, "sh", "-c", `ulimit -n 160 && exec "$0" "$@"`)
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for range 300 {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(g.api, "http://"), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	for _, url := range []string{g.admin + "/healthz", g.admin + "/metrics", g.admin + "/admin/api/v1/budgets"} {
		if status := g.get(url); status != http.StatusOK {
			t.Errorf("%s: %d", url, status)
		}
	}
	if strings.Contains(g.log.String(), "too many open files") {
		t.Error("the process ran out of files")
	}
	for _, c := range idle {
		_ = c.Close()
	}
	idle = nil
	if a := g.chat("m", "and now"); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
}
