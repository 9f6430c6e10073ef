package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Bucket is one live bucket as it is scraped.
type Bucket struct {
	Scope, Name, Dimension, Limit   string
	Amount, Level, Reserved, InDebt float64
}

// KeyUp says whether an upstream key is in use.
type KeyUp struct {
	Provider, Account, Fingerprint string
	Up                             bool
}

// Source is asked at every scrape for what has a level. It must be safe for
// concurrent use.
type Source interface {
	Buckets() []Bucket
	QueueDepth() map[string]int // by class
	Keys() []KeyUp
	InFlight() int64
}

// gauges reads a source when it is scraped.
type gauges struct {
	source                                          Source
	limit, level, reserved, debt, depth, up, flying *prometheus.Desc
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
		flying:   prometheus.NewDesc("sluice_in_flight", "Calls inside the gateway.", nil, nil),
	}
}

// Describe is prometheus.Collector's.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.limit, g.level, g.reserved, g.debt, g.depth, g.up, g.flying} {
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
	for _, k := range g.source.Keys() {
		up := 0.0
		if k.Up {
			up = 1
		}
		set(g.up, up, k.Provider, k.Account, k.Fingerprint)
	}
	set(g.flying, float64(g.source.InFlight()))
}
