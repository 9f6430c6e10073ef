package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/shedding"
)

func configured(t testing.TB, charging, window string, more ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("test", []byte(fmt.Sprintf(`
providers:
  p:
    preset: generic
    base_url: https://example.com/v1
    charging: %s
    window: %s
    straddle: 60ms
    accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{rpm: 6000, tpm: 60000}]}]
routes: {m: {targets: [p/m], max_wait: 20s}}
%s`, charging, window, strings.Join(more, "\n"))), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// traffic is calls at random moments that ask for so much of 60,000 tokens a minute.
func traffic(load float64, length time.Duration, seed uint64) []Call {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var out []Call
	for at := time.Duration(0); at < length; {
		c := Call{At: at, Input: 20 + rnd.Int64N(300), Output: 5 + rnd.Int64N(80), MaxTokens: 200, Route: "m", Class: shedding.Normal, Client: string(rune('a' + rnd.IntN(4)))}
		if rnd.Float64() < 0.3 {
			c.Class = shedding.Critical
		}
		out = append(out, c)
		at += time.Duration(rnd.ExpFloat64() * 214.5 / (1000 * load) * float64(time.Second))
	}
	return out
}

func simulate(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASeedGivesTheSameAnswerEveryTime(t *testing.T) {
	for _, e := range []Engine{Sluice, FIFO, NoRefund, Afterwards, NoLimiter, Mirror} {
		o := Options{
			Config: configured(t, "expected", "continuous"), Calls: traffic(1.5, 3*time.Minute, 1), Engine: e, Seed: 5,
			Upstreams:  map[string]Upstream{"": {Burst: 6 * time.Second, Headers: true, Foreign: 0.2, Failures: 0.02}},
			InputError: 0.1, OutputError: 0.3,
		}
		a, b := simulate(t, o), simulate(t, o)
		a.Took, b.Took = 0, 0
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two answers", e)
		}
	}
}

func TestEveryCallEndsOnce(t *testing.T) {
	for _, e := range []Engine{Sluice, FIFO, NoRefund, Afterwards, NoLimiter, Mirror} {
		r := simulate(t, Options{
			Config: configured(t, "reserve_sum", "continuous"), Calls: traffic(2, 3*time.Minute, 2), Engine: e,
			Upstreams: map[string]Upstream{"": {Failures: 0.1, RetryAfter: Lying}},
		})
		if r.Arrived != r.Served+r.Refused+r.Failed || r.Arrived == 0 {
			t.Errorf("%s: %d arrived, %d served, %d refused, %d failed", e, r.Arrived, r.Served, r.Refused, r.Failed)
		}
		sum := 0
		for _, n := range r.Reasons {
			sum += n
		}
		if sum != r.Refused+r.Failed {
			t.Errorf("%s: reasons for %d of %d", e, sum, r.Refused+r.Failed)
		}
	}
}

// The short form of docs/zero-429.md: what `make sim` prints in full.
func TestNo429AtFullRate(t *testing.T) {
	for _, c := range []struct {
		charging, window string
		up               Upstream
		least            float64
	}{
		{"expected", "continuous", Upstream{Burst: 6 * time.Second}, 0.97}, {"reserve_sum", "continuous", Upstream{Burst: 6 * time.Second}, 0.97},
		{"expected", "fixed", Upstream{}, 0.95}, {"reserve_sum", "sliding", Upstream{}, 0.85}, {"expected", "sliding", Upstream{}, 0.95},
		{"expected", "slices", Upstream{}, 0.80},
	} {
		r := simulate(t, Options{
			Config: configured(t, c.charging, c.window), Calls: traffic(1.5, 8*time.Minute, 3), Warmup: 2 * time.Minute,
			Upstreams: map[string]Upstream{"": c.up},
		})
		if r.Share429() > 0.004 || r.Accounts[0].Used < c.least || r.Accounts[0].Used > 1.001 {
			t.Errorf("%s, %s: %d of %d refused, %.1f %% used", c.charging, c.window, r.Upstream429, r.Attempts, 100*r.Accounts[0].Used)
		}
		if critical := r.Classes["critical"]; critical.Served < critical.Arrived*999/1000 {
			t.Errorf("%s, %s: %d of %d critical calls served", c.charging, c.window, critical.Served, critical.Arrived)
		}
	}
}

func TestWithoutALimiterMostAttemptsAreRefused(t *testing.T) {
	r := simulate(t, Options{
		Config: configured(t, "expected", "continuous"), Calls: traffic(1.5, 5*time.Minute, 3), Engine: NoLimiter,
		Upstreams: map[string]Upstream{"": {Burst: 6 * time.Second}},
	})
	if r.Share429() < 0.3 {
		t.Fatalf("only %.1f %% refused: the upstream does not limit", 100*r.Share429())
	}
}

func TestACutLimitIsFoundAndSomebodyElseIsNoticed(t *testing.T) {
	for name, up := range map[string]Upstream{
		"cut":     {Burst: 6 * time.Second, Changes: []Change{{At: 2 * time.Minute, Factor: 0.5}}},
		"foreign": {Burst: 6 * time.Second, Foreign: 0.3, Headers: true},
		"ramp":    {Burst: 6 * time.Second, Ramp: 3},
	} {
		r := simulate(t, Options{
			Config: configured(t, "expected", "continuous"), Calls: traffic(1.5, 12*time.Minute, 4), Warmup: 3 * time.Minute,
			Upstreams: map[string]Upstream{"": up},
		})
		if r.Share429() > 0.01 || r.Accounts[0].Used < 0.9 {
			t.Errorf("%s: %d of %d refused, %.1f %% used", name, r.Upstream429, r.Attempts, 100*r.Accounts[0].Used)
		}
	}
}

func TestFallbackIsSimulated(t *testing.T) {
	c, err := config.Parse("test", []byte(`
providers:
  p:
    preset: generic
    base_url: https://example.com/v1
    charging: expected
    accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{models: [big], rpm: 60}, {models: [small], rpm: 600}]}]
routes: {m: {targets: [p/big, p/small]}}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	r := simulate(t, Options{Config: c, Calls: traffic(1, 2*time.Minute, 1)})
	if r.FellBack < 100 || r.Upstream429 > 0 || len(r.Accounts) != 2 {
		t.Fatalf("%d fell back, %d refused, %d groups", r.FellBack, r.Upstream429, len(r.Accounts))
	}
}

func TestWhatCannotBeRun(t *testing.T) {
	good := Options{Config: configured(t, "expected", "continuous"), Calls: traffic(1, time.Second, 1)}
	for name, change := range map[string]func(o *Options){
		"no configuration": func(o *Options) { o.Config = nil },
		"no calls":         func(o *Options) { o.Calls = nil },
		"no such engine":   func(o *Options) { o.Engine = "magic" },
	} {
		o := good
		change(&o)
		if _, err := Run(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := good
	o.Calls = []Call{{Route: "nowhere", Input: 5}, {Route: "m", Input: 1 << 40}}
	if r := simulate(t, o); r.Refused != 2 {
		t.Fatalf("%+v", r.Reasons)
	}
}

func BenchmarkAnHour(b *testing.B) {
	o := Options{Config: configured(b, "expected", "continuous"), Calls: traffic(1.5, time.Hour, 1)}
	b.ReportAllocs()
	for b.Loop() {
		simulate(b, o)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	o := Options{Config: configured(t, "expected", "continuous"), Calls: traffic(3, 20*time.Minute, 1), Interval: 10 * time.Second}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	steps := 0
	o.Progress = func(float64) {
		if steps++; steps == 3 {
			cancel(enough)
		}
	}
	if r, err := RunContext(ctx, o); r != nil || !errors.Is(err, enough) || steps > 6 {
		t.Errorf("%v after %d steps", err, steps)
	}
}
