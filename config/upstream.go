package config

import (
	"strings"
	"time"
)

// Provider is an upstream API.
type Provider struct {
	// Name is the provider's own name in this configuration.
	Name string `yaml:"-"`
	// Dialect is the API it speaks: openai or simulated. Default openai.
	Dialect string `yaml:"dialect"`
	// Preset names how it charges, reports and refuses. Default: by the dialect and
	// the host of BaseURL; without a BaseURL by the provider's name; else generic.
	Preset string `yaml:"preset"`
	// BaseURL is where the API begins, without a trailing slash. Default: the
	// preset's; empty for a simulated provider inside the process.
	BaseURL string `yaml:"base_url"`
	// Proxy is the HTTP, HTTPS or SOCKS5 proxy through which it is called, with its
	// credentials. Default empty: the one in the environment (HTTPS_PROXY), if any.
	Proxy Secret `yaml:"proxy"`
	// CA is a file of certificates in PEM that vouch for the upstream, beside the
	// system's. A relative path begins at the configuration's directory. Default none.
	CA       string   `yaml:"ca,path"`
	Timeouts Timeouts `yaml:"timeouts"`
	// Accounts are its quota scopes. At least one.
	Accounts []Account `yaml:"accounts"`
	// Charging overrides how the preset says that the upstream counts tokens:
	// reserve_sum, reserve_max, expected, input_only or slot_only. Default empty: the
	// preset's, or what a simulated provider itself does.
	Charging string `yaml:"charging"`
	// Window overrides the shape of the upstream's windows: continuous, fixed,
	// sliding or slices. Default empty: the preset's, or what a simulated provider
	// itself does.
	Window string `yaml:"window"`
	// Slice is the length of a slice where Window is slices. Default a second.
	Slice time.Duration `yaml:"slice"`
	// Straddle is the longest time by which a call may reach the upstream after it
	// was counted here; a call that close to a boundary counts in both windows.
	// Default 500 ms. Zero: boundaries are exact. Continuous windows ignore it.
	Straddle time.Duration `yaml:"straddle"`
	// Ramp is a slow start for providers that refuse traffic which grows too quickly.
	Ramp Ramp `yaml:"ramp"`
	// Retries bounds the attempts that follow a failed one, over everybody's calls.
	Retries Retries `yaml:"retries"`
	// Breaker keeps calls off a model at an account that fails.
	Breaker Breaker `yaml:"breaker"`
	// Probe is how its keys are checked in the background.
	Probe Probe `yaml:"probe"`
	// TimeZone is where the provider's day begins, for rpd, tpd and usd_per_day.
	// Default nil: the preset's, else the configuration's time_zone.
	TimeZone *time.Location `yaml:"time_zone"`
	// Simulated is how a provider with dialect simulated behaves.
	Simulated Simulated `yaml:"simulated"`
}

// Ramp is a slow start. Without Start it acts only after a refusal for growth.
type Ramp struct {
	// Start is the share of the limits that is used after idleness, 0 to 1. Default and
	// zero: no slow start there.
	Start float64 `yaml:"start,ratio"`
	// Idle is how long an account must have been idle. Default 60 s.
	Idle time.Duration `yaml:"idle"`
	// Double is the time in which the share doubles while it is used. Default 10 s.
	Double time.Duration `yaml:"double"`
}

// Retries is a budget of attempts beyond each call's first.
type Retries struct {
	// Ratio is how many each call earns. Default 0.2.
	Ratio float64 `yaml:"ratio,ratio"`
	// Floor is how many ten seconds may have whatever the calls. Default 10.
	Floor int `yaml:"floor"`
}

// Breaker opens on failures of the upstream itself, never on rate limits.
type Breaker struct {
	// Failures within Window open it, at least. Default 5.
	Failures int `yaml:"failures"`
	// Ratio is the share of failures among Window's calls that opens it, at least.
	// Default 0.5.
	Ratio float64 `yaml:"ratio,ratio"`
	// Window is the time that calls are counted over. Default 30 s.
	Window time.Duration `yaml:"window"`
	// OpenFor is how long it stays open before one call probes; each failed probe
	// doubles it, up to a minute. Default 5 s.
	OpenFor time.Duration `yaml:"open_for"`
}

// Probe checks keys: at the start, and again and again. It asks for what costs nothing
// where that tells, and else, for keys that were taken out, calls a model for one token.
type Probe struct {
	// Every is the pause between two probes of a key that works, give or take a tenth.
	// Default 5 min. Zero: keys that work are not probed.
	Every time.Duration `yaml:"every"`
	// Retry is the pause between two probes of a key that was taken out; where a probe
	// calls a model it doubles up to 15 min. Default 1 min; zero is refused.
	Retry time.Duration `yaml:"retry"`
}

// Account finds an account by name, nil if there is none.
func (p *Provider) Account(name string) *Account {
	for i := range p.Accounts {
		if p.Accounts[i].Name == name {
			return &p.Accounts[i]
		}
	}
	return nil
}

// Timeouts bound one attempt at an upstream.
type Timeouts struct {
	// Connect bounds connecting, TLS included. Default 5 s; zero is refused.
	Connect time.Duration `yaml:"connect"`
	// FirstByte bounds the wait for the first byte of data. Default 60 s; zero is
	// refused.
	FirstByte time.Duration `yaml:"first_byte"`
	// Idle bounds the pause between two chunks of a stream. Default 30 s; zero is
	// refused.
	Idle time.Duration `yaml:"idle"`
	// Total bounds the whole attempt. Default 10 min; zero is refused.
	Total time.Duration `yaml:"total"`
}

