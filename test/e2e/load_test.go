package e2e

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// accounts writes n accounts with limits, as configuration and as the upstream's own.
func accounts(n int, rpm, tpm int64, yamlLimit string) (yaml string, o simulated.Options) {
	o = simulated.Options{OutputTokens: 64, Headers: true, Count: bytesCount}
	for i := range n {
		name := fmt.Sprintf("acct-%d", i)
		yaml += fmt.Sprintf("      - {name: %s, keys: [key-%s], limits: [{models: ['*'], %s}]}\n", name, name, yamlLimit)
		o.Accounts = append(o.Accounts, simulated.Account{Name: name, Keys: []string{"key-" + name},
			Limits: []simulated.Limit{{Models: []string{"*"}, RPM: rpm, TPM: tpm, Burst: 6 * time.Second}}})
	}
	return yaml, o
}

func bytesCount(_, text string) int64 { return int64(len(text)+3) / 4 }

func config(url, accounts, route string) string {
	return `
server: {admin_token: "{{token}}"}
shedding: {max_queue: 2000}
providers:
  up:
    dialect: openai
    preset: generic
    charging: expected
    base_url: ` + url + `
    accounts:
` + accounts + `
routes:
  qwen3-max: {targets: [up/qwen3-max], max_wait: 2s` + route + `}
client_keys:
  - {name: test, key: "{{key}}"}
`
}

// Five accounts behind one model without a fallback, twice as much offered as they
// have: the upstream's own count shows no more than 0.1 % refusals, and nearly all of
// the quota used.
func TestFiveAccountsAtTwiceTheirRate(t *testing.T) {
	const n, rpm, tpm = 5, 600, 1_000_000
	yaml, o := accounts(n, rpm, tpm, fmt.Sprintf("rpm: %d, tpm: %d", rpm, tpm))
	s, url := upstream(t, o)
	g := start(t, config(url, yaml, ""))
	const offered = 2.0 * n * tpm / 60 // tokens per second
	const perCall = 4000
	text := strings.Repeat("word", perCall-64-10)
	ctx, cancel := context.WithTimeout(t.Context(), 17*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Duration(float64(time.Second) * perCall / offered))
	defer tick.Stop()
	begin := time.Now()
	var from, to int64
	var measured time.Duration
	var since time.Time
	for i := 0; ctx.Err() == nil; i++ {
		select {
		case <-ctx.Done():
		case <-tick.C:
			wg.Go(func() { post(g, "/v1/chat/completions", chatBody("qwen3-max", fmt.Sprint(i, text))) })
		}
		if from == 0 && time.Since(begin) > 8*time.Second { // the bursts are spent
			total := s.Total()
			from, since = total.InputTokens+total.OutputTokens, time.Now()
		}
	}
	total := s.Total()
	to, measured = total.InputTokens+total.OutputTokens, time.Since(since)
	wg.Wait()
	used := float64(to-from) / (n * tpm * measured.Minutes())
	refused := float64(s.Total().Refused429) / float64(s.Total().Attempts)
	t.Logf("%.2f %% of the quota used, %.3f %% of %d attempts refused", 100*used, 100*refused, s.Total().Attempts)
	if used < 0.95 || used > 1.05 {
		t.Errorf("%.2f %% of the quota used", 100*used)
	}
	if refused > 0.001 {
		t.Errorf("%.3f %% of the attempts were refused", 100*refused)
	}
}

