package simulated

import "time"

// Limit is what one account may take for a group of models. Zero amounts are no
// limit.
type Limit struct {
	// Models are names; a * at the end stands for any rest. Empty: all.
	Models []string `yaml:"models"`
	// RPM, TPM and RPS are requests and tokens per minute, and requests per second.
	RPM int64 `yaml:"rpm"`
	TPM int64 `yaml:"tpm"`
	RPS int64 `yaml:"rps"`
	// Concurrency is calls in flight.
	Concurrency int64 `yaml:"concurrency"`
	// Algorithm is how minutes are counted: bucket (refilled continuously), sliding,
	// fixed (begins with the minute) or slices. Empty: bucket.
	Algorithm string `yaml:"algorithm"`
	// Burst is how much a bucket holds, as time of its rate. Zero: a minute's.
	Burst time.Duration `yaml:"burst"`
	// Slice is the length of a slice. Zero: a second.
	Slice time.Duration `yaml:"slice"`
	// Phase moves the beginnings of windows and slices away from the clock's.
	Phase time.Duration `yaml:"phase"`
	// Ramp refuses traffic that grows too quickly: more requests in the last five
	// seconds than Ramp times what the thirty before allow. Zero: none.
	Ramp float64 `yaml:"ramp"`
	// Charging is what a call costs: expected (input at the start, output at the
	// end), reserve_sum (input and max_tokens at the start, settled to actual),
	// reserve_max (the larger of them, settled), input_only or slot_only. Empty:
	// expected.
	Charging string `yaml:"charging"`
}

// Refusal is a quota's no.
type Refusal struct {
	// Kind is requests, tokens, concurrency, ramp or too_large.
	Kind string
	// RetryAfter is when the call would fit. Zero: not known.
	RetryAfter time.Duration
	// Limit, Used and Requested are in the kind's own unit.
	Limit, Used, Requested int64
}

// Ticket is what an admitted call took.
type Ticket struct{ at, tokens int64 }

// Quota is the state of one Limit. Time is nanoseconds and an argument. Not safe for
// concurrent use.
type Quota struct {
	limit                    Limit
	requests, second, tokens meter
	inFlight                 int64
	ramp                     ramp
}

// NewQuota makes a quota with everything left.
func NewQuota(l Limit) *Quota {
	q := &Quota{limit: l}
	if l.RPM > 0 {
		q.requests = newMeter(l, l.RPM)
	}
	if l.RPS > 0 {
		q.second = &fixed{limit: l.RPS, window: minute / 60, whole: l.RPS, phase: int64(l.Phase)}
	}
	if l.TPM > 0 {
		q.tokens = newMeter(l, l.TPM)
	}
	return q
}

// charge is what a call of an input and a largest output costs at the start.
func (q *Quota) charge(input, most int64) int64 {
	switch q.limit.Charging {
	case "reserve_sum":
		return input + most
	case "reserve_max":
		return max(input, most)
	case "slot_only":
		return 0
	}
	return input
}

// Admit takes a call, or says why not and takes nothing.
func (q *Quota) Admit(now, input, most int64) (Ticket, *Refusal) {
	if q.limit.Concurrency > 0 && q.inFlight >= q.limit.Concurrency {
		return Ticket{}, &Refusal{Kind: "concurrency", Limit: q.limit.Concurrency, Used: q.inFlight, Requested: 1}
	}
	n := q.charge(input, most)
	for _, c := range []struct {
		m        meter
		kind     string
		limit, n int64
	}{{q.requests, "requests", q.limit.RPM, 1}, {q.second, "requests", q.limit.RPS, 1}, {q.tokens, "tokens", q.limit.TPM, n}} {
		if c.m == nil {
			continue
		}
		w := c.m.wait(now, c.n)
		if w == 0 {
			continue
		}
		r := &Refusal{Kind: c.kind, Limit: c.limit, Used: c.limit - c.m.left(now), Requested: c.n, RetryAfter: time.Duration(w)}
		if w < 0 {
			r.Kind, r.RetryAfter = "too_large", 0
		}
		return Ticket{}, r
	}
	if q.limit.Ramp > 0 && !q.ramp.admit(now, q.limit.Ramp) {
		return Ticket{}, &Refusal{Kind: "ramp", Requested: 1}
	}
	for _, m := range []meter{q.requests, q.second} {
		if m != nil {
			m.take(now, 1)
		}
	}
	if q.tokens != nil {
		q.tokens.take(now, n)
	}
	q.inFlight++
	return Ticket{at: now, tokens: n}, nil
}

// Scale multiplies the limits from now on: a provider that changes its mind.
func (q *Quota) Scale(now int64, f float64) {
	for _, m := range []meter{q.requests, q.second, q.tokens} {
		if m != nil {
			m.scale(now, f)
		}
	}
	q.limit.RPM, q.limit.TPM, q.limit.RPS = int64(float64(q.limit.RPM)*f), int64(float64(q.limit.TPM)*f), int64(float64(q.limit.RPS)*f)
}

// Limit is what the quota enforces now.
func (q *Quota) Limit() Limit { return q.limit }

// Settle ends a call with what it really took.
func (q *Quota) Settle(now int64, t Ticket, input, output int64) {
	q.inFlight--
	if q.tokens == nil || q.limit.Charging == "input_only" || q.limit.Charging == "slot_only" {
		return
	}
	q.tokens.give(now, t.at, t.tokens-input-output)
}

// Left answers what remains of requests and tokens; below zero: not limited.
func (q *Quota) Left(now int64) (requests, tokens int64) {
	requests, tokens = -1, -1
	if q.requests != nil {
		requests = max(q.requests.left(now), 0)
	}
	if q.tokens != nil {
		tokens = max(q.tokens.left(now), 0)
	}
	return requests, tokens
}
