package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation/scenario"
	"github.com/sluice-gateway/sluice/web/api"
)

// Words of a request.
const (
	current  = "current"
	lastHour = "last_hour"
)

// maxName bounds a job's name, maxOptions its options as JSON, in bytes.
const (
	maxName    = 100
	maxOptions = 16 << 10
)

// Simulate reads a request and its trace and takes the job in.
func (s *Jobs) Simulate(c *api.Call, q api.SimulationRequest, upload io.Reader) (*api.Simulation, error) {
	r, err := s.enter(upload != nil || q.Trace == lastHour)
	if err != nil {
		return nil, err
	}
	defer s.leave(r)
	j, checked := s.prepare(c, q)
	switch {
	case upload != nil && q.Trace != "":
		checked.Fields["trace"] = "must be left out where one is uploaded"
	case upload == nil && q.Trace == "":
		checked.Fields["trace"] = "must be last_hour or the id of an earlier simulation, or come as a part named trace of multipart/form-data"
	case q.Trace == lastHour && s.o.Recording == nil:
		checked.Fields["trace"] = "the last hour is not recorded here: upload a trace"
	}
	if len(checked.Fields) > 0 {
		refusal := api.Invalid("the simulation cannot be run", checked.Fields)
		if len(checked.Problems) > 0 {
			refusal.Detail = checked.Problems
		}
		return nil, refusal
	}
	switch {
	case upload != nil:
		err = s.readUpload(c.Context(), j, upload, r.calls)
	case q.Trace == lastHour:
		err = s.readRecorded(c.Context(), j, r.calls)
	default:
		err = s.readKept(j, q.Trace)
	}
	if err != nil {
		return nil, err
	}
	j.shown.Calls, j.shown.TraceID = len(j.trace.Calls), nameOf(j.trace)
	return s.take(j, r)
}

// reading is the room that a job has while its trace is read.
type reading struct {
	memory int64
	calls  int // that it may have
}

// enter counts a job that is being read, or refuses it because too many wait. With room,
// memory is set aside for a trace: as much as there is, at least for a sixteenth of the
// calls that one may have.
func (s *Jobs) enter(room bool) (*reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.reading
	for _, j := range s.all {
		if !j.over() {
			n++
		}
	}
	if n > s.o.MaxWaiting {
		return nil, busy(fmt.Sprintf("one simulation runs and %d wait already: try again later, or cancel one", s.o.MaxWaiting))
	}
	r := &reading{}
	if room {
		s.makeRoom(int64(s.o.MaxCalls) * recordedSize)
		free := int(max(s.o.MaxMemory-s.memory, 0) / recordedSize)
		if r.calls = min(free, s.o.MaxCalls); r.calls < s.o.MaxCalls/16 || r.calls == 0 {
			return nil, busy(noMemory)
		}
		r.memory = int64(r.calls) * recordedSize
		s.memory += r.memory
	}
	s.reading++
	return r, nil
}

const noMemory = "the simulations that wait take all the memory that there is for them: try again later, or cancel one"

// busy is the refusal of a job that may be asked for again later.
func busy(message string) *api.Error {
	return &api.Error{Status: http.StatusTooManyRequests, Code: "too_many_simulations", RetryAfter: 10 * time.Second, Message: message}
}

func (s *Jobs) leave(r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading--
	s.memory -= r.memory
}

// Check tells what is wrong with a request, its trace left aside.
func (s *Jobs) Check(c *api.Call, q api.SimulationRequest) api.SimulationChecked {
	_, checked := s.prepare(c, q)
	return checked
}

// Options are those that a request may give.
func (s *Jobs) Options() (out []api.SimulationOption) {
	for _, o := range scenario.Options() {
		out = append(out, api.SimulationOption{Name: o.Name, Kind: o.Kind, Default: o.Default, About: o.About})
	}
	return out
}

