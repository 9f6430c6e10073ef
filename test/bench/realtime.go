package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// The recording is played at one and a half times the quota.
const (
	realTPM    = 300_000
	realMargin = 0.01
	realLoad   = 1.5
	realFrom   = 15 * time.Minute // the recording's first minute is a lull
	realKey    = "sk-sluice-realtime-000001"
)

// warmUp is not measured: the burst goes first.
func realWarmUp(length time.Duration) time.Duration { return min(20*time.Second, length/4) }

// realtime plays the recording over HTTP against the simulated provider as a server of
// its own, once undisturbed and once with a kill -9 in the middle.
func realtime(ctx context.Context, length time.Duration, short bool) error {
	b, err := newBench(ctx, short)
	if err != nil {
		return err
	}
	defer b.close()
	calls, err := b.recording(length)
	if err != nil {
		return err
	}
	fmt.Print("| what | measured | goal | |\n|---|---|---|---|\n")
	for _, kill := range []bool{false, true} {
		r, err := b.play(calls, length, kill)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("the recording over HTTP for %s at %g× the quota", length, realLoad)
		if kill {
			name += ", killed and restarted in the middle"
		}
		b.row(name+": upstream 429 of attempts", fmt.Sprintf("%d of %d (%.3f %%), %d calls in flight at the kill", r.refused, r.attempts, 100*r.share(), r.inFlight),
			"≤ 0.1 %", r.share() <= 0.001 || kill && r.refused <= r.inFlight)
		if !kill {
			if n := len(r.shed); n > 0 {
				slices.Sort(r.shed)
				b.row(name+": refusals at the door", fmt.Sprintf("median %.2f ms, p99 %.2f ms of %d", 1e3*r.shed[n/2], 1e3*r.shed[n*99/100], n), "< 5 ms", r.shed[n*99/100] < 0.005)
			}
			b.row(name+": quota used, less the margin", fmt.Sprintf("%.1f %%", 100*r.used), "≥ 98 %", r.used >= 0.98)
		}
		fmt.Printf("| %s: answers by status | %s | | |\n", name, r.statuses)
	}
	return nil
}

