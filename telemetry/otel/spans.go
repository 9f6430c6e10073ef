package otel

import (
	"context"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluice-gateway/sluice/telemetry"
)

// ended collects spans when they end. Only the exporter's own goroutine ends any.
type ended struct{ spans []sdktrace.ReadOnlySpan }

// OnStart does nothing.
func (*ended) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd keeps a span for the next batch.
func (e *ended) OnEnd(s sdktrace.ReadOnlySpan) { e.spans = append(e.spans, s) }

// Shutdown does nothing.
func (*ended) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (*ended) ForceFlush(context.Context) error { return nil }

// parentOf reads a W3C traceparent header; false: it is missing or not one.
func parentOf(header string) (trace.SpanContext, bool) {
	const version0 = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(header) < version0 || header[2] != '-' || header[35] != '-' || header[52] != '-' || header[:2] == "ff" ||
		len(header) > version0 && (header[:2] == "00" || header[version0] != '-') {
		return trace.SpanContext{}, false
	}
	var version, flags [1]byte
	c := trace.SpanContextConfig{Remote: true}
	for _, part := range []struct {
		to   []byte
		text string
	}{{version[:], header[:2]}, {c.TraceID[:], header[3:35]}, {c.SpanID[:], header[36:52]}, {flags[:], header[53:55]}} {
		for i := range len(part.text) {
			if part.text[i] >= 'A' && part.text[i] <= 'F' {
				return trace.SpanContext{}, false // upper case is not allowed
			}
		}
		if _, err := hex.Decode(part.to, []byte(part.text)); err != nil {
			return trace.SpanContext{}, false
		}
	}
	c.TraceFlags = trace.TraceFlags(flags[0]) & trace.FlagsSampled
	sc := trace.NewSpanContext(c)
	return sc, sc.IsValid()
}

// operation is the convention's word for an endpoint.
func operation(endpoint string) string {
	switch endpoint {
	case "chat.completions", "responses", "messages":
		return "chat"
	case "completions":
		return "text_completion"
	case "":
		return "unknown"
	}
	return endpoint
}

// makeSpans makes the spans of a request and its attempts.
func (e *Exporter) makeSpans(it *item) {
	r, ctx := &it.record, context.Background()
	if it.parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, it.parent)
	}
	op := operation(r.Endpoint)
	ctx, span := e.tracer.Start(ctx, name(op, r.Model), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.Start),
		trace.WithAttributes(requestAttributes(op, r)...))
	for i := range r.Attempts {
		a := &r.Attempts[i]
		_, child := e.tracer.Start(ctx, name(op, a.Model), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(a.Start),
			trace.WithAttributes(attemptAttributes(op, r, a)...))
		if a.Kind != "" {
			child.SetStatus(codes.Error, "")
		}
		child.End(trace.WithTimestamp(a.Start.Add(a.Duration)))
	}
	if r.Fault == telemetry.FaultProvider || r.Fault == telemetry.FaultGateway {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(r.Start.Add(r.Duration)))
}

func name(op, model string) string {
	if model == "" {
		return op
	}
	return op + " " + model
}

// set is attributes of which the empty ones are left out.
type set []attribute.KeyValue

func (s *set) text(key, v string) {
	if v != "" {
		*s = append(*s, attribute.String(key, v))
	}
}

func (s *set) count(key string, v int64) {
	if v != 0 {
		*s = append(*s, attribute.Int64(key, v))
	}
}

func (s *set) seconds(key string, d time.Duration) {
	if d > 0 {
		*s = append(*s, attribute.Float64(key, d.Seconds()))
	}
}

func (s *set) yes(key string, v bool) {
	if v {
		*s = append(*s, attribute.Bool(key, true))
	}
}

// usage is what was estimated and what was used.
func (s *set) usage(estimatedIn, estimatedOut, in, out, cached, written, cost int64, known bool) {
	s.count("gen_ai.usage.input_tokens", in)
	s.count("gen_ai.usage.output_tokens", out)
	s.count("gen_ai.usage.cache_read.input_tokens", cached)
	s.count("gen_ai.usage.cache_creation.input_tokens", written)
	s.count("sluice.estimated.input_tokens", estimatedIn)
	s.count("sluice.estimated.output_tokens", estimatedOut)
	s.yes("sluice.usage.reported", known)
	if cost > 0 {
		*s = append(*s, attribute.Float64("sluice.cost_usd", float64(cost)/1e9))
	}
}

func requestAttributes(op string, r *telemetry.Record) []attribute.KeyValue {
	s := make(set, 0, 32)
	s.text("gen_ai.operation.name", op)
	s.text("gen_ai.provider.name", r.Provider)
	s.text("gen_ai.request.model", r.Model)
	s.text("gen_ai.response.model", r.ServedModel)
	s.yes("gen_ai.request.stream", r.Stream)
	if r.Stream {
		s.seconds("gen_ai.response.time_to_first_chunk", r.FirstByte)
	}
	s.usage(r.EstimatedInput, r.EstimatedOutput, r.Input, r.Output, r.Cached, r.CacheWrite, r.Cost, r.Known)
	if r.Fault != telemetry.FaultNone {
		if r.ErrorCode != "" {
			s.text("error.type", r.ErrorCode)
		} else {
			s.text("error.type", r.Outcome)
		}
	}
	s.count("http.response.status_code", int64(r.Status))
	s.text("sluice.request.id", r.ID)
	s.text("sluice.client_request.id", r.ClientID)
	s.text("sluice.outcome", r.Outcome)
	s.text("sluice.fault", string(r.Fault))
	s.text("sluice.route", r.Route)
	s.text("sluice.key", r.Key) // its name
	s.text("sluice.owner", r.Owner)
	s.text("sluice.priority", r.Priority)
	s.text("sluice.account", r.Account)
	s.text("sluice.limited_by", r.LimitedBy)
	s.text("sluice.shed_reason", r.ShedReason)
	s.text("sluice.cache", r.Cache)
	s.yes("sluice.spared_429", r.Spared)
	s.count("sluice.attempts", int64(len(r.Attempts)))
	s.seconds("sluice.queue.duration", r.QueueWait)
	return s
}

func attemptAttributes(op string, r *telemetry.Record, a *telemetry.Attempt) []attribute.KeyValue {
	s := make(set, 0, 20)
	s.text("gen_ai.operation.name", op)
	s.text("gen_ai.provider.name", a.Provider)
	s.text("gen_ai.request.model", a.Model)
	s.yes("gen_ai.request.stream", r.Stream)
	if r.Stream {
		s.seconds("gen_ai.response.time_to_first_chunk", a.FirstByte)
	}
	s.usage(a.EstimatedInput, a.EstimatedOutput, a.Input, a.Output, a.Cached, a.CacheWrite, a.Cost, a.Known)
	if a.EstimatedCost > 0 {
		s = append(s, attribute.Float64("sluice.estimated.cost_usd", float64(a.EstimatedCost)/1e9))
	}
	s.text("error.type", a.Kind)
	s.count("http.response.status_code", int64(a.Status))
	s = append(s, attribute.Int("sluice.attempt", a.N))
	s.text("sluice.account", a.Account)
	s.text("sluice.upstream_key", a.Key) // its fingerprint
	return s
}
