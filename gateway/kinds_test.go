package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// refusal is an upstream's answer to an attempt that it does not take.
type refusal struct {
	status     int
	retryAfter string
	body       string
}

// openAIRefusal is one in OpenAI's form.
func openAIRefusal(status int, kind, code, message string) refusal {
	return refusal{status: status, body: fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":%q}}`, message, kind, code)}
}

// twoAccounts serves one model of two accounts, the first of which has two keys.
const twoAccounts = `
providers:
  up: {preset: openai, charging: expected, base_url: "http://upstream.invalid/v1", accounts: [
    {name: a, keys: [key-a, key-a2], limits: [{rpm: 600, tpm: 60000, margin: 0, jitter: 0s}]},
    {name: b, keys: [key-b], limits: [{rpm: 600, tpm: 60000, margin: 0, jitter: 0s}]}]}
routes:
  m: {targets: [up/m], max_wait: 2m}
client_keys: [{name: test, key: {{key}}}]
`

// scripted is an upstream that refuses the first attempt and remembers the keys.
type scripted struct {
	refuse refusal
	keys   []string
}

func (s *scripted) trip(r *http.Request) (*http.Response, error) {
	s.keys = append(s.keys, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	resp, err := answer(r, wholeAnswer)
	if len(s.keys) == 1 {
		resp.StatusCode, resp.Body = s.refuse.status, io.NopCloser(strings.NewReader(s.refuse.body))
		if s.refuse.retryAfter != "" {
			resp.Header.Set("Retry-After", s.refuse.retryAfter)
		}
	}
	return resp, err
}

// first is what the account of the first attempt looks like afterwards.
type first struct {
	requests, tokens budget.BucketView
	ratio            float64
	rests            time.Duration
	keyUp            bool
}

func (s *scripted) first(g *Gateway) first {
	l := g.current.Load().lanes["up/"+strings.TrimPrefix(s.keys[0], "key-")+"/*"]
	views := l.Budget.View(g.clock.now(), nil)
	f := first{ratio: l.Ratio(), rests: max(l.BlockedUntil().Sub(g.clock.now()), 0), keyUp: true}
	for _, v := range views {
		if v.Limit.Dimension == budget.Requests {
			f.requests = v
		} else {
			f.tokens = v
		}
	}
	for _, k := range g.Keys() {
		if k.Fingerprint == Fingerprint(s.keys[0]) {
			f.keyUp = k.Up
		}
	}
	return f
}

// Each kind of 429 has its own reaction: the level that was wrong is put right, the rate
// ramps, the account rests for the day, the key goes, or nothing changes but that such a
// call is never sent there again.
func TestEachKindOf429HasItsOwnReaction(t *testing.T) {
	full := first{ratio: 1, keyUp: true}
	for _, c := range []struct {
		name    string
		refuse  refusal
		then    string // the key of the second attempt
		want    func(f first) bool
		message string
	}{
		{"request rate", openAIRefusal(429, "requests", "rate_limit_exceeded", "Rate limit reached for m in organization org-x on requests per min (RPM): Limit 600, Used 600, Requested 1. Please try again in 5s."), "key-b",
			func(f first) bool {
				return f.requests.Level <= 0 && f.tokens.Level == f.tokens.Capacity && f.rests == 5*time.Second && f.ratio == full.ratio && f.keyUp
			}, "the level of requests is empty, the account rests for 5 s"},
		{"token rate", openAIRefusal(429, "tokens", "rate_limit_exceeded", "Rate limit reached for m in organization org-x on tokens per min (TPM): Limit 60000, Used 59990, Requested 20. Please try again in 10ms."), "key-b",
			func(f first) bool {
				return f.tokens.Level <= 20 && f.requests.Level >= f.requests.Capacity-1 && f.rests == 10*time.Millisecond && f.ratio == full.ratio && f.keyUp
			}, "the level of tokens is what the wait implies"},
		{"burst", openAIRefusal(503, "server_error", "slow_down", "Slow Down: your request rate increased too quickly."), "key-b",
			func(f first) bool {
				return f.ratio == 0.5 && f.requests.Level >= f.requests.Capacity-1 && f.rests == 5*time.Second && f.keyUp
			}, "the rate ramps up again from a half, no level changes"},
		{"the day", openAIRefusal(429, "requests", "rate_limit_exceeded", "Rate limit reached for m in organization org-x on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s."), "key-b",
			func(f first) bool {
				return f.rests == 7*time.Minute+12*time.Second && f.tokens.Level == f.tokens.Capacity && f.ratio == full.ratio && f.keyUp
			}, "the account rests until then"},
		{"credit", openAIRefusal(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."), "",
			func(f first) bool { return !f.keyUp && f.rests == 0 && f.ratio == full.ratio }, "the key is taken out"},
		{"larger than the limit", openAIRefusal(429, "tokens", "rate_limit_exceeded", "Request too large for m in organization org-x on tokens per min (TPM): Limit 5, Requested 9. The input or output tokens must be reduced."), "key-b",
			func(f first) bool {
				return f.tokens.Told == 5 && f.rests == 0 && f.ratio == full.ratio && f.keyUp
			}, "the limit is learned, nobody rests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &scripted{refuse: c.refuse}
				sink := &keep{}
				g := serveYAML(t, sink, twoAccounts, up.trip)
				begin := time.Now()
				if w := chat(g.Handler(), []byte(ask)); w.Code != 200 || time.Since(begin) != 0 {
					t.Fatalf("%d %s after %v", w.Code, w.Body, time.Since(begin))
				}
				if len(up.keys) != 2 || up.keys[0] != "key-a" || c.then != "" && up.keys[1] != c.then {
					t.Fatalf("keys %v", up.keys)
				}
				if f := up.first(g); !c.want(f) {
					t.Errorf("%s: %+v", c.message, f)
				}
				for range 4 { // nobody meets the same refusal twice
					if w := chat(g.Handler(), []byte(ask)); w.Code != 200 {
						t.Fatalf("%d %s", w.Code, w.Body)
					}
				}
				again := 0
				for _, k := range up.keys[1:] {
					if k == "key-a" {
						again++
					}
				}
				if rests := c.name != "token rate" || time.Since(begin) < 10*time.Millisecond; rests && again > 0 {
					t.Errorf("keys %v: the account is asked again", up.keys)
				}
				for i := range sink.records {
					if n := len(sink.records[i].Attempts); i > 0 && n != 1 {
						t.Errorf("call %d took %d attempts", i, n)
					}
				}
			})
		})
	}
}

