package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Budget is one live bucket. Amounts are in the dimension's own unit: requests,
// tokens, calls in flight or nano-dollars.
type Budget struct {
	Scope     string `json:"scope"` // client_key, owner, route or upstream
	Name      string `json:"name"`
	Limit     string `json:"limit"`     // the limit's name in the configuration, for instance tpm
	Dimension string `json:"dimension"` // requests, tokens, …
	Amount    int64  `json:"amount"`    // per window
	WindowMS  int64  `json:"window_ms"` // 0 for concurrency
	Capacity  int64  `json:"capacity"`  // what a full bucket holds
	Level     int64  `json:"level"`     // what may be taken now; below zero: debt
	Reserved  int64  `json:"reserved"`  // held by calls in flight
	Debt      int64  `json:"debt"`
	Learned   bool   `json:"learned"` // told by the provider, not configured
	FullInMS  int64  `json:"full_in_ms"`
	// Effective is what may be taken per window now: the limit or the provider's lower
	// word, less the margin, times Ratio.
	Effective int64   `json:"effective"`
	Told      int64   `json:"told,omitempty"` // the provider's own, lower word
	Ratio     float64 `json:"effective_rate_ratio"`
}

// Key is one upstream key, by its fingerprint.
type Key struct {
	Fingerprint string `json:"fingerprint"`
	State       string `json:"state"` // enabled, draining or disabled
	Reason      string `json:"reason,omitempty"`
}

// Upstream is one account of a provider.
type Upstream struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	InFlight int    `json:"in_flight"`
	Keys     []Key  `json:"keys"`
}

// Gateway is what the admin API asks of the data plane.
type Gateway interface {
	Budgets() []Budget
	Upstreams() []Upstream
	// Explain tells what would become of a request now; the error is for whoever asked.
	Explain(ctx context.Context, q Question) (any, error)
	// Trail is what became of one of the last requests; nil: it is not known any more.
	Trail(id string) any
}

// Question is a request to explain.
type Question struct {
	// Request is the body as a client would send it.
	Request json.RawMessage `json:"request"`
	// Endpoint is chat_completions, completions or embeddings. Empty: chat_completions.
	Endpoint string `json:"endpoint"`
	// Key names the client key that asks. Empty: nobody's limits count.
	Key string `json:"key"`
	// Priority is the class. Empty: the key's own, or normal.
	Priority string `json:"priority"`
}

// Options are what the admin listener is made of.
type Options struct {
	// Token is the bearer token of the admin API. Empty: nobody is let in.
	Token string
	// Metrics serves /metrics, without a token.
	Metrics http.Handler
	// Gateway is the data plane.
	Gateway Gateway
	// Reload loads the configuration file again.
	Reload func() error
}

// Admin is the admin listener's handler. Safe for concurrent use.
type Admin struct {
	http.Handler
	o     Options
	token [sha256.Size]byte
}

// New makes the admin listener's handler.
func New(o Options) *Admin {
	a := &Admin{o: o, token: sha256.Sum256([]byte(o.Token))}
	r := chi.NewRouter()
	r.Handle("/metrics", o.Metrics)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	r.Route("/admin/api/v1", func(r chi.Router) {
		r.Use(a.authorised)
		r.Get("/budgets", func(w http.ResponseWriter, _ *http.Request) { list(w, o.Gateway.Budgets()) })
		r.Get("/upstreams", func(w http.ResponseWriter, _ *http.Request) { list(w, o.Gateway.Upstreams()) })
		r.Post("/reload", a.reload)
		r.Post("/explain", a.explain)
		r.Get("/explain/{id}", a.trail)
		r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
			fail(w, http.StatusNotFound, "not_found", "no such resource")
		})
	})
	a.Handler = r
	return a
}

// authorised lets only bearers of the token through; the comparison takes the same
// time for every wrong token.
func (a *Admin) authorised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(given))
		if !ok || a.o.Token == "" || subtle.ConstantTimeCompare(sum[:], a.token[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice admin"`)
			fail(w, http.StatusUnauthorized, "unauthorized", "send the admin token as Authorization: Bearer <token>")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *Admin) reload(w http.ResponseWriter, _ *http.Request) {
	if err := a.o.Reload(); err != nil {
		fail(w, http.StatusUnprocessableEntity, "invalid_configuration", err.Error())
		return
	}
	write(w, http.StatusOK, map[string]string{"status": "loaded"})
}

// maxQuestion bounds a request to explain.
const maxQuestion = 20 << 20

// explain answers what would become of a request. The body is the request itself, or an
// object with request, key, priority and endpoint.
func (a *Admin) explain(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "request_too_large", "the request to explain is larger than 20 MiB")
		return
	}
	var q Question
	if err := json.Unmarshal(body, &q); err != nil {
		fail(w, http.StatusBadRequest, "invalid_json", "the body is not JSON: "+err.Error())
		return
	}
	if len(q.Request) == 0 {
		q = Question{Request: body}
	}
	answer, err := a.o.Gateway.Explain(r.Context(), q)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "cannot_explain", err.Error())
		return
	}
	write(w, http.StatusOK, answer)
}

func (a *Admin) trail(w http.ResponseWriter, r *http.Request) {
	t := a.o.Gateway.Trail(chi.URLParam(r, "id"))
	if t == nil {
		fail(w, http.StatusNotFound, "not_found", "no such request among the last ones")
		return
	}
	write(w, http.StatusOK, t)
}

func list[T any](w http.ResponseWriter, items []T) {
	if items == nil {
		items = []T{}
	}
	write(w, http.StatusOK, struct {
		Data []T     `json:"data"`
		Next *string `json:"next"`
	}{Data: items})
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]map[string]string{"error": {"message": message, "code": code}})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // plain structs always encode; the reader may have gone
}
