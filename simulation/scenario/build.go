package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/simulation"
)

// Build turns the options into a run and its traffic; the run's Calls and Engine are left
// to the caller. The error is Problems: every bad value at once.
func (f *Scenario) Build(cfg *config.Config) (simulation.Options, simulation.Traffic, error) {
	var bad Problems
	problem := bad.add
	word := func(flag, v string, allowed ...string) {
		if v != "" && !slices.Contains(allowed, v) {
			problem(flag, "%q is unknown: use %s", v, strings.Join(allowed, ", "))
		}
	}
	ratio := func(flag, v string) float64 {
		x, err := parseShare(v)
		if err != nil {
			problem(flag, "%v", err)
		}
		return x
	}
	word("upstream-algorithm", f.upstream.Algorithm, algorithms()...)
	word("upstream-charging", f.upstream.Charging, chargings()...)
	word("retry-after", f.retryAfter, retryAfters()...)
	for _, e := range f.Engines() {
		word("engine", string(e), "sluice", "fifo", "no_refund", "afterwards", "none", "mirror")
	}
	if !(f.load > 0 && f.load <= 1000) {
		problem("load", "must be above 0 and at most 1000")
	}
	if f.clients < 0 || f.clients > 100_000 {
		problem("clients", "must be between 0 and 100000")
	}
	if !(f.heavy >= 1 && f.heavy <= 1e6) {
		problem("heavy", "must be between 1 and 1000000")
	}
	if !(f.bursty == 0 || f.bursty >= 1 && f.bursty <= 1000) {
		problem("bursty", "must be 0 or between 1 and 1000")
	}
	if f.maxTokens < 0 {
		problem("max-tokens", "must not be negative")
	}
	for flag, d := range map[string]time.Duration{"from": f.From, "length": f.Length, "warmup": f.warmUp, "upstream-slice": f.upstream.Slice, "upstream-burst": f.upstream.Burst} {
		if d < 0 {
			problem(flag, "must not be negative")
		}
	}
	u := f.upstream
	u.RetryAfter = simulation.RetryAfter(f.retryAfter)
	u.Foreign, u.Failures = ratio("foreign", f.foreign), ratio("failures", f.failures)
	for _, c := range f.changes {
		change, err := parseChange(c)
		if err != nil {
			problem("limit-change", "%v", err)
		}
		u.Changes = append(u.Changes, change)
	}
	sortChanges(u.Changes)
	upstreams := f.upstreams(cfg, u, &bad)
	t := simulation.Traffic{
		Load: f.load, Route: f.route, MaxTokens: f.maxTokens, Clients: f.clients, Heavy: f.heavy, Bursty: f.bursty, Seed: f.seed,
	}
	t.Own = simulation.OwnClasses(cfg)
	for _, r := range cfg.Routes {
		t.Routes = append(t.Routes, r.Name)
	}
	if t.Route == "" {
		t.Route = cfg.Routes[0].Name
	} else if cfg.Route(t.Route) == nil {
		problem("route", "there is no route %q; there are %s", t.Route, strings.Join(t.Routes, ", "))
	}
	var err error
	if t.Classes, err = parsePriorities(f.priorities); err != nil {
		problem("priorities", "%v", err)
	}
	o := simulation.Options{
		Config: cfg, Upstreams: upstreams, Seed: f.seed, Warmup: f.warmUp, Oracle: f.oracle,
		InputError: ratio("input-error", f.inputError), OutputError: ratio("output-error", f.outputError),
	}
	return o, t, bad.err()
}

// parseShare reads 30% or 0.3.
func parseShare(s string) (float64, error) {
	text, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	x, err := strconv.ParseFloat(text, 64)
	if ok {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		return 0, fmt.Errorf("%q is not a share: write 30%% or 0.3, up to 100%%", s)
	}
	return x, nil
}

// parseChange reads 10m=0.5.
func parseChange(s string) (simulation.Change, error) {
	at, factor, ok := strings.Cut(s, "=")
	d, err := time.ParseDuration(at)
	x, err2 := strconv.ParseFloat(factor, 64)
	if !ok || err != nil || err2 != nil || d < 0 || !(x > 0 && x <= 1000) {
		return simulation.Change{}, fmt.Errorf("%q is not a change: write when=factor, such as 10m=0.5", s)
	}
	return simulation.Change{At: d, Factor: x}, nil
}

// parsePriorities reads critical=0.3,low=0.2.
func parsePriorities(s string) (shares [shedding.Classes]float64, err error) {
	if s == "" {
		return shares, nil
	}
	sum := 0.0
	for _, part := range strings.Split(s, ",") {
		name, share, ok := strings.Cut(strings.TrimSpace(part), "=")
		class, err := shedding.ParseClass(name)
		if !ok || err != nil || name == "" {
			return shares, fmt.Errorf("%q is not a share of a class: write critical=0.3, for critical, high, normal or low", part)
		}
		x, err := parseShare(share)
		if err != nil {
			return shares, err
		}
		shares[class] = x
		sum += x
	}
	if sum > 1+1e-9 {
		return shares, fmt.Errorf("the shares add up to %g, more than 1", sum)
	}
	return shares, nil
}
