package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reach runs a test over sockets and inside the process.
func reach(t *testing.T, o Options, f func(t *testing.T, s *Server, c *http.Client, url string)) {
	t.Run("sockets", func(t *testing.T) {
		s := New(o)
		h := httptest.NewServer(s)
		defer h.Close()
		f(t, s, h.Client(), h.URL)
		h.Client().CloseIdleConnections()
	})
	t.Run("in process", func(t *testing.T) {
		s := New(o)
		f(t, s, &http.Client{Transport: Transport(s)}, "http://simulated.invalid")
	})
}

func options() Options {
	return Options{OutputTokens: 20, Headers: true, Accounts: []Account{
		{Name: "a", Keys: []string{"key-a"}, Limits: []Limit{{Models: []string{"m*"}, RPM: 3, Algorithm: "fixed"}}},
	}}
}

func send(t *testing.T, c *http.Client, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer key-a")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

const ask = `{"model":"%","messages":[{"role":"user","content":"hello"}]}`

func TestAnswersAndLimits(t *testing.T) {
	reach(t, options(), func(t *testing.T, s *Server, c *http.Client, url string) {
		resp, body := send(t, c, url+"/v1/chat/completions", strings.Replace(ask, "%", "m", 1))
		var answer struct {
			Usage struct{ Prompt_tokens, Completion_tokens int }
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != 200 || answer.Usage.Completion_tokens != 20 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		if resp.Header.Get("X-Ratelimit-Limit-Requests") != "3" || resp.Header.Get("X-Ratelimit-Remaining-Requests") != "2" {
			t.Fatalf("%v", resp.Header)
		}
		_, body = send(t, c, url+"/v1/chat/completions", `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}`)
		if !strings.HasSuffix(body, "data: [DONE]\n\n") || strings.Count(body, `"usage":{`) != 1 {
			t.Fatal(body)
		}
		send(t, c, url+"/v1/embeddings", `{"model":"m","input":["a",[1,2]]}`)
		resp, body = send(t, c, url+"/v1/chat/completions", strings.Replace(ask, "%", "m", 1))
		if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "Rate limit reached for m") {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		if total := s.Total(); total.Attempts != 4 || total.OK != 3 || total.Refused429 != 1 || total.InFlight != 0 || total.OutputTokens != 40 {
			t.Fatalf("%+v", total)
		}
	})
}

func TestFailures(t *testing.T) {
	o := options()
	o.Accounts[0].Limits = nil
	reach(t, o, func(t *testing.T, s *Server, c *http.Client, url string) {
		s.SetFailures([]Rule{{Model: "bad", Status: 503, Times: 1}})
		if resp, body := send(t, c, url+"/v1/chat/completions", strings.Replace(ask, "%", "bad", 1)); resp.StatusCode != 503 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		if resp, _ := send(t, c, url+"/v1/chat/completions", strings.Replace(ask, "%", "bad", 1)); resp.StatusCode != 200 {
			t.Fatal("the rule held more than once")
		}
		if resp, _ := send(t, c, url+"/v1/chat/completions", strings.Replace(ask, "hello", "[[simulate: status=418]]", 1)); resp.StatusCode != 418 {
			t.Fatalf("the marker gave %d", resp.StatusCode)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(strings.Replace(ask, "hello", "[[simulate: mode=cut-first]]", 1)))
		req.Header.Set("Authorization", "Bearer key-a")
		if resp, err := c.Do(req); err == nil {
			resp.Body.Close()
			t.Fatalf("a cut connection answered %d", resp.StatusCode)
		}
		req, _ = http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(ask))
		if resp, err := c.Do(req); err != nil || resp.StatusCode != 401 {
			t.Fatalf("without a key: %v %v", resp, err)
		} else {
			resp.Body.Close()
		}
	})
}

func TestAClientThatLeavesStopsTheAnswer(t *testing.T) {
	o := options()
	o.OutputTokens, o.TokensPerSecond = 1_000_000, 1000
	reach(t, o, func(t *testing.T, s *Server, c *http.Client, url string) {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}`))
		req.Header.Set("Authorization", "Bearer key-a")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.Canceled) {
			t.Fatalf("the body ended with %v", err)
		}
		resp.Body.Close()
		for s.Total().Cancelled != 1 {
			if t.Context().Err() != nil {
				t.Fatal("the answer went on")
			}
		}
	})
}
