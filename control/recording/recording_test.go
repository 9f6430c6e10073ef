package recording

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/telemetry"
)

type rows []ledger.Entry

func (r *rows) Write(e ledger.Entry) { *r = append(*r, e) }

func sample() *telemetry.Record {
	start := time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC)
	return &telemetry.Record{
		ID: "req_1", ClientID: "mine", Start: start, Endpoint: "chat.completions", KeyID: "key_1", Key: "web", Owner: "acme",
		Model: "m", Route: "m", Priority: "high", Stream: true, Outcome: "upstream_failed", Status: 502, ErrorCode: "upstream_error",
		Error: "because", Fault: telemetry.FaultProvider, LimitedBy: "upstream", ShedReason: "none", Provider: "p", Account: "a",
		ServedModel: "um", QueueWait: 1, FirstByte: 2, Duration: 3, EstimatedInput: 4, EstimatedOutput: 5, Input: 6, Output: 7,
		Cached: 8, Cost: 9, Known: true, Spared: true, Cache: "miss",
		Attempts: []telemetry.Attempt{{}, {N: 1, Start: start, Provider: "p", Account: "a", Model: "um", Key: "f00d", Status: 500,
			Kind: "server_error", Duration: 3, EstimatedInput: 10, EstimatedOutput: 11, EstimatedCost: 12, Input: 6, Output: 7, Cached: 8, Cost: 9, Known: true}},
		Decisions: []telemetry.Decision{{Reason: "server_error", From: "p/um", To: "p/other"}},
		Content:   &telemetry.Content{Prompt: []byte("hello"), Answer: []byte("Bearer abc123def"), Cut: true},
	}
}

// Every field of a row is filled from its record: a field that is added and forgotten
// here fails.
func TestEveryFieldArrives(t *testing.T) {
	var got rows
	r, rec := New(&got), sample()
	r.Attempt(rec, &rec.Attempts[1])
	r.Record(rec)
	if len(got) != 2 || len(got[0].Attempts) != 1 || got[0].Request != nil || got[1].Request == nil || len(got[1].Attempts) != 0 {
		t.Fatalf("%+v", got)
	}
	for _, row := range []any{*got[1].Request, got[0].Attempts[0], *got[1].Content} {
		v := reflect.ValueOf(row)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is empty", v.Type().Name(), v.Type().Field(i).Name)
			}
		}
	}
	q := got[1].Request
	if q.ID != "req_1" || q.Attempts != 2 || q.Fault != "provider" || q.Queue != 1 || q.FirstByte != 2 || q.Duration != 3 ||
		q.EstimatedInput != 4 || q.EstimatedOutput != 5 || q.Input != 6 || q.Output != 7 || q.Cached != 8 || q.Cost != 9 {
		t.Errorf("%+v", q)
	}
	if string(q.Trail) != `{"decisions":[{"reason":"server_error","from":"p/um","to":"p/other"}]}` {
		t.Errorf("trail %s", q.Trail)
	}
	a := got[0].Attempts[0]
	if a.RequestID != "req_1" || a.N != 1 || a.KeyID != "key_1" || a.UpstreamKey != "f00d" ||
		a.EstimatedInput != 10 || a.EstimatedOutput != 11 || a.EstimatedCost != 12 || a.Input != 6 || a.Output != 7 || a.Cached != 8 || a.Cost != 9 {
		t.Errorf("%+v", a)
	}
	if c := got[1].Content; string(c.Prompt) != "hello" || string(c.Answer) != "Bearer ***" || !c.Cut {
		t.Errorf("%s %s", c.Prompt, c.Answer)
	}
	if got[1].Content.Prompt[0] = 'j'; rec.Content.Prompt[0] != 'h' {
		t.Error("the row shares the record's bytes")
	}
}

func TestStrangersFillNoDatabase(t *testing.T) {
	var got rows
	r := New(&got)
	start := time.Unix(1_800_000_000, 0)
	for i := range 10 * MaxAnonymous {
		r.Record(&telemetry.Record{ID: "x", Start: start, Outcome: "unauthorized"})
		if i%2 == 0 {
			r.Record(&telemetry.Record{ID: "y", KeyID: "k", Start: start, Outcome: "ok"})
		}
	}
	r.Record(&telemetry.Record{ID: "z", Start: start.Add(time.Second), Outcome: "unauthorized"})
	if want := MaxAnonymous + 5*MaxAnonymous + 1; len(got) != want || r.Skipped() != 9*MaxAnonymous {
		t.Errorf("%d rows, want %d; %d skipped", len(got), want, r.Skipped())
	}
}

