package fallback

import (
	"fmt"
	"time"
)

// Cause is why an attempt failed.
type Cause uint8

const (
	// RateRequests: too many requests.
	RateRequests Cause = iota
	// RateTokens: too many tokens.
	RateTokens
	// RateUnknown: a rate limit that does not say which.
	RateUnknown
	// BurstRamp: the rate grew too quickly.
	BurstRamp
	// Daily: a limit of the day is used up.
	Daily
	// QuotaExhausted: the account has no credit left, until a person acts.
	QuotaExhausted
	// TooLarge: the request is above the account's whole limit.
	TooLarge
	// InvalidKey: the key is not accepted.
	InvalidKey
	// Forbidden: the key may not do this.
	Forbidden
	// Overloaded: the provider has no capacity.
	Overloaded
	// ServerError: the provider failed.
	ServerError
	// Timeout: no answer in time.
	Timeout
	// Connection: no connection, or a broken one.
	Connection
	// ContextLength: the prompt is too long for the model.
	ContextLength
	// ContentFilter: the provider does not answer such content.
	ContentFilter
	// BadRequest: the request is at fault.
	BadRequest
	// NotFound: the model or the path is not there.
	NotFound
	// Malformed: an answer that cannot be read.
	Malformed
	// Cancelled: the client has gone.
	Cancelled
)

// Trigger is a kind of failure after which a route goes on to its next target.
type Trigger uint8

const (
	// OnRateLimit covers refusals for rate or quota, and accounts without room.
	OnRateLimit Trigger = 1 << iota
	// OnOverloaded covers providers without capacity.
	OnOverloaded
	// OnTimeout covers answers that do not come in time.
	OnTimeout
	// OnServerError covers failures of the provider and unreadable answers.
	OnServerError
	// OnConnection covers connections that fail.
	OnConnection
	// OnContextLength covers prompts too long for a model.
	OnContextLength
)

// ParseTriggers reads a route's fallback_on list.
func ParseTriggers(names []string) (Trigger, error) {
	var t Trigger
	for _, n := range names {
		switch n {
		case "rate_limit":
			t |= OnRateLimit
		case "overloaded":
			t |= OnOverloaded
		case "timeout":
			t |= OnTimeout
		case "server_error":
			t |= OnServerError
		case "connection":
			t |= OnConnection
		case "context_length":
			t |= OnContextLength
		default:
			return 0, fmt.Errorf("fallback_on: no trigger named %q", n)
		}
	}
	return t, nil
}

// Sick says that a cause speaks of the upstream's health: what a Breaker counts.
// Rate limits, keys, the request itself and a client that has gone do not.
func (c Cause) Sick() bool {
	return c == Overloaded || c == ServerError || c == Timeout || c == Connection
}

// trigger is the trigger that a cause belongs to; zero: none.
func (c Cause) trigger() Trigger {
	switch c {
	case RateRequests, RateTokens, RateUnknown, BurstRamp, Daily, QuotaExhausted, TooLarge, InvalidKey, Forbidden:
		return OnRateLimit
	case Overloaded:
		return OnOverloaded
	case Timeout:
		return OnTimeout
	case ServerError, Malformed, NotFound:
		return OnServerError
	case Connection:
		return OnConnection
	case ContextLength:
		return OnContextLength
	}
	return 0
}

// Action is what becomes of the call.
type Action uint8

const (
	// Rotate: choose again, other accounts of the target first. Where none has room
	// the call waits; there is no verdict for waiting alone.
	Rotate Action = iota
	// NextTarget: choose among the later targets only.
	NextTarget
	// GiveUp: tell the client.
	GiveUp
)

// String is the action's name in logs.
func (a Action) String() string {
	return [...]string{"rotate", "next_target", "give_up"}[min(a, GiveUp)]
}

// Failure is one failed attempt.
type Failure struct {
	Cause Cause
	// RetryAfter is the provider's word on when to come back; zero: none.
	RetryAfter time.Duration
	// Sent says that the upstream may have seen the request.
	Sent bool
}

// State is how far a call has come.
type State struct {
	Attempts int           // upstream calls made, this failed one included
	Elapsed  time.Duration // since the call arrived
	// SameTarget is how many attempts in a row failed on this target for reasons
	// other than its budget, this one included.
	SameTarget int
}

