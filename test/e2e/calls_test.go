package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

func TestACallGoesAllTheWayThrough(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	a := g.chat("m", "Hello!")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, want := range map[string]string{
		"X-Sluice-Model": "m", "X-Sluice-Provider": "up", "X-Sluice-Attempts": "1", "X-Sluice-Queue-Ms": "0", "X-Sluice-Cache": "bypass",
	} {
		if a.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, a.header.Get(name), want)
		}
	}
	if a.header.Get("X-Request-Id") == "" || a.header.Get("X-Sluice-Estimated-Tokens") == "" {
		t.Errorf("headers missing: %v", a.header)
	}
	s := g.chat("m", "Hello!", `"stream":true`)
	if s.status != 200 || !strings.HasSuffix(s.body, "data: [DONE]\n\n") || strings.Contains(s.body, `"usage"`) {
		t.Fatalf("%d %s", s.status, s.body)
	}
	s = g.chat("m", "Hello!", `"stream":true`, `"stream_options":{"include_usage":true}`)
	if strings.Count(s.body, `"usage":{`) != 1 || !strings.Contains(s.body, `"choices":[]`) {
		t.Fatalf("usage was asked for: %s", s.body)
	}
	if e := g.post("/v1/embeddings", `{"model":"m","input":["a","b"]}`); e.status != 200 || strings.Count(e.body, `"embedding"`) < 2 {
		t.Fatalf("%d %s", e.status, e.body)
	}
	if c := g.post("/v1/completions", `{"model":"m","prompt":"once"}`); c.status != 200 {
		t.Fatalf("%d %s", c.status, c.body)
	}
}