// prepare makes a job of a request, but for its trace, and tells all that is wrong.
func (s *Jobs) prepare(c *api.Call, q api.SimulationRequest) (*job, api.SimulationChecked) {
	j := &job{shown: api.Simulation{ID: newID(), Name: strings.TrimSpace(q.Name), State: waiting, By: c.Who.Name, Created: s.o.Now(), Config: "given", Trace: "uploaded",
		Options: q.Options, Diff: []string{}, Problems: []api.TraceProblem{}}}
	if j.shown.Options == nil {
		j.shown.Options = map[string]any{}
	}
	checked := api.SimulationChecked{Problems: []api.ConfigProblem{}, Warnings: []api.ConfigProblem{}, Fields: map[string]string{}, Diff: []string{}}
	if len(q.Name) > maxName {
		checked.Fields["name"] = fmt.Sprintf("has at most %d bytes", maxName)
	}
	if data, err := json.Marshal(q.Options); err != nil || len(data) > maxOptions {
		checked.Fields["options"] = fmt.Sprintf("have at most %d bytes", maxOptions)
	}
	cfg := s.config(c.Context(), q.Config, j, &checked)
	s.scenario(q.Options, cfg, j, checked.Fields)
	if q.Trace != "" && q.Trace != lastHour && (j.scenario.From > 0 || j.scenario.Length > 0) {
		checked.Fields["options.from"] = "from and length choose a part of a trace when it is read: those of the other simulation count, so leave them out"
	}
	checked.Valid = len(checked.Fields) == 0
	return j, checked
}

// config finds the configuration that is asked for; nil with what is wrong with it.
func (s *Jobs) config(ctx context.Context, text string, j *job, checked *api.SimulationChecked) *config.Config {
	now, version, err := s.o.Config(ctx, current)
	if err != nil {
		checked.Fields["config"] = err.Error()
		return nil
	}
	j.shown.ConfigVersion = version
	cfg := now
	switch {
	case text == "" || text == current:
		j.shown.Config = current
	case isName(text):
		j.shown.Config = text
		cfg, _, err = s.o.Config(ctx, text)
	default:
		cfg, err = s.o.Parse([]byte(text))
	}
	switch {
	case err == nil && len(cfg.Routes) == 0:
		checked.Fields["config"] = "has no route"
		return nil
	case err == nil:
		j.shown.Diff = append(j.shown.Diff, config.Diff(now, cfg)...)
		checked.Diff, checked.Warnings = j.shown.Diff, append(checked.Warnings, api.ConfigProblems(cfg.Warnings())...)
		return cfg
	}
	checked.Problems = api.ConfigProblems(err)
	checked.Problems = checked.Problems[:min(len(checked.Problems), 200)]
	first := checked.Problems[0]
	checked.Fields["config"] = first.Message
	if first.Line > 0 {
		checked.Fields["config"] = fmt.Sprintf("line %d: %s", first.Line, first.Message)
	}
	if n := len(checked.Problems); n > 1 {
		checked.Fields["config"] += fmt.Sprintf("; and %d more", n-1)
	}
	return nil
}

// isName says that a configuration is named instead of given: no text is one word.
func isName(text string) bool {
	digits, ok := strings.CutPrefix(text, "v")
	return text == "file" || ok && digits != "" && strings.Trim(digits, "0123456789") == ""
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

// take puts a job among those that wait; the room in which its trace was read becomes
// its own.
func (s *Jobs) take(j *job, r *reading) (*api.Simulation, error) {
	j.memory = memoryOf(j.trace, j.scenario.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.memory > s.o.MaxMemory {
		return nil, api.Invalid("the simulation would take too much memory", map[string]string{
			"options.load": fmt.Sprintf("%d calls at this load take about %d MiB, more than the %d MiB that there are: use less load or a shorter part of the trace",
				j.shown.Calls, j.memory>>20, s.o.MaxMemory>>20)})
	}
	s.memory -= r.memory
	r.memory = 0
	if !s.makeRoom(j.memory) {
		return nil, busy(noMemory)
	}
	s.memory += j.memory
	s.all = append(s.all, j)
	s.keep(j.shown.TraceID, j.trace)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
	x := s.view(j, false)
	return &x, nil
}
