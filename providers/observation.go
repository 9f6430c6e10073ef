package providers

import "time"

// Dimension is what a limit limits.
type Dimension uint8

// The dimensions that upstreams report.
const (
	Requests Dimension = iota
	Tokens
	InputTokens
	OutputTokens
)

// String is the dimension's name.
func (d Dimension) String() string {
	switch d {
	case Requests:
		return "requests"
	case Tokens:
		return "tokens"
	case InputTokens:
		return "input_tokens"
	case OutputTokens:
		return "output_tokens"
	}
	return "unknown"
}

// Observation is what an upstream says about one of its limits.
type Observation struct {
	Dimension Dimension
	// Limit and Remaining are in the dimension's unit. Negative: unknown.
	Limit, Remaining int64
	// Window is the limit's window. Zero: unknown.
	Window time.Duration
	// Reset is the time until the limit is whole again. Zero: unknown, or whole now.
	Reset time.Duration
}

// Usage is what an upstream says a call used, in tokens.
type Usage struct {
	// Input includes Cached and CacheWrite.
	Input int64
	// Output includes Reasoning.
	Output int64
	// Cached is the part of Input that was read from a cache.
	Cached int64
	// CacheWrite is the part of Input that was written to one.
	CacheWrite int64
	// Reasoning is the part of Output that was thought and not said.
	Reasoning int64
	// Known says that the upstream reported usage at all.
	Known bool
}
