package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
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

// packing is how hard answers are compressed: little more is gained by harder work.
const packing = 4

// New makes the admin listener's handler.
func New(o Options) http.Handler {
	r := chi.NewRouter()
	r.Use(secured)
	// Rows and events repeat themselves: a tenth of the bytes is left. The page's parts
	// are packed already. No other site can make a browser ask with its session (the
	// cookie is strict), so lengths tell nobody anything.
	r.Use(middleware.Compress(packing, "application/json", "text/event-stream", "text/csv"))
	r.Handle("/metrics", o.Metrics)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	r.Handle("/admin/api/*", o.API)
	r.Handle("/*", o.Dashboard)
	return r
}
