package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/telemetry"
)

// roundTrip answers every upstream call.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const testKey = "sk-sluice-test-key-0001"

// newTestGateway serves one route m of one account, whose upstream is f.
func newTestGateway(t testing.TB, sink telemetry.Sink, f roundTrip) *Gateway {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(`
providers:
  up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a], limits: [{rpm: 100G, tpm: 100G}]}]}
routes:
  m: {targets: [up/m]}
  two: {targets: [up/m, up/m2]}
client_keys:
  - {name: test, key: `+testKey+`, limits: {rpm: 100G, tpm: 100G}}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Config: cfg, Tokens: tokens.New(tokens.Options{}), Sink: sink, Embeddings: openai.ConvertEmbeddings,
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

func answer(r *http.Request, body string) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

const wholeAnswer = `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`

func chat(h http.Handler, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/chat/completions", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testKey)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a reader's panic") }

// Invariant: every reservation ends, on a panic too.
func TestAPanicLeavesNothingHeld(t *testing.T) {
	g := newTestGateway(t, nil, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(panicking{}), Request: r}, nil
	})
	if w := chat(g.Handler(), []byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`)); w.Code != 500 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, b := range g.BucketStates() {
		if b.Reserved != 0 {
			t.Errorf("%s %s %s: %d held", b.Scope, b.Name, b.Limit.Name, b.Reserved)
		}
	}
}

// What a panic carries may be a caller's or a key: the log has its place, not its value.
func TestAPanicTellsNoSecret(t *testing.T) {
	g := newTestGateway(t, nil, func(r *http.Request) (*http.Response, error) {
		panic("the header " + r.Header.Get("Authorization"))
	})
	var log bytes.Buffer
	g.log = slog.New(slog.NewJSONHandler(&log, nil))
	w := chat(g.Handler(), []byte(`{"model":"m","messages":[{"role":"user","content":"a-prompt"}]}`))
	if w.Code != 500 || !strings.Contains(log.String(), "panic while serving") || !strings.Contains(log.String(), "serve_test.go") {
		t.Fatalf("%d %s", w.Code, log.String())
	}
	for _, secret := range []string{"key-a", testKey, "a-prompt"} {
		if strings.Contains(log.String()+w.Body.String(), secret) {
			t.Errorf("%q is told: %s %s", secret, log.String(), w.Body)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "20KB": 20 << 10} {
		b.Run(name, func(b *testing.B) {
			g := newTestGateway(b, telemetry.Multi{telemetry.NewMetrics(), telemetry.NewRecordLogger(slog.New(slog.NewJSONHandler(io.Discard, nil)))},
				func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
			if err := g.tokens.Load(context.Background()); err != nil {
				b.Fatal(err)
			}
			h := g.Handler()
			text := strings.Repeat("A line of text that a person might write. ", size/42)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if w := chat(h, fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":"%d %s"}]}`, i, text)); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
