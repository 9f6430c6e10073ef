package telemetry

import "time"

// Record describes one finished request. It belongs to the sink only during the
// call: whoever keeps it makes a copy.
type Record struct {
	// ID is the gateway's own name of the request, ClientID the client's.
	ID, ClientID string
	Start        time.Time
	Endpoint     string // chat_completions, completions, embeddings
	// KeyID is the client key's identity. Key and Owner are names; Model is what was
	// asked for, Route the route that it named, empty when none.
	KeyID, Key, Owner, Model, Route string
	Priority                        string
	Stream                          bool // asked for
	// Outcome is ok, rejected, unauthorized, limited, no_room, too_large, shed,
	// upstream_failed, upstream_rejected, stream_broken, timeout, client_gone,
	// shutdown or internal_error.
	Outcome   string
	Status    int    // HTTP status of the answer
	ErrorCode string // error.code of a refusal
	Error     string // for people; no secret
	// Fault is who has to change something; empty: nobody.
	Fault      Fault
	LimitedBy  string // client_key, owner, route or upstream
	ShedReason string
	// Provider, Account and ServedModel are where the answer came from.
	Provider, Account, ServedModel string
	Attempts                       []Attempt
	// Decisions are the steps that were taken, in order.
	Decisions []Decision
	// Shadow is what would have been done to the call if limits and shedding were
	// enforced.
	Shadow []string
	// Candidates are what the lanes said when the call could not go at once.
	Candidates []Candidate
	// Spared: the call waited, rotated or moved for lack of budget, and so was
	// spared a 429. It may have done several.
	Spared, Waited, Rotated, Moved bool
	QueueWait                      time.Duration
	// Queued: the call could not go at once and stood in the queue. LeftQueue is how that
	// ended: granted, refused or gone.
	Queued    bool
	LeftQueue string
	// FirstByte and Duration count from the arrival. Overhead is the part of the time
	// to the first byte in which no upstream was waited for and no queue stood in.
	FirstByte, Duration, Overhead time.Duration
	// Tokens: estimated before, actual after.
	EstimatedInput, EstimatedOutput int64
	// Input includes what was read from a provider's prompt cache (Cached) and what was
	// written to one (CacheWrite). All are of all attempts.
	Input, Output, Cached, CacheWrite int64
	Cost                              int64 // nano-dollars, of all attempts
	Known                             bool  // actual tokens are the provider's own count
	Bytes                             int64 // of the answer
	// Cache is what the response cache said: hit, miss or bypass; empty: not asked.
	Cache string
	// TraceParent is the client's W3C traceparent header as it came, bounded; empty:
	// none.
	TraceParent string
	// Content is what was asked and answered; nil unless keeping it is switched on.
	Content *Content
}

// Content is what was asked and answered, as it went over the wire, each cut to the
// size that is kept.
type Content struct {
	Prompt, Answer []byte
	Cut            bool // one of them was longer
}

// Attempt is one upstream call.
type Attempt struct {
	N                        int // of its request's, from 0
	Start                    time.Time
	Provider, Account, Model string
	Key                      string // fingerprint
	Status                   int    // 0: no answer
	// Kind is the failure's; empty: none. A panic of the gateway's own is internal_error.
	Kind string
	// Duration is from sending to settling, FirstByte to the answer's headers (0: none
	// came).
	FirstByte, Duration time.Duration
	// Tokens and cost as in the Record, of this attempt alone.
	EstimatedInput, EstimatedOutput   int64
	Input, Output, Cached, CacheWrite int64
	// EstimatedCost is what the estimate costs at this target, in nano-dollars.
	EstimatedCost, Cost int64
	Known               bool
}

// Candidate is one account's limit group as a call found it.
type Candidate struct {
	Target  string `json:"target"` // provider/model
	Account string `json:"account"`
	// Says is room, wait, kept_back (for more important calls), too_large, blocked, no_key,
	// failed_before, unknown_limits or paused; Short is the dimension that is short.
	Says  string `json:"says"`
	Short string `json:"short,omitempty"`
	// WaitMS is how long until it would have room, if nothing else were taken;
	// BehindMS behind the work that waits. Below zero: not known.
	WaitMS   int64 `json:"wait_ms"`
	BehindMS int64 `json:"behind_ms"`
	// Demand is what the call asks of it, by dimension.
	Demand map[string]int64 `json:"demand"`
	// Breaker is closed, open or half_open; Ratio the share of the rate in force.
	Breaker  string   `json:"breaker"`
	Ratio    float64  `json:"effective_rate_ratio"`
	InFlight int      `json:"in_flight"`
	Buckets  []Levels `json:"buckets"`
}

// Levels is one bucket as a call found it.
type Levels struct {
	Limit     string `json:"limit"`
	Dimension string `json:"dimension"`
	Amount    int64  `json:"amount"`
	Capacity  int64  `json:"capacity"` // what a full bucket holds
	Level     int64  `json:"level"`
	Reserved  int64  `json:"reserved"`
	Learned   bool   `json:"learned,omitempty"`
	FullInMS  int64  `json:"full_in_ms"`
}

// Decision is one step in a call's way.
type Decision struct{ Reason, From, To string }

// Decide notes a step: what moved the call, from where, to where ("" for not yet
// known).
func (r *Record) Decide(reason, from, to string) {
	r.Decisions = append(r.Decisions, Decision{reason, from, to})
}

// Sink takes records of finished requests. It must be safe for concurrent use and
// quick: it runs on the request's own goroutine.
type Sink interface{ Record(r *Record) }

// AttemptSink is a Sink that also takes every attempt at the moment it is settled,
// when the request may have long to go: what a kill must not lose. The record is not
// finished then; it tells who calls what. Both belong to the sink only during the call.
type AttemptSink interface{ Attempt(r *Record, a *Attempt) }

// Multi is several sinks, one after the other.
type Multi []Sink

// Attempt hands a settled attempt to the sinks that take them.
func (m Multi) Attempt(r *Record, a *Attempt) {
	for _, s := range m {
		if s, ok := s.(AttemptSink); ok {
			s.Attempt(r, a)
		}
	}
}

// Record hands the record to every sink.
func (m Multi) Record(r *Record) {
	for _, s := range m {
		s.Record(r)
	}
}

// Nop takes records and forgets them.
type Nop struct{}

// Record does nothing.
func (Nop) Record(*Record) {}
