package simulation

import (
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers/simulated"
	"github.com/sluice-gateway/sluice/shedding"
)

// Call is one request of the traffic.
type Call struct {
	// At is when it arrives, from the beginning of the run.
	At time.Duration
	// Input and Output are its real tokens; MaxTokens what it declares, 0: nothing.
	Input, Output, MaxTokens int64
	// Route is the model it asks for.
	Route    string
	Class    shedding.Class
	Client   string
	Affinity uint64
}

// Engine is who decides.
type Engine string

const (
	// Sluice is the decision core that serves.
	Sluice Engine = "sluice"
	// FIFO is the same core without classes, fair shares and shedding.
	FIFO Engine = "fifo"
	// NoRefund is the same core that never gives back what a call did not use.
	NoRefund Engine = "no_refund"
	// Afterwards counts tokens after the answer, as most gateways do, and refuses while
	// the minute's tokens are spent.
	Afterwards Engine = "afterwards"
	// NoLimiter sends everything at once and retries what is refused.
	NoLimiter Engine = "none"
	// Mirror asks the provider's own state, without delay: the best schedule that is
	// never refused.
	Mirror Engine = "mirror"
)

// RetryAfter is what an upstream says with a 429.
type RetryAfter string

const (
	// Exact waits, to the millisecond.
	Exact RetryAfter = "exact"
	// Silent upstreams do not say.
	Silent RetryAfter = "none"
	// Lying upstreams say a second whatever is true.
	Lying RetryAfter = "lying"
)

// Upstream is how a provider really behaves, whatever the configuration believes.
type Upstream struct {
	// Algorithm is bucket, fixed, sliding or slices. Empty: what the configuration says.
	Algorithm string
	// Charging is how it counts tokens, as in the configuration. Empty: as configured.
	Charging string
	// Slice and Phase shape slices; Burst a bucket. Zero: one second, none, a minute's.
	Slice, Phase, Burst time.Duration
	// Ramp refuses traffic that grows by more than this factor. Zero: none.
	Ramp float64
	// RPM, RPS and TPM are its true limits. Zero: the configured ones.
	RPM, RPS, TPM int64
	// Headers sends x-ratelimit-* headers with every answer.
	Headers bool
	// RetryAfter is what a 429 says. Empty: Exact.
	RetryAfter RetryAfter
	// Foreign is the share of its limits that somebody else uses, 0 to 1.
	Foreign float64
	// Changes multiply its limits, without a word.
	Changes []Change
	// Failures is the share of attempts that end in a 503, 0 to 1.
	Failures float64
	// MinDelay and MaxDelay bound the network's, each way. Zero: 5 and 50 ms.
	MinDelay, MaxDelay time.Duration
	// FirstToken is the time to the first token, TokensPerSecond an answer's speed.
	// Zero: 300 ms, 50.
	FirstToken      time.Duration
	TokensPerSecond int64
}

// Change multiplies an upstream's limits at a moment.
type Change struct {
	At     time.Duration
	Factor float64
}

// Options are one run.
type Options struct {
	// Config is what the gateway believes: providers, limits, routes, shedding.
	Config *config.Config
	Calls  []Call // in order of time
	// Upstreams are the providers' true behaviour by name; "" is everybody else's.
	Upstreams map[string]Upstream
	Engine    Engine // empty: Sluice
	Seed      uint64
	// Warmup is the time at the beginning that is not measured.
	Warmup time.Duration
	// InputError and OutputError spread the estimates: each is multiplied by a random
	// number between 1-x and 1+x. InputBias and OutputBias multiply all of them; zero: 1.
	InputError, OutputError float64
	InputBias, OutputBias   float64
	// Oracle tells the engine every exact length beforehand.
	Oracle bool
	// Interval is the timeline's step. Zero: a sixtieth of the run, at least a second.
	Interval time.Duration
	// Progress is called now and then with the share that is done. Nil: not.
	Progress func(share float64)
}

func (u Upstream) withDefaults() Upstream {
	if u.MaxDelay <= 0 {
		u.MinDelay, u.MaxDelay = 5*time.Millisecond, 50*time.Millisecond
	}
	if u.FirstToken <= 0 {
		u.FirstToken = 300 * time.Millisecond
	}
	if u.TokensPerSecond <= 0 {
		u.TokensPerSecond = 50
	}
	if u.RetryAfter == "" {
		u.RetryAfter = Exact
	}
	return u
}

// limit is the quota that the upstream enforces for a limit entry.
func (u Upstream) limit(rpm, rps, tpm, concurrency int64) simulated.Limit {
	l := simulated.Limit{
		RPM: rpm, RPS: rps, TPM: tpm, Concurrency: concurrency, Algorithm: u.Algorithm, Charging: u.Charging,
		Slice: u.Slice, Phase: u.Phase, Burst: u.Burst, Ramp: u.Ramp,
	}
	if u.RPM > 0 {
		l.RPM = u.RPM
	}
	if u.RPS > 0 {
		l.RPS = u.RPS
	}
	if u.TPM > 0 {
		l.TPM = u.TPM
	}
	return l
}