func TestModels(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	get := func(path string) answer {
		req, _ := http.NewRequest(http.MethodGet, g.api+path, nil)
		req.Header.Set("Authorization", "Bearer "+key)
		return do(t, req)
	}
	if a := get("/v1/models"); a.status != 200 || !strings.Contains(a.body, `"id":"m"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := get("/v1/models/m"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := get("/v1/models/none"); a.status != 404 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := get(path); a.status != 200 {
			t.Fatalf("%s: %d", path, a.status)
		}
	}
}

func TestBadInput(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, strings.Replace(one(url, ""), "server: {", "server: {max_body: 1MiB, ", 1))
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		code             string
	}{
		{"broken JSON", "", `{"model":`, nil, 400, "invalid_json"},
		{"wrong type", "", `{"model":"m","messages":"hi"}`, nil, 400, "invalid_value"},
		{"deep", "", `{"model":"m","x":` + deep + `,"messages":[]}`, nil, 400, "invalid_json"},
		{"unknown model", "", chatBody("none", "hi"), nil, 404, "model_not_found"},
		{"no messages", "", `{"model":"m"}`, nil, 400, "missing_required_parameter"},
		{"huge body", "", `{"model":"` + strings.Repeat("x", 2<<20), nil, 413, "request_too_large"},
		{"invalid UTF-8", "", "{\"model\":\"\xff\"}", nil, 400, "invalid_json"},
		{"bad key", "", chatBody("m", "hi"), []string{"Authorization", "Bearer nope"}, 401, "invalid_api_key"},
		{"no key", "", chatBody("m", "hi"), []string{"Authorization", ""}, 401, "invalid_api_key"},
		{"bad priority", "", chatBody("m", "hi"), []string{"X-Priority", "urgent"}, 400, "invalid_priority"},
		{"unknown path", "/v1/none", `{}`, nil, 404, "unknown_url"},
		{"unsupported method", "/v1/models", `{}`, nil, 405, "method_not_supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path
			if path == "" {
				path = "/v1/chat/completions"
			}
			a := g.post(path, c.body, c.headers...)
			kind, code, message := a.errorCode()
			if a.status != c.status || code != c.code || kind != "invalid_request_error" || message == "" || a.header.Get("X-Request-Id") == "" {
				t.Fatalf("%d %s %v", a.status, a.body, a.header)
			}
		})
	}
	for _, b := range g.buckets() {
		if b.Reserved != 0 {
			t.Errorf("something is held: %+v", b)
		}
	}
}

// two targets on one provider: m first, then n.
func twoTargets(url, more string) string {
	return strings.Replace(one(url, more), "targets: [up/m]", "targets: [up/m, up/n]", 1)
}

func TestFallback(t *testing.T) {
	s, url := upstream(t, open("a"))
	g := start(t, twoTargets(url, ""))
	for _, rule := range []simulated.Rule{
		{Model: "m", Status: 429}, {Model: "m", Status: 503}, {Model: "m", Status: 500}, {Model: "m", Mode: "html"},
		{Model: "m", Mode: "error200"}, {Model: "m", Mode: "garbage"}, {Model: "m", Mode: "cut-first"}, {Model: "m", Mode: "hang"},
		{Model: "m", Status: 404}, {Model: "m", Mode: "longline"},
	} {
		for _, stream := range []string{`"stream":false`, `"stream":true`} {
			if rule.Mode == "longline" && stream == `"stream":false` {
				continue
			}
			t.Run(rule.Mode+http.StatusText(rule.Status)+" "+stream, func(t *testing.T) {
				s.SetFailures([]simulated.Rule{rule})
				a := g.chat("m", "Hello!", stream)
				if a.status != 200 || a.header.Get("X-Sluice-Model") != "n" {
					t.Fatalf("%d served by %q: %.300s", a.status, a.header.Get("X-Sluice-Model"), a.body)
				}
			})
		}
	}
}

func TestAllTargetsFail(t *testing.T) {
	for _, c := range []struct {
		rule   simulated.Rule
		status int
	}{{simulated.Rule{Status: 500}, 502}, {simulated.Rule{Status: 429, RetryAfter: "30"}, 429}, {simulated.Rule{Status: 401}, 502}} {
		s, url := upstream(t, open("a"))
		g := start(t, twoTargets(url, "    max_wait: 300ms"))
		s.SetFailures([]simulated.Rule{c.rule})
		a := g.chat("m", "Hello!")
		if _, _, message := a.errorCode(); a.status != c.status || a.header.Get("X-Should-Retry") != "false" || message == "" {
			t.Errorf("%+v: %d %s %v", c.rule, a.status, a.body, a.header)
		}
		if strings.Contains(a.body, "key-a") {
			t.Errorf("a secret in %s", a.body)
		}
	}
}

func TestABrokenStreamEndsInAnErrorAndNeverInDone(t *testing.T) {
	s, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	for _, mode := range []string{"cut", "error-mid-stream"} {
		s.SetFailures([]simulated.Rule{{Mode: mode}})
		a := g.chat("m", "Hello!", `"stream":true`)
		last := a.body[strings.LastIndex(strings.TrimSpace(a.body), "\n\n")+2:]
		if a.status != 200 || strings.Contains(a.body, "[DONE]") || !strings.HasPrefix(last, `data: {"error":{`) || !strings.HasSuffix(a.body, "\n\n") {
			t.Errorf("%s: %d %s", mode, a.status, a.body)
		}
	}
	s.SetFailures([]simulated.Rule{{Mode: "no-done"}})
	if a := g.chat("m", "Hello!", `"stream":true`); !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
		t.Errorf("a finished stream was not closed: %s", a.body)
	}
}

