package recording

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/telemetry"
)

// MaxAnonymous is how many requests without a valid client key become rows in a second.
const MaxAnonymous = 50

// Writer takes rows without ever keeping anybody waiting.
type Writer interface{ Write(e ledger.Entry) }

// Recorder brings finished requests and settled attempts to a Writer. It is a
// telemetry.Sink and a telemetry.AttemptSink, safe for concurrent use.
type Recorder struct {
	to      Writer
	redact  *redactor
	skipped atomic.Int64

	mu     sync.Mutex
	second int64 // the anonymous of this second have been counted
	count  int
}

// New makes a Recorder.
func New(to Writer) *Recorder { return &Recorder{to: to, redact: newRedactor()} }

// Skipped is how many requests without a client key have become no row.
func (r *Recorder) Skipped() int64 { return r.skipped.Load() }

// Attempt writes an attempt's row.
func (r *Recorder) Attempt(rec *telemetry.Record, a *telemetry.Attempt) {
	r.to.Write(ledger.Entry{Attempts: []ledger.Attempt{attemptOf(rec, a)}})
}

// Record writes a request's row, and its content where that is kept.
func (r *Recorder) Record(rec *telemetry.Record) {
	if rec.KeyID == "" && !r.mayWrite(rec.Start.Add(rec.Duration)) {
		r.skipped.Add(1)
		return
	}
	r.to.Write(ledger.Entry{Request: requestOf(rec), Content: r.contentOf(rec)})
}

// mayWrite says whether one more request without a key becomes a row at that moment.
func (r *Recorder) mayWrite(at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := at.Unix(); s > r.second {
		r.second, r.count = s, 0
	}
	r.count++
	return r.count <= MaxAnonymous
}

func requestOf(r *telemetry.Record) *ledger.Request {
	return &ledger.Request{
		ID: r.ID, ClientID: r.ClientID, At: r.Start, Endpoint: r.Endpoint,
		KeyID: r.KeyID, Key: r.Key, Owner: r.Owner, Model: r.Model, Route: r.Route, Priority: r.Priority, Stream: r.Stream,
		Outcome: r.Outcome, Status: r.Status, ErrorCode: r.ErrorCode, Error: r.Error, Fault: string(r.Fault),
		LimitedBy: r.LimitedBy, ShedReason: r.ShedReason,
		Provider: r.Provider, Account: r.Account, ServedModel: r.ServedModel, Attempts: len(r.Attempts),
		Queue: r.QueueWait, FirstByte: r.FirstByte, Duration: r.Duration,
		EstimatedInput: r.EstimatedInput, EstimatedOutput: r.EstimatedOutput,
		Input: r.Input, Output: r.Output, Cached: r.Cached, Cost: r.Cost, Known: r.Known, Spared: r.Spared,
		Cache: r.Cache, Trail: trailOf(r),
	}
}

func attemptOf(r *telemetry.Record, a *telemetry.Attempt) ledger.Attempt {
	return ledger.Attempt{
		RequestID: r.ID, N: a.N, At: a.Start, KeyID: r.KeyID, Key: r.Key, Owner: r.Owner, Route: r.Route,
		Provider: a.Provider, Account: a.Account, Model: a.Model, UpstreamKey: a.Key, Status: a.Status, Kind: a.Kind,
		Duration: a.Duration, EstimatedInput: a.EstimatedInput, EstimatedOutput: a.EstimatedOutput, EstimatedCost: a.EstimatedCost,
		Input: a.Input, Output: a.Output, Cached: a.Cached, Cost: a.Cost, Known: a.Known,
	}
}

// contentOf copies and masks: the record's bytes are somebody else's.
func (r *Recorder) contentOf(rec *telemetry.Record) *ledger.Content {
	c := rec.Content
	if c == nil {
		return nil
	}
	return &ledger.Content{
		RequestID: rec.ID, At: rec.Start, Prompt: r.redact.redact(c.Prompt), Answer: r.redact.redact(c.Answer), Cut: c.Cut,
	}
}
