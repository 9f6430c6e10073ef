package config

import (
	"math"
	"strings"
	"time"
)

// DefaultMargin is the share of an account's limits that is left unused.
const DefaultMargin = 0.01

const (
	upstreamMargin = DefaultMargin
	upstreamJitter = 10 * time.Millisecond
	upstreamBurst  = 6 * time.Second
)

func (c *Config) setDefaults() {
	c.Server = Server{
		Listen:       "127.0.0.1:8080",
		AdminListen:  "127.0.0.1:8081",
		MaxBody:      20 << 20,
		MaxInFlight:  4096,
		DrainTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second,
	}
	c.Logging = Logging{Format: "json", Level: "info"}
	c.TimeZone = time.UTC
	c.Tokens = Tokens{Counter: "fast"}
	c.Shedding = Shedding{
		Thresholds: Thresholds{Low: 0.90, Normal: 0.95, High: 0.98, Critical: 1},
		MaxQueue:   1000, MaxQueueBytes: 512 << 20, LowWatermark: 0.9,
		WhenFull: "reject",
	}
	c.Adaptive = Adaptive{Preset: "balanced"}
	c.Cache = Cache{Memory: 256 << 20, MaxEntry: 1 << 20}
	c.Admin = Admin{Session: 12 * time.Hour, OIDC: OIDC{RoleClaim: "groups"}}
	c.Telemetry = Telemetry{Sample: 1, ServiceName: "sluice"}
	c.Store = Store{
		Driver: "sqlite", DSN: "./sluice.db", Retention: 30 * day, Memory: 64 << 20,
		Content: Content{Retention: 7 * day, Max: 64 << 10},
		Spool:   Spool{Max: 1 << 30},
	}
	c.Budgets = Budgets{Driver: "memory"}
	c.Server.HeapLimit = 0.85
	c.Server.MaxBodyMemory = 1 << 30
	c.Server.Trails = 1000
}

func (p *Provider) setDefaults() {
	p.Dialect = "openai"
	p.Straddle = 500 * time.Millisecond
	p.Slice = time.Second
	p.Ramp = Ramp{Idle: time.Minute, Double: 10 * time.Second}
	p.Retries = Retries{Ratio: 0.2, Floor: 10}
	p.Breaker = Breaker{Failures: 5, Ratio: 0.5, Window: 30 * time.Second, OpenFor: 5 * time.Second}
	p.Probe = Probe{Every: 5 * time.Minute, Retry: time.Minute}
	p.Timeouts = Timeouts{Connect: 5 * time.Second, FirstByte: time.Minute, Idle: 30 * time.Second, Total: 10 * time.Minute}
	p.Simulated = Simulated{
		Algorithm: "bucket", Charging: "reserve_max",
		FirstToken: 200 * time.Millisecond, TokensPerSecond: 200, OutputTokens: 64,
	}
}

func (p *Price) setDefaults() {
	p.Input, p.CachedInput, p.CacheWrite, p.Output, p.Request, p.Image = -1, -1, -1, -1, -1, -1
}

func (l *AccountLimits) setDefaults() {
	l.Models = []string{"*"}
	l.Margin = upstreamMargin
	l.Jitter = upstreamJitter
}

func (r *Route) setDefaults() {
	r.Strategy = "ordered"
	r.FallbackOn = triggers()
	r.MaxWait = 20 * time.Second
	r.MaxAttempts = 6
	r.Timeout = 10 * time.Minute
	r.Cache = RouteCache{Scope: "owner", Streams: true}
}

func (o *Owner) setDefaults() { o.Kind = "team" }

func (a *Alert) setDefaults() { a.Do = []Action{{Kind: "log"}} }

func (k *ClientKey) setDefaults() {
	k.Weight = 1
	k.Priority = "normal"
	k.Models = []string{"*"}
}

// triggers are the failures that a route may fall back on.
func triggers() []string {
	return []string{"rate_limit", "overloaded", "timeout", "server_error", "connection", "context_length"}
}

