package providers

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

var errReleased = errors.New("the request's body was released")

// SetBody gives the request a body whose bytes can be taken back. A transport may go
// on reading a request's body after it has returned the response (an upstream that
// refuses early); with an ordinary reader the bytes could not be reused until then.
func SetBody(r *http.Request, body []byte) {
	b := &lent{bytes: body}
	open := func() (io.ReadCloser, error) { return &lentReader{from: b}, nil }
	r.Body, _ = open()
	r.GetBody = open
	r.ContentLength = int64(len(body))
}

// ReleaseBody takes back the bytes given to SetBody: when it returns nothing reads
// them any more, and whoever still tries gets an error. Call it when the attempt is
// over and before the bytes are reused. On other requests it does nothing.
func ReleaseBody(r *http.Request) {
	if l, ok := r.Body.(*lentReader); ok {
		l.from.mu.Lock()
		l.from.bytes, l.from.released = nil, true
		l.from.mu.Unlock()
	}
}

// lent is the bytes of a request, lent to a transport.
type lent struct {
	mu       sync.Mutex
	bytes    []byte
	released bool
}

// lentReader is one reading of them. It has no WriteTo, so that no reader keeps the
// bytes beyond a Read.
type lentReader struct {
	from *lent
	at   int
}

func (l *lentReader) Read(p []byte) (int, error) {
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	if l.from.released {
		return 0, errReleased
	}
	if l.at >= len(l.from.bytes) {
		return 0, io.EOF
	}
	n := copy(p, l.from.bytes[l.at:])
	l.at += n
	return n, nil
}

func (l *lentReader) Close() error { return nil }
