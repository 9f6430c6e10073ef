package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
)

// attempts keeps what it is told, by copies.
type attempts struct {
	mu      sync.Mutex
	told    []telemetry.Attempt
	keys    []string // KeyID at the time
	records []telemetry.Record
	before  int // attempts told when the first record came
}

func (a *attempts) Attempt(r *telemetry.Record, t *telemetry.Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told, a.keys = append(a.told, *t), append(a.keys, r.KeyID)
}

func (a *attempts) Record(r *telemetry.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.records) == 0 {
		a.before = len(a.told)
	}
	a.records = append(a.records, *r)
}

func event(r *http.Request, body io.Reader) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(body), Request: r}, nil
}

const chunk = `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hello"},"finish_reason":null}]}` + "\n\n"

const lastChunks = `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
	`data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}}` + "\n\ndata: [DONE]\n\n"

// blocked reads until its context ends.
type blocked struct{ ctx context.Context }

func (b blocked) Read([]byte) (int, error) { <-b.ctx.Done(); return 0, b.ctx.Err() }

// Every attempt is told once, when it is settled, whatever becomes of it.
func TestEveryAttemptIsToldOnce(t *testing.T) {
	status := func(r *http.Request, code int) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"error":{"message":"no"}}`)), Request: r}, nil
	}
	for _, c := range []struct {
		name     string
		stream   bool
		upstream func(call int, r *http.Request) (*http.Response, error)
		leave    time.Duration // when the client goes; 0: it stays
		kinds    []string      // of the attempts
		statuses []int
		outcome  string
		fault    telemetry.Fault
		input    int64 // of the last attempt
	}{
		{name: "success", upstream: func(_ int, r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) },
			kinds: []string{""}, statuses: []int{200}, outcome: "ok", input: 9},
		{name: "stream", stream: true, upstream: func(_ int, r *http.Request) (*http.Response, error) {
			return event(r, strings.NewReader(chunk+lastChunks))
		}, kinds: []string{""}, statuses: []int{200}, outcome: "ok", input: 9},
		{name: "failure, then success", upstream: func(call int, r *http.Request) (*http.Response, error) {
			if call == 0 {
				return status(r, 500)
			}
			return answer(r, wholeAnswer)
		}, kinds: []string{"server_error", ""}, statuses: []int{500, 200}, outcome: "ok", input: 9},
		{name: "refused", upstream: func(_ int, r *http.Request) (*http.Response, error) { return status(r, 400) },
			kinds: []string{"bad_request"}, statuses: []int{400}, outcome: "upstream_rejected", fault: telemetry.FaultCaller},
		{name: "connection", upstream: func(call int, r *http.Request) (*http.Response, error) {
			if call == 0 {
				return nil, errors.New("connection reset")
			}
			return answer(r, wholeAnswer)
		}, kinds: []string{"connection", ""}, statuses: []int{0, 200}, outcome: "ok", input: 9},
		{name: "timeout", upstream: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, kinds: []string{"timeout"}, statuses: []int{0}, outcome: "upstream_failed", fault: telemetry.FaultProvider, input: 14},
		{name: "cancelled", upstream: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, leave: time.Second, kinds: []string{"cancelled"}, statuses: []int{0}, outcome: "client_gone", fault: telemetry.FaultCaller, input: 14},
		{name: "stream left by its client", stream: true, upstream: func(_ int, r *http.Request) (*http.Response, error) {
			return event(r, io.MultiReader(strings.NewReader(chunk), blocked{r.Context()}))
		}, leave: time.Second, kinds: []string{"cancelled"}, statuses: []int{200}, outcome: "client_gone", fault: telemetry.FaultCaller, input: 14},
		{name: "stream cut", stream: true, upstream: func(_ int, r *http.Request) (*http.Response, error) {
			return event(r, strings.NewReader(chunk))
		}, kinds: []string{"connection"}, statuses: []int{200}, outcome: "stream_broken", fault: telemetry.FaultProvider, input: 14},
		{name: "panic", upstream: func(_ int, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(panicking{}), Request: r}, nil
		}, kinds: []string{"internal_error"}, statuses: []int{200}, outcome: "internal_error", fault: telemetry.FaultGateway},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := &attempts{}
				calls := 0
				g := newTestGateway(t, told, func(r *http.Request) (*http.Response, error) {
					calls++
					return c.upstream(calls-1, r)
				})
				ctx := t.Context()
				if c.leave > 0 {
					var leave context.CancelFunc
					ctx, leave = context.WithTimeout(ctx, c.leave)
					defer leave()
				}
				body := `{"model":"two","messages":[{"role":"user","content":"hi"}]}`
				if c.stream {
					body = `{"model":"two","stream":true,"messages":[{"role":"user","content":"hi"}]}`
				}
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+testKey)
				g.Handler().ServeHTTP(httptest.NewRecorder(), r)
				checkTold(t, told, c.kinds, c.statuses)
				rec := told.records[0]
				if rec.Outcome != c.outcome || rec.Fault != c.fault || rec.Stream != c.stream {
					t.Errorf("outcome %s, fault %q, stream %v", rec.Outcome, rec.Fault, rec.Stream)
				}
				last := told.told[len(told.told)-1]
				if last.Input != c.input || rec.Input < last.Input {
					t.Errorf("input %d of %d, want %d", last.Input, rec.Input, c.input)
				}
			})
		})
	}
}

