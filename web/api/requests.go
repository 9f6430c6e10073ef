package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/access"
)

// Request is the row of a finished request. Cost is in nano-dollars.
type Request struct {
	ID          string    `json:"id"`
	ClientID    string    `json:"client_request_id,omitempty"`
	Start       time.Time `json:"start"`
	Endpoint    string    `json:"endpoint"`
	KeyID       string    `json:"key_id"`
	Key         string    `json:"key"`
	Owner       string    `json:"owner,omitempty"`
	Asked       string    `json:"asked_model"` // as the client wrote it
	Route       string    `json:"route"`
	Priority    string    `json:"priority"`
	Stream      bool      `json:"stream"`
	Outcome     string    `json:"outcome"`
	Status      int       `json:"status"`
	ErrorCode   string    `json:"error_code,omitempty"`
	Error       string    `json:"error,omitempty"`
	Fault       string    `json:"fault,omitempty"` // caller, policy, provider or gateway
	LimitedBy   string    `json:"limited_by,omitempty"`
	ShedReason  string    `json:"shed_reason,omitempty"`
	Provider    string    `json:"provider,omitempty"`
	Account     string    `json:"account,omitempty"`
	Model       string    `json:"model,omitempty"` // that served
	Tries       int       `json:"tries"`           // upstream calls
	Spared429   bool      `json:"spared_429"`
	Cache       string    `json:"cache,omitempty"` // hit, miss or bypass
	QueueMS     float64   `json:"queue_ms"`
	FirstByteMS float64   `json:"first_byte_ms"`
	DurationMS  float64   `json:"duration_ms"`

	EstimatedInput  int64 `json:"estimated_input_tokens"`
	EstimatedOutput int64 `json:"estimated_output_tokens"`
	Input           int64 `json:"input_tokens"`
	Output          int64 `json:"output_tokens"`
	Cached          int64 `json:"cached_input_tokens"`
	Known           bool  `json:"usage_known"` // the provider's own count
	CostNanoUSD     int64 `json:"cost_nano_usd"`
}

// RequestDetail is a request with its attempts, why it went as it did and, where that is
// kept and for admins only, what was asked and answered.
type RequestDetail struct {
	Request
	Shadow     []string              `json:"shadow,omitempty"`
	Candidates []telemetry.Candidate `json:"candidates,omitempty"`
	Attempts   []TrailAttempt        `json:"attempts"`
	Decisions  []TrailDecision       `json:"decisions"`
	Content    *RequestContent       `json:"content,omitempty"`
}

// RequestContent is what was asked and answered, as far as it is kept.
type RequestContent struct {
	Prompt string `json:"prompt"`
	Answer string `json:"answer"`
	Cut    bool   `json:"cut"` // one of them was longer
}

// mostRequests bounds one page, and an export.
const (
	mostRequests = 1000
	mostExported = 50_000
)

// RequestEndpoints search the requests that are kept.
func RequestEndpoints(l Ledger) []Endpoint {
	filter := slices.Concat(spanParams(), narrowParams(), []Param{
		{Name: "id", About: "the gateway's own name of a request, as in x-request-id"}, {Name: "client_id", About: "the client's, as in X-Client-Request-Id"},
		{Name: "account", About: "only this account's"}, {Name: "outcome", About: "such as ok, limited, shed"},
		{Name: "fault", About: "who is at fault", Enum: []string{"caller", "policy", "provider", "gateway"}},
		{Name: "after", About: "the next of the page before"}, {Name: "limit", Type: "integer", About: "how many at most, 1 to 1000; default 100"}, formatParam(),
	})
	return []Endpoint{{
		Method: http.MethodGet, Path: "/requests", ID: "requests.list", Tag: "requests", Summary: "Finished requests, the latest first",
		Description: "Every condition is for equality. As CSV all that match are given, at most 50,000. A key-owner sees the own owner's.",
		Roles:       Everybody(), Query: filter, Answer: List[Request]{},
		Handle: func(c *Call) (any, error) { return listRequests(c, l) },
	}, {
		Method: http.MethodGet, Path: "/requests/{id}", ID: "requests.show", Tag: "requests", Summary: "One request: attempts, decisions, what it met",
		Description: "What was asked and answered is there for admins, where keeping it is switched on.",
		Roles:       Everybody(), Answer: RequestDetail{},
		Handle: func(c *Call) (any, error) { return showRequest(c, l) },
	}}
}

func requestFilter(c *Call) (f ledger.Filter, err error) {
	f = ledger.Filter{ID: c.Query("id"), ClientID: c.Query("client_id"), KeyID: keyID(c), Owner: c.Query("owner"), Route: c.Query("route"),
		Model: c.Query("model"), Provider: c.Query("provider"), Account: c.Query("account"), Outcome: c.Query("outcome"), Fault: c.Query("fault"), Before: c.Query("after")}
	if f.From, err = c.Time("from"); err != nil {
		return f, err
	}
	if f.To, err = c.Time("to"); err != nil {
		return f, err
	}
	if f.Limit, err = c.Int("limit", 100, 1, mostRequests); err != nil {
		return f, err
	}
	if c.Who.Role == access.KeyOwner {
		f.Owner = c.Who.Owner
	}
	return f, nil
}

