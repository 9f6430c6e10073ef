package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/telemetry"
)

// keep is a sink that keeps records.
type keep struct{ records []telemetry.Record }

func (k *keep) Record(r *telemetry.Record) { k.records = append(k.records, *r) }

// serveYAML makes a gateway of a configuration, whose upstreams are f.
func serveYAML(t testing.TB, sink telemetry.Sink, yaml string, f roundTrip) *Gateway {
	t.Helper()
	return serveStored(t, sink, yaml, nil, f)
}

// serveStored has stored keys beside those of the configuration.
func serveStored(t testing.TB, sink telemetry.Sink, yaml string, keys *auth.Directory, f roundTrip) *Gateway {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(strings.ReplaceAll(yaml, "{{key}}", testKey)), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Config: cfg, Keys: keys, Tokens: tokens.New(tokens.Options{}), Sink: sink, Embeddings: openai.ConvertEmbeddings,
		Connect: func(p *config.Provider, preset providers.Preset) (providers.Dialect, *http.Client, error) {
			d, err := openai.New(openai.Options{BaseURL: p.BaseURL, Preset: preset})
			return d, &http.Client{Transport: f}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// narrow has room for one call a minute.
const narrow = `
providers:
  up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a], limits: [{rpm: 1, margin: 0, jitter: 0s}]}]}
routes:
  m: {targets: [up/m], max_wait: 2m, wait_comments: 10s}
client_keys: [{name: test, key: {{key}}, limits: {rpm: 2}}]
`

const ask = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

func TestPatience(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "250ms": 250 * time.Millisecond, "600": 10 * time.Minute, "0.5": 500 * time.Millisecond, "0": 0,
		"999999999999": 24 * time.Hour, " 3 ": 3 * time.Second,
	} {
		if d, ok := patience(s); !ok || d != want {
			t.Errorf("%q: %v %v", s, d, ok)
		}
	}
	for _, s := range []string{"", "-1", "-5s", "NaN", "soon", "1e999x", "5 parsecs"} {
		if d, ok := patience(s); ok {
			t.Errorf("%q: %v", s, d)
		}
	}
}

func FuzzPatience(f *testing.F) {
	for _, s := range []string{"5s", "600", "-1", "NaN", "Inf", "1e309", "0x1p3", "9223372036854775807h", " 3 ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := patience(s); d < 0 || d > 24*time.Hour || !ok && d != 0 {
			t.Errorf("%q: %v %v", s, d, ok)
		}
	})
}

func TestTheClientsTimeoutBoundsTheWait(t *testing.T) {
	for _, c := range []struct {
		header, value string
		want          time.Duration
	}{
		{"X-Max-Wait", "5s", 5 * time.Second}, {"X-Stainless-Timeout", "40", 30 * time.Second}, {"X-Request-Timeout", "8s", 6 * time.Second},
		{"X-Stainless-Timeout", "600", 2 * time.Minute}, {"X-Max-Wait", "nonsense", 2 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := serveYAML(t, nil, narrow, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
			h := g.Handler()
			chat(h, []byte(ask))
			begin := time.Now()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask))
			r.Header.Set("Authorization", "Bearer "+testKey)
			r.Header.Set(c.header, c.value)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			waited := time.Since(begin)
			if c.want < time.Minute && (w.Code == 200 || waited > c.want+time.Millisecond) {
				t.Errorf("%s %s: %d after %v", c.header, c.value, w.Code, waited)
			}
			if c.want >= time.Minute && w.Code != 200 {
				t.Errorf("%s %s: %d after %v", c.header, c.value, w.Code, waited)
			}
		})
	}
}

func TestAStreamThatWaitsGetsComments(t *testing.T) {
	for _, c := range []struct {
		name, answer, want string
		status             int
	}{
		{"and its answer", "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", "data: [DONE]\n\n", 200},
		{"and its error as an event", `{"error":{"message":"no","type":"invalid_request_error","code":"bad"}}`, `data: {"error":`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := true
				g := serveYAML(t, nil, narrow, func(r *http.Request) (*http.Response, error) {
					resp, err := answer(r, wholeAnswer)
					if !first {
						resp.Body, resp.StatusCode = io.NopCloser(strings.NewReader(c.answer)), c.status
						if c.status == 200 {
							resp.Header.Set("Content-Type", "text/event-stream")
						}
					}
					first = false
					return resp, err
				})
				h := g.Handler()
				chat(h, []byte(ask))
				w := chat(h, []byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
				body := w.Body.String()
				if w.Code != 200 || strings.Count(body, ": waiting\n\n") < 5 || !strings.Contains(body, c.want) {
					t.Fatalf("%d\n%s", w.Code, body)
				}
				if strings.Contains(body, "[DONE]") != (c.status == 200) {
					t.Fatalf("a false end:\n%s", body)
				}
			})
		})
	}
}

func TestShadowEnforcesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &keep{}
		g := serveYAML(t, sink, narrow+"shadow: true\n", func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		h := g.Handler()
		begin := time.Now()
		for range 5 {
			if w := chat(h, []byte(ask)); w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if time.Since(begin) != 0 {
			t.Fatalf("waited %v", time.Since(begin))
		}
		var shadows []string
		for _, r := range sink.records {
			shadows = append(shadows, strings.Join(r.Shadow, "; "))
		}
		want := []string{"", "waits for room", "limited by client_key; waits for room", "limited by client_key; waits for room", "limited by client_key; waits for room"}
		if strings.Join(shadows, "|") != strings.Join(want, "|") {
			t.Fatalf("%q", shadows)
		}
		for _, b := range g.BucketStates() {
			if b.Reserved != 0 {
				t.Errorf("%+v", b)
			}
		}
	})
}

func TestExplainAndTrails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &keep{}
		g := serveYAML(t, sink, narrow, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		h := g.Handler()
		e, err := g.Explain(t.Context(), Question{Body: []byte(ask), Key: "test"})
		if err != nil || e.Verdict != "send" || len(e.Candidates) != 1 || e.Target != e.Candidates[0].Target || e.Account != e.Candidates[0].Account || e.Candidates[0].Says != "room" || len(e.Door) != 1 {
			t.Fatalf("%+v %v", e, err)
		}
		chat(h, []byte(ask))
		if e, _ = g.Explain(t.Context(), Question{Body: []byte(ask), Key: "test"}); e.Verdict != "wait" || e.WaitMS != 60_000 {
			t.Fatalf("%+v", e)
		}
		chat(h, []byte(ask)) // waits a minute
		trail, ok := g.Trail(sink.records[1].ID)
		if !ok || !trail.Queued || !trail.Spared || !trail.Waited || trail.Moved || trail.LeftQueue != "granted" || trail.QueueWait != time.Minute || len(trail.Candidates) != 1 || trail.Candidates[0].Says != "wait" || trail.Candidates[0].WaitMS != 60_000 {
			t.Fatalf("%+v", trail)
		}
		if e, _ = g.Explain(t.Context(), Question{Body: []byte(ask), Key: "test"}); e.Verdict != "wait" {
			t.Fatalf("%+v", e)
		}
		chat(h, []byte(ask))
		chat(h, []byte(ask))
		if e, _ = g.Explain(t.Context(), Question{Body: []byte(ask), Key: "test"}); e.Verdict != "refuse" && e.Verdict != "wait" {
			t.Fatalf("%+v", e)
		}
		for _, q := range []Question{
			{Body: []byte(`{`)}, {Body: []byte(`{"model":"nobody","messages":[]}`)}, {Body: []byte(ask), Key: "nobody"},
			{Body: []byte(ask), Priority: "urgent"}, {Body: []byte(ask), Endpoint: "images"},
		} {
			if _, err := g.Explain(t.Context(), q); err == nil {
				t.Errorf("%s: no error", q.Body)
			}
		}
		if _, ok := g.Trail("req_none"); ok {
			t.Error("a trail of nothing")
		}
	})
}

func TestTrailsKeepTheLast(t *testing.T) {
	var tr trails
	tr.resize(3)
	id := func(i int) string { return string(rune('a' + i)) }
	for i := range 10 {
		tr.Record(&telemetry.Record{ID: id(i)})
	}
	tr.resize(5)
	for i := range 10 {
		if _, ok := tr.find(id(i)); ok != (i >= 7) {
			t.Errorf("%s: %v", id(i), ok)
		}
	}
	tr.Record(&telemetry.Record{ID: "x"})
	tr.resize(1)
	if _, ok := tr.find("x"); !ok {
		t.Error("the last one is gone")
	}
	tr.resize(0)
	tr.Record(&telemetry.Record{ID: "y"})
}

