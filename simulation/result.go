package simulation

import (
	"slices"
	"time"
)

// Result is what a run came to, of the time after its warm-up.
type Result struct {
	Engine   Engine        `json:"engine"`
	Seed     uint64        `json:"seed"`
	Measured time.Duration `json:"measured_ns"`
	// Arrived are the calls; each was Served, Refused (never sent: shed, queue full, no
	// room in time, too large) or Failed (its attempts came to nothing).
	Arrived, Served, Refused, Failed int
	// FellBack were served by a later target than their first; Waited stood in a queue.
	FellBack, Waited int
	// Attempts are upstream calls, Upstream429 those that were refused.
	Attempts, Upstream429 int
	// Offered are the tokens of all calls, Goodput of those that were served.
	Offered  int64                   `json:"offered_tokens"`
	Goodput  int64                   `json:"goodput_tokens"`
	Accounts []AccountResult         `json:"accounts"`
	Classes  map[string]*GroupResult `json:"classes"`
	Clients  map[string]*GroupResult `json:"clients"`
	Reasons  map[string]int          `json:"refusals"`
	Wait     Quantiles               `json:"wait"`
	Jain     float64                 `json:"jain_index"` // of the clients' tokens; 1 is even
	Timeline []Point                 `json:"timeline"`
	Took     time.Duration           `json:"took_ns"` // real time
}

// Share429 is the upstream refusals per attempt.
func (r *Result) Share429() float64 {
	if r.Attempts == 0 {
		return 0
	}
	return float64(r.Upstream429) / float64(r.Attempts)
}

// AccountResult is one account's limit group.
type AccountResult struct {
	Name              string
	Attempts, Refused int
	Requests, Tokens  int64
	// Used is the share of the tightest limit that was used, 0 to 1.
	Used float64

	refusedAt    []time.Duration
	foreign      int64
	foreignCalls int64
}

// GroupResult is one class or client.
type GroupResult struct {
	Arrived, Served, Refused, Failed, FellBack int
	// Shed are those of Refused that were refused early for the sake of others; Waited
	// those of Served that stood in a queue.
	Shed, Waited int
	Tokens       int64
	Wait         Quantiles

	waits []float64
}

// Quantiles are of waiting times, in seconds.
type Quantiles struct {
	P50, P99, Max float64
}

func quantiles(v []float64) Quantiles {
	if len(v) == 0 {
		return Quantiles{}
	}
	slices.Sort(v)
	at := func(q float64) float64 { return v[min(int(q*float64(len(v))), len(v)-1)] }
	return Quantiles{P50: at(0.5), P99: at(0.99), Max: v[len(v)-1]}
}

// Point is one step of the timeline.
type Point struct {
	At                       time.Duration
	Arrived, Served, Refused int
	Upstream429              int
	Tokens                   int64
	Queued                   [4]int // by class, at the end of the step
	Ratio                    float64
}

// jain is the fairness index of shares: 1 when all are equal, 1/n when one has all.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, s := range shares {
		sum += s
		squares += s * s
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// RefusedAfter counts the upstream's refusals from a moment of the run on.
func (r *Result) RefusedAfter(t time.Duration) (n int) {
	for i := range r.Accounts {
		for _, at := range r.Accounts[i].refusedAt {
			if at >= t {
				n++
			}
		}
	}
	return n
}