func checkTold(t *testing.T, told *attempts, kinds []string, statuses []int) {
	t.Helper()
	if len(told.told) != len(kinds) || len(told.records) != 1 || told.before != len(kinds) {
		t.Fatalf("%d attempts told (%d before the record), %d records", len(told.told), told.before, len(told.records))
	}
	for i, a := range told.told {
		if a.N != i || a.Kind != kinds[i] || a.Status != statuses[i] || a.Start.IsZero() || a.EstimatedInput <= 0 || a.Key == "" {
			t.Errorf("attempt %d: %+v", i, a)
		}
		if told.keys[i] == "" {
			t.Errorf("attempt %d: nobody pays", i)
		}
		if a != told.records[0].Attempts[i] {
			t.Errorf("the record tells of attempt %d otherwise: %+v", i, told.records[0].Attempts[i])
		}
	}
}

func TestContentIsKeptOnlyWhereAsked(t *testing.T) {
	const body = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	for _, c := range []struct {
		name           string
		keep           func() int
		prompt, answer string
		cut            bool
	}{
		{"off", nil, "", "", false},
		{"none", func() int { return 0 }, "", "", false},
		{"whole", func() int { return 1 << 20 }, body, wholeAnswer, false},
		{"cut", func() int { return 10 }, body[:10], wholeAnswer[:10], true},
	} {
		told := &attempts{}
		g := newTestGateway(t, told, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		g.keep = c.keep
		if w := chat(g.Handler(), []byte(body)); w.Code != 200 {
			t.Fatal(w.Body)
		}
		got := told.records[0].Content
		if c.prompt == "" {
			if got != nil {
				t.Errorf("%s: kept %+v", c.name, got)
			}
			continue
		}
		if got == nil || string(got.Prompt) != c.prompt || string(got.Answer) != c.answer || got.Cut != c.cut {
			t.Errorf("%s: %+v", c.name, got)
		}
		if r, _ := g.Trail(told.records[0].ID); r.Content != nil {
			t.Errorf("%s: the trail keeps bodies", c.name)
		}
	}
}

// What a client is told from the cache is kept like any other answer, with a row of its
// own that says so and costs nothing: for calls that waited for another's answer too.
func TestContentOfAHitIsKept(t *testing.T) {
	for _, body := range []string{question("owner", "q"), question("owner", "q", `"stream":true`)} {
		var mu sync.Mutex
		var rows []telemetry.Record
		up := &numbered{}
		g := cachedGateway(t, sinkFunc(func(r *telemetry.Record) {
			mu.Lock()
			defer mu.Unlock()
			rows = append(rows, *r)
		}), up.RoundTrip)
		g.keep = func() int { return 1 << 20 }
		for range 3 {
			if w := askAs(t.Context(), g, "a2", body); w.Code != http.StatusOK {
				t.Fatal(w.Body)
			}
		}
		for i, r := range rows {
			want := map[bool]string{true: "miss", false: "hit"}[i == 0]
			if r.Cache != want || r.Content == nil || string(r.Content.Prompt) != body || !bytes.Equal(r.Content.Answer, rows[0].Content.Answer) || !bytes.Contains(r.Content.Answer, []byte("answer")) {
				t.Errorf("row %d is a %s with %s", i, r.Cache, r.Content.Answer)
			}
			if i > 0 && (r.Cost != 0 || r.Input+r.Output != 0 || len(r.Attempts) != 0) {
				t.Errorf("a hit costs %d: %+v", r.Cost, r)
			}
		}
		if len(rows) != 3 || up.calls.Load() != 1 {
			t.Errorf("%d rows of %d upstream calls", len(rows), up.calls.Load())
		}
	}
}

func TestContentOfAStream(t *testing.T) {
	told := &attempts{}
	g := newTestGateway(t, told, func(r *http.Request) (*http.Response, error) {
		return event(r, strings.NewReader(chunk+lastChunks))
	})
	g.keep = func() int { return 1 << 10 }
	chat(g.Handler(), []byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	got := told.records[0].Content
	if got == nil || !bytes.Contains(got.Answer, []byte("hello")) || got.Cut {
		t.Errorf("%+v", got)
	}
	a := told.told[0]
	if a.Input != 9 || a.Output != 3 || a.Cached != 4 || !a.Known {
		t.Errorf("%+v", a)
	}
}
