package otel

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-gateway/sluice/telemetry"
)

// collector takes what it is sent.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*spanpb.Span
	metrics map[string]int // data points by name
	labels  []string       // of all data points
	headers []http.Header
	raw     bytes.Buffer
	status  int // 0: 200
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body = z
	}
	data, err := io.ReadAll(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status != 0 || err != nil {
		w.WriteHeader(c.status)
		return
	}
	c.headers = append(c.headers, r.Header)
	c.raw.Write(data)
	w.Header().Set("Content-Type", "application/x-protobuf")
	switch r.URL.Path {
	case "/v1/traces":
		var m tracepb.ExportTraceServiceRequest
		if proto.Unmarshal(data, &m) == nil {
			for _, rs := range m.ResourceSpans {
				for _, ss := range rs.ScopeSpans {
					c.spans = append(c.spans, ss.Spans...)
				}
			}
		}
	case "/v1/metrics":
		var m metricspb.ExportMetricsServiceRequest
		if proto.Unmarshal(data, &m) == nil {
			for _, rm := range m.ResourceMetrics {
				for _, sm := range rm.ScopeMetrics {
					for _, one := range sm.Metrics {
						for _, p := range one.GetHistogram().GetDataPoints() {
							c.metrics[one.Name] += int(p.Count)
							c.labels = append(c.labels, one.Name+" "+attributes(p.Attributes))
						}
					}
				}
			}
		}
	}
}

func attributes(kv []*commonpb.KeyValue) string {
	var b strings.Builder
	for _, a := range kv {
		b.WriteString(a.Key + "=" + strings.TrimSpace(a.Value.String()) + " ")
	}
	return b.String()
}

func value(s *spanpb.Span, key string) *commonpb.AnyValue {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return nil
}

const parentHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func sample() *telemetry.Record {
	start := time.Unix(1_800_000_000, 0)
	return &telemetry.Record{
		ID: "req_1", Start: start, Duration: 3 * time.Second, Endpoint: "chat.completions", Key: "web", Owner: "acme",
		Model: "best", Route: "best", Priority: "high", Stream: true, Outcome: "stream_broken", Status: 200, ErrorCode: "upstream_error",
		Error: "CANARY text", Fault: telemetry.FaultProvider, Provider: "p", Account: "a", ServedModel: "m2", Known: true,
		QueueWait: 250 * time.Millisecond, FirstByte: time.Second, EstimatedInput: 100, EstimatedOutput: 50, Input: 110, Output: 40,
		Cached: 10, Cost: 2_500_000_000, TraceParent: parentHeader,
		Content: &telemetry.Content{Prompt: []byte("CANARY prompt"), Answer: []byte("CANARY answer")},
		Attempts: []telemetry.Attempt{
			{N: 0, Start: start.Add(time.Second), Duration: time.Second, Provider: "p", Account: "a", Model: "m1", Key: "f00d", Status: 500, Kind: "server_error", EstimatedInput: 100},
			{N: 1, Start: start.Add(2 * time.Second), Duration: time.Second, FirstByte: 300 * time.Millisecond, Provider: "p", Account: "a", Model: "m2", Key: "f00d",
				Status: 200, EstimatedInput: 100, EstimatedOutput: 50, EstimatedCost: 3_000_000_000,
				Input: 110, Output: 40, Cached: 10, Cost: 2_500_000_000, Known: true},
		},
	}
}

