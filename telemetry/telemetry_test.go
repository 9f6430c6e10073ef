package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func sample() *Record {
	return &Record{
		ID: "req_1", Key: "web", Route: "qwen3-max", Model: "qwen3-max", ServedModel: "qwen-plus", Provider: "dashscope",
		Account: "team-a", Priority: "normal", Outcome: "ok", Status: 200, Spared: true, Known: true,
		EstimatedInput: 100, Input: 110, Output: 20, QueueWait: 10 * time.Millisecond, FirstByte: 200 * time.Millisecond,
		Duration: time.Second, Endpoint: "chat_completions",
		Attempts:  []Attempt{{Provider: "dashscope", Account: "team-a", Model: "qwen3-max", Status: 429, Kind: "rate_tokens"}, {Provider: "dashscope", Account: "team-a", Model: "qwen-plus", Status: 200}},
		Decisions: []Decision{{"no_room", "dashscope/qwen3-max", "dashscope/qwen-plus"}},
	}
}

type source struct{}

func (source) Buckets() []Bucket {
	return []Bucket{{Scope: "upstream", Name: "a", Dimension: "tokens", Limit: "tpm", Amount: 100, Level: 40, Reserved: 60}}
}
func (source) QueueDepth() map[string]int      { return map[string]int{"low": 3} }
func (source) Keys() []KeyUp                   { return []KeyUp{{"p", "a", "abc", true, time.Unix(1800000000, 0)}} }
func (source) InFlight() int64                 { return 7 }
func (source) QueueOldest() map[string]float64 { return map[string]float64{"low": 2.5} }
func (source) Lanes() []Lane                   { return []Lane{{"p", "a", "m", 0.8}} }
func (source) Breakers() []Breaker             { return []Breaker{{"p", "a", "m", 1}} }
func (source) SelfProtection() Protection {
	return Protection{BodyBytes: 5, Pressure: 0.5, Refused: map[string]int64{"heap": 2}}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Observe(source{})
	m.Gauge("waiting", "Rows.", nil, func() float64 { return 4 })
	m.Counter("lost_total", "Rows.", map[string]string{"kind": "request"}, func() float64 { return 5 })
	m.Record(sample())
	m.Record(&Record{Outcome: "shed", Priority: "low", ShedReason: "shed", Fault: FaultPolicy})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`sluice_requests_total{model="qwen-plus",outcome="ok",priority="normal",provider="dashscope",route="qwen3-max"} 1`,
		`sluice_requests_total{model="",outcome="shed",priority="low",provider="",route="unknown"} 1`,
		`sluice_upstream_attempts_total{account="team-a",model="qwen3-max",provider="dashscope",status="429"} 1`,
		`sluice_upstream_429_total{account="team-a",kind="rate_tokens",model="qwen3-max",provider="dashscope"} 1`,
		`sluice_fallbacks_total{from="dashscope/qwen3-max",reason="no_room",route="qwen3-max",to="dashscope/qwen-plus"} 1`,
		`sluice_faults_total{fault="policy",route="unknown"} 1`,
		`sluice_calls_spared_429_total 1`, `sluice_shed_total{class="low",reason="shed"} 1`,
		`sluice_tokens_total{direction="input",model="qwen-plus",provider="dashscope",route="qwen3-max"} 110`,
		`sluice_bucket_level{dimension="tokens",limit="tpm",name="a",scope="upstream"} 40`,
		`sluice_queue_depth{class="low"} 3`, `sluice_key_up{account="a",key="abc",provider="p"} 1`, `sluice_in_flight 7`,
		`sluice_key_expires_timestamp_seconds{account="a",key="abc",provider="p"} 1.8e+09`,
		`sluice_queue_wait_seconds_count{class="normal"} 1`, `sluice_estimate_error_ratio_count{model="qwen-plus",route="qwen3-max"} 1`,
		"sluice_waiting 4", `sluice_lost_total{kind="request"} 5`,
		"process_open_fds", "go_goroutines",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("missing %s", want)
		}
	}
}

func TestTheLineOfARequest(t *testing.T) {
	var b bytes.Buffer
	NewRecordLogger(NewLogger(&b, "json", slog.LevelInfo)).Record(sample())
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"request_id": "req_1", "outcome": "ok", "model": "qwen-plus", "attempts": 2.0, "queue_ms": 10.0} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if s, _ := line["decisions"].(string); !strings.Contains(s, "no_room: dashscope/qwen3-max → dashscope/qwen-plus") {
		t.Errorf("decisions are %q", s)
	}
}

func TestNoSecretPassesTheSink(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var b bytes.Buffer
		l := NewLogger(&b, format, slog.LevelDebug)
		l.Info("x", "a", "Bearer abcdef123456", "b", "key sk-proj-CANARY12345 refused", "c", "sluice-admin-canary123")
		for _, secret := range []string{"abcdef123456", "CANARY12345", "canary123"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%s: %s in %s", format, secret, b.String())
			}
		}
	}
}

func TestLevels(t *testing.T) {
	var b bytes.Buffer
	l := NewRecordLogger(NewLogger(&b, "text", slog.LevelWarn))
	l.Record(sample())
	if b.Len() > 0 {
		t.Error("an ordinary answer was logged at warn")
	}
	l.Record(&Record{Status: 502})
	if !strings.Contains(b.String(), "level=WARN") {
		t.Errorf("got %q", b.String())
	}
}

func BenchmarkMetricsRecord(b *testing.B) {
	m, r := NewMetrics(), sample()
	b.ReportAllocs()
	for b.Loop() {
		m.Record(r)
	}
}

func BenchmarkLogRecord(b *testing.B) {
	l, r := NewRecordLogger(NewLogger(io.Discard, "json", slog.LevelInfo)), sample()
	b.ReportAllocs()
	for b.Loop() {
		l.Record(r)
	}
}
