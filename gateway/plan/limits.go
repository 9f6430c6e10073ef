package plan

import (
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/providers"
)

// Upstream is how one provider counts.
type Upstream struct {
	Preset   providers.Preset
	Charging budget.Charging
	ramp     admission.Ramp
	breaker  fallback.BreakerOptions
	retries  fallback.RetryOptions
	shape    shape
}

// shape is how the limits of one tier are kept.
type shape struct {
	kind     budget.Kind   // of rates per minute and per second
	slice    time.Duration // counted in slices of a minute; zero: not
	late     bool          // windows charge output when it has been produced
	straddle time.Duration
	zone     *time.Location
}

// sliceLength is the usual sub-window of upstreams that enforce a minute second by
// second (providers: DashScope, xAI, Together).
const sliceLength = time.Second

// NewUpstream reads how a provider counts: its preset, and what the configuration
// overrides. zone is where days begin when neither says so.
func NewUpstream(p *config.Provider, zone *time.Location) (Upstream, error) {
	preset, ok := providers.PresetFor(p.Preset, p.Dialect, p.BaseURL)
	if !ok {
		return Upstream{}, fmt.Errorf("provider %s: no preset named %q", p.Name, p.Preset)
	}
	if p.Charging != "" {
		preset.Charging, preset.NoRefund = p.Charging, false
	}
	if p.Window != "" {
		preset.Window = p.Window
	}
	c, err := budget.ParseCharging(preset.Charging)
	if err != nil {
		return Upstream{}, err
	}
	c.CachedFree, c.NoRefund = preset.CachedFree, preset.NoRefund
	u := Upstream{Preset: preset, Charging: c, ramp: admission.Ramp(p.Ramp)}
	u.breaker = fallback.BreakerOptions{Failures: p.Breaker.Failures, Ratio: p.Breaker.Ratio, Window: p.Breaker.Window, OpenFor: p.Breaker.OpenFor}
	u.retries = fallback.RetryOptions{Ratio: p.Retries.Ratio, Floor: p.Retries.Floor}
	if p.Retries.Ratio == 0 {
		u.retries.Ratio = -1 // none, where zero is the default
	}
	if p.Retries.Floor == 0 {
		u.retries.Floor = -1
	}
	u.shape = shape{kind: budget.Rate, straddle: p.Straddle, zone: dayZone(p, preset, zone), late: c.Policy == budget.Expected}
	switch preset.Window {
	case "fixed":
		u.shape.kind = budget.FixedWindow
	case "sliding":
		u.shape.kind = budget.SlidingWindow
	case "slices":
		u.shape.slice = max(p.Slice, sliceLength/10)
	}
	return u, nil
}

func dayZone(p *config.Provider, preset providers.Preset, otherwise *time.Location) *time.Location {
	if p.TimeZone != nil {
		return p.TimeZone
	}
	if preset.DayZone != "" {
		if z, err := time.LoadLocation(preset.DayZone); err == nil {
			return z
		}
	}
	return otherwise
}

// Limits turns an account's configured limits into its scope's, counted the way the
// upstream counts.
func (u Upstream) Limits(c *config.Limits) []budget.Limit { return limits(c, u.shape) }

// Door turns the limits of client keys, owners and routes into their scopes':
// continuous rates, calendar days.
func Door(c *config.Limits, zone *time.Location) []budget.Limit {
	return limits(c, shape{kind: budget.Rate, zone: zone})
}

// Template is how limits are kept that only the provider tells.
func (u Upstream) Template() budget.Limit {
	l := budget.Limit{Kind: u.shape.kind, Margin: config.DefaultMargin, Straddle: u.shape.straddle, Location: u.shape.zone}
	l.OutputAtEnd = u.shape.late
	return l
}

func limits(c *config.Limits, s shape) []budget.Limit {
	var out []budget.Limit
	for _, e := range c.Entries {
		l := budget.Limit{
			Name: e.Name, Dimension: dimensionOf(e.Dimension), Kind: s.kind, Amount: e.Amount, Borrow: e.Borrow,
			Window: e.Window, Burst: e.Burst, Margin: c.Margin, Jitter: c.Jitter, Location: s.zone,
		}
		switch {
		case l.Dimension == budget.Concurrency:
			l.Kind, l.Margin = budget.Gauge, 0
		case e.Calendar == "month":
			l.Kind, l.Period, l.Margin = budget.Calendar, budget.Month, 0
		case e.Calendar == "day":
			l.Kind, l.Period = budget.Calendar, budget.Day
		case s.slice > 0 && l.Window >= s.slice:
			out = append(out, sliced(l, s)...)
			continue
		case l.Window < time.Minute && l.Kind != budget.Rate:
			out = append(out, sliced(l, s)...)
			continue
		}
		if l.Kind != budget.Gauge && l.Kind != budget.Calendar {
			l.OutputAtEnd = s.late
		}
		if l.Kind == budget.FixedWindow || l.Kind == budget.SlidingWindow {
			l.Straddle = s.straddle
		}
		if l.Kind == budget.SlidingWindow {
			out = append(out, pacer(l))
		}
		out = append(out, l)
	}
	return out
}

