// Package ledger keeps what was called, by whom, and what it cost: one row per request
// and one per attempt, written in the background by group commit. A [Writer] takes the
// gateway's records and brings them to a [Store]; what a store cannot take waits, first
// in memory, then in a file, both bounded.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Request is the row of one request, written when it has ended.
type Request struct {
	// ID is the gateway's own name of the request, and the row's identity; ClientID is
	// the client's, kept beside it.
	ID, ClientID string
	// At is when it arrived.
	At       time.Time
	Endpoint string
	// KeyID and Key are the client key's identity and name.
	KeyID, Key, Owner string
	// Model is what was asked for, Route what that named; empty: none.
	Model, Route, Priority string
	Stream                 bool
	Outcome                string
	Status                 int
	ErrorCode, Error       string
	// Fault is caller, policy, provider or gateway; empty: nothing went wrong.
	Fault                          string
	LimitedBy, ShedReason          string
	Provider, Account, ServedModel string // where the answer came from
	Attempts                       int
	Queue, FirstByte, Duration     time.Duration
	EstimatedInput                 int64
	EstimatedOutput                int64
	Input, Output, Cached          int64
	Cost                           int64 // nano-dollars, of all attempts
	// Known: the tokens are the provider's own count.
	Known, Spared bool
	// Cache is hit, miss or bypass; empty: no cache was asked.
	Cache string
	// Trail is the trail of decisions as JSON, bounded by maxTrail; nil: none is kept.
	Trail json.RawMessage
}

// Attempt is the row of one upstream call, written when it was settled.
type Attempt struct {
	// RequestID and N, from 0, are the row's identity.
	RequestID string
	N         int
	At        time.Time
	// Who pays, as in the request's row.
	KeyID, Key, Owner, Route string
	Provider, Account, Model string
	UpstreamKey              string // fingerprint
	Status                   int    // 0: no answer
	Kind                     string // of the failure; empty: none
	Duration                 time.Duration
	// Estimated before the call; Input, Output and Cost are what it took. Costs are
	// nano-dollars.
	EstimatedInput, EstimatedOutput int64
	EstimatedCost                   int64
	Input, Output, Cached           int64
	Cost                            int64
	Known                           bool
}

// Content is what was asked and answered. It is kept only where that is switched on.
type Content struct {
	RequestID string
	At        time.Time
	// Prompt is the request's body, Answer what the client got; both are cut to the
	// configured size.
	Prompt, Answer []byte
	// Cut: one of them was longer.
	Cut bool
}

// Entry is what one Append brings: a request, attempts, content, or several of them.
type Entry struct {
	Request  *Request
	Attempts []Attempt
	Content  *Content
}

// What a Store refuses.
var (
	ErrNotFound = errors.New("no such row")
	// ErrInvalid: it will never be taken, so there is no use in coming again: an entry
	// without its ID, with a negative count or a trail that is not JSON; a cursor or a
	// dimension that does not exist.
	ErrInvalid = errors.New("invalid")
	// ErrTooMuch: the answer would have more than MaxUsage lines.
	ErrTooMuch = errors.New("too many lines: ask for less time or fewer dimensions")
)

// MaxUsage is how many lines Usage answers, MaxPage how many requests one page has.
const (
	MaxUsage = 100_000
	MaxPage  = 1000
)

// Refused tells whether the gateway itself refused the request, so that no upstream had
// a part in it.
func (r *Request) Refused() bool {
	switch r.Outcome {
	case "rejected", "unauthorized", "limited", "no_room", "too_large", "shed":
		return true
	}
	return false
}

// Dimensions by which usage can be grouped.
const (
	ByKey      = "key"
	ByOwner    = "owner"
	ByRoute    = "route"
	ByModel    = "model" // the upstream model; empty where nothing was attempted
	ByProvider = "provider"
	ByHour     = "hour" // RFC 3339, in the query's zone
	ByDay      = "day"  // 2006-01-02, in the query's zone
)

// UsageQuery asks for sums. Rollups are by hour, in UTC: the hour that From lies in counts
// whole, and so does the one that To lies in unless To is its beginning; days of zones
// that are not whole hours off UTC are off by less than an hour. A request counts in the
// hour of its arrival, at the provider and model that answered it; an attempt in the hour
// of its own.
type UsageQuery struct {
	From, To time.Time // To is excluded; zero: no bound
	GroupBy  []string
	Zone     *time.Location // nil: UTC
	// KeyID, Owner, Route, Model and Provider narrow it down; empty: all.
	KeyID, Owner, Route, Model, Provider string
}

// Usage is one line of the answer.
type Usage struct {
	// Group holds the values of the dimensions asked for, by name; for ByKey there is
	// key_id beside it, and the name is the last one that was used.
	Group map[string]string
	// Requests and Refused (by the gateway itself) count request rows; the rest is of
	// attempt rows. Sums stay at the largest int64.
	Requests, Refused, Attempts, FailedAttempts int64
	Input, Output, Cached                       int64
	Cost                                        int64 // nano-dollars
}

// Filter chooses requests; empty fields choose all, others what equals them. Model is
// what was asked for, Provider and Account are where the answer came from.
type Filter struct {
	From, To                                                                    time.Time // of arrival; To is excluded
	ID, ClientID, KeyID, Owner, Route, Model, Provider, Account, Outcome, Fault string
	// Before is a cursor: what an earlier answer gave as next.
	Before string
	// Limit is how many at most. Zero: 100; more than MaxPage: MaxPage.
	Limit int
}

// Store keeps the rows. It is safe for concurrent use. Times are kept to the microsecond
// and come back in UTC. Text that a database cannot hold is mended, never a reason to
// lose a row: a NUL, and what is not UTF-8, becomes U+FFFD; names are cut at 256 bytes,
// errors at 4 KiB, and filters alike.
type Store interface {
	// Append writes all entries or none. Rows that are there already stay as they are,
	// and count once in the sums; which are there is known until they are purged.
	Append(ctx context.Context, entries []Entry) error
	// Usage answers sums, in the order of their groups.
	Usage(ctx context.Context, q UsageQuery) ([]Usage, error)
	// Requests answers requests without their trails, latest first, and the cursor of
	// the next page; empty: there is none.
	Requests(ctx context.Context, f Filter) (rows []Request, next string, err error)
	// Request answers one request with its attempts, or ErrNotFound.
	Request(ctx context.Context, id string) (*Request, []Attempt, error)
	// Content answers what was asked and answered, or ErrNotFound.
	Content(ctx context.Context, requestID string) (*Content, error)
	// PurgeContent removes at most so many contents from before a moment.
	PurgeContent(ctx context.Context, before time.Time, most int) (int, error)
	// Purge removes at most so many requests that arrived before a moment, with their
	// attempts and contents; when none are left, attempts from before it whose request
	// never came. Sums stay. It answers how many it removed; fewer than asked for: that
	// was all.
	Purge(ctx context.Context, before time.Time, most int) (int, error)
}
