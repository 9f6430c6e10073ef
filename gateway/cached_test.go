package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/telemetry"
)

// cachedGateway serves routes with a cache of each scope, and m without one. Keys a1 and
// a2 belong to one owner, b1 to another, c1 and c2 to nobody.
func cachedGateway(t testing.TB, sink telemetry.Sink, f roundTrip) *Gateway {
	t.Helper()
	const yaml = `
cache: {memory: 1MiB, max_entry: 64KiB}
providers:
  up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a], limits: [{rpm: 100G, tpm: 100G}]}]}
routes:
  m: {targets: [up/m]}
  own: {targets: [up/m], cache: {ttl: 1m, scope: key}}
  owner: {targets: [up/m, up/n], cache: {ttl: 1m}}
  all: {targets: [up/m, up/n], cache: {ttl: 1m, scope: all}, timeout: 5m}
  whole: {targets: [up/m], cache: {ttl: 1m, streams: false}}
owners: {a: {}, b: {}}
client_keys:
  - {name: a1, key: sk-sluice-cache-test-a1, owner: a, limits: {rpm: 3}}
  - {name: a2, key: sk-sluice-cache-test-a2, owner: a}
  - {name: b1, key: sk-sluice-cache-test-b1, owner: b}
  - {name: c1, key: sk-sluice-cache-test-c1}
  - {name: c2, key: sk-sluice-cache-test-c2}
`
	cfg, err := config.Parse("test.yaml", []byte(yaml), func(string) (string, bool) { return "", false })
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

// askAs sends a body as one of the keys; headers come in pairs.
func askAs(ctx context.Context, g *Gateway, key, body string, headers ...string) *httptest.ResponseRecorder {
	path := "/v1/chat/completions"
	if strings.Contains(body, `"input"`) {
		path = "/v1/embeddings"
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer sk-sluice-cache-test-"+key)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	return w
}

func question(model, text string, more ...string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":"` + text + `"}]` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// numbered answers every call with its number, as a stream where one is asked for.
type numbered struct{ calls atomic.Int64 }

func (n *numbered) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	i := n.calls.Add(1)
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		return answer(r, strings.Replace(wholeAnswer, "hello", fmt.Sprintf("answer %d", i), 1))
	}
	return events(r, chunkOf(fmt.Sprintf("answer %d", i), ""), chunkOf("", "stop"), usageChunk, "[DONE]")
}

const usageChunk = `{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`

func chunkOf(text, finish string) string {
	if finish != "" {
		finish = `"` + finish + `"`
	} else {
		finish = "null"
	}
	return `{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"` + text + `"},"finish_reason":` + finish + `}]}`
}

func events(r *http.Request, data ...string) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("data: " + strings.Join(data, "\n\ndata: ") + "\n\n"))}, nil
}

func TestTheCacheAnswersWhatWasAskedBefore(t *testing.T) {
	up := &numbered{}
	g := cachedGateway(t, nil, up.RoundTrip)
	for i, c := range []struct {
		what, key, body string
		headers         []string
		result          string
		calls           int64
	}{
		{"a route without a cache", "a2", question("m", "q"), nil, "bypass", 1},
		{"and again", "a2", question("m", "q"), nil, "bypass", 2},
		{"the first", "a2", question("owner", "q"), nil, "miss", 3},
		{"the same", "a2", question("owner", "q"), nil, "hit", 3},
		{"in another order and as another user", "a2", `{ "user":"x", "messages":[{"content":"q","role":"user"}], "stream":false, "model":"owner" }`, nil, "hit", 3},
		{"by another key of the owner", "a1", question("owner", "q"), nil, "hit", 3},
		{"by another owner", "b1", question("owner", "q"), nil, "miss", 4},
		{"by a key without an owner", "c1", question("owner", "q"), nil, "miss", 5},
		{"by another key without an owner", "c2", question("owner", "q"), nil, "miss", 6},
		{"with another temperature", "a2", question("owner", "q", `"temperature":0.5`), nil, "miss", 7},
		{"as a stream", "a2", question("owner", "q", `"stream":true`), nil, "miss", 8},
		{"as a stream again", "a2", question("owner", "q", `"stream":true`), nil, "hit", 8},
		{"as a stream with usage", "a2", question("owner", "q", `"stream":true`, `"stream_options":{"include_usage":true}`), nil, "miss", 9},
		{"and again", "a2", question("owner", "q", `"stream_options":{"include_usage":true}`, `"stream":true`), nil, "hit", 9},
		{"of another route with the same target", "a2", question("own", "q"), nil, "miss", 10},
		{"of that route by another key", "a1", question("own", "q"), nil, "miss", 11},
		{"of the route for all", "a2", question("all", "q"), nil, "miss", 12},
		{"of the route for all by a stranger", "c2", question("all", "q"), nil, "hit", 12},
		{"no-store", "a2", question("owner", "q"), []string{"Cache-Control", "no-store"}, "bypass", 13},
		{"no-store of something new", "a2", question("owner", "new"), []string{"Cache-Control", "private, No-Store"}, "bypass", 14},
		{"which was not stored", "a2", question("owner", "new"), nil, "miss", 15},
		{"no-cache", "a2", question("owner", "q"), []string{"Cache-Control", "no-cache"}, "bypass", 16},
		{"max-age=0", "a2", question("owner", "q"), []string{"Cache-Control", "max-age=0"}, "bypass", 17},
		{"what no-cache brought is kept", "a2", question("owner", "q"), []string{"Cache-Control", "max-age=50"}, "hit", 17},
		{"an answer that the provider is to store", "a2", question("owner", "q", `"store":true`), nil, "bypass", 18},
		{"a stream where none are kept", "a2", question("whole", "q", `"stream":true`), nil, "bypass", 19},
		{"and a whole answer", "a2", question("whole", "q"), nil, "miss", 20},
	} {
		w := askAs(t.Context(), g, c.key, c.body, c.headers...)
		if w.Code != 200 || w.Header().Get("X-Sluice-Cache") != c.result || up.calls.Load() != c.calls {
			t.Errorf("%d %s: %d %q with %d calls, want %q with %d: %s", i, c.what, w.Code, w.Header().Get("X-Sluice-Cache"), up.calls.Load(), c.result, c.calls, w.Body)
		}
	}
}

