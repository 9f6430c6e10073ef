package main

import (
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
)

// trail is a finished request as the admin API shows it.
type trail struct {
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
	Attempts   []trailAttempt        `json:"attempts"`
	Decisions  []trailDecision       `json:"decisions"`
}

type trailAttempt struct {
	Provider   string  `json:"provider"`
	Account    string  `json:"account"`
	Model      string  `json:"model"`
	Key        string  `json:"key"` // fingerprint
	Status     int     `json:"status"`
	Failure    string  `json:"failure,omitempty"`
	DurationMS float64 `json:"duration_ms"`
}

type trailDecision struct {
	Reason string `json:"reason"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
}

func trailOf(r *telemetry.Record) trail {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	t := trail{
		ID: r.ID, ClientID: r.ClientID, Start: r.Start, Endpoint: r.Endpoint, Key: r.Key, Owner: r.Owner, Route: r.Route,
		Priority: r.Priority, Outcome: r.Outcome, Status: r.Status, ErrorCode: r.ErrorCode, LimitedBy: r.LimitedBy,
		ShedReason: r.ShedReason, Provider: r.Provider, Account: r.Account, Model: r.ServedModel, Spared429: r.Spared,
		QueueMS: ms(r.QueueWait), FirstByteMS: ms(r.FirstByte), DurationMS: ms(r.Duration),
		EstimatedInput: r.EstimatedInput, EstimatedOutput: r.EstimatedOutput, Input: r.Input, Output: r.Output, CostNanoUSD: r.Cost,
		Shadow: r.Shadow, Candidates: r.Candidates, Attempts: []trailAttempt{}, Decisions: []trailDecision{},
	}
	for _, a := range r.Attempts {
		t.Attempts = append(t.Attempts, trailAttempt{a.Provider, a.Account, a.Model, a.Key, a.Status, a.Kind, ms(a.Duration)})
	}
	for _, d := range r.Decisions {
		t.Decisions = append(t.Decisions, trailDecision{d.Reason, d.From, d.To})
	}
	return t
}
