package providers

import "time"

// Kind is what went wrong with an attempt, as far as it matters to what is done next.
type Kind uint8

// The kinds of failure.
const (
	// Unclassified is the zero Kind; Classify never answers it.
	Unclassified Kind = iota
	// RateRequests is a limit on requests per minute or second.
	RateRequests
	// RateTokens is a limit on tokens per minute or second.
	RateTokens
	// RateUnknown is a rate limit that does not say on what.
	RateUnknown
	// BurstRamp is traffic that grew too fast, whatever its amount.
	BurstRamp
	// Daily is a limit that is gone until the day, or longer, is over.
	Daily
	// QuotaExhausted is spent credit or a spend limit: a human has to act.
	QuotaExhausted
	// TooLarge is a call that this limit can never take.
	TooLarge
	// InvalidKey is a credential that does not work.
	InvalidKey
	// Forbidden is a credential that may not do this.
	Forbidden
	// Overloaded is an upstream without capacity, for everybody.
	Overloaded
	// ServerError is the upstream's own fault.
	ServerError
	// Timeout is an answer that did not come in time, by our clock or the upstream's.
	Timeout
	// Connection is a failure below HTTP.
	Connection
	// ContextLength is a prompt above the model's window.
	ContextLength
	// ContentFilter is content that the upstream refuses.
	ContentFilter
	// BadRequest is a call that is wrong wherever it goes.
	BadRequest
	// NotFound is a model or path that does not exist there.
	NotFound
	// Malformed is an answer that is not the API's: HTML, garbage.
	Malformed
	// Cancelled is a call that its client gave up.
	Cancelled

	kinds
)

// String is the kind's name in logs and metrics.
func (k Kind) String() string {
	names := [kinds]string{
		"unclassified", "rate_requests", "rate_tokens", "rate_unknown", "burst_ramp", "daily",
		"quota_exhausted", "too_large", "invalid_key", "forbidden", "overloaded", "server_error",
		"timeout", "connection", "context_length", "content_filter", "bad_request", "not_found",
		"malformed", "cancelled",
	}
	if k >= kinds {
		return "unknown"
	}
	return names[k]
}

// RateLimit says that the kind is a limit which time alone heals.
func (k Kind) RateLimit() bool { return k >= RateRequests && k <= Daily }

// brief says that it heals within minutes.
func (k Kind) brief() bool { return k >= RateRequests && k <= BurstRamp }

// Failure is why an attempt failed.
type Failure struct {
	Kind Kind
	// Status is the upstream's HTTP status, or the one that the body of a 2xx claims.
	// Zero: there was none.
	Status int
	// RetryAfter is how long the upstream wants to be left alone. Zero: unknown.
	RetryAfter time.Duration
	// Message, Code and Type are the upstream's own words, bounded and without
	// anything that looks like a credential. They may be empty.
	Message, Code, Type string
	// Limit is the limit that refused, in its own unit. Zero: unknown.
	Limit int64
	// Window is that limit's window. Zero: unknown.
	Window time.Duration
	// Remaining is what was left of Limit. It means something only where Limit does;
	// negative: unknown.
	Remaining int64
	// Requested is what the upstream says the call asks of Limit. Zero: unknown.
	Requested int64
	// Body is what the upstream sent, as it came and not sanitised: never for a
	// client or a log. It shares the bytes given to Classify.
	Body []byte
}