func newExporter(t *testing.T, o Options) *Exporter {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closed(t *testing.T, e *Exporter, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return e.Close(ctx)
}

func TestARequestIsASpanWithAChildPerAttempt(t *testing.T) {
	c := newCollector(t)
	e := newExporter(t, Options{Endpoint: c.URL, Headers: map[string]string{"X-Tenant": "s3cret"}, Version: "1.2"})
	e.Record(sample())
	if err := closed(t, e, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if len(c.spans) != 3 || e.Sent() != 3 || e.Dropped() != 0 || e.Failed() != 0 {
		t.Fatalf("%d spans; %d sent, %d dropped, %d failed", len(c.spans), e.Sent(), e.Dropped(), e.Failed())
	}
	first, second, root := c.spans[0], c.spans[1], c.spans[2]
	if root.Name != "chat best" || first.Name != "chat m1" || second.Name != "chat m2" ||
		root.Kind != spanpb.Span_SPAN_KIND_SERVER || first.Kind != spanpb.Span_SPAN_KIND_CLIENT {
		t.Errorf("%s %s %s", root.Name, first.Name, second.Name)
	}
	sc, _ := parentOf(parentHeader)
	id, parent := sc.TraceID(), sc.SpanID()
	for _, s := range c.spans {
		if !bytes.Equal(s.TraceId, id[:]) {
			t.Errorf("%s belongs to another trace", s.Name)
		}
	}
	if !bytes.Equal(root.ParentSpanId, parent[:]) || !bytes.Equal(first.ParentSpanId, root.SpanId) || !bytes.Equal(second.ParentSpanId, root.SpanId) {
		t.Error("the spans do not hang together")
	}
	if d := root.EndTimeUnixNano - root.StartTimeUnixNano; root.StartTimeUnixNano != 1_800_000_000e9 || d != 3e9 {
		t.Errorf("from %d for %d", root.StartTimeUnixNano, d)
	}
	if second.StartTimeUnixNano != 1_800_000_002e9 || second.EndTimeUnixNano != 1_800_000_003e9 {
		t.Error("an attempt's times are not its own")
	}
	if root.Status.GetCode() != spanpb.Status_STATUS_CODE_ERROR || first.Status.GetCode() != spanpb.Status_STATUS_CODE_ERROR || second.Status.GetCode() == spanpb.Status_STATUS_CODE_ERROR {
		t.Error("status")
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "p", "gen_ai.request.model": "best", "gen_ai.response.model": "m2",
		"error.type": "upstream_error", "sluice.fault": "provider", "sluice.outcome": "stream_broken", "sluice.key": "web", "sluice.owner": "acme",
		"sluice.request.id": "req_1",
	} {
		if got := value(root, key).GetStringValue(); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for key, want := range map[string]int64{"gen_ai.usage.input_tokens": 110, "gen_ai.usage.output_tokens": 40,
		"gen_ai.usage.cache_read.input_tokens": 10, "sluice.estimated.input_tokens": 100, "sluice.estimated.output_tokens": 50} {
		for _, s := range []*spanpb.Span{root, second} {
			if got := value(s, key).GetIntValue(); got != want {
				t.Errorf("%s of %s is %d, want %d", key, s.Name, got, want)
			}
		}
	}
	if got := value(root, "sluice.cost_usd").GetDoubleValue(); got != 2.5 {
		t.Errorf("cost %v", got)
	}
	if got := value(second, "sluice.estimated.cost_usd").GetDoubleValue(); got != 3 {
		t.Errorf("estimated cost %v", got)
	}
	if got := value(first, "error.type").GetStringValue(); got != "server_error" {
		t.Errorf("error.type of an attempt: %q", got)
	}
	for name, want := range map[string]int{"gen_ai.client.operation.duration": 2, "gen_ai.client.token.usage": 2, "gen_ai.client.operation.time_to_first_chunk": 1} {
		if c.metrics[name] != want {
			t.Errorf("%s was measured %d times, want %d: %v", name, c.metrics[name], want, c.labels)
		}
	}
	if bytes.Contains(c.raw.Bytes(), []byte("CANARY")) || bytes.Contains(c.raw.Bytes(), []byte("s3cret")) {
		t.Error("prompts, answers, errors or secrets were sent")
	}
	if c.headers[0].Get("X-Tenant") != "s3cret" {
		t.Error("the configured header was not sent")
	}
}

func TestTheClientsFlagComesFirst(t *testing.T) {
	for _, c := range []struct {
		header string
		sample float64
		want   int64
	}{
		{parentHeader, 0, 1},
		{strings.TrimSuffix(parentHeader, "1") + "0", 1, 0},
		{"", 1, 1}, {"", 0, 0}, {"garbage", 1, 1}, {"garbage", 0, 0},
	} {
		col := newCollector(t)
		e := newExporter(t, Options{Endpoint: col.URL, Sample: c.sample})
		e.Record(&telemetry.Record{ID: "r", Outcome: "ok", Start: time.Now(), TraceParent: c.header})
		if err := closed(t, e, 10*time.Second); err != nil || e.Sent() != c.want {
			t.Errorf("%q with %v: %d sent, %v", c.header, c.sample, e.Sent(), err)
		}
	}
}

// blackHole takes connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
	})
	return "http://" + l.Addr().String()
}

