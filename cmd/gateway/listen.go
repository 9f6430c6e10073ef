package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
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
	*front
	server *http.Server
}

// listen opens a listener that has so many connections at once, at most; the others wait
// to be accepted. Zero: any number.
func listen(addr string, f *front, log *slog.Logger, atMost int) (*listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if atMost > 0 {
		l = netutil.LimitListener(l, atMost)
	}
	return &listener{Listener: l, front: f, server: &http.Server{
		Handler: f, ReadHeaderTimeout: readHeaders, IdleTimeout: idleConnection, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong at the level of connections
	}}, nil
}

// Accept waits for a connection; it is one of TLS while there is a certificate.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || !l.secure() {
		return c, err
	}
	return tls.Server(c, l.tls), nil
}

// url is the listener's address as clients write it.
func (l *listener) url() string {
	scheme := "http://"
	if l.secure() {
		scheme = "https://"
	}
	return scheme + l.Addr().String()
}

// serve serves until shut; a listener's failure is sent to failed.
func (l *listener) serve(failed chan<- error) {
	if err := l.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failed <- err
	}
}

// shut lets what is open end until the context does, then cuts it.
func (l *listener) shut(ctx context.Context) {
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close() // what remains is cut: the time to drain is over
	}
}
