package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Bounds of every listener: a client gets its headers in within readHeaders, and an
// idle connection goes after idleConnection. Answers have no bound of their own,
// since streams may be long; each chunk has a write deadline instead.
const (
	readHeaders    = 5 * time.Second
	idleConnection = 2 * time.Minute
	maxHeaders     = 64 << 10
)

// shutTimeout is how long a listener's open answers may take to end when the program
// stops; the API's have the time to drain before it.
const shutTimeout = time.Second

// listener is one HTTP server on one address.
type listener struct {
	net.Listener
	server *http.Server
}

func listen(addr string, h http.Handler) (*listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, server: &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaders, IdleTimeout: idleConnection, MaxHeaderBytes: maxHeaders,
	}}, nil
}

// serve serves until shut; a listener's failure is sent to failed.
func (l *listener) serve(failed chan<- error) {
	if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
		failed <- err
	}
}

// shut lets what is open end until the context does, then cuts it.
func (l *listener) shut(ctx context.Context) {
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close() // what remains is cut: the time to drain is over
	}
}