// A collector that takes connections and never answers costs no time and bounded memory,
// and does not hold up the end.
func TestABlackHoleCostsNothing(t *testing.T) {
	var log bytes.Buffer
	e := newExporter(t, Options{Endpoint: blackHole(t), Sample: 1, Queue: 100, Timeout: 200 * time.Millisecond, Every: 100 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	const n = 20_000
	begin := time.Now()
	for range n {
		e.Record(sample())
	}
	if d := time.Since(begin); d > 20*time.Second { // waiting for exports would take an hour
		t.Errorf("%d records took %v", n, d)
	}
	begin = time.Now()
	_ = closed(t, e, time.Second) // it tells that the time was over
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("the end took %v", d)
	}
	if e.Sent() != 0 || e.Dropped() != 3*n || e.Failed() == 0 {
		t.Errorf("%d sent, %d of %d dropped, %d exports failed", e.Sent(), e.Dropped(), 3*n, e.Failed())
	}
	if got := strings.Count(log.String(), "does not take data"); got != 1 {
		t.Errorf("told %d times: %s", got, &log)
	}
}

func TestACollectorThatComesBackIsTold(t *testing.T) {
	var log bytes.Buffer
	c := newCollector(t)
	c.status = http.StatusBadRequest
	e := newExporter(t, Options{Endpoint: c.URL, Sample: 1, Every: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
	e.Record(sample())
	for e.Dropped() == 0 {
		<-time.After(10 * time.Millisecond)
	}
	c.mu.Lock()
	c.status = 0
	c.mu.Unlock()
	e.Record(sample())
	if err := closed(t, e, 10*time.Second); err != nil || e.Sent() != 3 || e.Dropped() != 3 {
		t.Errorf("%d sent, %d dropped, %v", e.Sent(), e.Dropped(), err)
	}
	if !strings.Contains(log.String(), "does not take data") || !strings.Contains(log.String(), "takes data again") {
		t.Error(log.String())
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Endpoint: "ftp://x"}, {Endpoint: "x:4318"}, {Endpoint: "http://x", Sample: 2}, {Endpoint: "http://x", Sample: -1}} {
		if e, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
			_ = closed(t, e, time.Second)
		}
	}
}

func FuzzParentOf(f *testing.F) {
	f.Add(parentHeader)
	f.Add("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
	f.Add("00-00000000000000000000000000000000-0000000000000000-01")
	f.Add("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, s string) {
		sc, ok := parentOf(s)
		if !ok {
			return
		}
		if !sc.IsValid() || !strings.HasPrefix(s[2:], "-"+sc.TraceID().String()+"-"+sc.SpanID().String()+"-") || sc.TraceFlags()&^trace.FlagsSampled != 0 {
			t.Errorf("%q became %v", s, sc)
		}
	})
}

func BenchmarkRecordWithADeadCollector(b *testing.B) {
	e, err := New(Options{Endpoint: "http://127.0.0.1:1", Sample: 1})
	if err != nil {
		b.Fatal(err)
	}
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		e.Record(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.Close(ctx)
}