func TestTrailsAreBounded(t *testing.T) {
	if trailOf(&telemetry.Record{}) != nil {
		t.Error("a call that simply went has a trail")
	}
	for _, c := range []struct {
		name                           string
		decisions, candidates, buckets int
		ratio                          float64
		wantCandidates                 bool
		wantBuckets, wantCut           bool
	}{
		{"small", 2, 2, 2, 1, true, true, false},
		{"many decisions", 10_000, 0, 0, 1, false, false, true},
		{"many buckets", 1, 20, 50, 1, true, false, true},
		{"no number", 1, 2, 1, math.NaN(), false, false, true},
	} {
		r := &telemetry.Record{}
		for range c.decisions {
			r.Decide("no_room", "provider/model", "provider/other")
		}
		for range c.candidates {
			r.Candidates = append(r.Candidates, telemetry.Candidate{Target: "p/m", Ratio: c.ratio, Buckets: make([]telemetry.Levels, c.buckets)})
		}
		text := trailOf(r)
		var got trail
		if err := json.Unmarshal(text, &got); err != nil || len(text) > maxTrail {
			t.Errorf("%s: %d bytes, %v", c.name, len(text), err)
			continue
		}
		if (len(got.Candidates) > 0) != c.wantCandidates || got.Cut != c.wantCut || len(got.Decisions) == 0 ||
			c.wantCandidates && (len(got.Candidates[0].Buckets) > 0) != c.wantBuckets {
			t.Errorf("%s: %d decisions, %d candidates, cut %v", c.name, len(got.Decisions), len(got.Candidates), got.Cut)
		}
		if c.buckets > 0 && r.Candidates[0].Buckets == nil {
			t.Errorf("%s: the record was changed", c.name)
		}
	}
}

func TestRedact(t *testing.T) {
	r := newRedactor()
	for in, want := range map[string]string{
		`{"content":"my key is sk-abcdef123456, use it"}`:                                      `{"content":"my key is sk-***, use it"}`,
		`Authorization: Bearer abcdefgh12345678`:                                               `Authorization: Bearer ***`,
		`"authorization: bearer\tabc123def456"`:                                                `"authorization: bearer ***"`,
		`Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==`:                                        `Authorization: Basic ***`,
		`the bearer certificates of basic understanding`:                                       `the bearer certificates of basic understanding`,
		`key AIzaSyA1234567890abcdefg.`:                                                        `key AIza***`,
		`AKIAIOSFODNN7EXAMPLE and ghp_16C7e42F292c6912E7710c838347Ae178B4a`:                    `AKIA*** and ghp_***`,
		`xoxb-123456789-abcdef`:                                                                `xoxb-***`,
		`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl!`:                               `eyJ***!`,
		`{"k":"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n","x":1}`: `{"k":"-----BEGIN RSA PRIVATE KEY-----***","x":1}`,
		`-----BEGIN PRIVATE KEY-----\nMIIE and cut`:                                            `-----BEGIN PRIVATE KEY-----***`,
		`sluice-admin-abcdefghijkl sk-sluice-AAAABBBBCCCC`:                                     `sluice-admin-*** sk-***`,
		`task-oriented, risk-free, nothing secret`:                                             `task-oriented, risk-free, nothing secret`,
		`plain`: `plain`,
		``:      ``,
	} {
		if got := string(r.redact([]byte(in))); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	if r.redact(nil) != nil {
		t.Error("nothing became something")
	}
}

func FuzzRedact(f *testing.F) {
	f.Add(`{"content":"Bearer abc123456 sk-abcdefg -----BEGIN PRIVATE KEY-----x"}`)
	f.Fuzz(func(t *testing.T, in string) {
		r := newRedactor()
		once := r.redact([]byte(in))
		if strings.Contains(in, `"`) && strings.Count(string(once), `"`) != strings.Count(in, `"`) {
			t.Errorf("quotes of %q became %q", in, once)
		}
	})
}
