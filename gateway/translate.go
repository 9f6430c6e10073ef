package gateway

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/providers"
)

// The leaves know nothing of each other; this file holds every translation between
// their words.

// causeOf turns a provider's kind of failure into fallback's cause.
func causeOf(k providers.Kind) fallback.Cause {
	switch k {
	case providers.RateRequests:
		return fallback.RateRequests
	case providers.RateTokens:
		return fallback.RateTokens
	case providers.RateUnknown:
		return fallback.RateUnknown
	case providers.BurstRamp:
		return fallback.BurstRamp
	case providers.Daily:
		return fallback.Daily
	case providers.QuotaExhausted:
		return fallback.QuotaExhausted
	case providers.TooLarge:
		return fallback.TooLarge
	case providers.InvalidKey:
		return fallback.InvalidKey
	case providers.Forbidden:
		return fallback.Forbidden
	case providers.Overloaded:
		return fallback.Overloaded
	case providers.ServerError:
		return fallback.ServerError
	case providers.Timeout:
		return fallback.Timeout
	case providers.ContextLength:
		return fallback.ContextLength
	case providers.ContentFilter:
		return fallback.ContentFilter
	case providers.BadRequest:
		return fallback.BadRequest
	case providers.NotFound:
		return fallback.NotFound
	case providers.Malformed:
		return fallback.Malformed
	case providers.Cancelled:
		return fallback.Cancelled
	default:
		return fallback.Connection
	}
}

// shape is how the limits of one tier are kept.
type shape struct {
	kind     budget.Kind // of rates per minute and per second
	days     budget.Kind // of rates per day
	zone     *time.Location
	straddle time.Duration
	slice    bool // per-second slices beside each minute
}

// doorShape keeps the callers' own limits: continuous rates, calendar days.
func doorShape(zone *time.Location) shape {
	return shape{kind: budget.Rate, days: budget.Calendar, zone: zone}
}

// upstreamShape keeps limits the way the upstream itself counts them.
func upstreamShape(p providers.Preset, straddle time.Duration, zone *time.Location) shape {
	s := shape{kind: budget.Rate, days: budget.Calendar, zone: zone, straddle: straddle}
	switch p.Window {
	case "fixed":
		s.kind = budget.FixedWindow
	case "sliding":
		s.kind = budget.SlidingWindow
	case "slices":
		s.slice = true
	}
	return s
}

func dimensionOf(name string) budget.Dimension {
	switch name {
	case "tokens":
		return budget.Tokens
	case "input_tokens":
		return budget.InputTokens
	case "output_tokens":
		return budget.OutputTokens
	case "concurrency":
		return budget.Concurrency
	case "cost":
		return budget.Cost
	default:
		return budget.Requests
	}
}

// limitsOf turns configured limits into a scope's.
func limitsOf(c *config.Limits, s shape) []budget.Limit {
	var out []budget.Limit
	for _, e := range c.Entries {
		l := budget.Limit{
			Name: e.Name, Dimension: dimensionOf(e.Dimension), Kind: s.kind, Amount: e.Amount,
			Window: e.Window, Burst: e.Burst, Margin: c.Margin, Jitter: c.Jitter, Location: s.zone,
		}
		switch {
		case l.Dimension == budget.Concurrency:
			l.Kind, l.Margin = budget.Gauge, 0
		case e.Calendar == "month":
			l.Kind, l.Period, l.Margin = budget.Calendar, budget.Month, 0
		case e.Calendar == "day":
			l.Kind, l.Period = s.days, budget.Day
		}
		if s.slice && l.Kind == budget.Rate && l.Window == time.Minute {
			l.Burst = min(l.Burst, max(l.Amount/60, 1))
		}
		if l.Kind == budget.FixedWindow || l.Kind == budget.SlidingWindow {
			l.Straddle = s.straddle
		}
		out = append(out, l)
	}
	return out
}

// chargingOf turns a preset's charging into the budget's policy.
func chargingOf(p providers.Preset) budget.Charging {
	c, _ := budget.ParseCharging(p.Charging) // config has validated it
	c.CachedFree, c.NoRefund = p.CachedFree, p.NoRefund
	return c
}

// observation is what a refused attempt says about its lane's buckets.
func observation(f *failedAttempt) (budget.Observation, bool) {
	o := budget.Observation{Limit: -1, Remaining: -1, Refused: true, BlockedFor: f.RetryAfter, Demand: f.grant.Demand}
	switch f.Kind {
	case providers.RateRequests:
		o.Dimension = budget.Requests
	case providers.RateTokens, providers.RateUnknown:
		o.Dimension = budget.Tokens
	default:
		return o, false
	}
	return o, true
}

// observationsOf turns what headers say into the budget's words.
func observationsOf(told []providers.Observation, out []budget.Observation) []budget.Observation {
	for _, o := range told {
		out = append(out, budget.Observation{
			Dimension: dimensionOf(o.Dimension.String()), Window: o.Window, Limit: o.Limit, Remaining: o.Remaining,
		})
	}
	return out
}