// sliced keeps a limit that is enforced slice by slice: a mirror of the slices, aligned
// as clocks are, and for requests, of which a slice holds few, a pacer that spreads
// them whatever the alignment.
func sliced(l budget.Limit, s shape) []budget.Limit {
	w := min(max(s.slice, sliceLength/10), l.Window)
	if s.slice == 0 {
		w = l.Window
	}
	whole := l.Amount
	mirror := l
	mirror.Kind, mirror.Window, mirror.Amount = budget.FixedWindow, w, max(l.Amount*int64(w)/int64(l.Window), 1)
	mirror.Whole, mirror.Carry, mirror.Burst = whole, true, 0
	mirror.Straddle = min(s.straddle, w/20)
	mirror.OutputAtEnd = s.late
	if mirror.Window != l.Window {
		mirror.Name += "_slice"
	}
	if l.Dimension != budget.Requests {
		return []budget.Limit{mirror}
	}
	pacer := l
	pacer.Kind, pacer.Burst, pacer.Whole = budget.Rate, paceBurst, 0
	if l.Amount*int64(w) < int64(l.Window) { // less than one a slice: the pacer alone
		pacer.Burst = 1
		return []budget.Limit{pacer}
	}
	return []budget.Limit{pacer, mirror}
}

// pacer spreads what a sliding window would let go at once and then keep back for a
// whole window: what is important would find it spent.
func pacer(l budget.Limit) budget.Limit {
	l.Name, l.Kind, l.Straddle = l.Name+"_pace", budget.Rate, 0
	return l
}

// paceBurst lets a pacer make up for a call that a boundary held back.
const paceBurst = 2

func dimensionOf(name string) budget.Dimension {
	for d := budget.Requests; d <= budget.Cost; d++ {
		if d.String() == name {
			return d
		}
	}
	return budget.Requests
}

// Rates answers the lowest rate per second of tokens and of calls; zero where there
// is none. Days do not count: they are spent at whatever rate.
func Rates(limits []budget.Limit) (tokens, calls float64) {
	for _, v := range limits {
		if v.Window <= 0 || v.Kind == budget.Gauge || v.Kind == budget.Calendar {
			continue
		}
		rate := float64(v.Amount) / v.Window.Seconds() * (1 - v.Margin)
		switch v.Dimension {
		case budget.Requests:
			if calls == 0 || rate < calls {
				calls = rate
			}
		case budget.Tokens:
			if tokens == 0 || rate < tokens {
				tokens = rate
			}
		}
	}
	return tokens, calls
}

// bursts are what continuous limits hold when they are full; the smallest counts.
func bursts(limits []budget.Limit) (d budget.Demand) {
	for _, l := range limits {
		if held := d[l.Dimension]; l.Kind == budget.Rate && l.Burst > 0 && (held == 0 || l.Burst < held) {
			d[l.Dimension] = l.Burst
		}
	}
	return d
}

// Group answers the limits of a model at an account and the name of the models that
// share them; no limits: the model is its own group.
func Group(a *config.Account, model string) (*config.AccountLimits, string) {
	entry, _ := a.LimitsFor(model)
	return entry, a.Group(model)
}

// Fill sets what configuration says about a lane: all but its budget and identity. A
// lane whose limits the provider has told meanwhile keeps their rates.
func Fill(l *admission.Lane, u Upstream, entry *config.AccountLimits, limits []budget.Limit, adaptive config.Adaptive) {
	l.Charging = u.Charging
	l.Jitter, l.Reserve = 0, 0
	if u.shape.kind == budget.Rate && u.shape.slice == 0 {
		l.Reserve = reserve
	}
	if entry != nil {
		l.Jitter = entry.Jitter
	}
	tokens, calls := Rates(limits)
	if tokens > 0 || calls > 0 {
		l.TokensPerSecond, l.CallsPerSecond, l.Burst = tokens, calls, bursts(limits)
	}
	l.Unknown = entry == nil && u.Charging.Policy != budget.SlotOnly && !u.Preset.Keyless && len(u.Preset.Headers) > 0
	l.Adapt(Adaptive(adaptive), u.ramp)
}

// Health watches one model at one account; retries is the upstream's budget.
func (u Upstream) Health(retries *fallback.RetryBudget) *admission.Health {
	return &admission.Health{
		Breaker: fallback.NewBreaker(u.breaker), Throttle: fallback.NewThrottle(fallback.ThrottleOptions{}), Retries: retries,
	}
}

// Retries is a new budget of retries.
func (u Upstream) Retries() *fallback.RetryBudget { return fallback.NewRetryBudget(u.retries) }

// reserve is what less important calls leave of a continuous limit: a third of the usual
// burst.
const reserve = 2 * time.Second

// Adaptive turns the configuration's numbers into the pool's.
func Adaptive(a config.Adaptive) admission.Adaptive {
	if a.Preset == "off" {
		return admission.Adaptive{}
	}
	return admission.Adaptive{
		Refusals: a.Trigger, Within: a.Within, Factor: a.Factor, Floor: a.Floor, Hold: a.Hold, Step: a.Step, Every: a.StepEvery,
	}
}
