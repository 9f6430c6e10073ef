package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/simulation/trace"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Recorded is a call and when it came.
type Recorded struct {
	At time.Time
	trace.Call
}

// Recording keeps what was called.
type Recording interface {
	// Recorded answers the calls of a time, in their order: the last ones, where there are
	// more than so many.
	Recorded(ctx context.Context, from, to time.Time, most int) ([]Recorded, error)
}

// FromLedger takes recordings from the ledger's rows.
func FromLedger(s ledger.Store) Recording { return rows{s} }

type rows struct{ ledger.Store }

// page is how many rows are asked for at once.
const page = 1000

// Recorded reads rows, the latest first, until there are enough.
func (s rows) Recorded(ctx context.Context, from, to time.Time, most int) ([]Recorded, error) {
	var out []Recorded
	f := ledger.Filter{From: from, To: to, Limit: page}
	for {
		got, next, err := s.Requests(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range got {
			r := &got[i]
			if !played(r.Route, r.Outcome, r.Cache) || len(out) >= most {
				continue
			}
			c := Recorded{r.At, trace.Call{Model: r.Route, Priority: r.Priority, Client: r.Key}}
			c.Input, c.Output = tokens(r.Input, r.Output, r.EstimatedInput, r.EstimatedOutput)
			out = append(out, c)
		}
		if next == "" || len(out) >= most {
			break
		}
		f.Before = next
	}
	byTime(out)
	return out, nil
}

// played says that a request is traffic: it named a route and was not answered by the
// cache. What was refused for lack of room or budget is traffic too.
func played(route, outcome, cache string) bool {
	return route != "" && cache != "hit" && outcome != "rejected" && outcome != "unauthorized" && outcome != "upstream_rejected"
}

// tokens are what a call had, or was expected to have where it was not answered.
func tokens(in, out, estimatedIn, estimatedOut int64) (int64, int64) {
	if in+out == 0 {
		return max(estimatedIn, 1), estimatedOut
	}
	return max(in, 1), out
}

func byTime(calls []Recorded) {
	slices.SortStableFunc(calls, func(a, b Recorded) int { return a.At.Compare(b.At) })
}

// Tape remembers the last calls in memory. It is a telemetry.Sink and a Recording, safe
// for concurrent use.
type Tape struct {
	mu    sync.Mutex
	calls []taped // a ring once it is full
	next  int
}

// taped is a call on the tape: small, because there are many.
type taped struct {
	at                    int64 // Unix nanoseconds
	input, output         int32
	route, priority, name string // shared with the configuration
}

// tapeLength is how many calls a Tape remembers: about eight megabytes.
const tapeLength = 100_000

// NewTape makes an empty tape.
func NewTape() *Tape { return &Tape{} }

// Record remembers a finished request.
func (t *Tape) Record(r *telemetry.Record) {
	if !played(r.Route, r.Outcome, r.Cache) {
		return
	}
	in, out := tokens(r.Input, r.Output, r.EstimatedInput, r.EstimatedOutput)
	c := taped{r.Start.UnixNano(), int32(min(in, 1<<30)), int32(min(out, 1<<30)), r.Route, r.Priority, r.Key}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.calls) < tapeLength {
		t.calls = append(t.calls, c)
		return
	}
	t.calls[t.next] = c
	t.next = (t.next + 1) % tapeLength
}

// Recorded answers what is on the tape.
func (t *Tape) Recorded(_ context.Context, from, to time.Time, most int) ([]Recorded, error) {
	t.mu.Lock()
	calls := slices.Clone(t.calls)
	t.mu.Unlock()
	var out []Recorded
	for _, c := range calls {
		if at := time.Unix(0, c.at); !at.Before(from) && at.Before(to) {
			out = append(out, Recorded{at, trace.Call{Input: int64(c.input), Output: int64(c.output), Model: c.route, Priority: c.priority, Client: c.name}})
		}
	}
	byTime(out)
	return out[max(len(out)-most, 0):], nil
}
