package api

import (
	"net/http"

	"github.com/sluice-gateway/sluice/web/access"
)

// Budget is one live bucket. Amounts are in the dimension's own unit: requests,
// tokens, calls in flight or nano-dollars.
type Budget struct {
	Scope     string `json:"scope"` // client_key, owner, route or upstream
	Name      string `json:"name"`
	Limit     string `json:"limit"`     // the limit's name in the configuration, for instance tpm
	Dimension string `json:"dimension"` // requests, tokens, …
	// Kind is how it refills: rate (continuously), fixed_window, sliding_window, calendar
	// (at once, where a day or a month begins) or gauge (as calls end).
	Kind     string `json:"kind"`
	Amount   int64  `json:"amount"`    // per window
	WindowMS int64  `json:"window_ms"` // 0 for concurrency
	Capacity int64  `json:"capacity"`  // what a full bucket holds
	Level    int64  `json:"level"`     // what may be taken now; below zero: debt
	Reserved int64  `json:"reserved"`  // held by calls in flight
	Debt     int64  `json:"debt"`
	Learned  bool   `json:"learned"` // told by the provider, not configured
	FullInMS int64  `json:"full_in_ms"`
	// Effective is what may be taken per window now: the limit or the provider's lower
	// word, less the margin, times Ratio.
	Effective int64   `json:"effective"`
	Told      int64   `json:"told,omitempty"` // the provider's own, lower word
	Ratio     float64 `json:"effective_rate_ratio"`
}

// Buckets shows live buckets.
type Buckets interface{ Budgets() []Budget }

// BudgetEndpoints show what may still be spent.
func BudgetEndpoints(b Buckets) []Endpoint {
	return []Endpoint{{
		Method: http.MethodGet, Path: "/budgets", ID: "budgets.list", Tag: "budgets",
		Summary:     "Every live bucket: level, reserved, debt, limit",
		Description: "A key-owner sees the own owner's buckets and those of no upstream.",
		Roles:       Everybody(),
		Query:       []Param{{Name: "scope", About: "only buckets of this kind of holder", Enum: []string{"client_key", "owner", "route", "upstream"}}},
		Answer:      List[Budget]{},
		Handle: func(c *Call) (any, error) {
			var out []Budget
			for _, row := range b.Budgets() {
				if s := c.Query("scope"); s != "" && s != row.Scope || !SeesBudget(c.Who, &row) {
					continue
				}
				out = append(out, row)
			}
			return Page(out, ""), nil
		},
	}}
}

// SeesBudget says whether a bucket is somebody's to see.
func SeesBudget(who access.Identity, b *Budget) bool {
	return who.Role != access.KeyOwner || b.Scope == "owner" && b.Name == who.Owner
}
