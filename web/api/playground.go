package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/sluice-gateway/sluice/web/access"
)

// Trial is a call that an operator tries.
type Trial struct {
	// Request is a chat completion as a client would send it.
	Request json.RawMessage `json:"request"`
	// Key names the client key in whose place it is. Empty: nobody's; no limit of a
	// caller counts.
	Key string `json:"key,omitempty"`
	// Priority is the class. Empty: the key's own, or normal.
	Priority string `json:"priority,omitempty"`
}

// Player serves calls in the place of a client key.
type Player interface{ Try(key string) http.Handler }

// PlaygroundEndpoints let operators call a route.
func PlaygroundEndpoints(p Player) []Endpoint {
	return []Endpoint{{
		Method: http.MethodPost, Path: "/playground", ID: "playground.call", Tag: "explain",
		Summary:     "Send a chat completion through the gateway, for real",
		Description: "The answer is the gateway's own: JSON or a stream, with its headers. It is counted, limited and paid for like any other call.",
		Roles:       []access.Role{access.Admin, access.Operator}, MaxBody: 20 << 20, Body: Trial{}, Media: "application/json",
		Stream: func(c *Call, w http.ResponseWriter) error {
			var t Trial
			if err := c.Decode(&t); err != nil {
				return err
			}
			if len(t.Request) == 0 {
				return Invalid("there is nothing to send", map[string]string{"request": "is needed: a chat completion"})
			}
			c.Note("playground", map[string]string{"key": t.Key})
			r := c.Request.Clone(c.Context())
			r.Header = http.Header{"Content-Type": {"application/json"}}
			if t.Priority != "" {
				r.Header.Set("X-Priority", t.Priority)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(t.Request)), int64(len(t.Request))
			p.Try(t.Key).ServeHTTP(w, r)
			return nil
		},
	}}
}
