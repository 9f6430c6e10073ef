package budget

import "fmt"

// Estimate is what a call is expected to take.
type Estimate struct {
	// Input is the prompt's tokens; Cached the part of it that a prompt cache is
	// expected to serve.
	Input, Cached int64
	// Output is what the answer is expected to take.
	Output int64
	// MaxOutput is the most the answer may take, as the call declares it; zero when
	// it does not.
	MaxOutput int64
	// Cost is nano-dollars.
	Cost int64
}

// Usage is what a call really took.
type Usage struct{ Input, Output, Cached, Cost int64 }

// Policy is the way in which an upstream counts a call's tokens.
type Policy uint8

const (
	// Expected: input at the start and output as it is produced, so the expected
	// output is reserved and the actual usage settled.
	Expected Policy = iota
	// ReserveSum: input and max_tokens at the start, settled to actual.
	ReserveSum
	// ReserveMax: the larger of input and max_tokens at the start.
	ReserveMax
	// InputOnly: the prompt alone.
	InputOnly
	// SlotOnly: no tokens, only calls in flight.
	SlotOnly
)

// String is the policy's name in presets and configuration.
func (p Policy) String() string {
	return [...]string{"expected", "reserve_sum", "reserve_max", "input_only", "slot_only"}[min(p, SlotOnly)]
}

// Charging is how an upstream counts.
type Charging struct {
	Policy Policy
	// CachedFree: tokens served from a prompt cache do not count.
	CachedFree bool
	// NoRefund: what was charged at the start stays charged.
	NoRefund bool
}

// ParseCharging reads a policy by its name; "" is Expected.
func ParseCharging(name string) (Charging, error) {
	if name == "" {
		return Charging{}, nil
	}
	for p := Expected; p <= SlotOnly; p++ {
		if p.String() == name {
			return Charging{Policy: p}, nil
		}
	}
	return Charging{}, fmt.Errorf("no charging policy named %q", name)
}

// Demand is what a call takes from the upstream's buckets when it is sent.
func (c Charging) Demand(e Estimate) Demand {
	in := max(e.Input, 0)
	if c.CachedFree {
		in = max(in-max(e.Cached, 0), 0)
	}
	most := e.MaxOutput
	if most <= 0 {
		most = e.Output
	}
	d := Demand{Requests: 1, Concurrency: 1, Cost: e.Cost}
	switch c.Policy {
	case Expected:
		out := min(e.Output, most)
		d[Tokens], d[InputTokens], d[OutputTokens] = in+out, in, out
	case ReserveSum:
		d[Tokens], d[InputTokens], d[OutputTokens] = in+most, in, most
	case ReserveMax:
		d[Tokens], d[InputTokens], d[OutputTokens] = max(in, most), in, most
	case InputOnly:
		d[Tokens], d[InputTokens] = in, in
	}
	return d
}

// Actual is what the same call took in the end.
func (c Charging) Actual(reserved Demand, u Usage) Demand {
	in := max(u.Input, 0)
	if c.CachedFree {
		in = max(in-max(u.Cached, 0), 0)
	}
	d := Demand{Requests: reserved[Requests], Concurrency: reserved[Concurrency], Cost: u.Cost}
	out := max(u.Output, 0)
	switch c.Policy {
	case Expected, ReserveSum, ReserveMax:
		d[Tokens], d[InputTokens], d[OutputTokens] = in+out, in, out
	case InputOnly:
		d[Tokens], d[InputTokens] = in, in
	}
	if c.NoRefund {
		for _, i := range []Dimension{Tokens, InputTokens, OutputTokens} {
			d[i] = max(d[i], reserved[i])
		}
	}
	return d
}
