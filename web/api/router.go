package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluice-gateway/sluice/web/access"
)

// Prefix is where the admin API begins.
const Prefix = "/admin/api/v1"

// Auditor keeps what was done.
type Auditor interface {
	AppendAudit(ctx context.Context, a *access.Audit) error
}

// Options are what an API is made of.
type Options struct {
	// Endpoints are what it can do. Required.
	Endpoints []Endpoint
	// Authenticate finds out who asks, puts it into the context with access.With, and
	// answers 401 by itself where nobody is. Required.
	Authenticate func(http.Handler) http.Handler
	// Audit keeps what was done. Nil: nobody does.
	Audit Auditor
	// Version is the gateway's own, for the document.
	Version string
	// Log takes what callers are not told. Nil: discarded.
	Log *slog.Logger
	// Now is the clock of the audit log. Nil: time.Now.
	Now func() time.Time
}

// API serves the admin API below Prefix. It is safe for concurrent use.
type API struct {
	http.Handler
	o        Options
	document []byte
}

// New makes an API. It fails where the table of endpoints is wrong.
func New(o Options) (*API, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{o: o}
	o.Endpoints = append(slices.Clone(o.Endpoints), a.documentEndpoint())
	a.o.Endpoints = o.Endpoints
	if err := checkTable(o.Endpoints); err != nil {
		return nil, err
	}
	doc, err := Document(o.Endpoints, o.Version)
	if err != nil {
		return nil, err
	}
	a.document = doc
	r := chi.NewRouter()
	r.Route(Prefix, func(r chi.Router) {
		r.Use(o.Authenticate)
		for i := range o.Endpoints {
			e := &o.Endpoints[i]
			r.Method(e.Method, e.Path, a.serve(e))
		}
		r.NotFound(func(w http.ResponseWriter, _ *http.Request) { write(w, NotFound("resource")) })
		r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
			write(w, &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "this resource does not know that method"})
		})
	})
	a.Handler = r
	return a, nil
}

// Endpoints is the table, the document's own endpoint included.
func (a *API) Endpoints() []Endpoint { return a.o.Endpoints }

// serve takes one endpoint's calls through role, query, body, handler and audit.
func (a *API) serve(e *Endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &Call{Who: access.Of(r.Context()), Request: r, endpoint: e}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !e.allows(c.Who.Role) {
			write(w, forbidden(string(c.Who.Role)))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, e.maxBody())
		defer a.recovered(w, e)
		answer, err := c.run(w)
		if e.changes() {
			a.audit(c, err)
		}
		if err != nil {
			a.fail(w, e, err)
			return
		}
		if e.Stream == nil {
			respond(w, e, answer)
		}
	}
}

// run checks the query and calls the handler.
func (c *Call) run(w http.ResponseWriter) (any, error) {
	for name := range c.Request.URL.Query() {
		if !slices.ContainsFunc(c.endpoint.Query, func(p Param) bool { return p.Name == name }) {
			return nil, BadRequest("unknown_parameter", "there is no parameter "+clip(name)+" here")
		}
	}
	for _, p := range c.endpoint.Query {
		if v := c.Query(p.Name); v != "" && len(p.Enum) > 0 && !slices.Contains(p.Enum, v) {
			return nil, Invalid("the query cannot be used", map[string]string{p.Name: "must be one of " + join(p.Enum)})
		}
	}
	if c.endpoint.Stream != nil {
		return nil, c.endpoint.Stream(c, w)
	}
	return c.endpoint.Handle(c)
}

// auditTimeout bounds how long a change waits for its line in the log.
const auditTimeout = 5 * time.Second

// audit keeps what was done, and how it ended. A change that cannot be kept is logged:
// it has happened already.
func (a *API) audit(c *Call, failed error) {
	if a.o.Audit == nil {
		return
	}
	entry := &access.Audit{
		At: a.o.Now(), Who: c.Who.Name, Role: string(c.Who.Role), From: c.Who.From, Action: c.endpoint.ID, Target: c.target,
	}
	if entry.Target == "" {
		entry.Target = c.pathTarget()
	}
	detail := map[string]any{"outcome": "done"}
	if failed != nil {
		e, _ := asError(failed)
		detail["outcome"] = e.Code
	}
	if c.detail != nil {
		detail["change"] = c.detail
	}
	entry.Detail, _ = json.Marshal(detail) // what does not encode is left out
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), auditTimeout)
	defer cancel()
	if err := a.o.Audit.AppendAudit(ctx, entry); err != nil {
		a.o.Log.Error("audit entry not kept", "action", entry.Action, "target", entry.Target, "who", entry.Who, "error", err.Error())
	}
}

// pathTarget is the parameters of the path, one after the other.
func (c *Call) pathTarget() string {
	rc := chi.RouteContext(c.Context())
	if rc == nil {
		return ""
	}
	target := ""
	for i, name := range rc.URLParams.Keys {
		if name != "*" && rc.URLParams.Values[i] != "" {
			target += "/" + rc.URLParams.Values[i]
		}
	}
	return clip(trimSlash(target))
}

// recovered answers for a handler that panicked.
func (a *API) recovered(w http.ResponseWriter, e *Endpoint) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	a.o.Log.Error("panic in the admin API", "operation", e.ID, "panic", p, "stack", string(debug.Stack()))
	write(w, &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong inside; the log says what"})
}

func (a *API) fail(w http.ResponseWriter, e *Endpoint, err error) {
	told, meant := asError(err)
	if !meant {
		a.o.Log.Error("admin API", "operation", e.ID, "error", err.Error())
	}
	write(w, told)
}

func respond(w http.ResponseWriter, e *Endpoint, answer any) {
	if e.Answer == nil {
		w.WriteHeader(e.status())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status())
	_ = json.NewEncoder(w).Encode(answer) // plain data always encodes; the reader may have gone
}

func write(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(body{errorBody{e.Message, e.Code, e.Fields, e.Detail}}) // as above
}
