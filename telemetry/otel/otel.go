package otel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluice-gateway/sluice/telemetry"
)

// Options are what an Exporter is made of.
type Options struct {
	// Endpoint is the collector's base address, such as http://127.0.0.1:4318; traces go
	// to /v1/traces below it, metrics to /v1/metrics. Required.
	Endpoint string
	// Headers are sent with every batch; they may be secret and are never told.
	Headers map[string]string
	// Sample is the share of requests that are traced, 0 to 1. A client's own sampled
	// flag comes first. Zero: only what clients have sampled.
	Sample float64
	// ServiceName and Version name this program. Empty: sluice, and no version.
	ServiceName, Version string
	// Queue is how many finished requests wait for the collector. Zero: 2048.
	Queue int
	// Every is the pause between exports of metrics. Zero: 30 s.
	Every time.Duration
	// Timeout bounds one export, its retries included. Zero: 5 s.
	Timeout time.Duration
	// Log takes what goes wrong, once per outage. Nil: discarded.
	Log *slog.Logger
}

// Bounds of one batch of spans.
const (
	maxBatch   = 512
	batchAfter = time.Second
)

// Exporter is a telemetry.Sink that sends traces and metrics. It is safe for concurrent
// use and never waits.
type Exporter struct {
	o       Options
	queue   chan item
	spans   sdktrace.SpanExporter
	ended   *ended
	tracer  trace.Tracer
	tracing *sdktrace.TracerProvider
	metrics sdkmetric.Exporter
	reader  *sdkmetric.ManualReader
	meter   *sdkmetric.MeterProvider
	measure *instruments

	dropped, sent, failed atomic.Int64 // spans, spans, exports
	down                  atomic.Bool

	life context.Context
	end  context.CancelFunc
	stop chan struct{}
	done chan struct{}
}

// item is a finished request on its way to the collector.
type item struct {
	record telemetry.Record
	parent trace.SpanContext
}

// New makes an Exporter and starts its background work; Close ends it. It does not
// connect: the collector may come later.
func New(o Options) (*Exporter, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	e := &Exporter{o: o, queue: make(chan item, o.Queue), ended: &ended{}, stop: make(chan struct{}), done: make(chan struct{})}
	e.life, e.end = context.WithCancel(context.Background())
	base := strings.TrimRight(o.Endpoint, "/")
	about := resource.NewSchemaless(attribute.String("service.name", o.ServiceName), attribute.String("service.version", o.Version),
		attribute.String("service.instance.id", fmt.Sprintf("%016x", rand.Uint64())))
	var err error
	e.spans, err = otlptracehttp.New(e.life, otlptracehttp.WithEndpointURL(base+"/v1/traces"), otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithTimeout(o.Timeout), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: o.Timeout}))
	if err != nil {
		return nil, fmt.Errorf("otel: traces: %w", err)
	}
	e.tracing = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(about),
		sdktrace.WithSpanProcessor(e.ended))
	e.tracer = e.tracing.Tracer(scope, trace.WithInstrumentationVersion(o.Version))
	e.metrics, err = otlpmetrichttp.New(e.life, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"), otlpmetrichttp.WithHeaders(o.Headers),
		otlpmetrichttp.WithTimeout(o.Timeout), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("otel: metrics: %w", err)
	}
	e.reader = sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(e.metrics.Temporality), sdkmetric.WithAggregationSelector(e.metrics.Aggregation))
	e.meter = sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(e.reader))
	if e.measure, err = newInstruments(e.meter.Meter(scope)); err != nil {
		return nil, fmt.Errorf("otel: metrics: %w", err)
	}
	go e.run()
	return e, nil
}

const scope = "github.com/sluice-gateway/sluice"

