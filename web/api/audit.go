package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/web/access"
)

// AuditEntry is one thing that somebody did.
type AuditEntry struct {
	ID     int64           `json:"id"`
	At     time.Time       `json:"at"`
	Who    string          `json:"who"` // empty: nobody who is known
	Role   string          `json:"role"`
	From   string          `json:"from"` // an address
	Action string          `json:"action"`
	Target string          `json:"target"`
	Detail json.RawMessage `json:"detail"`
}

// A page of the log is looked for among at most auditBatches × auditBatch entries; a
// page that is not full has a cursor too, where more are to be looked through.
const (
	auditBatch   = 1000
	auditBatches = 20
)

// AuditEndpoints show what was done.
func AuditEndpoints(g *access.Guard) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/audit", ID: "audit.list", Tag: "access", Roles: Admins(),
		Summary:     "What was done, by whom, from where and how it ended, the latest first",
		Description: "Where few entries match, a page may hold fewer than limit, or none, and still have a next one.",
		Query: []Param{
			{Name: "who", About: "only what this account or token did"},
			{Name: "action", About: "only this operation (accounts.create), or all of one noun (accounts)"},
			{Name: "limit", About: "entries on a page, 1 to 1000; default 100", Type: "integer"},
			{Name: "after", About: "the next of the page before"},
		},
		Answer: List[AuditEntry]{},
		Handle: func(c *Call) (any, error) {
			limit, err := c.Int("limit", 100, 1, auditBatch)
			if err != nil {
				return nil, err
			}
			var below int64
			if after := c.Query("after"); after != "" {
				if below, err = strconv.ParseInt(after, 10, 64); err != nil || below < 1 {
					return nil, Invalid("the query cannot be used", map[string]string{"after": "must be the next of another page"})
				}
			}
			return findAudits(c.Context(), g, auditFilter{who: c.Query("who"), action: c.Query("action")}, below, limit)
		},
	}}
}

type auditFilter struct{ who, action string }

func (f auditFilter) matches(a *access.Audit) bool {
	return (f.who == "" || a.Who == f.who) &&
		(f.action == "" || a.Action == f.action || strings.HasPrefix(a.Action, f.action+"."))
}

// auditReader is where the log is read.
type auditReader interface {
	Audits(ctx context.Context, below int64, limit int) ([]access.Audit, error)
}

// findAudits collects a page of what matches.
func findAudits(ctx context.Context, g auditReader, f auditFilter, below int64, limit int) (any, error) {
	var out []AuditEntry
	for range auditBatches {
		rows, err := g.Audits(ctx, below, auditBatch)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			a := &rows[i]
			if below = a.ID; !f.matches(a) {
				continue
			}
			out = append(out, AuditEntry{a.ID, a.At, a.Who, a.Role, a.From, a.Action, a.Target, a.Detail})
			if len(out) == limit {
				if i == len(rows)-1 && len(rows) < auditBatch {
					return Page(out, ""), nil
				}
				return Page(out, strconv.FormatInt(below, 10)), nil
			}
		}
		if len(rows) < auditBatch {
			return Page(out, ""), nil
		}
	}
	return Page(out, strconv.FormatInt(below, 10)), nil
}
