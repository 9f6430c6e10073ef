package api

import (
	"net/http"
	"time"
)

// AlertRule is a rule with what has become of it.
type AlertRule struct {
	Name      string   `json:"name"`
	Condition string   `json:"condition"` // as in queue_depth > 100
	About     string   `json:"about"`     // what is read
	ForMS     int64    `json:"for_ms"`    // how long the condition has to hold
	ClearsAt  string   `json:"clears_at"` // where a firing alert resolves
	Do        []string `json:"do"`        // log, webhook host, shed class, disable_key
	Shipped   bool     `json:"shipped"`   // nobody has written it
	// State is ok, pending or firing: that of its worst alert.
	State      string     `json:"state"`
	MutedUntil *time.Time `json:"muted_until"` // null: its changes are told
	Alerts     []Alert    `json:"alerts"`
	// More counts alerts that are not followed one by one, because there are too many.
	More int `json:"more"`
}

// Alert is one that is pending, firing or resolved.
type Alert struct {
	ID      string            `json:"id"` // the rule and its labels
	Name    string            `json:"name"`
	Metric  string            `json:"metric"` // what is read, as in queue_depth
	Labels  map[string]string `json:"labels"`
	State   string            `json:"state"`
	Value   float64           `json:"value"` // the last reading, in the metric's unit
	Message string            `json:"message"`
	Since   time.Time         `json:"since"`           // when the condition began to hold
	Fired   *time.Time        `json:"fired,omitempty"` // null: it has not
}

// AlertChange is a step of an alert in the past.
type AlertChange struct {
	At    time.Time `json:"at"`
	Muted bool      `json:"muted"` // nobody was told
	Alert
}

// Webhook is a receiver of alerts.
type Webhook struct {
	Host      string `json:"host"`
	Delivered int64  `json:"delivered"`
	Failed    int64  `json:"failed"`  // given up after every try
	Dropped   int64  `json:"dropped"` // too many were waiting
	Waiting   int    `json:"waiting"`
	LastError string `json:"last_error,omitempty"`
}

// Alerts are the rules, the last changes and the receivers.
type Alerts struct {
	Data     []AlertRule   `json:"data"`
	History  []AlertChange `json:"history"` // the latest first, at most 500
	Webhooks []Webhook     `json:"webhooks"`
}

// AlertPatch changes a rule for the time being.
type AlertPatch struct {
	// MutedUntil is until when nobody is told of the rule; null or the past: tell again.
	MutedUntil *time.Time `json:"muted_until"`
}

// longestMute bounds what a mute may hide.
const longestMute = 30 * 24 * time.Hour

// Alerting is what watches.
type Alerting interface {
	Alerts() Alerts
	// Mute answers false where there is no such rule.
	Mute(rule string, until time.Time) bool
}

// AlertEndpoints show alerts and mute them.
func AlertEndpoints(a Alerting) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/alerts", ID: "alerts.list", Tag: "alerts", Summary: "Every alert rule with its state, and the last changes",
		Roles: Readers(), Answer: Alerts{},
		Handle: func(*Call) (any, error) { return a.Alerts(), nil },
	}, {
		Method: http.MethodPatch, Path: "/alerts/{name}", ID: "alerts.mute", Tag: "alerts", Summary: "Mute a rule until a moment, or end that",
		Description: "A muted rule changes its state and does nothing: no log, no webhook, no shedding, no key is disabled. " +
			"What fires still when the mute is over is told then. A mute lasts at most 30 days and ends with the process.",
		Roles: Operators(), Body: AlertPatch{}, Answer: AlertRule{},
		Handle: func(c *Call) (any, error) { return mute(c, a) },
	}}
}

func mute(c *Call, a Alerting) (any, error) {
	var p AlertPatch
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	until := time.Time{}
	if p.MutedUntil != nil {
		until = *p.MutedUntil
	}
	if until.After(time.Now().Add(longestMute)) {
		return nil, Invalid("the rule cannot be muted for so long", map[string]string{"muted_until": "must be at most 30 days from now"})
	}
	name := c.Param("name")
	if !a.Mute(name, until) {
		return nil, NotFound("alert rule")
	}
	c.Note(name, p)
	for _, r := range a.Alerts().Data {
		if r.Name == name {
			return r, nil
		}
	}
	return nil, NotFound("alert rule") // a reload has just taken it out
}