// Account is one quota scope at a provider: an organisation, a project, a region.
// Limits belong to it and keys live in it.
type Account struct {
	// Name is unique within its provider.
	Name string `yaml:"name"`
	// Keys are the credentials of the account. At least one, except at a simulated
	// provider.
	Keys []UpstreamKey `yaml:"keys"`
	// Limits are the provider's limits by model; the first entry that matches a
	// model is its own. No entries: nothing is known, and nothing is limited before
	// the provider says so.
	Limits []AccountLimits `yaml:"limits"`
}

// LimitsFor is the entry of the account that applies to an upstream model and its
// index, nil and -1 if there is none.
func (a *Account) LimitsFor(model string) (*AccountLimits, int) {
	for i := range a.Limits {
		if MatchAny(a.Limits[i].Models, model) {
			return &a.Limits[i], i
		}
	}
	return nil, -1
}

// Group is the name of the models that share a model's limits at an account; without
// limits a model is its own group.
func (a *Account) Group(model string) string {
	entry, _ := a.LimitsFor(model)
	if entry == nil || entry.PerModel {
		return model
	}
	return strings.Join(entry.Models, ",")
}

// UpstreamKey is a provider's credential. In the file it is a string or a mapping.
type UpstreamKey struct {
	Value Secret `yaml:"value"`
	// ExpiresAt is when the credential ends. Default zero: never.
	ExpiresAt time.Time `yaml:"expires_at"`
}

// AccountLimits are the limits that a provider sets for some models.
type AccountLimits struct {
	// Models are upstream model names; * stands for any text. Default ["*"].
	Models []string `yaml:"models"`
	// PerModel gives each matching model buckets of its own. Default false: the
	// models of the entry share its buckets.
	PerModel bool `yaml:"per_model"`
	Limits   `yaml:",inline"`
}

// Simulated is how a simulated provider behaves. Its limits are its accounts'.
type Simulated struct {
	// Algorithm is how it counts: bucket, sliding, fixed or slices. Default bucket.
	Algorithm string `yaml:"algorithm"`
	// Charging is what it charges a call: reserve_sum, reserve_max, expected,
	// input_only or slot_only. Default reserve_max.
	Charging string `yaml:"charging"`
	// FirstToken is the delay before the first token. Default 200 ms. Zero: none.
	FirstToken time.Duration `yaml:"first_token"`
	// TokensPerSecond is the speed of one stream. Default 200. Zero: at once.
	TokensPerSecond int64 `yaml:"tokens_per_second,count"`
	// OutputTokens is the length of an answer where max_tokens allows it. Default
	// 64; zero is refused.
	OutputTokens int64 `yaml:"output_tokens,count"`
}

// Route is a public model name.
type Route struct {
	// Name is what clients write as the model.
	Name string `yaml:"-"`
	// Targets are tried in this order. At least one.
	Targets []Target `yaml:"targets"`
	// Strategy is how a call chooses among them: ordered, weighted, least_busy or
	// lowest_latency. Default ordered: the first that has room.
	Strategy string `yaml:"strategy"`
	// Sticky keeps the calls of one conversation on the same account while it has room,
	// where prompt caching pays. Default false.
	Sticky bool `yaml:"sticky"`
	// FallbackOn are the failures after which the next target is tried: rate_limit,
	// overloaded, timeout, server_error, connection, context_length. Default all;
	// an empty list: none.
	FallbackOn []string `yaml:"fallback_on"`
	// Limits are the capacity shared by everybody on this route. Default none.
	Limits Limits `yaml:"limits"`
	// MaxWait is how long a call may queue for upstream room. Default 20 s. Zero:
	// not at all.
	MaxWait time.Duration `yaml:"max_wait"`
	// WaitComments is how often a stream that waits for room gets an SSE comment. The
	// first one commits the answer to status 200, so failures afterwards are error
	// events. Default zero: never.
	WaitComments time.Duration `yaml:"wait_comments"`
	// WaitBeforeFallback is how long a call waits for the first target before it
	// takes the next. Default zero: not at all.
	WaitBeforeFallback time.Duration `yaml:"wait_before_fallback"`
	// MaxAttempts bounds the upstream calls made for one request. Default 6.
	MaxAttempts int `yaml:"max_attempts"`
	// Timeout bounds a request from its arrival to its end, waits and attempts
	// included. Default 10 min; zero is refused.
	Timeout time.Duration `yaml:"timeout"`
	Cache   RouteCache    `yaml:"cache"`
}

// RouteCache is which of a route's answers are kept for calls that ask the same.
type RouteCache struct {
	// TTL is how long an answer is kept. Default zero: none is.
	TTL time.Duration `yaml:"ttl"`
	// Scope is who is given an answer again: the same key, every key of the same owner,
	// or all. Default owner.
	Scope string `yaml:"scope"`
	// Streams keeps streamed answers too, and replays them as streams. Default true.
	Streams bool `yaml:"streams"`
}

// Target is one upstream model on a route's list. In the file it is
// provider/model; the model may contain slashes.
type Target struct {
	Provider string
	Model    string
	// Weight is its share under the strategies weighted and least_busy. Default 1; zero
	// is refused: pause it instead.
	Weight int64
	// Paused takes it out without forgetting it. Default false.
	Paused bool
}

// String is the target as the file writes it.
func (t Target) String() string { return t.Provider + "/" + t.Model }
