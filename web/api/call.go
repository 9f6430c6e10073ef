package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluice-gateway/sluice/web/access"
)

// Call is one use of an endpoint.
type Call struct {
	// Who asks.
	Who access.Identity
	// Request is the request itself, for headers and streams.
	Request *http.Request

	endpoint *Endpoint
	header   http.Header
	target   string
	detail   any
	unkept   bool
}

// Context ends when the client leaves.
func (c *Call) Context() context.Context { return c.Request.Context() }

// Header is the answer's, until the answer begins.
func (c *Call) Header() http.Header { return c.header }

// Param is a parameter of the path.
func (c *Call) Param(name string) string { return chi.URLParam(c.Request, name) }

// Query is a parameter of the query, empty when it is not given.
func (c *Call) Query(name string) string { return c.Request.URL.Query().Get(name) }

// Int reads a whole number of the query between two bounds; what is not given is
// otherwise.
func (c *Call) Int(name string, otherwise, least, most int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, Invalid("the query cannot be used", map[string]string{name: fmt.Sprintf("must be a whole number from %d to %d", least, most)})
	}
	return n, nil
}

// Time reads a moment of the query: RFC 3339, or a date, which is its first moment in
// UTC. What is not given is zero.
func (c *Call) Time(name string) (time.Time, error) {
	text := c.Query(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, Invalid("the query cannot be used", map[string]string{name: "must be a moment such as 2027-01-31T18:00:00Z, or a date"})
}

// Read reads the whole body, within the endpoint's bound.
func (c *Call) Read() ([]byte, error) {
	data, err := io.ReadAll(c.Request.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: "request_too_large",
			Message: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	case err != nil:
		return nil, BadRequest("invalid_body", "the body could not be read")
	}
	return data, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Note says for the audit log what was done to what. Nothing secret belongs into it.
// Without it the log has the path's parameters.
func (c *Call) Note(target string, detail any) { c.target, c.detail = target, detail }

// Became says for the audit log who somebody turned out to be who came as nobody.
func (c *Call) Became(who access.Identity) {
	who.From = c.Who.From
	c.Who = who
}

// Unkept leaves a use out of the audit log, where anybody could fill it.
func (c *Call) Unkept() { c.unkept = true }
