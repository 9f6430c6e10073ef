package jobs

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/report"
	"github.com/sluice-gateway/sluice/simulation/scenario"
	"github.com/sluice-gateway/sluice/simulation/trace"
	"github.com/sluice-gateway/sluice/web/api"
)

// The states of a job.
const (
	waiting   = "waiting"
	running   = "running"
	done      = "done"
	failed    = "failed"
	cancelled = "cancelled"
)

// job is one simulation. What changes is guarded by the lock of its Jobs, except for the
// progress.
type job struct {
	shown    api.Simulation
	progress atomic.Uint64 // bits of a float64
	memory   int64

	scenario *scenario.Scenario
	options  simulation.Options
	traffic  simulation.Traffic
	trace    *trace.Trace // nil once it has ended

	cancel  context.CancelFunc // nil: it does not run
	results []report.Report
	html    []byte
}

func (j *job) over() bool {
	return slices.Contains([]string{done, failed, cancelled}, j.shown.State)
}

// view is the job as the API shows it; the lock is held.
func (j *job) view(withResults bool) api.Simulation {
	x := j.shown
	x.Progress = math.Float64frombits(j.progress.Load())
	if j.shown.State == done {
		x.Progress = 1
		x.Report = api.Prefix + "/simulate/" + x.ID + "/report"
		if withResults {
			x.Results = j.results
		}
	}
	return x
}

// title is what the page of a job is called.
func (j *job) title() string {
	x := &j.shown
	what, which := "an uploaded trace", x.Config
	if x.Trace == lastHour {
		what = "the last hour"
	}
	if x.Config == current {
		which = x.ConfigVersion
	}
	return cmp.Or(x.Name, "Simulation") + ": " + what + " with the configuration " + which
}

// shownClients bounds the clients of a result.
const shownClients = 1000

// shorten leaves the clients with the most tokens in a result.
func shorten(r *report.Report) {
	if len(r.Clients) <= shownClients {
		return
	}
	names := make([]string, 0, len(r.Clients))
	for name := range r.Clients {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return int(min(max(r.Clients[b].Tokens-r.Clients[a].Tokens, -1), 1))
	})
	for _, name := range names[shownClients:] {
		delete(r.Clients, name)
	}
}

func pointer(t time.Time) *time.Time { return &t }
