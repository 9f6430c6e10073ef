package budget

import (
	"math"
	"time"
)

// Instant is nanoseconds since the Unix epoch on the caller's timeline, which should
// not go backwards.
type Instant int64

// Never is later than every other Instant.
const Never = Instant(math.MaxInt64)

// Add answers the instant d later, at most Never.
func (t Instant) Add(d time.Duration) Instant {
	if d > 0 && t > Never-Instant(d) {
		return Never
	}
	return t + Instant(d)
}

// Sub answers how much later t is than u.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Dimension is what is limited.
type Dimension uint8

const (
	// Requests are calls.
	Requests Dimension = iota
	// Tokens are input and output together.
	Tokens
	// InputTokens are the prompt's.
	InputTokens
	// OutputTokens are the answer's.
	OutputTokens
	// Concurrency is calls in flight.
	Concurrency
	// Cost is nano-dollars.
	Cost
)

// Dimensions is the number of dimensions.
const Dimensions = 6

// String is the dimension's name in metrics and errors.
func (d Dimension) String() string {
	return [...]string{"requests", "tokens", "input_tokens", "output_tokens", "concurrency", "cost"}[min(d, Cost)]
}

// Demand is an amount per dimension: what a call will take, or took.
type Demand [Dimensions]int64

// Kind is how a bucket counts.
type Kind uint8

const (
	// Rate refills continuously (GCRA), holds up to its burst and may go into debt.
	Rate Kind = iota
	// FixedWindow begins anew at every multiple of its window since the epoch.
	FixedWindow
	// SlidingWindow counts what was taken in the window that ends now.
	SlidingWindow
	// Calendar begins anew with the day or month of a Location.
	Calendar
	// Gauge counts what is held now and has no window.
	Gauge
)

// String is the kind's name in the admin API.
func (k Kind) String() string {
	return [...]string{"rate", "fixed_window", "sliding_window", "calendar", "gauge"}[min(k, Gauge)]
}

// Period is the length of a Calendar limit.
type Period uint8

const (
	// Day begins at local midnight.
	Day Period = iota
	// Month begins at local midnight of its first day.
	Month
)

// Limit is an amount of a dimension per window.
type Limit struct {
	// Name tells limits of one scope apart: rpm, tpm, …
	Name      string
	Dimension Dimension
	Kind      Kind
	// Amount per window. Zero or less refuses everything.
	Amount int64
	// Window is the time in which Amount refills; unused by Calendar and Gauge.
	Window time.Duration
	// Burst is what a full Rate bucket holds, in units of Amount. Zero: six seconds'
	// worth, at least one, in an upstream scope; the whole window elsewhere. A
	// FixedWindow lets Burst go at once and spreads the rest over the window; zero: it
	// does not spread.
	Burst int64
	// Margin is the share of the rate that is left unused, 0 to 1. A Rate bucket refills
	// so much slower; a window takes so much less, rounded up.
	Margin float64
	// Period and Location are a Calendar's; nil is UTC.
	Period   Period
	Location *time.Location
	// Straddle is the longest time between a reservation here and its count at the
	// upstream. Where it crosses a boundary, both windows are charged.
	Straddle time.Duration
	// Whole is the largest single demand that is ever taken; a window's demand above
	// Amount goes once something of the window is left. Only with Carry. Zero: Amount.
	Whole int64
	// Carry takes what a window used beyond its Amount over into the next ones, as
	// slices of a longer limit do.
	Carry bool
	// OutputAtEnd says that the upstream counts output when it has been produced: a
	// window then holds a call's output until it ends and charges it there.
	OutputAtEnd bool
	// Borrow lets a Rate bucket lend one window's amount beyond its capacity, and not
	// again before one whole window without debt.
	Borrow bool
	// Jitter is carried for whoever spreads grants; buckets do not use it.
	Jitter time.Duration
	// Learned says that the provider told it, nobody configured it.
	Learned bool
}

// State is the kind of an Answer.
type State uint8

const (
	// Granted: it fits now.
	Granted State = iota
	// Later: it will fit at At.
	Later
	// TooLarge: it never fits.
	TooLarge
	// Pending: a networked engine answers later.
	Pending
)

// Answer says whether a demand fits.
type Answer struct {
	State State
	// At is, for Later, the earliest moment at which the demand fits if nothing else
	// is taken; Never when only a release can make room.
	At Instant
	// Scope, Dimension and Limit tell what is short: nil and zero when Granted. Limit is
	// the limit's name; empty where the provider's word refuses beyond any limit.
	Scope     *Scope
	Dimension Dimension
	Limit     string
	// Headroom is, for Granted, the smallest share of a bucket's capacity that is
	// left after this demand, 0 to 1; 1 without limits.
	Headroom float64
}

// Outcome says how a hold ended.
type Outcome uint8

const (
	// Used: the call was made and took the actual demand.
	Used Outcome = iota
	// Unsent: nothing was sent; everything goes back.
	Unsent
	// Refused: the upstream refused; the request counts, tokens as told.
	Refused
)

// ScopeKind is whose limits a scope holds.
type ScopeKind uint8

const (
	// ScopeClientKey is one client key.
	ScopeClientKey ScopeKind = iota
	// ScopeOwner is a user or team.
	ScopeOwner
	// ScopeRoute is a route's capacity, shared by everybody.
	ScopeRoute
	// ScopeUpstream is an account's limit group at a provider.
	ScopeUpstream
	// ScopeAddress is one client address.
	ScopeAddress
)

// String is the kind's name in headers and metrics.
func (k ScopeKind) String() string {
	return [...]string{"client_key", "owner", "route", "upstream", "address"}[min(k, ScopeAddress)]
}