func (o *Options) check() error {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("otel: the endpoint must be an http or https address")
	case !(o.Sample >= 0 && o.Sample <= 1):
		return errors.New("otel: the sample must be between 0 and 1")
	}
	if o.ServiceName == "" {
		o.ServiceName = "sluice"
	}
	if o.Queue <= 0 {
		o.Queue = 2048
	}
	if o.Every <= 0 {
		o.Every = 30 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Record measures a finished request and, where it is sampled, queues its spans.
func (e *Exporter) Record(r *telemetry.Record) {
	e.measure.record(r)
	parent, ok := parentOf(r.TraceParent)
	if ok && !parent.IsSampled() || !ok && rand.Float64() >= e.o.Sample {
		return
	}
	if len(e.queue) == cap(e.queue) {
		e.dropped.Add(int64(1 + len(r.Attempts)))
		return
	}
	it := item{record: *r, parent: parent}
	it.record.Attempts = append([]telemetry.Attempt(nil), r.Attempts...)
	it.record.Decisions, it.record.Shadow, it.record.Candidates, it.record.Content = nil, nil, nil, nil
	select {
	case e.queue <- it:
	default:
		e.dropped.Add(int64(1 + len(r.Attempts)))
	}
}

// Dropped is how many spans found no room or did not arrive.
func (e *Exporter) Dropped() int64 { return e.dropped.Load() }

// Sent is how many spans the collector has taken.
func (e *Exporter) Sent() int64 { return e.sent.Load() }

// Failed is how many exports, of spans or of metrics, did not arrive.
func (e *Exporter) Failed() int64 { return e.failed.Load() }

// Close sends what waits, until the context ends; what is left then is dropped. It is
// called once; afterwards records are dropped when the queue is full.
func (e *Exporter) Close(ctx context.Context) error {
	close(e.stop)
	select {
	case <-e.done:
	case <-ctx.Done():
		e.end()
		<-e.done
	}
	e.end()
	return errors.Join(ctx.Err(), e.meter.Shutdown(ctx), e.metrics.Shutdown(ctx), e.tracing.Shutdown(ctx), e.spans.Shutdown(ctx))
}

// run makes spans of what is queued and exports them in batches.
func (e *Exporter) run() {
	defer close(e.done)
	tick, measures := time.NewTicker(batchAfter), time.NewTicker(e.o.Every)
	defer tick.Stop()
	defer measures.Stop()
	for {
		select {
		case it := <-e.queue:
			e.makeSpans(&it)
			if len(e.ended.spans) >= maxBatch {
				e.export()
			}
		case <-tick.C:
			e.export()
		case <-measures.C:
			e.exportMetrics()
		case <-e.stop:
			e.drain()
			e.exportMetrics()
			return
		}
	}
}

// drain exports what is queued when the end has come.
func (e *Exporter) drain() {
	for {
		select {
		case it := <-e.queue:
			e.makeSpans(&it)
			if len(e.ended.spans) >= maxBatch {
				e.export()
			}
		default:
			e.export()
			return
		}
	}
}

func (e *Exporter) export() {
	spans := e.ended.spans
	if len(spans) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(e.life, e.o.Timeout)
	defer cancel()
	err := e.spans.ExportSpans(ctx, spans)
	e.arrived(err)
	if err != nil {
		e.dropped.Add(int64(len(spans)))
	} else {
		e.sent.Add(int64(len(spans)))
	}
	clear(spans)
	e.ended.spans = spans[:0]
}

// exportMetrics sends what has been measured since the start.
func (e *Exporter) exportMetrics() {
	ctx, cancel := context.WithTimeout(e.life, e.o.Timeout)
	defer cancel()
	var m metricdata.ResourceMetrics
	err := e.reader.Collect(ctx, &m)
	if err == nil {
		err = e.metrics.Export(ctx, &m)
	}
	e.arrived(err)
}

// arrived counts an export and tells when the collector goes and comes back. The error's
// text is the library's: it may repeat what a collector has answered, so only its class
// is told.
func (e *Exporter) arrived(err error) {
	if err == nil {
		if e.down.Swap(false) {
			e.o.Log.Info("the OpenTelemetry collector takes data again")
		}
		return
	}
	e.failed.Add(1)
	if e.life.Err() == nil && !e.down.Swap(true) {
		why := "refused or unreachable"
		if errors.Is(err, context.DeadlineExceeded) {
			why = "no answer in time"
		}
		e.o.Log.Warn("the OpenTelemetry collector does not take data; spans are dropped and counted", "endpoint", e.o.Endpoint, "reason", why)
	}
}