func listRequests(c *Call, l Ledger) (any, error) {
	f, err := requestFilter(c)
	if err != nil {
		return nil, err
	}
	if c.Query("format") == "csv" {
		return exportRequests(c, l, f)
	}
	rows, next, err := l.Requests(c.Context(), f)
	if err != nil {
		return nil, err
	}
	out := make([]Request, len(rows))
	for i := range rows {
		out[i] = requestRow(&rows[i])
	}
	return Page(out, next), nil
}

func exportRequests(c *Call, l Ledger, f ledger.Filter) (*Sheet, error) {
	s := &Sheet{Name: "requests", Head: []string{"id", "client_request_id", "start", "endpoint", "key_id", "key", "owner", "route", "priority", "outcome", "status",
		"error_code", "fault", "provider", "account", "model", "tries", "queue_ms", "first_byte_ms", "duration_ms", "input_tokens", "output_tokens", "cached_input_tokens", "cost_usd"}}
	f.Limit = mostRequests
	for len(s.Rows) < mostExported {
		rows, next, err := l.Requests(c.Context(), f)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			r := requestRow(&rows[i])
			ms := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
			s.Rows = append(s.Rows, []string{r.ID, r.ClientID, r.Start.Format(time.RFC3339Nano), r.Endpoint, r.KeyID, r.Key, r.Owner, r.Route, r.Priority, r.Outcome,
				strconv.Itoa(r.Status), r.ErrorCode, r.Fault, r.Provider, r.Account, r.Model, strconv.Itoa(r.Tries), ms(r.QueueMS), ms(r.FirstByteMS), ms(r.DurationMS),
				strconv.FormatInt(r.Input, 10), strconv.FormatInt(r.Output, 10), strconv.FormatInt(r.Cached, 10), dollars(r.CostNanoUSD)})
		}
		if next == "" {
			break
		}
		f.Before = next
	}
	return s, nil
}

func requestRow(r *ledger.Request) Request {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Request{
		ID: r.ID, ClientID: r.ClientID, Start: r.At, Endpoint: r.Endpoint, KeyID: r.KeyID, Key: r.Key, Owner: r.Owner, Asked: r.Model, Route: r.Route,
		Priority: r.Priority, Stream: r.Stream, Outcome: r.Outcome, Status: r.Status, ErrorCode: r.ErrorCode, Error: r.Error, Fault: r.Fault,
		LimitedBy: r.LimitedBy, ShedReason: r.ShedReason, Provider: r.Provider, Account: r.Account, Model: r.ServedModel, Tries: r.Attempts,
		Spared429: r.Spared, Cache: r.Cache, QueueMS: ms(r.Queue), FirstByteMS: ms(r.FirstByte), DurationMS: ms(r.Duration),
		EstimatedInput: r.EstimatedInput, EstimatedOutput: r.EstimatedOutput, Input: r.Input, Output: r.Output, Cached: r.Cached, Known: r.Known, CostNanoUSD: r.Cost,
	}
}

func showRequest(c *Call, l Ledger) (any, error) {
	r, attempts, err := l.Request(c.Context(), c.Param("id"))
	if errors.Is(err, ledger.ErrNotFound) || err == nil && c.Who.Role == access.KeyOwner && (r.Owner == "" || r.Owner != c.Who.Owner) {
		return nil, NotFound("request") // or not theirs to know
	}
	if err != nil {
		return nil, err
	}
	d := RequestDetail{Request: requestRow(r), Attempts: []TrailAttempt{}, Decisions: []TrailDecision{}}
	for _, a := range attempts {
		d.Attempts = append(d.Attempts, TrailAttempt{
			Provider: a.Provider, Account: a.Account, Model: a.Model, Key: a.UpstreamKey, Status: a.Status, Failure: a.Kind,
			DurationMS:     float64(a.Duration.Microseconds()) / 1000,
			EstimatedInput: a.EstimatedInput, EstimatedOutput: a.EstimatedOutput, EstimatedNanoUSD: a.EstimatedCost,
			Input: a.Input, Output: a.Output, Cached: a.Cached, CostNanoUSD: a.Cost, Known: a.Known,
		})
	}
	if len(r.Trail) > 0 {
		var why struct {
			Shadow     []string              `json:"shadow"`
			Candidates []telemetry.Candidate `json:"candidates"`
			Decisions  []TrailDecision       `json:"decisions"`
		}
		if err := json.Unmarshal(r.Trail, &why); err != nil {
			return nil, err
		}
		d.Shadow, d.Candidates, d.Decisions = why.Shadow, why.Candidates, append(d.Decisions, why.Decisions...)
	}
	if c.Who.Role == access.Admin {
		if d.Content, err = contentOf(c, l, r.ID); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// contentOf answers nil where nothing is kept.
func contentOf(c *Call, l Ledger, id string) (*RequestContent, error) {
	kept, err := l.Content(c.Context(), id)
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, auth.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &RequestContent{Prompt: string(kept.Prompt), Answer: string(kept.Answer), Cut: kept.Cut}, nil
}
