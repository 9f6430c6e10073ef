package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bucket is one live bucket as it is scraped.
type Bucket struct {
	Scope, Name, Dimension, Limit   string
	Amount, Level, Reserved, InDebt float64
}

// KeyUp says whether an upstream key is in use.
type KeyUp struct {
	Provider, Account, Fingerprint string
	Up                             bool
	ExpiresAt                      time.Time // zero: not known
}

// Lane is one account's limit group.
type Lane struct {
	Provider, Account, Model string  // the group's models
	Ratio                    float64 // effective share of the configured rate
}

// Breaker is what is let through to one model at one account: 0 closed, 0.5 half open,
// 1 open.
type Breaker struct {
	Provider, Account, Model string
	State                    float64
}

// Protection is what the gateway watches of itself.
type Protection struct {
	BodyBytes int64
	Pressure  float64          // 1: full
	Refused   map[string]int64 // by reason
}

// Source is asked at every scrape for what has a level. It must be safe for
// concurrent use.
type Source interface {
	Buckets() []Bucket
	QueueDepth() map[string]int // by class
	// QueueOldest is how many seconds the call has waited that has waited longest, by class.
	QueueOldest() map[string]float64
	Keys() []KeyUp
	InFlight() int64
	Lanes() []Lane
	Breakers() []Breaker
	SelfProtection() Protection
}

// gauges reads a source when it is scraped.
type gauges struct {
	source                                          Source
	limit, level, reserved, debt, depth, up, flying *prometheus.Desc

	oldest, ratio, breaker, bodies, pressure, turnedAway, expires *prometheus.Desc
}

func newGauges(s Source) *gauges {
	bucket := []string{"scope", "name", "dimension", "limit"}
	return &gauges{
		source:   s,
		limit:    prometheus.NewDesc("sluice_bucket_limit", "Configured amount per window.", bucket, nil),
		level:    prometheus.NewDesc("sluice_bucket_level", "What may be taken now; below zero is debt.", bucket, nil),
		reserved: prometheus.NewDesc("sluice_bucket_reserved", "Held by calls in flight.", bucket, nil),
		debt:     prometheus.NewDesc("sluice_bucket_debt", "Taken beyond the bucket.", bucket, nil),
		depth:    prometheus.NewDesc("sluice_queue_depth", "Calls waiting.", []string{"class"}, nil),
		up:       prometheus.NewDesc("sluice_key_up", "1 while an upstream key is in use.", []string{"provider", "account", "key"}, nil),
		expires: prometheus.NewDesc("sluice_key_expires_timestamp_seconds", "When an upstream key ends, in Unix seconds; keys without a known end are left out.",
			[]string{"provider", "account", "key"}, nil),
		oldest: prometheus.NewDesc("sluice_queue_oldest_seconds", "How long the call has waited that has waited longest.", []string{"class"}, nil),
		ratio: prometheus.NewDesc("sluice_effective_rate_ratio", "Share of the configured rate that is in force.",
			[]string{"provider", "account", "model"}, nil),
		breaker: prometheus.NewDesc("sluice_breaker_state", "0 closed, 0.5 half open, 1 open.",
			[]string{"provider", "account", "model"}, nil),
		bodies:     prometheus.NewDesc("sluice_request_body_bytes", "Request bodies in memory.", nil, nil),
		pressure:   prometheus.NewDesc("sluice_self_pressure", "Highest share of its bound that the process uses.", nil, nil),
		turnedAway: prometheus.NewDesc("sluice_self_refused_total", "Calls refused to protect the process.", []string{"reason"}, nil),
		flying:     prometheus.NewDesc("sluice_in_flight", "Calls inside the gateway.", nil, nil),
	}
}

// Describe is prometheus.Collector's.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.limit, g.level, g.reserved, g.debt, g.depth, g.up, g.flying, g.oldest, g.ratio, g.breaker, g.bodies, g.pressure, g.turnedAway, g.expires} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, b := range g.source.Buckets() {
		set(g.limit, b.Amount, b.Scope, b.Name, b.Dimension, b.Limit)
		set(g.level, b.Level, b.Scope, b.Name, b.Dimension, b.Limit)
		set(g.reserved, b.Reserved, b.Scope, b.Name, b.Dimension, b.Limit)
		set(g.debt, b.InDebt, b.Scope, b.Name, b.Dimension, b.Limit)
	}
	for class, n := range g.source.QueueDepth() {
		set(g.depth, float64(n), class)
	}
	for class, seconds := range g.source.QueueOldest() {
		set(g.oldest, seconds, class)
	}
	for _, k := range g.source.Keys() {
		up := 0.0
		if k.Up {
			up = 1
		}
		set(g.up, up, k.Provider, k.Account, k.Fingerprint)
		if !k.ExpiresAt.IsZero() {
			set(g.expires, float64(k.ExpiresAt.Unix()), k.Provider, k.Account, k.Fingerprint)
		}
	}
	set(g.flying, float64(g.source.InFlight()))
	for _, l := range g.source.Lanes() {
		set(g.ratio, l.Ratio, l.Provider, l.Account, l.Model)
	}
	for _, b := range g.source.Breakers() {
		set(g.breaker, b.State, b.Provider, b.Account, b.Model)
	}
	p := g.source.SelfProtection()
	set(g.bodies, float64(p.BodyBytes))
	set(g.pressure, p.Pressure)
	for reason, n := range p.Refused {
		ch <- prometheus.MustNewConstMetric(g.turnedAway, prometheus.CounterValue, float64(n), reason)
	}
}
