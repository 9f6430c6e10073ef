package e2e

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans is a collector that hands on the spans that it is sent.
func spans(t *testing.T) (url string, got chan *spanpb.Span) {
	t.Helper()
	got = make(chan *spanpb.Span, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		data, err := io.ReadAll(body)
		var sent tracepb.ExportTraceServiceRequest
		if err != nil || !strings.HasSuffix(r.URL.Path, "/v1/traces") || proto.Unmarshal(data, &sent) != nil {
			return // metrics
		}
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					got <- span
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// A call is a span with a span below it for its attempt; both tell what was estimated and
// what was used, as the answer has it.
func TestACallIsTracedWithItsEstimateAndItsUsage(t *testing.T) {
	_, url := upstream(t, open("a"))
	collector, got := spans(t)
	g := start(t, one(url, "")+"telemetry: {otlp_endpoint: \""+collector+"\"}\nprices: [{model: m, input: 1, output: 2}]\n")
	a := g.chat("m", "hi", `"max_tokens":5`)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"completion_tokens":5`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var request, attempt *spanpb.Span
	for request == nil || attempt == nil {
		select {
		case s := <-got:
			if s.Kind == spanpb.Span_SPAN_KIND_SERVER {
				request = s
			} else {
				attempt = s
			}
		case <-time.After(time.Minute):
			t.Fatalf("the spans never came:\n%s", g.log)
		}
	}
	if string(attempt.ParentSpanId) != string(request.SpanId) || request.Name != "chat m" {
		t.Errorf("%v\n%v", request, attempt)
	}
	for _, s := range []*spanpb.Span{request, attempt} {
		numbers := map[string]int64{}
		for _, kv := range s.Attributes {
			numbers[kv.Key] = kv.Value.GetIntValue()
			if text := kv.Value.GetStringValue(); strings.Contains(text, "key-a") || strings.Contains(text, key) {
				t.Errorf("%s tells a secret", kv.Key)
			}
		}
		if numbers["gen_ai.usage.output_tokens"] != 5 || numbers["sluice.estimated.output_tokens"] != 5 ||
			numbers["gen_ai.usage.input_tokens"] == 0 || numbers["sluice.estimated.input_tokens"] < numbers["gen_ai.usage.input_tokens"] {
			t.Errorf("%s: %v", s.Kind, numbers)
		}
	}
}

// A collector that takes connections and never answers slows no call, and the end of the
// program by three seconds at most.
func TestADeadCollectorCostsNothing(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	_, url := upstream(t, open("a"))
	g := start(t, one(url, "")+"telemetry: {otlp_endpoint: \"http://"+hole.Addr().String()+"\"}\n")
	begin := time.Now()
	for range 50 {
		if a := g.chat("m", "hi"); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if d := time.Since(begin); d > 20*time.Second { // one export that is waited for takes as long
		t.Errorf("50 calls took %v", d)
	}
	begin = time.Now()
	g.stop()
	if d := time.Since(begin); d > 8*time.Second || !strings.Contains(g.log.String(), `"stopped"`) {
		t.Errorf("the end took %v:\n%s", d, g.log)
	}
}
