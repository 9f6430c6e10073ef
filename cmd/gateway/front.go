package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/rs/cors"

	"github.com/sluice-gateway/sluice/config"
)

// front stands before a listener's handler: with which certificate it speaks, who may
// come, and pages of which origins may call. All of it is replaced while it serves; a
// connection keeps the certificate that it began with. It is safe for concurrent use.
type front struct {
	frontOptions
	tls     *tls.Config
	cert    atomic.Pointer[tls.Certificate] // nil: plain HTTP
	handler atomic.Pointer[http.Handler]
}

// frontOptions are what a front is made of.
type frontOptions struct {
	next http.Handler
	// settings are the listener's own in a configuration.
	settings func(*config.Config) frontSettings
	// address is where a request comes from.
	address func(*http.Request) netip.Addr
	// refuse answers somebody who may not come.
	refuse http.HandlerFunc
}

// frontSettings are what a configuration says of one listener.
type frontSettings struct {
	tls     config.TLS
	allow   []netip.Prefix // none: everybody
	open    []string       // paths that everybody may ask for
	origins []string       // none: no page of another origin
}

// newFront makes a front for a configuration.
func newFront(cfg *config.Config, o frontOptions) (*front, error) {
	f := &front{frontOptions: o}
	f.tls = &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := f.cert.Load(); c != nil {
				return c, nil
			}
			return nil, errors.New("TLS was switched off meanwhile")
		},
	}
	commit, err := f.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	commit()
	return f, nil
}

// Prepare reads the certificate that a configuration names; commit puts it and the
// other settings in force.
func (f *front) Prepare(cfg *config.Config) (commit func(), err error) {
	s := f.settings(cfg)
	cert, err := loadCertificate(s.tls)
	if err != nil {
		return nil, err
	}
	h := f.allowed(s, shared(s.origins, f.next))
	return func() {
		f.cert.Store(cert)
		f.handler.Store(&h)
	}, nil
}

// loadCertificate reads a certificate and its key; nil: none is configured.
func loadCertificate(t config.TLS) (*tls.Certificate, error) {
	if t.Cert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", t.Cert, t.Key, err)
	}
	return &cert, nil
}

func (f *front) secure() bool { return f.cert.Load() != nil }

// ServeHTTP serves as the configuration in force says.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.handler.Load()).ServeHTTP(w, r)
}

// allowed lets only the networks of an allow list through.
func (f *front) allowed(s frontSettings, next http.Handler) http.Handler {
	if len(s.allow) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := f.address(r)
		if !slices.ContainsFunc(s.allow, func(p netip.Prefix) bool { return p.Contains(from) }) && !slices.Contains(s.open, r.URL.Path) {
			f.refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shared lets pages of other origins call, and read the headers that clients need.
func shared(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins, AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders: []string{"*"}, ExposedHeaders: exposed(), MaxAge: 600,
	}).Handler(next)
}

// exposed are the answers' headers that a page may read.
func exposed() []string {
	names := []string{
		"X-Request-Id", "Retry-After", "Retry-After-Ms", "X-Should-Retry", "X-Sluice-Model", "X-Sluice-Provider", "X-Sluice-Attempts",
		"X-Sluice-Queue-Ms", "X-Sluice-Estimated-Tokens", "X-Sluice-Cache", "X-Sluice-Limited-By",
	}
	for _, what := range []string{"Limit", "Remaining", "Reset", "Burst"} {
		names = append(names, "X-Ratelimit-"+what+"-Requests", "X-Ratelimit-"+what+"-Tokens")
	}
	return names
}

// apiFront is what stands before the API. Health is everybody's: it tells nothing, and
// balancers ask for it.
func (s *service) apiFront() (*front, error) {
	return newFront(s.cfg, frontOptions{
		next: s.gateway.Handler(), address: s.gateway.ClientAddress,
		settings: func(c *config.Config) frontSettings {
			return frontSettings{tls: c.Server.TLS, allow: c.Server.Allow, open: []string{"/healthz", "/readyz"}, origins: c.Server.CORS.Origins}
		},
		refuse: refusal(`{"error":{"message":"This address may not call the gateway.","type":"invalid_request_error","param":null,"code":"address_not_allowed"}}`),
	})
}

// adminFront is what stands before the admin and the metrics listener.
func (s *service) adminFront(next http.Handler) (*front, error) {
	return newFront(s.cfg, frontOptions{
		next: next, address: s.gateway.ClientAddress,
		settings: func(c *config.Config) frontSettings {
			return frontSettings{tls: c.Server.AdminTLS, allow: c.Server.AdminAllow}
		},
		refuse: refusal(`{"error":{"message":"this address may not use the admin listener","code":"address_not_allowed"}}`),
	})
}

func refusal(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(body + "\n"))
	}
}
