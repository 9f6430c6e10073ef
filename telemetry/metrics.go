package telemetry

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts records for Prometheus, in a registry of its own. Safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests, attempts, refused, fallbacks, tokens, shed, shadow, entered, left, cost, faults, cache *prometheus.CounterVec
	spared                                                                                           prometheus.Counter
	duration, firstByte, overhead, estimateError, wait                                               *prometheus.HistogramVec

	outcomes sync.Map // outcomeLabels → *outcomeSeries: label look-ups are the cost of a record
	targets  sync.Map // targetLabels → *targetSeries
	waits    sync.Map // class → prometheus.Observer
}

// seconds are buckets from a millisecond to ten minutes.
func seconds() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
}

// NewMetrics makes the metrics and registers them, with those of the process.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sluice_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sluice_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.requests = counter("requests_total", "Finished requests.", "route", "model", "provider", "priority", "outcome")
	m.attempts = counter("upstream_attempts_total", "Upstream calls by HTTP status; 0 is no answer.", "provider", "account", "model", "status")
	m.refused = counter("upstream_429_total", "Upstream calls refused for rate, by kind.", "provider", "account", "model", "kind")
	m.fallbacks = counter("fallbacks_total", "Moves from one target to another.", "route", "from", "to", "reason")
	m.tokens = counter("tokens_total", "Tokens, as the providers count them.", "direction", "route", "model", "provider")
	m.shed = counter("shed_total", "Requests refused under pressure.", "class", "reason")
	m.cost = counter("cost_usd_total", "What calls cost, by the prices that are known.", "route", "model", "provider")
	m.entered = counter("queue_entered_total", "Calls that could not go at once and queued.", "class")
	m.left = counter("queue_left_total", "Calls that left the queue: granted, refused or gone.", "class", "how")
	m.shadow = counter("shadow_total", "What would have been done if limits were enforced.", "route", "decision")
	m.faults = counter("faults_total", "Requests that did not succeed, by who is at fault: caller, policy, provider or gateway.", "route", "fault")
	m.cache = counter("cache_total", "Requests of routes with a response cache: hit, miss, or bypass when it was not asked.", "route", "result")
	m.spared = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sluice_calls_spared_429_total", Help: "Calls that waited, rotated or moved for lack of budget."})
	m.duration = histogram("request_duration_seconds", "From arrival to the last byte.", seconds(), "route", "outcome")
	m.firstByte = histogram("time_to_first_byte_seconds", "From arrival to the first byte of the answer.", seconds(), "route", "provider")
	m.overhead = histogram("overhead_seconds", "Time to the first byte without queue and upstream.",
		[]float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1}, "route")
	m.estimateError = histogram("estimate_error_ratio", "Actual over estimated input tokens, less one.",
		[]float64{-.5, -.25, -.1, -.05, -.02, 0, .02, .05, .1, .25, .5, 1, 2}, "route", "model")
	m.wait = histogram("queue_wait_seconds", "Time in the queue, of calls that were granted.", seconds(), "class")
	m.registry.MustRegister(m.spared, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Observe adds the gauges of a source; call it once.
func (m *Metrics) Observe(s Source) { m.registry.MustRegister(newGauges(s)) }

// Gauge adds a gauge whose value is asked at every scrape; call it once per name and
// labels. value must be safe for concurrent use.
func (m *Metrics) Gauge(name, help string, labels map[string]string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sluice_" + name, Help: help, ConstLabels: labels}, value))
}

// Counter adds a counter likewise; its value never falls.
func (m *Metrics) Counter(name, help string, labels map[string]string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sluice_" + name, Help: help, ConstLabels: labels}, value))
}

type outcomeLabels struct{ route, model, provider, priority, outcome string }

type outcomeSeries struct {
	requests                                     prometheus.Counter
	duration, firstByte, overhead, estimateError prometheus.Observer
	in, out                                      prometheus.Counter
}

func (m *Metrics) outcome(l outcomeLabels) *outcomeSeries {
	if s, ok := m.outcomes.Load(l); ok {
		return s.(*outcomeSeries)
	}
	s := &outcomeSeries{
		requests:      m.requests.WithLabelValues(l.route, l.model, l.provider, l.priority, l.outcome),
		duration:      m.duration.WithLabelValues(l.route, l.outcome),
		firstByte:     m.firstByte.WithLabelValues(l.route, l.provider),
		overhead:      m.overhead.WithLabelValues(l.route),
		estimateError: m.estimateError.WithLabelValues(l.route, l.model),
		in:            m.tokens.WithLabelValues("input", l.route, l.model, l.provider),
		out:           m.tokens.WithLabelValues("output", l.route, l.model, l.provider),
	}
	m.outcomes.Store(l, s)
	return s
}

type targetLabels struct {
	provider, account, model, kind string
	status                         int
}

type targetSeries struct{ attempts, refused prometheus.Counter }

func (m *Metrics) target(l targetLabels) *targetSeries {
	if s, ok := m.targets.Load(l); ok {
		return s.(*targetSeries)
	}
	s := &targetSeries{attempts: m.attempts.WithLabelValues(l.provider, l.account, l.model, strconv.Itoa(l.status))}
	if l.status == http.StatusTooManyRequests {
		s.refused = m.refused.WithLabelValues(l.provider, l.account, l.model, l.kind)
	}
	m.targets.Store(l, s)
	return s
}

// Record counts a finished request.
func (m *Metrics) Record(r *Record) {
	route := r.Route
	if route == "" {
		route = "unknown"
	}
	s := m.outcome(outcomeLabels{route, r.ServedModel, r.Provider, r.Priority, r.Outcome})
	s.requests.Inc()
	s.duration.Observe(r.Duration.Seconds())
	if r.FirstByte > 0 {
		s.firstByte.Observe(r.FirstByte.Seconds())
		s.overhead.Observe(r.Overhead.Seconds())
	}
	s.in.Add(float64(r.Input))
	s.out.Add(float64(r.Output))
	if r.Known && r.EstimatedInput > 0 {
		s.estimateError.Observe(float64(r.Input)/float64(r.EstimatedInput) - 1)
	}
	if r.Fault != FaultNone {
		m.faults.WithLabelValues(route, string(r.Fault)).Inc()
	}
	if r.Cache != "" {
		m.cache.WithLabelValues(route, r.Cache).Inc()
	}
	if r.Spared {
		m.spared.Inc()
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		t := m.target(targetLabels{a.Provider, a.Account, a.Model, a.Kind, a.Status})
		t.attempts.Inc()
		if t.refused != nil {
			t.refused.Inc()
		}
	}
	if len(r.Attempts) > 0 {
		m.waited(r.Priority).Observe(r.QueueWait.Seconds())
	}
	for _, d := range r.Decisions {
		if d.To != "" {
			m.fallbacks.WithLabelValues(route, d.From, d.To, d.Reason).Inc()
		}
	}
	if r.Cost > 0 {
		m.cost.WithLabelValues(route, r.ServedModel, r.Provider).Add(float64(r.Cost) / 1e9)
	}
	if r.Queued {
		m.entered.WithLabelValues(r.Priority).Inc()
		m.left.WithLabelValues(r.Priority, r.LeftQueue).Inc()
	}
	for _, s := range r.Shadow {
		m.shadow.WithLabelValues(route, s).Inc()
	}
	if r.ShedReason != "" {
		m.shed.WithLabelValues(r.Priority, r.ShedReason).Inc()
	}
}

func (m *Metrics) waited(class string) prometheus.Observer {
	if o, ok := m.waits.Load(class); ok {
		return o.(prometheus.Observer)
	}
	o := m.wait.WithLabelValues(class)
	m.waits.Store(class, o)
	return o
}