// A hit is the answer as it was, byte for byte, with the headers of an answer.
func TestAHitIsTheAnswerAsItWas(t *testing.T) {
	up := &numbered{}
	var last telemetry.Record
	g := cachedGateway(t, sinkFunc(func(r *telemetry.Record) { last = *r }), up.RoundTrip)
	for _, body := range []string{
		question("owner", "q"), question("owner", "q", `"stream":true`),
		question("owner", "q", `"stream":true`, `"stream_options":{"include_usage":true}`),
	} {
		first, second := askAs(t.Context(), g, "a2", body), askAs(t.Context(), g, "a2", body)
		if second.Header().Get("X-Sluice-Cache") != "hit" || first.Body.String() != second.Body.String() || !strings.Contains(second.Body.String(), "answer") {
			t.Errorf("%s\nwas answered %s\nand then %s", body, first.Body, second.Body)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "X-Sluice-Model", "X-Sluice-Provider"} {
			if first.Header().Get(name) != second.Header().Get(name) {
				t.Errorf("%s is %q, then %q", name, first.Header().Get(name), second.Header().Get(name))
			}
		}
		if h := second.Header(); h.Get("X-Sluice-Attempts") != "0" || h.Get("Age") != "0" || h.Get("X-Request-Id") == first.Header().Get("X-Request-Id") {
			t.Errorf("%v", h)
		}
		if strings.Contains(body, "stream") && !strings.HasSuffix(second.Body.String(), "data: [DONE]\n\n") {
			t.Errorf("%s", second.Body)
		}
		if last.Cache != "hit" || last.Outcome != "ok" || last.Status != 200 || len(last.Attempts) != 0 || last.Input+last.Output+last.Cost != 0 ||
			last.Bytes != int64(second.Body.Len()) || last.Stream != strings.Contains(body, "stream") {
			t.Errorf("%+v", last)
		}
	}
}

type sinkFunc func(*telemetry.Record)

func (f sinkFunc) Record(r *telemetry.Record) { f(r) }

// A hit takes nothing: not from the key's three requests a minute, and not from anything else.
func TestAHitCostsNoBudget(t *testing.T) {
	up := &numbered{}
	g := cachedGateway(t, nil, up.RoundTrip)
	before := ""
	for i := range 20 {
		w := askAs(t.Context(), g, "a1", question("own", "q"))
		if w.Code != 200 {
			t.Fatalf("call %d: %d %s", i, w.Code, w.Body)
		}
		if left := w.Header().Get("X-Ratelimit-Remaining-Requests"); i == 0 {
			before = left
		} else if left != before || left != "2" {
			t.Fatalf("call %d: %s remain after %s", i, left, before)
		}
	}
	if n := up.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
	for _, b := range g.BucketStates() {
		if b.Reserved != 0 {
			t.Errorf("%+v", b)
		}
	}
}

