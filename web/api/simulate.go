package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"
)

// SimulationRequest asks for a simulation.
type SimulationRequest struct {
	// Name is what people call it, up to 100 bytes. Empty: it has none.
	Name string `json:"name,omitempty"`
	// Config is current, file (while a version of the admin API lies over it), a version of
	// the history such as v3, or a configuration's text. Empty: current.
	Config string `json:"config,omitempty"`
	// Trace is last_hour for what this gateway has served lately, or the id of an earlier
	// simulation whose trace is kept: the very same calls are played then. Empty: the part
	// named trace of a multipart body.
	Trace string `json:"trace,omitempty"`
	// Options are those of gateway simulate, by the names of its flags.
	Options map[string]any `json:"options,omitempty"`
}

// SimulationChecked is what is wrong with a request, before any trace is read.
type SimulationChecked struct {
	Valid bool `json:"valid"`
	// Problems and Warnings are the configuration's.
	Problems []ConfigProblem `json:"problems"`
	Warnings []ConfigProblem `json:"warnings"`
	// Fields are what else is wrong, by its path, such as options.load.
	Fields map[string]string `json:"fields"`
	// Diff is what the configuration has different from the one in force.
	Diff []string `json:"diff"`
}

// SimulationOption is an option of a simulation.
type SimulationOption struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // number, text, duration, truth or list (of texts)
	Default string `json:"default"`
	About   string `json:"about"`
}

// Simulation is a simulation under way or done.
type Simulation struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	State    string  `json:"state"`    // waiting, running, done, failed or cancelled
	Progress float64 `json:"progress"` // 0 to 1
	By       string  `json:"by"`
	Config   string  `json:"config"` // current, file, a version such as v3, or given
	// ConfigVersion is what was in force when it was asked for, as GET /config names it, and
	// Diff is what its configuration has different from that.
	ConfigVersion string         `json:"config_version"`
	Diff          []string       `json:"diff"`
	Options       map[string]any `json:"options"` // as they were given
	Trace         string         `json:"trace"`   // last_hour or uploaded
	// TraceID names the calls: simulations that share it can be compared. TraceKept says
	// that another one can be made with them, by giving this one's id as trace.
	TraceID   string     `json:"trace_id"`
	TraceKept bool       `json:"trace_kept"`
	Calls     int        `json:"calls"` // of the trace, before load
	Since     *time.Time `json:"since"` // of last_hour: where it begins; later than an hour ago where there was too much
	Created   time.Time  `json:"created"`
	Started   *time.Time `json:"started"`
	Ended     *time.Time `json:"ended"`
	Error     string     `json:"error,omitempty"`
	// Problems are the first rows of the trace that could not be used, Skipped counts all.
	Problems []TraceProblem `json:"problems"`
	Skipped  int            `json:"skipped"`
	// Results are what gateway simulate --json prints, one for each engine. Only in the
	// answer for one simulation, and only when it is done.
	Results any `json:"results,omitempty"`
	// Report is where the page with charts is; empty: it is not done.
	Report string `json:"report,omitempty"`
}

// TraceProblem is a row that could not be used.
type TraceProblem struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Simulations run simulations, one at a time.
type Simulations interface {
	// Simulate reads the upload, nil without one, and takes the job in. Its errors are
	// for the caller.
	Simulate(c *Call, q SimulationRequest, upload io.Reader) (*Simulation, error)
	// Check tells what is wrong with a request, its trace left aside.
	Check(c *Call, q SimulationRequest) SimulationChecked
	// Options are those that a request may give.
	Options() []SimulationOption
	// Simulations answers all that are known, the latest first, without results.
	Simulations() []Simulation
	// Simulation answers one, nil when it is not known.
	Simulation(id string) *Simulation
	// Report is the page of one that is done, nil otherwise.
	Report(id string) []byte
	// Cancel ends one, or forgets it when it has ended; false: it is not known.
	Cancel(id string) bool
}

// MaxTrace bounds an uploaded trace, in bytes.
const MaxTrace = 50 << 20

// maxSimulationRequest bounds what comes with a trace.
const maxSimulationRequest = 5 << 20