// complete fills the defaults that depend on other values. It runs on whatever was
// decoded, before validation.
func (c *Config) complete() {
	for i := range c.Providers {
		c.Providers[i].complete()
	}
	for i := range c.Routes {
		c.Routes[i].Limits.resolve(false)
	}
	for i := range c.Owners {
		c.Owners[i].Limits.resolve(false)
	}
	for i := range c.ClientKeys {
		k := &c.ClientKeys[i]
		if o := c.Owner(k.Owner); o != nil {
			k.Limits.share(&o.Limits)
		}
		k.Limits.resolve(false)
	}
	for i := range c.Alerts {
		c.Alerts[i].complete()
	}
	c.Adaptive.complete()
	c.completeStore()
}

func (p *Provider) complete() {
	p.BaseURL = strings.TrimRight(p.BaseURL, "/")
	if p.Preset == "" {
		p.Preset = presetFor(p.Name, p.Dialect, p.BaseURL)
	}
	ps := findPreset(p.Preset)
	if p.BaseURL == "" {
		p.BaseURL = ps.baseURL
	}
	if p.Dialect == "simulated" {
		p.mirror()
	}
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if a.Name == "" && len(p.Accounts) == 1 {
			a.Name = "default"
		}
		if len(a.Keys) == 0 && ps.keyless {
			a.Keys = []UpstreamKey{{Value: Secret(p.Name + "-" + a.Name)}}
		}
		for j := range a.Limits {
			a.Limits[j].resolve(true)
		}
	}
}

// mirror makes the gateway count as the simulated provider does, unless told
// otherwise.
func (p *Provider) mirror() {
	if p.Charging == "" {
		p.Charging = p.Simulated.Charging
	}
	if p.Window == "" {
		p.Window = p.Simulated.Algorithm
		if p.Window == "bucket" {
			p.Window = "continuous"
		}
	}
}

// share turns shares of an owner's limits into amounts. Those that the owner does
// not limit stay zero.
func (l *Limits) share(owner *Limits) {
	for i := range l.Entries {
		e := &l.Entries[i]
		if o := owner.Find(e.Name); e.Share > 0 && o != nil {
			e.Amount = int64(math.Floor(float64(o.Amount)*e.Share + 1e-6))
		}
	}
}

// resolve turns what was written as burst into each limit's own.
func (l *Limits) resolve(upstream bool) {
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Calendar != "" || e.Window == 0 {
			continue
		}
		b := l.Burst
		if upstream && b == (Burst{}) {
			b.Duration = upstreamBurst
		}
		e.Burst, e.Borrow = e.Amount, b.Borrow
		switch {
		case b.Amount > 0:
			e.Burst = b.Amount
		case b.Duration > 0:
			e.Burst = int64(math.Ceil(float64(e.Amount) * float64(b.Duration) / float64(e.Window)))
		}
		if upstream {
			e.Burst = min(e.Burst, e.Amount)
		}
		if e.Amount > 0 {
			e.Burst = max(e.Burst, 1)
		}
	}
}

// complete fills the numbers that were not given from the preset.
func (a *Adaptive) complete() {
	p := Adaptive{Trigger: 3, Within: time.Minute, Factor: 0.8, Floor: 0.5, Hold: 3 * time.Minute, Step: 0.1, StepEvery: 30 * time.Second}
	switch a.Preset {
	case "conservative":
		p.Trigger, p.Hold, p.Step = 1, 5*time.Minute, 0.05
	case "aggressive":
		p.Factor, p.Floor, p.Hold, p.StepEvery = 0.9, 0.7, 30*time.Second, 10*time.Second
	}
	fill(&a.Trigger, p.Trigger)
	fill(&a.Within, p.Within)
	fill(&a.Factor, p.Factor)
	fill(&a.Floor, p.Floor)
	fill(&a.Hold, p.Hold)
	fill(&a.Step, p.Step)
	fill(&a.StepEvery, p.StepEvery)
}

func fill[T comparable](v *T, preset T) {
	var zero T
	if *v == zero {
		*v = preset
	}
}
