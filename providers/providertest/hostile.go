package providertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/providers"
)

// canary looks like a credential, in the forms that credentials have.
func canaries() []string {
	return []string{
		"sk-proj-AbCdEf0123456789AbCdEf0123456789", "gsk_AbCdEf0123456789AbCdEf01", "AIzaSyA0123456789abcdefghijklmnopqrstuv",
		"xai-0123456789abcdefABCDEF", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "0123456789abcdef0123456789abcdef",
		"AKIA0123456789ABCDEF", "org-0123456789abcdefghij",
	}
}

// requests: the key travels in its header alone, and nothing of the client's does.
func (s *Suite) requests(t *testing.T) {
	d := s.New(t, s.Preset)
	const key, body = "the-upstream-key-1", `{"model":"m","messages":[]}`
	secrets := http.Header{}
	for _, name := range []string{
		"Authorization", "Cookie", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "Proxy-Authorization", "X-Auth-Token",
		"X-Forwarded-For", "Host", "Connection", "Content-Length", "Transfer-Encoding", "Accept-Encoding", "Openai-Organization",
	} {
		secrets.Set(name, "of-the-client")
	}
	secrets.Set("X-Trace", "kept")
	type mark struct{}
	ctx := context.WithValue(t.Context(), mark{}, true)
	for _, e := range []providers.Endpoint{providers.ChatCompletions, providers.Completions, providers.Embeddings} {
		for _, stream := range []bool{false, true} {
			r, err := d.NewRequest(ctx, providers.Call{Endpoint: e, Model: "m", Body: []byte(body), Stream: stream, Key: key, Header: secrets})
			if err != nil {
				t.Fatalf("%s: %v", e, err)
			}
			if r.Context().Value(mark{}) == nil {
				t.Errorf("%s: the request has another context", e)
			}
			s.checkRequest(t, r, key)
		}
	}
}

func (s *Suite) checkRequest(t *testing.T, r *http.Request, key string) {
	t.Helper()
	if r.Method != http.MethodPost || r.URL.Host == "" || strings.Contains(r.URL.String(), key) {
		t.Errorf("the request goes %s %s", r.Method, r.URL)
	}
	for name, values := range r.Header {
		text := strings.Join(values, " ")
		if strings.Contains(text, "of-the-client") {
			t.Errorf("the client's %s is sent", name)
		}
		if strings.Contains(text, key) && !slices.Contains(s.KeyHeaders, name) {
			t.Errorf("the key is in %s", name)
		}
	}
	if r.Header.Get("X-Trace") != "kept" {
		t.Error("a harmless header is lost")
	}
	if r.GetBody == nil {
		t.Fatal("the request cannot be sent again")
	}
	again, err := r.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := io.ReadAll(r.Body)
	second, _ := io.ReadAll(again)
	if len(first) == 0 || !bytes.Equal(first, second) || r.ContentLength != int64(len(first)) {
		t.Errorf("the body is %q and then %q, with length %d", first, second, r.ContentLength)
	}
	third, _ := r.GetBody()
	providers.ReleaseBody(r)
	if n, err := third.Read(make([]byte, 8)); n != 0 || err == nil {
		t.Errorf("the body is still read after its release: %d, %v", n, err)
	}
}

// bodies are what no upstream should send.
func bodies() [][]byte {
	out := [][]byte{
		nil, []byte("\n\n"), []byte("null"), []byte("{}"), []byte("[]"), []byte(`""`), []byte("0"), []byte("{"), []byte("<html>"),
		[]byte(`{"error":null}`), []byte(`{"error":{}}`), []byte(`{"error":[]}`), []byte(`{"error":[[]]}`), []byte(`{"error":5}`),
		[]byte(`{"error":{"message":{"a":[1,{"message":null}]},"code":{"x":1},"type":[]}}`), []byte(`{"detail":[]}`),
		[]byte(`{"error":{"message":"Limit , Used 99999999999999999999, Requested -1. try again in 9999999999h. retry after NaN"}}`),
		[]byte("{\"error\":{\"message\":\"\xff\xfe \\u0000\\ud800\"}}"), []byte(`{"choices":[null,5,{"error":7,"finish_reason":[]}]}`),
		bytes.Repeat([]byte("["), 100_000), bytes.Repeat([]byte(`{"error":`), 50_000), bytes.Repeat([]byte("あ"), 100_000),
	}
	return append(out, fmt.Appendf(nil, `{"error":{"message":%q}}`, strings.Repeat("x y ", 50_000)))
}

// hostile: nothing that an upstream sends makes a dialect panic, wait for ever, or
// say too much.
func (s *Suite) hostile(t *testing.T) {
	d := s.New(t, s.Preset)
	for _, body := range bodies() {
		for _, status := range []int{0, 100, 200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 503, 599, 999} {
			f := d.Classify(status, nil, body)
			if f.Kind == providers.Unclassified || f.RetryAfter < 0 || f.RetryAfter > providers.MaxWait || f.Limit < 0 {
				t.Errorf("%d %.40q is %+v", status, body, f)
			}
			if len(f.Message) > providers.MaxMessage || strings.ContainsFunc(f.Message, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%d %.40q says too much: %q", status, body, f.Message)
			}
		}
		for _, e := range []providers.Endpoint{providers.ChatCompletions, providers.Embeddings} {
			if _, err := d.Answer(e, body); err == nil && e == providers.Embeddings {
				t.Errorf("%.40q is an answer", body)
			}
		}
		_ = Transcript(d.Stream(bytes.NewReader(body)))
		_ = Transcript(d.Stream(io.MultiReader(strings.NewReader("data: "), bytes.NewReader(body), strings.NewReader("\n\n"))))
	}
}

// secrets: what looks like a credential is not repeated.
func (s *Suite) secrets(t *testing.T) {
	d := s.New(t, s.Preset)
	for _, secret := range canaries() {
		for _, pattern := range []string{
			`{"error":{"message":"Incorrect API key provided: %s.","code":%[1]q,"type":%[1]q}}`, `{"message":"bad key '%s'"}`,
			`{"error":"header Authorization: Bearer %s is wrong"}`, `no JSON: https://x.test/?key=%s&b=1`, `[{"error":{"message":"(%s)"}}]`,
		} {
			body := fmt.Appendf(nil, pattern, secret)
			f := d.Classify(http.StatusUnauthorized, nil, body)
			if text := f.Message + f.Code + f.Type; strings.Contains(text, secret) || strings.Contains(text, secret[len(secret)/2:]) {
				t.Errorf("%s is repeated: %q", secret, text)
			}
		}
	}
}

// concurrent: a dialect may be used by many at once.
func (s *Suite) concurrent(t *testing.T) {
	d := s.New(t, s.Preset)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				_, _ = d.NewRequest(t.Context(), providers.Call{Body: []byte("{}"), Key: "k"})
				_ = d.Classify(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}, []byte(`{"error":{"message":"x"}}`))
				_ = d.Observe(http.StatusOK, http.Header{"X-Ratelimit-Limit-Tokens": {"5"}})
				_, _ = d.Answer(providers.ChatCompletions, []byte(`{"choices":[]}`))
				_ = Transcript(d.Stream(strings.NewReader("data: {\"choices\":[]}\n\ndata: [DONE]\n\n")))
			}
		})
	}
	wg.Wait()
}
