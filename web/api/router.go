package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluice-gateway/sluice/telemetry"
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
	// Authenticate finds out who asks and puts it into the context with access.With;
	// without a role it is nobody. Required.
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
		r.NotFound(a.refuse(NotFound("resource")))
		r.MethodNotAllowed(a.refuse(&Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "this resource does not know that method"}))
	})
	a.Handler = r
	return a, nil
}

// Endpoints is the table, the document's own endpoint included.
func (a *API) Endpoints() []Endpoint { return a.o.Endpoints }

// refuse answers where there is no endpoint, and nobody learns even that.
func (a *API) refuse(e *Error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if access.Of(r.Context()).Role == "" {
			a.fail(w, r, &Endpoint{ID: "none"}, nobody(r.Context()))
			return
		}
		write(w, e)
	}
}

// nobody is why a request has no identity.
func nobody(ctx context.Context) error {
	if why := access.WhyNobody(ctx); why != nil {
		return why
	}
	return &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "who asks is not known"}
}

// serve takes one endpoint's calls through role, query, body, handler and audit.
func (a *API) serve(e *Endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &Call{Who: access.Of(r.Context()), Request: r, endpoint: e, header: w.Header()}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case e.allows(c.Who.Role):
		case c.Who.Role == "":
			a.fail(w, r, e, nobody(r.Context()))
			return
		default:
			write(w, forbidden(string(c.Who.Role)))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, e.maxBody())
		defer a.recovered(w, e)
		answer, err := c.run(w)
		if e.changes() && !c.unkept {
			a.audit(c, err)
		}
		if err != nil {
			a.fail(w, r, e, err)
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
		if !c.endpoint.OtherQuery && !slices.ContainsFunc(c.endpoint.Query, func(p Param) bool { return p.Name == name }) {
			return nil, BadRequest("unknown_parameter", "there is no parameter "+clip(name)+" here"+c.endpoint.parameters())
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
	a.o.Log.Error("panic in the admin API", "operation", e.ID, "panic", telemetry.Panicked(p), "stack", string(debug.Stack()))
	write(w, &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong inside; the log says what"})
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, e *Endpoint, err error) {
	told, meant := asError(err)
	if !meant {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // a refusal tells its cause to nobody but the log
		}
		a.o.Log.Error("admin API", "operation", e.ID, "error", err.Error())
	}
	if e.readable(r) {
		writePage(w, told)
		return
	}
	write(w, told)
}

func respond(w http.ResponseWriter, e *Endpoint, answer any) {
	if sheet, ok := answer.(*Sheet); ok {
		sheet.write(w)
		return
	}
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
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice admin"`)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", access.RetrySeconds(e.RetryAfter))
	}
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(body{errorBody{e.Message, e.Code, e.Fields, e.Detail}}) // as above
}