// Verdict is what a failure means.
type Verdict struct {
	Action Action
	// Stay keeps the call on this target: the route does not fall back on this.
	Stay bool
	// DisableKey takes the key out until it is found to work.
	DisableKey bool
	// BlockAccountFor keeps every call off this account's limit group.
	BlockAccountFor time.Duration
	// After is how long this call waits before it chooses again.
	After time.Duration
	// Reason names the verdict in logs.
	Reason string
}

// Policy is a route's rule for failures.
type Policy struct {
	// On are the triggers that let a call go to the next target.
	On Trigger
	// MaxAttempts bounds the upstream calls of one request. Zero: one.
	MaxAttempts int
	// Total bounds the time from arrival. Zero: no bound.
	Total time.Duration
	// Backoff spaces the attempts after a provider's own failure.
	Backoff Backoff
}

// Blocks for a whole account where the provider does not say how long, and the
// longest that its word is taken for: a limit of minutes that asks for days is
// mistaken, and the next attempt will tell.
const (
	rateBlock  = 500 * time.Millisecond
	burstBlock = 5 * time.Second
	dailyBlock = time.Hour
	sickBlock  = time.Second

	longestBlock = time.Hour
	longestDaily = 48 * time.Hour
)

// Decide says what a failure means; rnd answers numbers in [0,1). What a failure says
// about the account or the key holds even where the call itself gives up.
func (p Policy) Decide(s State, f Failure, rnd func() float64) Verdict {
	f.RetryAfter = max(f.RetryAfter, 0)
	v := p.verdict(s, f, rnd)
	v.Stay = p.On&f.Cause.trigger() == 0
	if v.Action == GiveUp {
		return v
	}
	if s.Attempts >= max(p.MaxAttempts, 1) {
		v.Action, v.Reason = GiveUp, "attempts exhausted"
	} else if p.Total > 0 && s.Elapsed+v.After >= p.Total {
		v.Action, v.Reason = GiveUp, "time exhausted"
	}
	return v
}

func (p Policy) verdict(s State, f Failure, rnd func() float64) Verdict {
	switch f.Cause {
	case RateRequests, RateTokens, RateUnknown:
		block := f.RetryAfter
		if block <= 0 { // nothing was told: ask again, more and more slowly
			block = rateBlock << min(max(s.Attempts-1, 0), 5)
		}
		return Verdict{Action: Rotate, BlockAccountFor: min(block, longestBlock), Reason: "rate limit: another account"}
	case BurstRamp:
		return Verdict{Action: Rotate, BlockAccountFor: min(max(f.RetryAfter, burstBlock), longestBlock), Reason: "rate grew too quickly: account rests"}
	case Daily:
		block := f.RetryAfter
		if block <= 0 {
			block = dailyBlock
		}
		return Verdict{Action: Rotate, BlockAccountFor: min(block, longestDaily), Reason: "daily limit: account rests"}
	case QuotaExhausted, InvalidKey, Forbidden:
		return Verdict{Action: Rotate, DisableKey: true, Reason: "key taken out"}
	case TooLarge:
		// Limits differ between accounts, so another one may take it.
		return Verdict{Action: Rotate, Reason: "larger than the account's limit: another account"}
	case Overloaded, ServerError, Timeout, Connection, Malformed:
		return p.sick(s, f, rnd)
	case ContextLength, NotFound:
		return p.next(f.Cause, "the model cannot serve it: next target")
	case Cancelled:
		return Verdict{Action: GiveUp, Reason: "the client has gone"}
	}
	return Verdict{Action: GiveUp, Reason: "the request is at fault"}
}

// next goes on to the next target where the route's triggers allow it.
func (p Policy) next(c Cause, reason string) Verdict {
	if p.On&c.trigger() == 0 {
		return Verdict{Action: GiveUp, Reason: "no fallback on this"}
	}
	return Verdict{Action: NextTarget, Reason: reason}
}

// sick is for upstreams that fail: another account first, then the next target.
func (p Policy) sick(s State, f Failure, rnd func() float64) Verdict {
	v := Verdict{Action: Rotate, Reason: "upstream failed: another account"}
	if s.SameTarget > 1 && p.On&f.Cause.trigger() != 0 {
		v = Verdict{Action: NextTarget, Reason: "upstream failed again: next target"}
	}
	if f.RetryAfter > 0 {
		v.BlockAccountFor = min(f.RetryAfter, longestBlock)
	} else if f.Cause == Overloaded {
		v.BlockAccountFor = sickBlock
	}
	v.After = p.Backoff.Delay(s.Attempts-1, rnd())
	return v
}
