package jobs

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation/scenario"
	"github.com/sluice-gateway/sluice/simulation/trace"
	"github.com/sluice-gateway/sluice/web/api"
)

// Words of a request.
const (
	current  = "current"
	lastHour = "last_hour"
)

// maxPlain bounds what a gzipped trace unpacks to.
const maxPlain = 512 << 20

// Simulate reads a request and its trace and takes the job in.
func (s *Jobs) Simulate(c *api.Call, q api.SimulationRequest, upload io.Reader) (*api.Simulation, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	j := &job{shown: api.Simulation{ID: newID(), State: waiting, By: c.Who.Name, Created: s.o.Now(), Config: "given", Trace: "uploaded",
		Problems: []api.TraceProblem{}}}
	wrong := map[string]string{}
	cfg := s.config(q.Config, j, wrong)
	s.scenario(q.Options, cfg, j, wrong)
	switch {
	case upload == nil && q.Trace != lastHour:
		wrong["trace"] = "must be last_hour, or come as a part named trace of multipart/form-data"
	case upload != nil && q.Trace != "":
		wrong["trace"] = "must be left out where one is uploaded"
	case upload == nil && s.o.Recording == nil:
		wrong["trace"] = "the last hour is not recorded here: upload a trace"
	}
	if len(wrong) > 0 {
		return nil, api.Invalid("the simulation cannot be run", wrong)
	}
	if err := s.read(c.Context(), j, upload); err != nil {
		return nil, err
	}
	return s.take(j)
}

// enter counts a job that is being read, or refuses it because too many wait.
func (s *Jobs) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.reading
	for _, j := range s.all {
		if !j.over() {
			n++
		}
	}
	if n > s.o.MaxWaiting {
		return &api.Error{Status: http.StatusTooManyRequests, Code: "too_many_simulations", RetryAfter: 10 * time.Second,
			Message: fmt.Sprintf("one simulation runs and %d wait already: try again later, or cancel one", s.o.MaxWaiting)}
	}
	s.reading++
	return nil
}

func (s *Jobs) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading--
}

// config finds the configuration that is asked for; nil with what is wrong with it.
func (s *Jobs) config(text string, j *job, wrong map[string]string) *config.Config {
	if text == "" || text == current {
		j.shown.Config = current
		return s.o.Config()
	}
	cfg, err := s.o.Parse([]byte(text))
	var problems config.Problems
	switch {
	case err == nil && len(cfg.Routes) > 0:
		return cfg
	case err == nil:
		wrong["config"] = "has no route"
	case errors.As(err, &problems):
		for i, p := range problems {
			if i < 50 {
				wrong[fmt.Sprintf("config:%d", p.Line)] = p.Message
			}
		}
	default:
		wrong["config"] = err.Error()
	}
	return nil
}

// scenario reads the options; without a configuration only their forms.
func (s *Jobs) scenario(options map[string]any, cfg *config.Config, j *job, wrong map[string]string) {
	var err error
	if j.scenario, err = scenario.Of(options); err == nil && cfg != nil {
		j.options, j.traffic, err = j.scenario.Build(cfg)
	}
	var problems scenario.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			wrong["options."+p.Option] = p.Message
		}
	}
}

// read gets the trace: from the upload, or what was recorded.
func (s *Jobs) read(ctx context.Context, j *job, upload io.Reader) error {
	if upload == nil {
		return s.readRecorded(ctx, j)
	}
	plain, err := unpacked(upload)
	if err != nil {
		return api.Invalid("the trace cannot be used", map[string]string{"trace": err.Error()})
	}
	j.trace, err = trace.Read(plain, trace.Options{MaxCalls: s.o.MaxCalls, From: j.scenario.From, Length: j.scenario.Length})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: "request_too_large", Message: "the trace is larger than 50 MiB"}
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return api.Invalid("the trace cannot be used", map[string]string{"trace": err.Error()})
	}
	for _, p := range j.trace.Problems {
		j.shown.Problems = append(j.shown.Problems, api.TraceProblem{Line: p.Line, Reason: p.Reason})
	}
	j.shown.Skipped = j.trace.Skipped
	return nil
}

// unpacked reads gzip where the upload is gzip.
func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil // what is too short is told by whoever reads it
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, errors.New("it begins like gzip and is not")
	}
	return &bounded{r: z, left: maxPlain}, nil
}

// bounded reads so much and then fails.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d MiB", maxPlain>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (s *Jobs) readRecorded(ctx context.Context, j *job) error {
	now := s.o.Now()
	calls, err := s.o.Recording.Recorded(ctx, now.Add(-time.Hour), now, s.o.MaxCalls)
	switch {
	case err != nil:
		return err
	case len(calls) == 0:
		return api.Invalid("the simulation cannot be run", map[string]string{"trace": "nothing was served in the last hour"})
	}
	j.shown.Trace = lastHour
	j.shown.Since = pointer(calls[0].At)
	j.trace = cut(calls, j.scenario.From, j.scenario.Length)
	if len(j.trace.Calls) == 0 {
		return api.Invalid("the simulation cannot be run", map[string]string{"options.from": "no call of the last hour is left"})
	}
	return nil
}

// cut makes a trace of recorded calls, in order of time, or of a part of them.
func cut(calls []Recorded, from, length time.Duration) *trace.Trace {
	t := &trace.Trace{Calls: make([]trace.Call, 0, len(calls))}
	for _, c := range calls {
		at := c.At.Sub(calls[0].At) - from
		if at < 0 || length > 0 && at >= length {
			continue
		}
		c.Call.At = at
		t.Calls = append(t.Calls, c.Call)
	}
	return t
}

// take puts a job among those that wait.
func (s *Jobs) take(j *job) (*api.Simulation, error) {
	j.shown.Calls = len(j.trace.Calls)
	j.memory = memoryOf(j.shown.Calls, j.scenario.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.memory > s.o.MaxMemory {
		return nil, api.Invalid("the simulation would take too much memory", map[string]string{
			"options.load": fmt.Sprintf("%d calls at this load take about %d MiB, more than the %d MiB that there are: use less load or a shorter part of the trace",
				j.shown.Calls, j.memory>>20, s.o.MaxMemory>>20)})
	}
	if s.memory+j.memory > s.o.MaxMemory {
		return nil, &api.Error{Status: http.StatusTooManyRequests, Code: "too_many_simulations", RetryAfter: 10 * time.Second,
			Message: "the simulations that wait take all the memory that there is for them: try again later, or cancel one"}
	}
	s.memory += j.memory
	s.all = append(s.all, j)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
	x := j.view(false)
	return &x, nil
}
