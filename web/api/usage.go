package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/web/access"
)

// Usage is the sums of one group. Tokens are as the providers count them; cost is in
// nano-dollars.
type Usage struct {
	// Group holds the group's values by dimension; beside key there is key_id.
	Group    map[string]string `json:"group"`
	Requests int64             `json:"requests"`
	Refused  int64             `json:"refused"` // by the gateway itself
	Attempts int64             `json:"attempts"`
	Failed   int64             `json:"failed_attempts"`
	Input    int64             `json:"input_tokens"`
	Output   int64             `json:"output_tokens"`
	Cached   int64             `json:"cached_input_tokens"`
	Cost     int64             `json:"cost_nano_usd"`
}

// Ledger answers what was called.
type Ledger interface {
	Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error)
	Requests(ctx context.Context, f ledger.Filter) (rows []ledger.Request, next string, err error)
	Request(ctx context.Context, id string) (*ledger.Request, []ledger.Attempt, error)
	Content(ctx context.Context, requestID string) (*ledger.Content, error)
}

// usageDays is how far back usage goes where nothing else is asked.
const usageDays = 30

func dimensions() []string {
	return []string{ledger.ByKey, ledger.ByOwner, ledger.ByRoute, ledger.ByModel, ledger.ByProvider, ledger.ByHour, ledger.ByDay}
}

func spanParams() []Param {
	return []Param{
		{Name: "from", Type: "date-time", About: "the first moment, RFC 3339 or a date; default 30 days ago"},
		{Name: "to", Type: "date-time", About: "the moment after the last; default now"},
	}
}

func narrowParams() []Param {
	return []Param{
		{Name: "key_id", About: "only this client key's, by its ID"}, {Name: "owner", About: "only this owner's"}, {Name: "route", About: "only this route's"},
		{Name: "model", About: "only this upstream model's"}, {Name: "provider", About: "only this provider's"},
	}
}

// UsageEndpoints sum up what was used.
func UsageEndpoints(l Ledger, now func() time.Time) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/usage", ID: "usage.sum", Tag: "usage", Summary: "Requests, tokens and cost, summed by what is asked for",
		Description: "Sums are kept by the hour, in UTC: from and to count by the hour that they lie in. A key-owner sees the own owner's usage.",
		Roles:       Everybody(), Answer: List[Usage]{},
		Query: slices.Concat([]Param{
			{Name: "group_by", About: "dimensions with commas between: " + strings.Join(dimensions(), ", ") + "; default day"},
			{Name: "zone", About: "whose hours and days, such as Asia/Seoul; default UTC"},
		}, spanParams(), narrowParams(), []Param{formatParam()}),
		Handle: func(c *Call) (any, error) {
			q, err := usageQuery(c, now())
			if err != nil {
				return nil, err
			}
			rows, err := l.Usage(c.Context(), q)
			if err != nil {
				return nil, err
			}
			if c.Query("format") == "csv" {
				return usageSheet(q, rows), nil
			}
			out := make([]Usage, len(rows))
			for i, u := range rows {
				out[i] = Usage{Group: u.Group, Requests: u.Requests, Refused: u.Refused, Attempts: u.Attempts, Failed: u.FailedAttempts,
					Input: u.Input, Output: u.Output, Cached: u.Cached, Cost: u.Cost}
			}
			return Page(out, ""), nil
		},
	}}
}

// keyID is the key that a query asks for, by the ID that a ClientKey has: rows have the
// file's keys by their names.
func keyID(c *Call) string { return strings.TrimPrefix(c.Query("key_id"), filePrefix) }

func usageQuery(c *Call, now time.Time) (q ledger.UsageQuery, err error) {
	wrong := map[string]string{}
	q = ledger.UsageQuery{GroupBy: []string{ledger.ByDay}, Zone: time.UTC, KeyID: keyID(c), Owner: c.Query("owner"), Route: c.Query("route"),
		Model: c.Query("model"), Provider: c.Query("provider")}
	if g := c.Query("group_by"); g != "" {
		q.GroupBy = strings.Split(g, ",")
	}
	for i, d := range q.GroupBy {
		if !slices.Contains(dimensions(), d) || slices.Contains(q.GroupBy[:i], d) {
			wrong["group_by"] = "must be some of " + strings.Join(dimensions(), ", ") + ", each once"
		}
	}
	if z := c.Query("zone"); z != "" {
		if q.Zone, err = time.LoadLocation(z); err != nil || z == "Local" {
			wrong["zone"] = "is not a time zone such as Asia/Seoul"
		}
	}
	if len(wrong) > 0 {
		return q, Invalid("the query cannot be used", wrong)
	}
	if q.From, err = c.Time("from"); err != nil {
		return q, err
	}
	if q.To, err = c.Time("to"); err != nil {
		return q, err
	}
	if q.From.IsZero() {
		q.From = now.AddDate(0, 0, -usageDays)
	}
	if c.Who.Role == access.KeyOwner {
		q.Owner = c.Who.Owner
	}
	return q, nil
}

func usageSheet(q ledger.UsageQuery, rows []ledger.Usage) *Sheet {
	s := &Sheet{Name: "usage", Head: append(slices.Clone(q.GroupBy), "requests", "refused", "attempts", "failed_attempts", "input_tokens", "output_tokens", "cached_input_tokens", "cost_usd")}
	for _, u := range rows {
		var row []string
		for _, d := range q.GroupBy {
			row = append(row, u.Group[d])
		}
		for _, n := range []int64{u.Requests, u.Refused, u.Attempts, u.FailedAttempts, u.Input, u.Output, u.Cached} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		s.Rows = append(s.Rows, append(row, dollars(u.Cost)))
	}
	return s
}
