package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Options are what the admin listener is made of.
type Options struct {
	// API serves what is below /admin/api/v1. Required.
	API http.Handler
	// Metrics serves /metrics, without a token. Required.
	Metrics http.Handler
	// Dashboard serves the page and its parts. Required.
	Dashboard http.Handler
}

// New makes the admin listener's handler.
func New(o Options) http.Handler {
	r := chi.NewRouter()
	r.Use(secured)
	r.Handle("/metrics", o.Metrics)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	r.Handle("/admin/api/*", o.API)
	r.Handle("/*", o.Dashboard)
	return r
}