func TestOnlyCompleteAnswersAreKept(t *testing.T) {
	filtered := strings.Replace(wholeAnswer, `"stop"`, `"content_filter"`, 1)
	broken := func(r *http.Request) (*http.Response, error) { return events(r, chunkOf("half", "")) }
	for what, c := range map[string]struct {
		stream bool
		do     roundTrip
	}{
		"an error":          {false, func(r *http.Request) (*http.Response, error) { return refuse(r, 400) }},
		"a 429":             {false, func(r *http.Request) (*http.Response, error) { return refuse(r, 429) }},
		"a filtered answer": {false, func(r *http.Request) (*http.Response, error) { return answer(r, filtered) }},
		"a filtered stream": {true, func(r *http.Request) (*http.Response, error) {
			return events(r, chunkOf("half", ""), chunkOf("", "content_filter"), "[DONE]")
		}},
		"a stream that was cut": {true, broken},
		"a stream that fails": {true, func(r *http.Request) (*http.Response, error) {
			return events(r, chunkOf("half", ""), `{"error":{"message":"x"}}`)
		}},
		"an answer too large": {false, func(r *http.Request) (*http.Response, error) {
			return answer(r, strings.Replace(wholeAnswer, "hello", strings.Repeat("x", 65<<10), 1))
		}},
		"a stream too large": {true, func(r *http.Request) (*http.Response, error) {
			return events(r, chunkOf(strings.Repeat("x", 40<<10), ""), chunkOf(strings.Repeat("x", 40<<10), "stop"), "[DONE]")
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) { calls++; return c.do(r) })
			body := question("own", "q")
			if c.stream {
				body = question("own", "q", `"stream":true`)
			}
			askAs(t.Context(), g, "b1", body)
			before := calls
			if w := askAs(t.Context(), g, "b1", body); w.Header().Get("X-Sluice-Cache") != "miss" || calls <= before {
				t.Errorf("%s: %d calls, then %d: %v", what, before, calls, w.Header())
			}
			if u := g.cache.Use(); u.Entries != 0 || u.Bytes != 0 || u.Flights != 0 {
				t.Errorf("%s: %+v", what, u)
			}
		})
	}
}

func refuse(r *http.Request, status int) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":{"message":"no","type":"x","code":"y"}}`))}, nil
}

// An answer by a fallback is not the one that was asked for, and not kept.
func TestAFallbacksAnswerIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			if down && bytes.Contains(body, []byte(`"model":"m"`)) {
				return refuse(r, 500)
			}
			return answer(r, wholeAnswer)
		})
		for i, want := range []string{"n miss", "n miss", "m miss", "m hit"} {
			down = i < 2
			w := askAs(t.Context(), g, "a2", question("owner", "q"))
			if got := w.Header().Get("X-Sluice-Model") + " " + w.Header().Get("X-Sluice-Cache"); got != want {
				t.Errorf("call %d: %s, want %s: %s", i, got, want, w.Body)
			}
		}
	})
}

func TestKeptAnswersHaveATimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &numbered{}
		g := cachedGateway(t, nil, up.RoundTrip)
		for _, c := range []struct {
			wait        time.Duration
			result, age string
		}{
			{0, "miss", ""}, {30 * time.Second, "hit", "30"}, {29 * time.Second, "hit", "59"}, {2 * time.Second, "miss", ""}, {59 * time.Second, "hit", "59"},
		} {
			time.Sleep(c.wait)
			w := askAs(t.Context(), g, "a2", question("owner", "q"))
			if w.Header().Get("X-Sluice-Cache") != c.result || w.Header().Get("Age") != c.age {
				t.Errorf("after %s more: %s, age %q", c.wait, w.Header().Get("X-Sluice-Cache"), w.Header().Get("Age"))
			}
		}
	})
}

// A hundred calls that ask the same at once make one upstream call.
func TestIdenticalCallsInFlightAreOne(t *testing.T) {
	for _, stream := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			up := &numbered{}
			g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) {
				time.Sleep(3 * time.Second)
				return up.RoundTrip(r)
			})
			body := question("all", "q")
			if stream {
				body = question("all", "q", `"stream":true`)
			}
			var misses atomic.Int64
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					w := askAs(t.Context(), g, []string{"a2", "b1", "c1", "c2"}[i%4], body)
					if w.Code != 200 || !strings.Contains(w.Body.String(), "answer 1") {
						t.Errorf("%d %s", w.Code, w.Body)
					}
					if w.Header().Get("X-Sluice-Cache") == "miss" {
						misses.Add(1)
					}
				})
			}
			wg.Wait()
			if up.calls.Load() != 1 || misses.Load() != 1 {
				t.Errorf("%d upstream calls, %d misses", up.calls.Load(), misses.Load())
			}
		})
	}
}

// The call that asks outlives its client: the next one that waits asks instead.
func TestAFlightOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			select {
			case <-time.After(5 * time.Second):
				return answer(r, wholeAnswer)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { askAs(first, g, "a2", question("all", "q")) })
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if w := askAs(t.Context(), g, "b1", question("all", "q")); w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		time.Sleep(time.Second)
		leave()
		wg.Wait()
		if n := calls.Load(); n != 2 {
			t.Errorf("%d upstream calls", n)
		}
	})
}

