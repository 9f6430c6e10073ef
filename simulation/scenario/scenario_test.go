package scenario

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
)

func theConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(`
providers: {p: {base_url: "https://example.com/v1", accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{rpm: 60}]}]}}
routes: {m: {targets: [p/m]}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Options as JSON has them are what the command's flags are.
func TestOf(t *testing.T) {
	f, err := Of(map[string]any{
		"load": 1.5, "seed": 7.0, "oracle": true, "engine": "sluice, none", "warmup": "30s", "foreign": "30%", "failures": "0.1", "from": "1m",
		"limit-change": []any{"10m=0.5", "5m=2"}, "upstream": []any{"p:rpm=30"}, "clients": 3.0,
	})
	if err != nil {
		t.Fatal(err)
	}
	o, traffic, err := f.Build(theConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	u := o.Upstreams[""]
	if f.Load() != 1.5 || o.Seed != 7 || !o.Oracle || o.Warmup != 30*time.Second || f.From != time.Minute || traffic.Clients != 3 || traffic.Load != 1.5 ||
		u.Foreign != 0.3 || u.Failures != 0.1 || len(u.Changes) != 2 || u.Changes[0].At != 5*time.Minute || o.Upstreams["p"].RPM != 30 ||
		!slices.Equal(f.Engines(), []simulation.Engine{simulation.Sluice, simulation.NoLimiter}) {
		t.Errorf("%+v %+v", o, traffic)
	}
	if f, err = Of(nil); err != nil || f.Load() != 1 {
		t.Errorf("%v %+v", err, f)
	}
}

func TestEveryWrongOptionIsTold(t *testing.T) {
	_, err := Of(map[string]any{"lode": 1.0, "load": "much", "seed": 1.5, "engine": []any{"sluice"}, "foreign": nil, "upstream": []any{1.0}, "oracle": "perhaps", "route": []any{"m", "n"}})
	var bad Problems
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	var names []string
	for _, p := range bad {
		names = append(names, p.Option)
		if p.Message == "" {
			t.Errorf("%s: nothing is said", p.Option)
		}
	}
	if want := []string{"foreign", "load", "lode", "oracle", "route", "seed", "upstream"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v: %v", names, want, err)
	}
	f, err := Of(map[string]any{"load": 0.0, "engine": "magic", "foreign": "130%"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = f.Build(theConfig(t)); !errors.As(err, &bad) || len(bad) != 3 || !strings.Contains(err.Error(), "--load: must be above 0") {
		t.Errorf("%v", err)
	}
}

// Each option is described, and its default is a value that it takes.
func TestOptionsAreDescribed(t *testing.T) {
	all := Options()
	if len(all) != len(Names()) {
		t.Fatalf("%d of %d", len(all), len(Names()))
	}
	kinds := map[string]bool{}
	for _, o := range all {
		kinds[o.Kind] = true
		if o.About == "" || strings.Contains(o.About, "`") {
			t.Errorf("%s: %q", o.Name, o.About)
		}
		if o.Kind == "list" {
			continue
		}
		if _, err := Of(map[string]any{o.Name: o.Default}); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("kinds: %v", kinds)
	}
}

// FuzzOptions gives every parser of the options the same text: they say what is wrong
// and never take a value that a run could not bear.
func FuzzOptions(f *testing.F) {
	for _, s := range []string{"30%", "0.3", "NaN", "-1", "1e309", "10m=0.5", "10m=Inf", "critical=0.3,low=20%", "5ms..50ms", "50ms..5ms", "..", "algorithm=slices", "rpm=99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := parseShare(s); err == nil && !(x >= 0 && x <= 1) {
			t.Errorf("share %v", x)
		}
		if c, err := parseChange(s); err == nil && (c.At < 0 || !(c.Factor > 0 && c.Factor <= 1000)) {
			t.Errorf("change %+v", c)
		}
		if shares, err := parsePriorities(s); err == nil {
			sum := 0.0
			for _, x := range shares {
				sum += x
			}
			if !(sum >= 0 && sum <= 1.0001) {
				t.Errorf("shares %v", shares)
			}
		}
		var u simulation.Upstream
		if parseDelay(&u, s) == nil && (u.MinDelay < 0 || u.MaxDelay < u.MinDelay || u.MaxDelay <= 0) {
			t.Errorf("delays %v %v", u.MinDelay, u.MaxDelay)
		}
		key, value, _ := strings.Cut(s, "=")
		if setUpstream(&u, key, value) == nil && (u.RPM < 0 || u.RPS < 0 || u.TPM < 0 || u.TokensPerSecond < 0 || u.Slice < 0 || u.Phase < 0 || u.Burst < 0 ||
			u.FirstToken < 0 || !(u.Foreign >= 0 && u.Foreign <= 1) || !(u.Failures >= 0 && u.Failures <= 1) || !(u.Ramp >= 0)) {
			t.Errorf("%q makes %+v", s, u)
		}
	})
}
