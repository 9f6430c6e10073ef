package gateway

import (
	"github.com/sluice-gateway/sluice/budget"
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

// dimensionOf turns a provider's dimension into the budget's.
func dimensionOf(d providers.Dimension) budget.Dimension {
	switch d {
	case providers.Tokens:
		return budget.Tokens
	case providers.InputTokens:
		return budget.InputTokens
	case providers.OutputTokens:
		return budget.OutputTokens
	}
	return budget.Requests
}

// observationsOf turns what headers say into the budget's words.
func observationsOf(told []providers.Observation, out []budget.Observation) []budget.Observation {
	for _, o := range told {
		out = append(out, budget.Observation{
			Dimension: dimensionOf(o.Dimension), Window: o.Window, Limit: o.Limit, Remaining: o.Remaining,
		})
	}
	return out
}
