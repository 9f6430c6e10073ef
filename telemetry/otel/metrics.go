package otel

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sluice-gateway/sluice/telemetry"
)

// instruments are the convention's metrics of a client, which the gateway is to its
// upstreams: each attempt is one operation.
type instruments struct {
	duration, firstChunk metric.Float64Histogram
	tokens               metric.Int64Histogram
	series               sync.Map // labels → *options: making a set of attributes is the cost of a measurement
}

func newInstruments(m metric.Meter) (*instruments, error) {
	var i instruments
	var err error
	if i.duration, err = m.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("GenAI operation duration."),
		metric.WithExplicitBucketBoundaries(.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)); err != nil {
		return nil, err
	}
	if i.firstChunk, err = m.Float64Histogram("gen_ai.client.operation.time_to_first_chunk", metric.WithUnit("s"),
		metric.WithDescription("Time to receive the first chunk of a stream."),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)); err != nil {
		return nil, err
	}
	i.tokens, err = m.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
		metric.WithDescription("Number of input and output tokens used."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864))
	return &i, err
}

// labels tell operations apart. All have few values: names of the configuration and
// closed vocabularies.
type labels struct{ endpoint, provider, model, kind string }

// options are a label's sets of attributes.
type options struct{ all, in, out metric.MeasurementOption }

func (i *instruments) options(l labels) *options {
	if o, ok := i.series.Load(l); ok {
		return o.(*options)
	}
	base := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", operation(l.endpoint)), attribute.String("gen_ai.provider.name", l.provider),
		attribute.String("gen_ai.request.model", l.model),
	}
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(base[:len(base):len(base)], more...)...))
	}
	o := &options{in: with(attribute.String("gen_ai.token.type", "input")), out: with(attribute.String("gen_ai.token.type", "output")), all: with()}
	if l.kind != "" {
		o.all = with(attribute.String("error.type", l.kind))
	}
	i.series.Store(l, o)
	return o
}

func (i *instruments) record(r *telemetry.Record) {
	ctx := context.Background()
	for n := range r.Attempts {
		a := &r.Attempts[n]
		o := i.options(labels{r.Endpoint, a.Provider, a.Model, a.Kind})
		i.duration.Record(ctx, a.Duration.Seconds(), o.all)
		if r.Stream && a.FirstByte > 0 && a.Kind == "" {
			i.firstChunk.Record(ctx, a.FirstByte.Seconds(), o.all)
		}
		if !a.Known {
			continue // the convention wants what the provider counts
		}
		i.tokens.Record(ctx, a.Input, o.in)
		if a.Output > 0 {
			i.tokens.Record(ctx, a.Output, o.out)
		}
	}
}
