// Package report shows what simulations came to: as a table for people, as JSON for
// programs, and as one page with charts.
package report

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"

	"github.com/sluice-gateway/sluice/simulation"
)

// Report is a run in stable names. Durations are seconds, shares are 0 to 1.
type Report struct {
	Engine        string           `json:"engine"`
	Seed          uint64           `json:"seed"`
	MeasuredS     float64          `json:"measured_seconds"`
	TookS         float64          `json:"took_seconds"`
	Arrived       int              `json:"arrived"`
	Served        int              `json:"served"`
	Refused       int              `json:"refused"`
	Failed        int              `json:"failed"`
	FellBack      int              `json:"fell_back"`
	Waited        int              `json:"waited"`
	Attempts      int              `json:"upstream_attempts"`
	Upstream429   int              `json:"upstream_429"`
	Share429      float64          `json:"upstream_429_share"`
	OfferedTokens int64            `json:"offered_tokens"`
	Goodput       int64            `json:"goodput_tokens"`
	Jain          float64          `json:"jain_index"`
	Wait          Wait             `json:"wait"`
	Accounts      []Account        `json:"accounts"`
	Classes       map[string]Group `json:"classes"`
	Clients       map[string]Group `json:"clients"`
	Reasons       map[string]int   `json:"refusals_by_reason"`
	Timeline      []Point          `json:"timeline"`
}

// Wait is a distribution of waiting times.
type Wait struct {
	P50 float64 `json:"p50_seconds"`
	P99 float64 `json:"p99_seconds"`
	Max float64 `json:"max_seconds"`
}

// Account is one account's limit group.
type Account struct {
	Name     string  `json:"name"`
	Attempts int     `json:"attempts"`
	Refused  int     `json:"refused_429"`
	Requests int64   `json:"requests"`
	Tokens   int64   `json:"tokens"`
	Used     float64 `json:"quota_used"`
}

// Group is one class or client.
type Group struct {
	Arrived  int   `json:"arrived"`
	Served   int   `json:"served"`
	Waited   int   `json:"waited"` // of those served
	FellBack int   `json:"fell_back"`
	Refused  int   `json:"refused"`
	Shed     int   `json:"shed"` // of those refused
	Failed   int   `json:"failed"`
	Tokens   int64 `json:"tokens"`
	Wait     Wait  `json:"wait"`
}

// Point is one step of the timeline.
type Point struct {
	AtS         float64        `json:"at_seconds"`
	Arrived     int            `json:"arrived"`
	Served      int            `json:"served"`
	Refused     int            `json:"refused"`
	Upstream429 int            `json:"upstream_429"`
	Tokens      int64          `json:"tokens"`
	Queued      map[string]int `json:"queued"`
	Ratio       float64        `json:"effective_rate_ratio"`
}

// Of puts a result in stable names.
func Of(r *simulation.Result) Report {
	out := Report{
		Engine: string(r.Engine), Seed: r.Seed, MeasuredS: r.Measured.Seconds(), TookS: r.Took.Seconds(), Arrived: r.Arrived,
		Served: r.Served, Refused: r.Refused, Failed: r.Failed, FellBack: r.FellBack, Waited: r.Waited, Attempts: r.Attempts,
		Upstream429: r.Upstream429, Share429: r.Share429(), OfferedTokens: r.Offered, Goodput: r.Goodput, Jain: r.Jain,
		Wait: Wait(r.Wait), Reasons: r.Reasons, Classes: groups(r.Classes), Clients: groups(r.Clients),
		Accounts: []Account{}, Timeline: []Point{},
	}
	for _, a := range r.Accounts {
		out.Accounts = append(out.Accounts, Account{a.Name, a.Attempts, a.Refused, a.Requests, a.Tokens, a.Used})
	}
	for _, p := range r.Timeline {
		out.Timeline = append(out.Timeline, Point{
			AtS: p.At.Seconds(), Arrived: p.Arrived, Served: p.Served, Refused: p.Refused, Upstream429: p.Upstream429, Tokens: p.Tokens,
			Queued: map[string]int{"critical": p.Queued[0], "high": p.Queued[1], "normal": p.Queued[2], "low": p.Queued[3]}, Ratio: p.Ratio,
		})
	}
	return out
}

func groups(m map[string]*simulation.GroupResult) map[string]Group {
	out := make(map[string]Group, len(m))
	for name, g := range m {
		out[name] = Group{g.Arrived, g.Served, g.Waited, g.FellBack, g.Refused, g.Shed, g.Failed, g.Tokens, Wait(g.Wait)}
	}
	return out
}

// JSON writes the runs as a JSON array.
func JSON(w io.Writer, results []*simulation.Result) error {
	out := make([]Report, 0, len(results))
	for _, r := range results {
		out = append(out, Of(r))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// shownClients bounds the clients that people are shown.
const shownClients = 20

// byTokens are the names of groups, those with the most tokens first.
func byTokens(m map[string]Group) []string {
	names := slices.Collect(maps.Keys(m))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b].Tokens, m[a].Tokens), cmp.Compare(a, b))
	})
	return names[:min(len(names), shownClients)]
}

// classes are the classes that had calls, the most important first.
func classes(m map[string]Group) []string {
	var out []string
	for _, c := range []string{"critical", "high", "normal", "low"} {
		if m[c].Arrived > 0 {
			out = append(out, c)
		}
	}
	return out
}
