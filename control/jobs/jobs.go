package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/report"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/api"
)

// Options are what Jobs are made of.
type Options struct {
	// Config answers a configuration by its name: current, file, or a version of the history
	// such as v3. Version is what State.Tag calls it. The error is for the caller. Required.
	Config func(ctx context.Context, name string) (cfg *config.Config, version string, err error)
	// Parse reads a configuration's text as far as whoever gave it may be trusted.
	// Required.
	Parse func(text []byte) (*config.Config, error)
	// Recording is where the last hour comes from. Nil: it cannot be had.
	Recording Recording
	// Timeout is how long one job may run. Zero: two minutes.
	Timeout time.Duration
	// MaxWaiting is how many jobs wait for the one that runs. Zero: 4.
	MaxWaiting int
	// MaxCalls bounds a trace. Zero: 500,000.
	MaxCalls int
	// MaxMemory bounds what all jobs take together, in bytes, by estimate: those that are
	// read, wait or run, and the traces that are kept. Zero: 256 MiB.
	MaxMemory int64
	// MaxUnpacked bounds what a gzipped trace unpacks to, in bytes. Zero: 512 MiB.
	MaxUnpacked int64
	// Keep is how many jobs that have ended are remembered. Zero: 20.
	Keep int
	// Log takes what was run. Nil: discarded.
	Log *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Jobs run simulations. They are safe for concurrent use.
type Jobs struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	all     []*job // the oldest first
	reading int    // jobs whose trace is being read
	memory  int64  // of those that are read, wait or run, and of the traces
	traces  []kept // the oldest first
}

// New makes Jobs; Run runs them.
func New(o Options) (*Jobs, error) {
	if o.Config == nil || o.Parse == nil {
		return nil, errors.New("jobs: Options need Config and Parse")
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 4
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 500_000
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 256 << 20
	}
	if o.MaxUnpacked <= 0 {
		o.MaxUnpacked = 512 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Jobs{o: o, wake: make(chan struct{}, 1)}, nil
}

// Run runs one job after the other until the context ends.
func (s *Jobs) Run(ctx context.Context) {
	for {
		if j := s.next(ctx); j != nil {
			s.play(j)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
	}
}

// playing is a job's context while it runs.
type playing struct {
	*job
	ctx context.Context
}

// next takes the oldest waiting job, nil when there is none or the context has ended.
func (s *Jobs) next(ctx context.Context) *playing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	for _, j := range s.all {
		if j.shown.State == waiting {
			j.shown.State, j.shown.Started = running, pointer(s.o.Now())
			p := &playing{job: j}
			p.ctx, j.cancel = context.WithTimeoutCause(ctx, s.o.Timeout, errTooLong)
			return p
		}
	}
	return nil
}

var errTooLong = errors.New("it took too long")

// play runs a job to its end on a thread of its own.
func (s *Jobs) play(p *playing) {
	defer p.cancel()
	var results []report.Report
	var html []byte
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				err = errors.New("panic: " + telemetry.Panicked(r))
			}
		}()
		stepBack()
		results, html, err = p.simulate(p.ctx)
	}()
	<-ended
	s.end(p, results, html, err)
}

// simulate is one run for each engine.
func (j *job) simulate(ctx context.Context) (results []report.Report, html []byte, err error) {
	o := j.options
	o.Calls = j.traffic.Play(j.trace)
	if len(o.Calls) == 0 {
		return nil, nil, errors.New("no call is left of the trace: load is too small for it")
	}
	engines := j.scenario.Engines()
	var runs []*simulation.Result
	for i, engine := range engines {
		o.Engine = engine
		o.Progress = func(share float64) {
			j.progress.Store(math.Float64bits((float64(i) + min(share, 1)) / float64(len(engines))))
		}
		r, err := simulation.RunContext(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		runs = append(runs, r)
	}
	for _, r := range runs {
		one := report.Of(r)
		shorten(&one)
		results = append(results, one)
	}
	var page bytes.Buffer
	if err := report.HTML(&page, j.title(), runs); err != nil {
		return nil, nil, err
	}
	return results, page.Bytes(), nil
}

// end notes how a job has ended.
func (s *Jobs) end(p *playing, results []report.Report, html []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &p.shown
	x.Ended = pointer(s.o.Now())
	s.memory -= p.memory
	s.keep(x.TraceID, p.trace) // if there was no room for it before
	p.cancel, p.trace, p.options = func() {}, nil, simulation.Options{}
	switch {
	case err == nil:
		x.State, p.results, p.html = done, results, html
	case errors.Is(err, context.Canceled):
		x.State = cancelled
	case errors.Is(err, errTooLong):
		x.State, x.Error = failed, "it took longer than "+s.o.Timeout.String()+": use a shorter part of the trace, less load, or gateway simulate, which has no such bound"
	default:
		x.State, x.Error = failed, err.Error()
	}
	s.o.Log.Info("simulation ended", "id", x.ID, "by", x.By, "state", x.State, "calls", x.Calls, "error", x.Error,
		"duration_ms", x.Ended.Sub(*x.Started).Milliseconds())
	s.forget()
}

// forget drops the oldest jobs that have ended, above the number that is kept; the lock
// is held.
func (s *Jobs) forget() {
	over := 0
	for _, j := range s.all {
		if j.over() {
			over++
		}
	}
	s.all = slices.DeleteFunc(s.all, func(j *job) bool {
		if over > s.o.Keep && j.over() {
			over--
			return true
		}
		return false
	})
	s.dropTraces()
}

// Simulations answers all that are known, the latest first.
func (s *Jobs) Simulations() []api.Simulation {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]api.Simulation, 0, len(s.all))
	for _, j := range slices.Backward(s.all) {
		out = append(out, s.view(j, false))
	}
	return out
}

// find answers a job, nil when it is not known; the lock is held.
func (s *Jobs) find(id string) *job {
	i := slices.IndexFunc(s.all, func(j *job) bool { return j.shown.ID == id })
	if i < 0 {
		return nil
	}
	return s.all[i]
}

// Simulation answers one with its results, nil when it is not known.
func (s *Jobs) Simulation(id string) *api.Simulation {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.find(id)
	if j == nil {
		return nil
	}
	x := s.view(j, true)
	return &x
}

// view is a job as the API shows it; the lock is held.
func (s *Jobs) view(j *job, withResults bool) api.Simulation {
	x := j.view(withResults)
	x.TraceKept = s.kept(x.TraceID) != nil
	return x
}

// Report is the page of one that is done, nil otherwise.
func (s *Jobs) Report(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.find(id); j != nil {
		return j.html
	}
	return nil
}

// Cancel ends a job, or forgets one that has ended; false: it is not known.
func (s *Jobs) Cancel(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.find(id)
	switch {
	case j == nil:
		return false
	case j.over():
		s.all = slices.DeleteFunc(s.all, func(x *job) bool { return x == j })
		s.dropTraces()
	case j.shown.State == running:
		j.cancel() // it ends at its next look
	default:
		s.memory -= j.memory
		s.keep(j.shown.TraceID, j.trace)
		j.shown.State, j.shown.Ended, j.trace, j.options = cancelled, pointer(s.o.Now()), nil, simulation.Options{}
		s.forget()
	}
	return true
}

func newID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return "sim_" + base32.HexEncoding.EncodeToString(b[:])
}