// recording is the traffic of one run.
func (b *bench) recording(length time.Duration) ([]simulation.Call, error) {
	f, err := os.Open(filepath.Join(b.root, "simulation/testdata/azure-llm-2023-conv.csv.gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	rec, err := trace.Read(z, trace.Options{From: realFrom, Length: length})
	if err != nil {
		return nil, err
	}
	t := simulation.Traffic{Route: "m", Seed: 1, MaxTokens: 1024}
	t.Load = realLoad * realTPM / simulation.Offered(t.Play(rec))
	return t.Play(rec), nil
}

// played is what one run came to.
type played struct {
	attempts, refused, inFlight int64
	used                        float64
	statuses                    string
	shed                        []float64
}

func (p *played) share() float64 { return float64(p.refused) / float64(max(p.attempts, 1)) }

func (b *bench) play(calls []simulation.Call, length time.Duration, kill bool) (*played, error) {
	up, err := b.upstream(fmt.Sprintf(`
accounts: [{name: a, keys: [key-a], limits: [{models: ["*"], rpm: 100000, tpm: %d, burst: 6s, charging: expected}]}]
first_token: 200ms
tokens_per_second: 50
headers: true
`, realTPM))
	if err != nil {
		return nil, err
	}
	defer b.stop(up)
	config := fmt.Sprintf(`
logging: {level: warn}
providers:
  p:
    preset: generic
    charging: expected
    base_url: %s/v1
    accounts: [{name: a, keys: [key-a], limits: [{rpm: 100000, tpm: %d, margin: %g}]}]
routes: {m: {targets: [p/m], max_wait: 20s}}
client_keys: [{name: k, key: %s}]
budgets: {levels: %s}
`, up.url(), realTPM, realMargin, realKey, filepath.Join(b.dir, fmt.Sprintf("levels-%v.json", kill)))
	gw, err := b.gateway(config)
	if err != nil {
		return nil, err
	}
	d := &driver{b: b, url: gw.url(), count: map[int]int{}}
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	begin := time.Now()
	go d.drive(ctx, calls, begin)
	first, err := b.statsAt(ctx, up, begin.Add(realWarmUp(length)))
	if err != nil {
		return nil, err
	}
	r := &played{}
	if kill {
		if _, err := b.statsAt(ctx, up, begin.Add(length/2)); err != nil {
			return nil, err
		}
		r.inFlight = d.flying.Load()
		_ = gw.cmd.Process.Signal(syscall.SIGKILL)
		<-gw.done
		if gw, err = b.again(gw); err != nil {
			return nil, err
		}
	}
	last, err := b.statsAt(ctx, up, begin.Add(length))
	if err != nil {
		return nil, err
	}
	cancel()
	b.stop(gw)
	r.attempts, r.refused = last.attempts, last.refused
	r.used = float64(last.tokens-first.tokens) / (realTPM * (1 - realMargin)) / (last.at.Sub(first.at).Minutes())
	r.statuses = d.statuses()
	r.shed = d.shed
	return r, nil
}

// again starts a process that has ended at its old address.
func (b *bench) again(p *process) (*process, error) {
	return b.start(p.name, p.addr, p.cmd.Path, p.cmd.Args[1:]...)
}

// tallied is what the upstream had counted at a moment.
type tallied struct {
	at                        time.Time
	attempts, refused, tokens int64
}

// statsAt asks the upstream at a moment.
func (b *bench) statsAt(ctx context.Context, up *process, at time.Time) (*tallied, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Until(at)):
	}
	resp, err := b.client.Get(up.url() + "/simulated/stats")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var stats struct {
		Data []struct {
			Attempts     int64 `json:"attempts"`
			Refused429   int64 `json:"refused_429"`
			InputTokens  int64 `json:"input_tokens"`
			OutputTokens int64 `json:"output_tokens"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		return nil, err
	}
	c := &tallied{at: time.Now()}
	for _, s := range stats.Data {
		c.attempts += s.Attempts
		c.refused += s.Refused429
		c.tokens += s.InputTokens + s.OutputTokens
	}
	return c, nil
}

// driver sends the calls at their moments.
type driver struct {
	b      *bench
	url    string
	flying atomic.Int64

	mu    sync.Mutex
	count map[int]int // by status; 0: no answer
	shed  []float64   // seconds that refusals at the door took
}

func (d *driver) drive(ctx context.Context, calls []simulation.Call, begin time.Time) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true}}
	for i := range calls {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(begin.Add(calls[i].At))):
		}
		go d.send(ctx, client, &calls[i], i%2 == 0)
	}
}

func (d *driver) send(ctx context.Context, client *http.Client, c *simulation.Call, stream bool) {
	d.flying.Add(1)
	defer d.flying.Add(-1)
	body := fmt.Sprintf(`{"model":"m","stream":%v,"max_tokens":%d,"messages":[{"role":"user","content":"%s [[simulate: tokens=%d]]"}]}`,
		stream, c.MaxTokens, strings.Repeat("abc ", int(c.Input)), max(c.Output, 1))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+realKey)
	status := 0
	sent := time.Now()
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		status = resp.StatusCode
	}
	if ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	d.count[status]++
	if status == http.StatusServiceUnavailable {
		d.shed = append(d.shed, time.Since(sent).Seconds())
	}
	d.mu.Unlock()
}

func (d *driver) statuses() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var parts []string
	for _, s := range []int{200, 429, 503, 502, 504, 0} {
		if n := d.count[s]; n > 0 {
			name := fmt.Sprint(s)
			if s == 0 {
				name = "none"
			}
			parts = append(parts, fmt.Sprintf("%d × %s", n, name))
		}
	}
	return strings.Join(parts, ", ")
}
