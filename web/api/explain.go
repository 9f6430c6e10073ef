package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
)

// Question is a request to explain.
type Question struct {
	// Request is the body as a client would send it.
	Request json.RawMessage `json:"request"`
	// Endpoint is chat_completions, completions or embeddings. Empty: chat_completions.
	Endpoint string `json:"endpoint,omitempty"`
	// Key names the client key that asks. Empty: nobody's limits count.
	Key string `json:"key,omitempty"`
	// Priority is the class. Empty: the key's own, or normal.
	Priority string `json:"priority,omitempty"`
}

// Explainer tells what would become of a request, and what became of one.
type Explainer interface {
	// Explain answers for a request now; the error is for whoever asked.
	Explain(ctx context.Context, q Question) (*telemetry.Explanation, error)
	// Trail is what became of one of the last requests; nil: it is not known any more.
	Trail(id string) *Trail
}

// Trail is a finished request with the decisions on its way.
type Trail struct {
	ID          string    `json:"id"`
	ClientID    string    `json:"client_request_id,omitempty"`
	Start       time.Time `json:"start"`
	Endpoint    string    `json:"endpoint"`
	Key         string    `json:"key"`
	Owner       string    `json:"owner,omitempty"`
	Route       string    `json:"route"`
	Priority    string    `json:"priority"`
	Outcome     string    `json:"outcome"`
	Status      int       `json:"status"`
	ErrorCode   string    `json:"error_code,omitempty"`
	Error       string    `json:"error,omitempty"` // which limit refused, or what went wrong
	LimitedBy   string    `json:"limited_by,omitempty"`
	ShedReason  string    `json:"shed_reason,omitempty"`
	Provider    string    `json:"provider,omitempty"`
	Account     string    `json:"account,omitempty"`
	Model       string    `json:"model,omitempty"`
	Spared429   bool      `json:"spared_429"`
	QueueMS     float64   `json:"queue_ms"`
	FirstByteMS float64   `json:"first_byte_ms"`
	DurationMS  float64   `json:"duration_ms"`

	EstimatedInput  int64 `json:"estimated_input_tokens"`
	EstimatedOutput int64 `json:"estimated_output_tokens"`
	Input           int64 `json:"input_tokens"`
	Output          int64 `json:"output_tokens"`
	CostNanoUSD     int64 `json:"cost_nano_usd"`

	Shadow     []string              `json:"shadow,omitempty"`
	Candidates []telemetry.Candidate `json:"candidates,omitempty"` // as they were when the call could not go at once
	Attempts   []TrailAttempt        `json:"attempts"`
	Decisions  []TrailDecision       `json:"decisions"`
}

// TrailAttempt is one upstream call, what was estimated before it beside what it took.
type TrailAttempt struct {
	Provider   string  `json:"provider"`
	Account    string  `json:"account"`
	Model      string  `json:"model"`
	Key        string  `json:"key"` // fingerprint
	Status     int     `json:"status"`
	Failure    string  `json:"failure,omitempty"`
	DurationMS float64 `json:"duration_ms"`

	EstimatedInput   int64 `json:"estimated_input_tokens"`
	EstimatedOutput  int64 `json:"estimated_output_tokens"`
	EstimatedNanoUSD int64 `json:"estimated_cost_nano_usd"` // what was reserved
	Input            int64 `json:"input_tokens"`
	Output           int64 `json:"output_tokens"`
	Cached           int64 `json:"cached_input_tokens"`
	CostNanoUSD      int64 `json:"cost_nano_usd"`
	Known            bool  `json:"usage_known"` // the provider's own count
}

// TrailDecision is one step.
type TrailDecision struct {
	Reason string `json:"reason"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
}

// TrailOf words a finished request.
func TrailOf(r *telemetry.Record) *Trail {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	t := &Trail{
		ID: r.ID, ClientID: r.ClientID, Start: r.Start, Endpoint: r.Endpoint, Key: r.Key, Owner: r.Owner, Route: r.Route,
		Priority: r.Priority, Outcome: r.Outcome, Status: r.Status, ErrorCode: r.ErrorCode, Error: r.Error, LimitedBy: r.LimitedBy,
		ShedReason: r.ShedReason, Provider: r.Provider, Account: r.Account, Model: r.ServedModel, Spared429: r.Spared,
		QueueMS: ms(r.QueueWait), FirstByteMS: ms(r.FirstByte), DurationMS: ms(r.Duration),
		EstimatedInput: r.EstimatedInput, EstimatedOutput: r.EstimatedOutput, Input: r.Input, Output: r.Output, CostNanoUSD: r.Cost,
		Shadow: r.Shadow, Candidates: r.Candidates, Attempts: []TrailAttempt{}, Decisions: []TrailDecision{},
	}
	for _, a := range r.Attempts {
		t.Attempts = append(t.Attempts, TrailAttempt{
			Provider: a.Provider, Account: a.Account, Model: a.Model, Key: a.Key, Status: a.Status, Failure: a.Kind, DurationMS: ms(a.Duration),
			EstimatedInput: a.EstimatedInput, EstimatedOutput: a.EstimatedOutput, EstimatedNanoUSD: a.EstimatedCost,
			Input: a.Input, Output: a.Output, Cached: a.Cached, CostNanoUSD: a.Cost, Known: a.Known,
		})
	}
	for _, d := range r.Decisions {
		t.Decisions = append(t.Decisions, TrailDecision{d.Reason, d.From, d.To})
	}
	return t
}

// ExplainEndpoints answer why.
func ExplainEndpoints(x Explainer) []Endpoint {
	return []Endpoint{{
		Method: http.MethodPost, Path: "/explain", ID: "explain.ask", Tag: "explain", Quiet: true,
		Summary:     "What would become of a request now; nothing is sent",
		Description: "The body is the request itself, or an object with request, key, priority and endpoint.",
		Roles:       Readers(), MaxBody: 20 << 20, Body: Question{}, Answer: telemetry.Explanation{},
		Handle: func(c *Call) (any, error) {
			q, err := question(c)
			if err != nil {
				return nil, err
			}
			answer, err := x.Explain(c.Context(), q)
			if err != nil {
				return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "cannot_explain", Message: err.Error()}
			}
			return answer, nil
		},
	}, {
		Method: http.MethodGet, Path: "/explain/{id}", ID: "explain.trail", Tag: "explain",
		Summary: "What became of one of the last requests, by its x-request-id",
		Roles:   Readers(), Answer: Trail{},
		Handle: func(c *Call) (any, error) {
			t := x.Trail(c.Param("id"))
			if t == nil {
				return nil, NotFound("request among the last ones")
			}
			return t, nil
		},
	}}
}

// question reads a question, or takes the whole body for the request.
func question(c *Call) (Question, error) {
	data, err := c.Read()
	if err != nil {
		return Question{}, err
	}
	if err := wellFormed(data); err != nil {
		return Question{}, err
	}
	var wrapped struct {
		Request json.RawMessage `json:"request"`
	}
	if err := json.Unmarshal(data, &wrapped); err != nil || len(wrapped.Request) == 0 {
		return Question{Request: data}, nil
	}
	var q Question
	return q, decode(data, &q)
}