// post is for goroutines: what goes wrong shows in the counts.
func post(g *gateway, path, body string) {
	req, err := http.NewRequest(http.MethodPost, g.api+path, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// After a thousand calls of every fate nothing is held, and the gateway's count of
// tokens is the upstream's own.
func TestNoReservationIsLeftAfterMixedCalls(t *testing.T) {
	const calls = 1000
	yaml, o := accounts(2, 0, 0, "tpd: 1000000000, concurrency: 50")
	o.TokensPerSecond = 2000
	counter := tokens.New(tokens.Options{})
	if err := counter.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Count = func(model, text string) int64 { return counter.CountOutput(model, []byte(text)) }
	s, url := upstream(t, o)
	g := start(t, strings.Replace(strings.ReplaceAll(config(url, yaml, ""), "qwen3-max", "gpt-4o"), "base_url", "timeouts: {first_byte: 1s, idle: 1s}\n    base_url", 1))
	eventually(t, "exact counts", func() bool { return strings.Contains(g.log.String(), "encodings loaded") })
	marks := []string{"", "", "", "", "[[simulate: mode=cut]]", "[[simulate: status=500]]", "[[simulate: status=400]]", "[[simulate: mode=no-usage]]", "[[simulate: mode=no-done]]", "[[simulate: mode=error-mid-stream]]", "[[simulate: mode=html]]"}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 24)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range calls {
		size := i % 300
		mark, stream, abort := marks[r.IntN(len(marks))], r.IntN(2) == 0, r.IntN(5) == 0
		if i%200 == 199 {
			mark, size = "[[simulate: mode=hang]]", 0 // what it costs, nobody knows
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.api+"/v1/chat/completions",
				strings.NewReader(chatBody("gpt-4o", fmt.Sprint(mark, " call ", i, strings.Repeat(" word", size)), fmt.Sprintf(`"stream":%v`, stream))))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+key)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for n := 0; lines.Scan(); n++ {
				if abort && n == 3 {
					cancel()
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "everything settled", func() bool { return held(g) == 0 && s.Total().InFlight == 0 })
	var used int64
	for _, b := range g.buckets() {
		if b.Limit == "tpd" {
			used += b.Capacity - b.Level
		}
	}
	total := s.Total()
	truth := total.InputTokens + total.OutputTokens
	off := float64(used-truth) / float64(truth)
	t.Logf("the gateway counts %d tokens, the upstream %d: off by %.2f %%; %d cancelled, %d failed", used, truth, 100*off, total.Cancelled, total.Failed)
	if off < -0.01 || off > 0.01 {
		t.Errorf("off by %.2f %%", 100*off)
	}
}

func held(g *gateway) (n int64) {
	for _, b := range g.buckets() {
		n += b.Reserved
	}
	return n
}

func TestTheClientsLeavingReachesTheUpstream(t *testing.T) {
	o := open("a")
	o.OutputTokens, o.TokensPerSecond = 100_000, 100
	s, url := upstream(t, o)
	g := start(t, one(url, ""))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, g.api+"/v1/chat/completions", strings.NewReader(chatBody("m", "Hello!", `"stream":true`)))
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if !bufio.NewScanner(resp.Body).Scan() {
		t.Fatal("no first line")
	}
	left := time.Now()
	cancel()
	eventually(t, "the upstream's cancel", func() bool { return s.Total().Cancelled == 1 })
	t.Logf("cancelled after %v", time.Since(left))
	eventually(t, "the end of the hold", func() bool { return held(g) == 0 })
}

func TestWaitingCallsGoByPriorityAndThenTheRestAreTold(t *testing.T) {
	yaml, o := accounts(1, 60, 0, "rpm: 60, burst: 1")
	o.Accounts[0].Limits[0].Burst = time.Second
	_, url := upstream(t, o)
	g := start(t, config(url, yaml, ""))
	if a := g.chat("qwen3-max", "hi"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := g.chat("qwen3-max", "hi"); a.status != 200 || a.header.Get("X-Sluice-Queue-Ms") == "0" {
		t.Fatalf("did not wait: %d %v", a.status, a.header)
	}
	a := g.post("/v1/chat/completions", chatBody("qwen3-max", "hi"), "X-Max-Wait", "10ms")
	if _, code, _ := a.errorCode(); a.status != 429 || code != "rate_limit_exceeded" || a.header.Get("X-Sluice-Limited-By") != "upstream" || a.header.Get("Retry-After-Ms") == "" {
		t.Fatalf("%d %s %v", a.status, a.body, a.header)
	}
}

// A client that stops reading is given up after the write timeout: the upstream is
// cancelled and nothing stays held.
func TestASlowReaderIsGivenUp(t *testing.T) {
	o := open("a")
	o.OutputTokens = 5_000_000
	s, url := upstream(t, o)
	g := start(t, strings.Replace(one(url, ""), "server: {", "server: {write_timeout: 1s, ", 1))
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := chatBody("m", "Hello!", `"stream":true`)
	if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", key, len(body), body); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upstream's cancel", func() bool { return s.Total().Cancelled == 1 })
	eventually(t, "the end of the hold", func() bool { return held(g) == 0 })
}
