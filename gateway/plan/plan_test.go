package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

func parse(t *testing.T, provider, account, route string) *config.Config {
	t.Helper()
	c, err := config.Parse("test", []byte(fmt.Sprintf(`
providers:
  p: {preset: generic, base_url: "https://example.com/v1", %s, accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{%s}]}]}
routes: {m: {targets: [p/m, {target: p/n, weight: 3}, {target: p/o, paused: true}] %s}}
`, provider, account, route)), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLimitsAreKeptAsTheUpstreamCounts(t *testing.T) {
	type kept struct {
		name   string
		kind   budget.Kind
		amount int64
		window time.Duration
	}
	for _, c := range []struct {
		provider, account string
		want              []kept
	}{
		{"window: continuous", "rpm: 600, tpm: 60000", []kept{{"rpm", budget.Rate, 600, time.Minute}, {"tpm", budget.Rate, 60000, time.Minute}}},
		{"window: fixed", "tpm: 60000", []kept{{"tpm", budget.FixedWindow, 60000, time.Minute}}},
		{"window: sliding", "tpm: 60000", []kept{{"tpm_pace", budget.Rate, 60000, time.Minute}, {"tpm", budget.SlidingWindow, 60000, time.Minute}}},
		{"window: slices", "rpm: 600, tpm: 60000", []kept{{"rpm", budget.Rate, 600, time.Minute}, {"rpm_slice", budget.FixedWindow, 10, time.Second}, {"tpm_slice", budget.FixedWindow, 1000, time.Second}}},
		{"window: slices, slice: 6s", "tpm: 60000", []kept{{"tpm_slice", budget.FixedWindow, 6000, 6 * time.Second}}},
		{"window: slices", "rpm: 30", []kept{{"rpm", budget.Rate, 30, time.Minute}}}, // less than one a slice: the pacer alone
		{"window: continuous", "rps: 10, rpd: 5000, concurrency: 4", []kept{{"rps", budget.Rate, 10, time.Second}, {"rpd", budget.Calendar, 5000, 24 * time.Hour}, {"concurrency", budget.Gauge, 4, 0}}},
	} {
		cfg := parse(t, c.provider, c.account, "")
		u, err := NewUpstream(&cfg.Providers[0], time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		var got []kept
		for _, l := range u.Limits(&cfg.Providers[0].Accounts[0].Limits[0].Limits) {
			got = append(got, kept{l.Name, l.Kind, l.Amount, l.Window})
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s, %s:\n%v\nwant\n%v", c.provider, c.account, got, c.want)
		}
	}
}

func TestFill(t *testing.T) {
	cfg := parse(t, "charging: expected, ramp: {start: 0.2}", "rpm: 600, tpm: 60000, jitter: 15ms", "")
	u, err := NewUpstream(&cfg.Providers[0], time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	entry, group := Group(&cfg.Providers[0].Accounts[0], "m")
	limits := u.Limits(&entry.Limits)
	var l admission.Lane
	Fill(&l, u, entry, limits, cfg.Adaptive)
	if group != "*" || l.Jitter != 15*time.Millisecond || l.CallsPerSecond != 9.9 || l.TokensPerSecond != 990 || l.Unknown ||
		l.Adaptive.Refusals != 3 || l.Ramp.Start != 0.2 || l.Reserve == 0 || l.Charging.Policy != budget.Expected {
		t.Fatalf("%q %+v", group, l)
	}
	Fill(&l, u, nil, nil, config.Adaptive{Preset: "off"})
	if !l.Unknown || l.CallsPerSecond != 9.9 || l.Adaptive != (admission.Adaptive{}) {
		t.Fatalf("%+v", l)
	}
}

func TestRouteAndPool(t *testing.T) {
	cfg := parse(t, "charging: expected", "rpm: 600", ", strategy: weighted, sticky: true, wait_before_fallback: 2s, fallback_on: [timeout]")
	r := &admission.Route{Targets: make([]admission.Target, 3)}
	Route(r, &cfg.Routes[0])
	if r.Strategy != admission.Weighted || !r.Sticky || r.SkipFull || r.WaitBeforeFallback != 2*time.Second ||
		r.Targets[0].Weight != 1 || r.Targets[1].Weight != 3 || r.Targets[2].Weight != -1 {
		t.Fatalf("%+v", r)
	}
	if o := Pool(cfg, nil); o.MaxQueue != 1000 || o.LowWater != 900 || o.Thresholds[3] != 0.90 {
		t.Fatalf("%+v", o)
	}
}

func TestRefusalsAndVerdicts(t *testing.T) {
	d := budget.Demand{budget.Requests: 1, budget.Tokens: 50}
	for cause, want := range map[fallback.Cause]budget.Dimension{
		fallback.RateRequests: budget.Requests, fallback.RateTokens: budget.Tokens, fallback.RateUnknown: budget.Tokens,
	} {
		o, ok := Refusal(cause, time.Second, d, 600, time.Minute)
		if !ok || o.Dimension != want || !o.Refused || o.Limit != 600 || o.BlockedFor != time.Second {
			t.Errorf("%v: %+v", cause, o)
		}
	}
	for _, cause := range []fallback.Cause{fallback.BurstRamp, fallback.Daily, fallback.QuotaExhausted, fallback.TooLarge, fallback.ServerError} {
		if _, ok := Refusal(cause, time.Second, d, 0, 0); ok {
			t.Errorf("%v changes a level", cause)
		}
	}
	if v := Verdict(fallback.Verdict{Action: fallback.Rotate}, fallback.ServerError); !v.ExcludeLane || v.Free {
		t.Errorf("%+v", v)
	}
	if v := Verdict(fallback.Verdict{Action: fallback.Rotate}, fallback.RateTokens); v.ExcludeLane {
		t.Errorf("%+v", v)
	}
	if v := Verdict(fallback.Verdict{Action: fallback.NextTarget}, fallback.ContextLength); !v.NextTarget || !v.Free {
		t.Errorf("%+v", v)
	}
}
