package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/access"
)

// State is what a gateway sees at one moment: what GET /now answers, and what GET
// /events follows. Rows that change by themselves are keyed, so that a change of one is
// told without the others.
type State struct {
	Now       Now                    `json:"now"`
	Queue     map[string]Lane        `json:"queue"`     // by class
	Budgets   map[string]Budget      `json:"budgets"`   // by scope/name/limit
	Upstreams map[string]Upstream    `json:"upstreams"` // by provider/account
	Routes    map[string]RouteShares `json:"routes"`
	Alerts    map[string]any         `json:"alerts"` // those that fire, by their own key
}

// Now is the figures of the last moments. Rates and shares are of the last ten seconds,
// latencies and counts of the last minute.
type Now struct {
	At   time.Time `json:"at"`
	Node string    `json:"node,omitempty"`

	RequestsPerSecond float64 `json:"requests_per_s"`
	TokensPerSecond   float64 `json:"tokens_per_s"`
	InFlight          int64   `json:"in_flight"`
	Spared            int64   `json:"spared_429"`    // calls that waited, rotated or moved for lack of budget
	Waited            int64   `json:"spared_waited"` // of those; a call may have done several
	Rotated           int64   `json:"spared_rotated"`
	Moved             int64   `json:"spared_moved"`
	Refused429        int64   `json:"upstream_429s"` // attempts that an upstream refused for rate
	Failed            int64   `json:"failed"`        // calls that ended in an error of upstreams or gateway
	OverheadP50       float64 `json:"overhead_p50_ms"`
	OverheadP99       float64 `json:"overhead_p99_ms"`
	FirstByteP50      float64 `json:"first_byte_p50_ms"`
	FirstByteP99      float64 `json:"first_byte_p99_ms"`
	CostPerHour       int64   `json:"cost_per_hour_nano_usd"`
	// Typical is what a call has asked for lately, by dimension.
	Typical map[string]int64 `json:"typical"`
	// Limiting is the one sentence of what limits now.
	Limiting Limiting `json:"limiting"`
}

// Limiting is what limits now, in words and in the parts they are made of.
type Limiting struct {
	// Kind is free when nothing does, waiting when calls wait or move, refused when they
	// are turned away.
	Kind     string `json:"kind"`
	Sentence string `json:"sentence"`
	// Provider, Account, Group and Dimension are of the scarcest bucket; empty: none is
	// scarce.
	Provider  string `json:"provider,omitempty"`
	Group     string `json:"group,omitempty"`
	Account   string `json:"account,omitempty"`
	Dimension string `json:"dimension,omitempty"`
	// WaitMS is how long until a typical call fits there, or one of those that wait where
	// they are larger; below zero: not known.
	WaitMS int64 `json:"wait_ms,omitempty"`
	// Waiting are the calls in the queue, by class. The others are of the last minute:
	// Shed calls by class, Moved by the target that they went to, Limited by the client
	// key whose own limits they met, of at most three keys.
	Waiting map[string]int64 `json:"waiting,omitempty"`
	Shed    map[string]int64 `json:"shed,omitempty"`
	Moved   map[string]int64 `json:"moved,omitempty"`
	Limited map[string]int64 `json:"limited,omitempty"`
}

// Lane is the queue of one class.
type Lane struct {
	Depth    int   `json:"depth"`
	Tokens   int64 `json:"waiting_tokens"`
	OldestMS int64 `json:"oldest_ms"`
	Shed     int64 `json:"shed"`    // in the last minute
	Dropped  int64 `json:"dropped"` // of these, because the queue was full
}

// RouteShares is how a route's calls went in the last ten minutes.
type RouteShares struct {
	Served map[string]int64 `json:"served"` // by target
	Moved  map[string]int64 `json:"moved"`  // by reason, as in no_room
	// From are the same reasons by the target that calls left.
	From   map[string]map[string]int64 `json:"from"`
	Failed int64                       `json:"failed"`
}

// Point is ten seconds of the past.
type Point struct {
	At         int64            `json:"at"` // Unix seconds of its beginning
	Requests   int64            `json:"requests"`
	Tokens     int64            `json:"tokens"`
	Spared     int64            `json:"spared_429"`
	Refused429 int64            `json:"upstream_429s"`
	Failed     int64            `json:"failed"`
	Shed       map[string]int64 `json:"shed,omitempty"`
	Overhead   [2]float64       `json:"overhead_ms"`   // p50, p99
	FirstByte  [2]float64       `json:"first_byte_ms"` // p50, p99
	Cost       int64            `json:"cost_nano_usd"`
}

