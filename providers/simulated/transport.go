package simulated

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// Transport reaches a handler inside the process, without sockets. Answers stream
// through a pipe: a reader that stops reading stops the handler. Closing the body, or
// the end of the request's context, ends the handler's context.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

// RoundTrip is http.RoundTripper's.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	in := &inner{header: http.Header{}, pipe: w, begun: make(chan struct{})}
	server := req.Clone(ctx)
	server.RequestURI = req.URL.RequestURI()
	if server.Body == nil {
		server.Body = http.NoBody
	}
	go t.serve(in, server)
	select {
	case <-in.begun:
	case <-ctx.Done():
		_ = r.CloseWithError(ctx.Err())
		return nil, ctx.Err()
	}
	if in.failed {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		Status: http.StatusText(in.status), StatusCode: in.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: in.sent, Body: &body{PipeReader: r, ctx: ctx, stop: watch(req, r)}, ContentLength: -1, Request: req,
	}, nil
}

// watch breaks the pipe when the request's context ends.
func watch(req *http.Request, r *io.PipeReader) func() {
	gone := make(chan struct{})
	go func() {
		select {
		case <-req.Context().Done():
			_ = r.CloseWithError(req.Context().Err())
		case <-gone:
		}
	}()
	return sync.OnceFunc(func() { close(gone) })
}

// body ends its watch when it is closed or read to the end.
type body struct {
	*io.PipeReader
	ctx  context.Context
	stop func()
}

// Read is io.Reader's.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	if err != nil {
		b.stop()
		if gone := b.ctx.Err(); gone != nil && err != io.EOF {
			err = gone
		}
	}
	return n, err
}

// Close is io.Closer's.
func (b *body) Close() error {
	b.stop()
	return b.PipeReader.Close()
}

func (t transport) serve(in *inner, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			in.abort()
			if p != http.ErrAbortHandler {
				panic(p)
			}
			return
		}
		in.WriteHeader(http.StatusOK)
		_ = in.pipe.CloseWithError(r.Context().Err()) // nil is an ordinary end; never fails
	}()
	t.handler.ServeHTTP(in, r)
	_ = r.Body.Close() // the transport closes the request's body
}

// inner is the handler's side of an answer.
type inner struct {
	header, sent http.Header
	status       int
	failed       bool
	begun        chan struct{}
	once         sync.Once
	pipe         *io.PipeWriter
}

// Header is http.ResponseWriter's.
func (w *inner) Header() http.Header { return w.header }

// WriteHeader is http.ResponseWriter's.
func (w *inner) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

// Write is http.ResponseWriter's.
func (w *inner) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(p)
}

// Flush is http.Flusher's: everything written is there already.
func (w *inner) Flush() { w.WriteHeader(http.StatusOK) }

func (w *inner) abort() {
	w.once.Do(func() {
		w.failed = true
		close(w.begun)
	})
	_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF) // never fails
}