// With nobody else to go to, a call waits as long as the kind of its refusal asks (and
// for room for its own answer), or is given back at once where waiting is vain.
func TestARefusedCallWaitsAsItsKindAsks(t *testing.T) {
	alone := strings.Replace(twoAccounts, ",\n    {name: b, keys: [key-b], limits: [{rpm: 600, tpm: 60000, margin: 0, jitter: 0s}]}]}", "]}", 1)
	for _, c := range []struct {
		name   string
		refuse refusal
		waits  time.Duration
		status int
	}{
		{"what the body says", openAIRefusal(429, "tokens", "rate_limit_exceeded", "Rate limit reached on tokens per min (TPM): Limit 60000, Used 60000, Requested 9000. Please try again in 9s."), 9 * time.Second, 200},
		{"a header first", refusal{429, "3", `{"error":{"message":"Rate limit reached on requests per min (RPM). Please try again in 20s.","type":"requests"}}`}, 3 * time.Second, 200},
		{"nothing told", refusal{429, "", `{"error":{"message":"Too many requests"}}`}, 500 * time.Millisecond, 200},
		{"nonsense told", refusal{429, "NaN", `{"error":{"message":"Too many requests, try again in -5s"}}`}, 500 * time.Millisecond, 200},
		{"a wait beyond the deadline", refusal{429, "600", `{"error":{"message":"Rate limit reached on requests per min (RPM)"}}`}, 2 * time.Minute, 429},
		{"larger than the limit", openAIRefusal(429, "tokens", "rate_limit_exceeded", "Request too large on tokens per min (TPM): Limit 5, Requested 9."), 0, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &scripted{refuse: c.refuse}
				g := serveYAML(t, nil, alone, up.trip)
				begin := time.Now()
				w := chat(g.Handler(), []byte(ask))
				if d := time.Since(begin); w.Code != c.status || d < c.waits || d > c.waits+600*time.Millisecond {
					t.Fatalf("%d after %v, want %d after %v\n%s", w.Code, d, c.status, c.waits, w.Body)
				}
				if vain := c.status != 200; vain != (w.Header().Get("X-Should-Retry") == "false") || vain && len(up.keys) != 1 {
					t.Fatalf("should retry: %q after %d attempts", w.Header().Get("X-Should-Retry"), len(up.keys))
				}
			})
		})
	}
}