func TestOwnLimitsRefuseAtOnceAndAreTold(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, strings.Replace(one(url, ""), `key: "{{key}}"`, `key: "{{key}}", limits: {rpm: 2, tpm: 100000}`, 1))
	for i, left := range []string{"1", "0"} {
		a := g.chat("m", "Hello!")
		if a.status != 200 || a.header.Get("X-Ratelimit-Limit-Requests") != "2" || a.header.Get("X-Ratelimit-Remaining-Requests") != left {
			t.Fatalf("call %d: %d %v", i, a.status, a.header)
		}
	}
	a := g.chat("m", "Hello!")
	kind, code, _ := a.errorCode()
	if a.status != 429 || kind != "requests" || code != "rate_limit_exceeded" || a.header.Get("X-Sluice-Limited-By") != "client_key" ||
		a.header.Get("Retry-After") == "" || a.header.Get("Retry-After-Ms") == "" {
		t.Fatalf("%d %s %v", a.status, a.body, a.header)
	}
	a = g.chat("m", strings.Repeat("word ", 120_000))
	if _, code, _ := a.errorCode(); a.status != 400 || code != "tokens_exceed_limit" {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestReload(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	g.write(strings.Replace(one(url, ""), "  m:\n", "  renamed:\n", 1))
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new route", func() bool { return g.chat("renamed", "hi").status == 200 })
	g.write("routes: {broken")
	eventually(t, "the complaint", func() bool { return strings.Contains(g.log.String(), "the old one goes on") })
	if a := g.chat("renamed", "hi"); a.status != 200 {
		t.Fatalf("a bad file broke the gateway: %d %s", a.status, a.body)
	}
}

func TestBadConfigurationDoesNotStart(t *testing.T) {
	g := &gateway{t: t, file: t.TempDir() + "/bad.yaml"}
	g.write("routes:\n  m: {targets: [nowhere/m], max_weight: 3}\nclient_keys:\n  - {name: a}\n")
	for _, command := range []string{"check", "serve"} {
		out, err := runBinary(command, "--config", g.file)
		if err == nil || !strings.Contains(out, "bad.yaml") || !strings.Contains(out, ":2:") || strings.Count(out, "\n") < 3 {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

func TestMetricsAndNoSecrets(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	g.chat("m", "Hello!")
	g.post("/v1/chat/completions", chatBody("m", "hi"), "Authorization", "Bearer sk-canary-0123456789")
	req, _ := http.NewRequest(http.MethodGet, g.admin+"/metrics", nil)
	m := do(t, req)
	for _, want := range []string{`sluice_requests_total{model="m",outcome="ok"`, `outcome="unauthorized"`, `sluice_upstream_attempts_total{account="a",model="m",provider="up",status="200"} 1`, "sluice_key_up{"} {
		if !strings.Contains(m.body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	req, _ = http.NewRequest(http.MethodGet, g.admin+"/admin/api/v1/budgets", nil)
	if a := do(t, req); a.status != 401 {
		t.Errorf("the admin API answered %d without a token", a.status)
	}
	log := g.log.String()
	for _, secret := range []string{"key-a", key, "canary", adminToken} {
		if strings.Contains(log, secret) || strings.Contains(m.body, secret) {
			t.Errorf("%s got out", secret)
		}
	}
	if !strings.Contains(log, `"outcome":"ok"`) || !json.Valid([]byte(strings.Split(log, "\n")[0])) {
		t.Errorf("the log is not structured: %s", log)
	}
}

func TestSIGTERMDrains(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	g.chat("m", "hi")
	_ = g.cmd.Process.Signal(os.Signal(syscall.SIGTERM))
	if err := g.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(g.log.String(), "stopped") {
		t.Error("did not drain")
	}
}

// Who does not want to wait for open calls sends a second signal.
func TestASecondSignalEndsTheDrain(t *testing.T) {
	o := open("a")
	o.FirstToken = time.Minute
	_, url := upstream(t, o)
	g := start(t, strings.Replace(one(url, ""), "first_byte: 2s", "first_byte: 2m", 1))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		req, _ := http.NewRequest(http.MethodPost, g.api+"/v1/chat/completions", strings.NewReader(chatBody("m", "hi")))
		req.Header.Set("Authorization", "Bearer "+key)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	eventually(t, "the call is under way", func() bool {
		return strings.Contains(do(t, get(t, g.admin+"/metrics")).body, "sluice_in_flight 1")
	})
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "it drains", func() bool { return strings.Contains(g.log.String(), `"draining"`) })
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	<-gone
	if log := g.log.String(); strings.Contains(log, `"stopped"`) {
		t.Errorf("it ended in order:\n%s", log)
	}
}

func TestEveryTierRefusesInItsOwnName(t *testing.T) {
	_, url := upstream(t, open("a"))
	plain := one(url, "")
	for tier, yaml := range map[string]string{
		"client_key": strings.Replace(plain, `key: "{{key}}"`, `key: "{{key}}", limits: {rpm: 1}`, 1),
		"owner":      strings.Replace(plain, `key: "{{key}}"`, `key: "{{key}}", owner: acme`, 1) + "owners: {acme: {limits: {rpm: 1}}}\n",
		"route":      strings.Replace(plain, "targets: [up/m]", "targets: [up/m]\n    limits: {rpm: 1}", 1),
		"address":    strings.Replace(plain, "server: {", "server: {per_ip: {rpm: 1}, ", 1),
	} {
		t.Run(tier, func(t *testing.T) {
			g := start(t, yaml)
			if a := g.chat("m", "hi"); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			a := g.chat("m", "hi")
			if _, code, _ := a.errorCode(); a.status != 429 || code != "rate_limit_exceeded" || a.header.Get("X-Sluice-Limited-By") != tier {
				t.Fatalf("%d %s limited by %q", a.status, a.body, a.header.Get("X-Sluice-Limited-By"))
			}
		})
	}
}

func TestModelsOfOneEntryShareItsBuckets(t *testing.T) {
	_, url := upstream(t, open("a"))
	for limits, want := range map[string]int{
		"[{models: [m, n], rpm: 1, burst: 1}]": 429, "[{models: [m, n], rpm: 1, burst: 1, per_model: true}]": 200,
		"[{models: [m], rpm: 1, burst: 1}, {models: ['*'], rpm: 1, burst: 1}]": 200,
	} {
		yaml := strings.Replace(one(url, "    max_wait: 0s\n  n:\n    targets: [up/n]\n    max_wait: 0s"), "keys: [key-a]", "keys: [key-a], limits: "+limits, 1)
		g := start(t, yaml)
		if a := g.chat("m", "hi"); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a := g.chat("n", "hi"); a.status != want {
			t.Errorf("%s: %d, want %d: %s", limits, a.status, want, a.body)
		}
	}
}

func TestARefusedKeyIsTakenOutAndTheOtherAccountServes(t *testing.T) {
	s, url := upstream(t, open("a", "b"))
	g := start(t, strings.Replace(one(url, ""), "      - {name: a, keys: [key-a]}", "      - {name: a, keys: [key-a]}\n      - {name: b, keys: [key-b]}", 1))
	s.SetFailures([]simulated.Rule{{Account: "a", Status: 401}})
	attempts := 0
	for range 4 {
		a := g.chat("m", "hi")
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		n, _ := strconv.Atoi(a.header.Get("X-Sluice-Attempts"))
		attempts += n
	}
	if attempts > 5 {
		t.Errorf("%d attempts for four calls: more than one of them met the refused key", attempts)
	}
	for _, st := range s.Stats() {
		if st.Account == "a" && st.Attempts > 2 { // the call's, and the gateway's own check of what it was told
			t.Errorf("the refused key was used %d times", st.Attempts)
		}
	}
}

// A connection that is used again after the write timeout of an earlier answer still
// works, for errors too.
func TestAnOldWriteDeadlineDoesNotOutliveItsAnswer(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, strings.Replace(one(url, ""), "server: {", "server: {write_timeout: 1s, ", 1))
	if a := g.chat("m", "hi"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < 1500*time.Millisecond; <-tick.C {
		req, _ := http.NewRequest(http.MethodGet, g.api+"/healthz", nil)
		if a := do(t, req); a.status != 200 {
			t.Fatalf("%d", a.status)
		}
	}
}

// A call that waits while its route is given other targets goes to one of those, under
// its right name.
func TestAWaitingCallSurvivesAReload(t *testing.T) {
	_, url := upstream(t, open("a"))
	limits := strings.Replace(one(url, ""), "keys: [key-a]", "keys: [key-a], limits: [{models: [m], rpm: 1, burst: 1}]", 1)
	g := start(t, limits)
	if a := g.chat("m", "hi"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	waited := make(chan answer, 1)
	go func() { waited <- g.chat("m", "hi") }()
	eventually(t, "the call to wait", func() bool {
		req, _ := http.NewRequest(http.MethodGet, g.admin+"/metrics", nil)
		return strings.Contains(do(t, req).body, `sluice_queue_depth{class="normal"} 1`)
	})
	g.write(strings.Replace(limits, "targets: [up/m]", "targets: [up/n, up/m]", 1))
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if a := <-waited; a.status != 200 || a.header.Get("X-Sluice-Model") != "n" || !strings.Contains(a.body, `"model":"n"`) {
		t.Fatalf("%d served by %q: %s", a.status, a.header.Get("X-Sluice-Model"), a.body)
	}
}