// What failed for one is tried again by the next, three times, and then by each alone.
func TestAFailureIsNotCopied(t *testing.T) {
	for _, c := range []struct {
		failures, calls, ok int64
		took                time.Duration
	}{
		{0, 1, 10, time.Second}, {2, 3, 8, 3 * time.Second}, {3, 10, 7, 4 * time.Second}, {100, 10, 0, 4 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls, ok atomic.Int64
			g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				if calls.Add(1) <= c.failures {
					return refuse(r, 400)
				}
				return answer(r, wholeAnswer)
			})
			began := time.Now()
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if askAs(t.Context(), g, "b1", question("all", "q")).Code == 200 {
						ok.Add(1)
					}
				})
			}
			wg.Wait()
			if took := time.Since(began); calls.Load() != c.calls || ok.Load() != c.ok || took != c.took {
				t.Errorf("after %d failures: %d calls in %s, %d well; want %d, %s, %d", c.failures, calls.Load(), took, ok.Load(), c.calls, c.took, c.ok)
			}
			if u := g.cache.Use(); u.Flights != 0 {
				t.Errorf("%+v", u)
			}
		})
	}
}

// A follower waits for room no longer than it says, and for an answer as long as one takes.
func TestAFollowersPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &numbered{}
		g := cachedGateway(t, nil, func(r *http.Request) (*http.Response, error) {
			time.Sleep(30 * time.Second)
			return up.RoundTrip(r)
		})
		var wg sync.WaitGroup
		wg.Go(func() { askAs(t.Context(), g, "a2", question("all", "q")) })
		synctest.Wait()
		began := time.Now()
		w := askAs(t.Context(), g, "b1", question("all", "q"), "X-Max-Wait", "2s")
		if w.Code != 200 || w.Header().Get("X-Sluice-Cache") != "hit" || time.Since(began) > 31*time.Second {
			t.Errorf("after %s: %d %v", time.Since(began), w.Code, w.Header())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wg.Go(func() { askAs(t.Context(), g, "a2", question("all", "r")) })
		synctest.Wait()
		began = time.Now()
		askAs(ctx, g, "b1", question("all", "r"))
		if d := time.Since(began); d != time.Second {
			t.Errorf("a client that left was kept for %s", d)
		}
		wg.Wait()
		if n := up.calls.Load(); n != 2 {
			t.Errorf("%d upstream calls", n)
		}
	})
}

// Whoever asks whatever in whatever order never gets the answer to another question or
// of somebody it shares nothing with.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := cachedGateway(nopTB{}, nil, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			who := between(string(body), "who:", ";")
			what := between(string(body), "what:", ";")
			return answer(r, strings.Replace(wholeAnswer, "hello", "for:"+who+";about:"+what+";", 1))
		})
		owner := map[string]string{"a1": "a", "a2": "a", "b1": "b", "c1": "c1", "c2": "c2"}
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			key := rapid.SampledFrom([]string{"a1", "a2", "b1", "c1", "c2"}).Draw(t, "key")
			route := rapid.SampledFrom([]string{"m", "own", "owner", "all"}).Draw(t, "route")
			what := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "what")
			// user is not part of the name: the answer tells whose call brought it.
			w := askAs(context.Background(), g, key, question(route, "what:"+what+";", `"user":"who:`+key+`;"`))
			if w.Code == 429 {
				continue // a1 has three requests a minute
			}
			from, about := between(w.Body.String(), "for:", ";"), between(w.Body.String(), "about:", ";")
			if w.Code != 200 || about != what {
				t.Fatalf("%s asked about %s and heard about %s: %d", key, what, about, w.Code)
			}
			switch {
			case from == key, route == "all", route == "owner" && owner[from] == owner[key]:
			default:
				t.Fatalf("%s on %s got the answer of %s", key, route, from)
			}
		}
	})
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// nopTB makes a gateway inside a property, whose own T reports.
type nopTB struct{ testing.TB }

func (nopTB) Helper()           {}
func (nopTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func TestCacheControl(t *testing.T) {
	for header, want := range map[string]caching{
		"":                       {false, 1 << 62},
		"no-store":               {true, 1 << 62},
		"No-Cache":               {false, 0},
		"max-age=60":             {false, time.Minute},
		`max-age="60", no-store`: {true, time.Minute},
		"max-age=-1":             {false, 1 << 62},
		"max-age=x, public":      {false, 1 << 62},
		"max-age=0":              {false, 0},
	} {
		got := cacheControl(http.Header{"Cache-Control": {header}})
		if got.noStore != want.noStore || min(got.maxAge, 1<<62) != want.maxAge {
			t.Errorf("%q: %+v", header, got)
		}
	}
}