// SimulationEndpoints run simulations.
func SimulationEndpoints(s Simulations) []Endpoint {
	return []Endpoint{{
		Method: http.MethodPost, Path: "/simulate", ID: "simulations.create", Tag: "simulate", Summary: "Play recorded traffic against a configuration, in virtual time",
		Description: "With a body of JSON the trace is last_hour or that of an earlier simulation. To upload one, send multipart/form-data with a part named job, which is that JSON, and after it a part named trace: " +
			"CSV or JSONL as gateway simulate reads them, plain or gzipped, up to 50 MiB. The answer comes when the trace has been read; then GET /simulate/{id}. " +
			"One simulation runs at a time and a few wait. References of a configuration that are not the file's own cannot be used; no key is needed.",
		Roles: Operators(), Body: SimulationRequest{}, RawBody: "multipart/form-data", MaxBody: MaxTrace + maxSimulationRequest,
		Status: http.StatusAccepted, Answer: Simulation{},
		Handle: func(c *Call) (any, error) { return simulate(c, s) },
	}, {
		Method: http.MethodPost, Path: "/simulate/check", ID: "simulations.check", Tag: "simulate", Summary: "What is wrong with a simulation's configuration and options",
		Description: "Every problem of the configuration is told with its path, line and column, and what it has different from the one in force. Nothing is read, kept or run.",
		Roles:       Operators(), Quiet: true, Body: SimulationRequest{}, MaxBody: maxSimulationRequest, Answer: SimulationChecked{},
		Handle: func(c *Call) (any, error) {
			var q SimulationRequest
			if err := c.Decode(&q); err != nil {
				return nil, err
			}
			return s.Check(c, q), nil
		},
	}, {
		Method: http.MethodGet, Path: "/simulate/options", ID: "simulations.options", Tag: "simulate", Summary: "The options of simulations, with their defaults",
		Roles: Readers(), Answer: List[SimulationOption]{},
		Handle: func(*Call) (any, error) { return Page(s.Options(), ""), nil },
	}, {
		Method: http.MethodGet, Path: "/simulate", ID: "simulations.list", Tag: "simulate", Summary: "The last simulations, the latest first",
		Roles: Readers(), Answer: List[Simulation]{},
		Handle: func(*Call) (any, error) { return Page(s.Simulations(), ""), nil },
	}, {
		Method: http.MethodGet, Path: "/simulate/{id}", ID: "simulations.show", Tag: "simulate", Summary: "A simulation: state, progress, results",
		Roles: Readers(), Answer: Simulation{},
		Handle: func(c *Call) (any, error) {
			if x := s.Simulation(c.Param("id")); x != nil {
				return x, nil
			}
			return nil, NotFound("simulation")
		},
	}, {
		Method: http.MethodGet, Path: "/simulate/{id}/report", ID: "simulations.report", Tag: "simulate", Summary: "The page of a simulation, with charts",
		Roles: Readers(), Media: "text/html",
		Stream: func(c *Call, w http.ResponseWriter) error { return page(c, w, s) },
	}, {
		Method: http.MethodDelete, Path: "/simulate/{id}", ID: "simulations.cancel", Tag: "simulate", Summary: "End a simulation, or forget one that has ended",
		Roles: Operators(),
		Handle: func(c *Call) (any, error) {
			if !s.Cancel(c.Param("id")) {
				return nil, NotFound("simulation")
			}
			return nil, nil
		},
	}}
}

// page sends a report. It has styles of its own and needs nothing else, so nothing else
// is allowed to it.
func page(c *Call, w http.ResponseWriter, s Simulations) error {
	html := s.Report(c.Param("id"))
	if html == nil {
		return NotFound("report")
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'")
	_, _ = w.Write(html) // a reader that has gone needs none
	return nil
}

func simulate(c *Call, s Simulations) (any, error) {
	media, params, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type")) // what is unknown is taken for JSON
	var q SimulationRequest
	var upload io.Reader
	if media == "multipart/form-data" {
		var err error
		if upload, err = parts(multipart.NewReader(c.Request.Body, params["boundary"]), &q); err != nil {
			return nil, err
		}
	} else if err := c.Decode(&q); err != nil {
		return nil, err
	}
	x, err := s.Simulate(c, q, upload)
	if err != nil {
		return nil, err
	}
	c.Note(x.ID, map[string]any{"config": x.Config, "trace": x.Trace, "calls": x.Calls})
	return x, nil
}

// parts reads the part named job and answers the part named trace, which follows it, to
// be read as it comes.
func parts(r *multipart.Reader, q *SimulationRequest) (io.Reader, error) {
	for {
		p, err := r.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil // then the trace is last_hour
		case err != nil:
			return nil, BadRequest("invalid_body", "the body is no multipart/form-data that can be read")
		}
		switch p.FormName() {
		case "job":
			data, err := io.ReadAll(io.LimitReader(p, maxSimulationRequest))
			if err != nil {
				return nil, BadRequest("invalid_body", "the part job could not be read")
			}
			if err := decode(data, q); err != nil {
				return nil, err
			}
		case "trace":
			return p, nil
		default:
			return nil, BadRequest("invalid_body", "there is no part named "+clip(p.FormName())+": send job and then trace")
		}
	}
}