// RequestLine is a request that has ended, in one line; GET /explain/{id} tells the rest.
type RequestLine struct {
	ID          string    `json:"id"`
	ClientID    string    `json:"client_request_id,omitempty"`
	Start       time.Time `json:"start"`
	Key         string    `json:"key,omitempty"`
	Owner       string    `json:"owner,omitempty"`
	Route       string    `json:"route,omitempty"`
	Priority    string    `json:"priority,omitempty"`
	Outcome     string    `json:"outcome"`
	Status      int       `json:"status,omitempty"`
	ErrorCode   string    `json:"error_code,omitempty"`
	Provider    string    `json:"provider,omitempty"`
	Account     string    `json:"account,omitempty"`
	Model       string    `json:"model,omitempty"`
	Cache       string    `json:"cache,omitempty"`
	Spared429   bool      `json:"spared_429,omitempty"`
	QueueMS     float64   `json:"queue_ms,omitempty"`
	DurationMS  float64   `json:"duration_ms"`
	Input       int64     `json:"input_tokens"`
	Output      int64     `json:"output_tokens"`
	CostNanoUSD int64     `json:"cost_nano_usd"`
}

// LineOf words a finished request.
func LineOf(r *telemetry.Record) *RequestLine {
	ms := func(d time.Duration) float64 { return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000 }
	return &RequestLine{
		ID: r.ID, ClientID: r.ClientID, Start: r.Start.Truncate(time.Millisecond), Key: r.Key, Owner: r.Owner, Route: r.Route, Priority: r.Priority,
		Outcome: r.Outcome, Status: r.Status, ErrorCode: r.ErrorCode, Provider: r.Provider, Account: r.Account, Model: r.ServedModel, Cache: r.Cache,
		Spared429: r.Spared, QueueMS: ms(r.QueueWait), DurationMS: ms(r.Duration), Input: r.Input, Output: r.Output, CostNanoUSD: r.Cost,
	}
}

// Overview is the present and the last hour.
type Overview struct {
	State   *State  `json:"state,omitempty"` // left out where only the history was asked for
	History []Point `json:"history"`         // the oldest first; pauses without a call are left out
}

// Live is the gateway's present.
type Live interface {
	State(who access.Identity) State
	// History answers the points of the last hour that begin at a moment or later.
	History(who access.Identity, from time.Time) []Point
	// Watch calls emit with every event until the context ends, emit fails, or the
	// reader is too slow. The first event is a snapshot.
	Watch(ctx context.Context, who access.Identity, emit func(event string, data []byte) error) error
}

// LiveEndpoints show the present.
func LiveEndpoints(l Live) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/now", ID: "now.show", Tag: "live", Summary: "The present, and the last hour in steps of ten seconds",
		Roles: Everybody(), Answer: Overview{},
		Query: []Param{
			{Name: "part", About: "history: without the state, which the events tell", Enum: []string{"history"}},
			{Name: "from", About: "only the points of the history that begin at this moment or later"},
		},
		Handle: func(c *Call) (any, error) { return overview(c, l) },
	}, {
		Method: http.MethodGet, Path: "/events", ID: "events.watch", Tag: "live", Summary: "The present as a stream of server-sent events",
		Description: "The first event is snapshot, the whole state. patch is a JSON merge patch (RFC 7396) on it, at most one a second. " +
			"request, alert, key and config are things that have happened. ping comes when nothing else does. A stream that is broken begins anew with a snapshot. " +
			"A key-owner sees the own owner's budgets and requests.",
		Roles: Everybody(), Media: "text/event-stream",
		Stream: func(c *Call, w http.ResponseWriter) error { return stream(c, w, l) },
	}}
}

func overview(c *Call, l Live) (any, error) {
	from, err := c.Time("from")
	if err != nil {
		return nil, err
	}
	o := Overview{History: l.History(c.Who, from)}
	if c.Query("part") != "history" {
		state := l.State(c.Who)
		o.State = &state
	}
	return o, nil
}

// eventTimeout bounds how long a reader may take to accept one event.
const eventTimeout = 10 * time.Second

func stream(c *Call, w http.ResponseWriter, l Live) error {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that would wait for more
	w.WriteHeader(http.StatusOK)
	// What goes wrong now cannot be told any more: the stream just ends, and the reader
	// comes back.
	_ = l.Watch(c.Context(), c.Who, func(event string, data []byte) error {
		if err := control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
			return err
		}
		return control.Flush()
	})
	return nil
}
