package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clientKey   = "sk-bench-0123456789abcdef0123"
	rate        = 300 // requests per second
	maxInFlight = 512
)

func median[T cmp.Ordered](v []T) T { return percentile(v, 0.5) }

func percentile[T cmp.Ordered](v []T, p float64) (x T) {
	if len(v) == 0 {
		return x
	}
	s := slices.Sorted(slices.Values(v))
	return s[min(int(p*float64(len(s))), len(s)-1)]
}

// corpus is English enough for a token counter, and long enough that its pieces
// differ.
func corpus() string {
	words := strings.Fields("the a of to and in is that for it as was with be by on not he this are or his from at which but have an had they you were their one all we can her has there been if more when will would who so no what up said time people than other into could its only new some these two may then do first any my now such like our over man me even most made after also did many before must through years where much your way well down should because each just those state good very make world still see own work long here get both between life being under never day same another know while last might us great old year off come since against go came right used take three")
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 1<<20 {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()
}

// bodies makes requests of a size, no two the same.
type bodies struct {
	text string
	size int
	n    atomic.Int64
}

func (b *bodies) next() string {
	n := b.n.Add(1)
	at := int(n*7919) % (len(b.text) - b.size)
	return fmt.Sprintf(`{"model":"m","max_tokens":64,"messages":[{"role":"user","content":"%d %s"}]}`, n, b.text[at:at+b.size])
}

// loaded is what came of a run.
type loaded struct {
	sent, ok, dropped int64
	latencies         []time.Duration
}

// load sends requests at fixed times, whether earlier ones are back or not. Each
// latency counts from the time at which its request was due.
func (b *bench) load(url string, perSecond float64, d time.Duration, body func() string) loaded {
	var (
		out   loaded
		mu    sync.Mutex
		wg    sync.WaitGroup
		slots = make(chan struct{}, maxInFlight)
		start = time.Now()
		gap   = time.Duration(float64(time.Second) / perSecond)
	)
	for i := 0; time.Duration(i)*gap < d && b.ctx.Err() == nil; i++ {
		due := start.Add(time.Duration(i) * gap)
		text := body()
		time.Sleep(time.Until(due))
		select {
		case slots <- struct{}{}:
		default:
			out.dropped++
			continue
		}
		out.sent++
		wg.Go(func() {
			defer func() { <-slots }()
			ok := b.post(url, text)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				out.ok++
				out.latencies = append(out.latencies, took)
			}
		})
	}
	wg.Wait()
	return out
}

func (b *bench) post(url, body string) bool {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+clientKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// gatewayConfig is a gateway with a client key and an account without limits, or with
// limits on the key, its owner and the one account, which are six buckets.
func gatewayConfig(upstream string, limited bool) string {
	limits := func(before string) string {
		if !limited {
			return ""
		}
		return before + "{rpm: 1G, tpm: 1000G}"
	}
	account := ""
	if limited {
		account = ", limits: [{models: ['*'], rpm: 1G, tpm: 1000G}]"
	}
	return fmt.Sprintf(`
server: {admin_token: bench-admin-token-0123456789}
providers:
  up:
    dialect: openai
    preset: generic
    charging: expected
    base_url: %s/v1
    accounts:
      - {name: a, keys: [key-a]%s}
routes:
  m: {targets: [up/m]}
owners:
  o: {%s}
client_keys:
  - {name: hot, key: %s, owner: o%s}
`, upstream, account, limits("limits: "), clientKey, limits(", limits: "))
}

// side is one of the servers that take turns.
type side struct {
	name     string
	p        *process
	cpu      []float64 // µs per request
	p50, p99 []float64 // ms
}

func (b *bench) turn(s *side, d time.Duration, body func() string) error {
	b.load(s.p.url(), rate, d/10, body) // warm
	before, err := s.p.cpu()
	if err != nil {
		return err
	}
	l := b.load(s.p.url(), rate, d, body)
	after, err := s.p.cpu()
	if err != nil {
		return err
	}
	if l.ok < l.sent || l.dropped > 0 {
		return s.p.failed(fmt.Sprintf("%d of %d requests succeeded, %d were not sent", l.ok, l.sent, l.dropped))
	}
	s.cpu = append(s.cpu, float64((after-before).Microseconds())/float64(l.ok))
	s.p50 = append(s.p50, 1000*median(l.latencies).Seconds())
	s.p99 = append(s.p99, 1000*percentile(l.latencies, 0.99).Seconds())
	return nil
}

func measureProxy(b *bench, p plan) error {
	up, err := b.upstream("")
	if err != nil {
		return err
	}
	proxy, err := b.proxy(up.url())
	if err != nil {
		return err
	}
	open, err := b.gateway(gatewayConfig(up.url(), false))
	if err != nil {
		return err
	}
	limited, err := b.gateway(gatewayConfig(up.url(), true))
	if err != nil {
		return err
	}
	defer b.stop(up, proxy, open, limited)
	time.Sleep(p.loading) // until the vocabularies are read
	idle, err := limited.rss()
	if err != nil {
		return err
	}
	b.row("resident memory of the gateway, idle", fmt.Sprintf("%.0f MB", idle), "< 150 MB", idle < 150)
	for _, c := range []struct {
		kb   int
		goal float64
	}{{1, 1.5}, {20, 2}} {
		if err := compare(b, p, c.kb, c.goal, proxy, open, limited); err != nil {
			return err
		}
	}
	loaded, err := limited.rss()
	if err != nil {
		return err
	}
	b.row("resident memory of the gateway after the load", fmt.Sprintf("%.0f MB", loaded), "", true)
	return nil
}

// compare lets the servers take turns with requests of a size.
func compare(b *bench, p plan, kb int, goal float64, proxy, open, limited *process) error {
	body := &bodies{text: corpus(), size: kb * 1024}
	sides := []*side{{name: "ReverseProxy", p: proxy}, {name: "gateway, no limits", p: open}, {name: "gateway, limits on, one hot key", p: limited}}
	for range p.rounds {
		for _, s := range sides {
			if err := b.turn(s, p.load, body.next); err != nil {
				return err
			}
		}
	}
	base := sides[0]
	cpu, p50, p99 := median(base.cpu), median(base.p50), median(base.p99)
	b.row(fmt.Sprintf("%d KB prompts, %d/s, %s", kb, rate, base.name), fmt.Sprintf("%.0f µs CPU per request; p50 %.2f ms, p99 %.2f ms", cpu, p50, p99), "", true)
	for _, s := range sides[1:] {
		ratio := median(s.cpu) / cpu
		b.row(fmt.Sprintf("%d KB prompts, %d/s, %s", kb, rate, s.name),
			fmt.Sprintf("%.0f µs CPU per request, **%.2f ×** the proxy's; p50 %+.2f ms, p99 %+.2f ms", median(s.cpu), ratio, median(s.p50)-p50, median(s.p99)-p99),
			fmt.Sprintf("≤ %.1f ×", goal), ratio <= goal)
	}
	return nil
}
