package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
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