func TestLevelsSurviveARestart(t *testing.T) {
	up := func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) }
	yaml := strings.Replace(narrow, "max_wait: 2m", "max_wait: 0s", 1)
	for _, clean := range []bool{true, false} {
		g := serveYAML(t, nil, yaml, up)
		if w := chat(g.Handler(), []byte(ask)); w.Code != 200 {
			t.Fatal(w.Body)
		}
		data, err := g.Levels(clean)
		if err != nil || !json.Valid(data) {
			t.Fatal(err)
		}
		again := serveYAML(t, nil, yaml, up)
		if err := again.RestoreLevels(data); err != nil {
			t.Fatal(err)
		}
		if w := chat(again.Handler(), []byte(ask)); w.Code != 429 {
			t.Fatalf("clean %v: %d: the restart gave the budget back", clean, w.Code)
		}
	}
	g := serveYAML(t, nil, yaml, up)
	for _, bad := range []string{"", "{", `{"version":99}`, `[]`, `{"version":1,"scopes":{"upstream up/a/*":{"At":-1,"Ratio":-5,"Buckets":[{"Taken":9223372036854775807}]}}}`} {
		_ = g.RestoreLevels([]byte(bad)) // it may be refused; the gateway serves
	}
	if _, err := g.Explain(context.Background(), Question{Body: []byte(ask)}); err != nil {
		t.Fatal(err)
	}
}

func TestTheProcessProtectsItself(t *testing.T) {
	yaml := strings.Replace(narrow, "providers:", "server: {max_in_flight: 1, max_body: 1KiB, max_body_memory: 1KiB}\nproviders:", 1)
	release := make(chan struct{})
	inside := make(chan struct{})
	g := serveYAML(t, nil, yaml, func(r *http.Request) (*http.Response, error) {
		close(inside)
		<-release
		return answer(r, wholeAnswer)
	})
	h := g.Handler()
	done := make(chan int)
	go func() { done <- chat(h, []byte(ask)).Code }()
	<-inside
	w := chat(h, []byte(ask))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "in flight") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	health := httptest.NewRecorder()
	h.ServeHTTP(health, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	if health.Code != 200 {
		t.Fatal("health does not answer")
	}
	close(release)
	if code := <-done; code != 200 {
		t.Fatal(code)
	}
	if s := g.Protection(); s.InFlight != 0 || s.BodyBytes != 0 || s.Refused["in_flight"] != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestHeadersCorrectTheLevel(t *testing.T) {
	yaml := `
providers:
  up: {preset: openai, base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a], limits: [{rpm: 6000, tpm: 600000, margin: 0}]}, {name: b, keys: [key-b]}]}
routes:
  m: {targets: [up/m]}
client_keys: [{name: test, key: {{key}}}]
`
	g := serveYAML(t, nil, yaml, func(r *http.Request) (*http.Response, error) {
		resp, err := answer(r, wholeAnswer)
		resp.Header.Set("X-Ratelimit-Limit-Tokens", "500000")
		resp.Header.Set("X-Ratelimit-Remaining-Tokens", "1000")
		resp.Header.Set("X-Ratelimit-Reset-Tokens", "59s")
		return resp, err
	})
	for range 6 {
		if w := chat(g.Handler(), []byte(ask)); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	told, learned := false, false
	for _, b := range g.BucketStates() {
		if b.Scope != budget.ScopeUpstream.String() || b.Limit.Dimension != budget.Tokens {
			continue
		}
		told = told || b.Told == 500_000 && b.Level < 2000
		learned = learned || b.Limit.Learned && b.Limit.Amount == 500_000
	}
	if !told || !learned {
		t.Fatalf("told %v, learned %v: %+v", told, learned, g.BucketStates())
	}
}

func TestLooksAreBounded(t *testing.T) {
	var tr trails
	now := budget.Instant(1_700_000_000_000_000_000)
	count := func() (n int) {
		for range 1000 {
			if tr.mayLook(now) {
				n++
			}
		}
		return n
	}
	if n := count(); n != looksPerSecond {
		t.Fatalf("%d looks in a second", n)
	}
	now = now.Add(time.Second)
	if n := count(); n != looksPerSecond {
		t.Fatalf("%d looks in the next second", n)
	}
}
