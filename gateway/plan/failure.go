package plan

import (
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/shedding"
)

// Policy is a route's rule for failures.
func Policy(c *config.Route) (fallback.Policy, error) {
	p := fallback.Policy{MaxAttempts: c.MaxAttempts, Total: c.Timeout,
		Backoff: fallback.Backoff{Base: 200 * time.Millisecond, Max: 5 * time.Second}}
	on, err := fallback.ParseTriggers(c.FallbackOn)
	p.On = on
	return p, err
}

// Verdict tells the pool what fallback made of a failure.
func Verdict(v fallback.Verdict, cause fallback.Cause) admission.Verdict {
	out := admission.Verdict{Stay: v.Stay, DisableKey: v.DisableKey, BlockLane: v.BlockAccountFor, After: v.After}
	switch v.Action {
	case fallback.NextTarget:
		out.NextTarget = true
	case fallback.Rotate:
		// An empty budget is no reason never to come back; a sick upstream is.
		out.ExcludeLane = !RateLimit(cause) && !v.DisableKey
	}
	out.Free = v.DisableKey || cause == fallback.ContextLength || cause == fallback.TooLarge || cause == fallback.NotFound
	return out
}

// RateLimit says that a cause is a limit which time alone heals.
func RateLimit(c fallback.Cause) bool {
	switch c {
	case fallback.RateRequests, fallback.RateTokens, fallback.RateUnknown, fallback.BurstRamp, fallback.Daily:
		return true
	}
	return false
}

// Refusal is what a refused attempt of a demand says about its lane's buckets; false:
// nothing. limit is what the refusal told of the limit and its window; zero: nothing. A
// limit that the call is above is learned, and no level changes: the next one like it is
// not sent there.
func Refusal(cause fallback.Cause, wait time.Duration, d budget.Demand, limit int64, window time.Duration) (budget.Observation, bool) {
	o := budget.Observation{Limit: -1, Remaining: -1, Refused: true, BlockedFor: wait, Demand: d}
	switch cause {
	case fallback.RateRequests:
		o.Dimension = budget.Requests
	case fallback.RateTokens, fallback.RateUnknown:
		o.Dimension = budget.Tokens
	case fallback.TooLarge:
		o.Refused, o.BlockedFor, o.Dimension = false, 0, budget.Tokens
		o.Limit, o.Window = limit, window
		return o, limit > 0 && window > 0
	default:
		return o, false
	}
	if limit > 0 && window > 0 {
		o.Limit, o.Window = limit, window
	}
	return o, true
}

// Pool is a pool's options.
func Pool(c *config.Config, random func() float64) admission.Options {
	s := &c.Shedding
	o := admission.Options{
		MaxQueue: s.MaxQueue, MaxQueueBytes: s.MaxQueueBytes, Random: random,
		Thresholds: shedding.Thresholds{s.Thresholds.Critical, s.Thresholds.High, s.Thresholds.Normal, s.Thresholds.Low},
	}
	o.LowWater = int(s.LowWatermark * float64(s.MaxQueue))
	o.WhenFull, _ = shedding.ParseWhenFull(s.WhenFull) // config has validated it
	return o
}

// Route sets how a route chooses.
func Route(r *admission.Route, c *config.Route) {
	r.WaitBeforeFallback = c.WaitBeforeFallback
	r.SkipFull = slices.Contains(c.FallbackOn, "rate_limit")
	r.Strategy, _ = admission.ParseStrategy(c.Strategy) // config has validated it
	r.Sticky = c.Sticky
	for i, t := range c.Targets {
		r.Targets[i].Weight = float64(max(t.Weight, 1))
		if t.Paused {
			r.Targets[i].Weight = -1
		}
	}
}
