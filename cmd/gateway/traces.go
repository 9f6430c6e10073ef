package main

import (
	"context"
	"time"

	"github.com/sluice-gateway/sluice/telemetry/otel"
)

// lastTraces is how long the last traces may take when the program stops: the ledger is
// closed after them.
const lastTraces = 3 * time.Second

// setUpTraces sends traces and metrics to a collector, where one is configured.
func (s *service) setUpTraces() error {
	c := &s.cfg.Telemetry
	if c.OTLPEndpoint == "" {
		return nil
	}
	headers := make(map[string]string, len(c.OTLPHeaders))
	for _, h := range c.OTLPHeaders {
		headers[h.Name] = h.Value.Reveal()
	}
	e, err := otel.New(otel.Options{
		Endpoint: c.OTLPEndpoint, Headers: headers, Sample: c.Sample, ServiceName: c.ServiceName, Version: version, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.onStop(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lastTraces)
		defer cancel()
		return e.Close(ctx)
	})
	s.sinks = append(s.sinks, e)
	s.metrics.Counter("otel_spans_sent_total", "Spans that the collector has taken.", nil, func() float64 { return float64(e.Sent()) })
	s.metrics.Counter("otel_spans_dropped_total", "Spans that found no room or did not arrive.", nil, func() float64 { return float64(e.Dropped()) })
	s.metrics.Counter("otel_exports_failed_total", "Batches of spans or metrics that did not arrive.", nil, func() float64 { return float64(e.Failed()) })
	return nil
}
