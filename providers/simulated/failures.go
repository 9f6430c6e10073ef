package simulated

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// Rule makes calls fail.
type Rule struct {
	// Model and Account say which calls; empty: all.
	Model   string `yaml:"model"`
	Account string `yaml:"account"`
	// Status and Body are the answer; an empty body is one that fits the status.
	Status int    `yaml:"status"`
	Body   string `yaml:"body"`
	// RetryAfter is sent as it is: it may be a lie.
	RetryAfter string `yaml:"retry_after"`
	// Mode is a failure that a status cannot tell: hang, cut (the stream, after three
	// chunks), cut-first (before the first byte), html, error200, garbage, no-done,
	// error-mid-stream, no-usage, longline.
	Mode string `yaml:"mode"`
	// Probability is the share of the calls, 0 to 1. Zero: all.
	Probability float64 `yaml:"probability"`
	// Tokens is the length of the answer, where nothing else fails it. Zero: the usual.
	Tokens int64 `yaml:"tokens"`
	// Times is how often the rule holds. Zero: always.
	Times int `yaml:"times"`
}

// SetFailures replaces the rules.
func (s *Server) SetFailures(rules []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append([]Rule(nil), rules...)
	s.used = make([]int, len(rules))
}

// failure answers the rule that a call meets: the prompt's own marker goes first.
func (s *Server) failure(account, model, prompt string) *Rule {
	if r := marker(prompt); r != nil {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.failures {
		if r.Model != "" && r.Model != model || r.Account != "" && r.Account != account ||
			r.Times > 0 && s.used[i] >= r.Times || r.Probability > 0 && rand.Float64() >= r.Probability {
			continue
		}
		s.used[i]++
		return &r
	}
	return nil
}

// marker reads [[simulate: status=503 mode=cut tokens=100]] in a prompt.
func marker(prompt string) *Rule {
	_, rest, ok := strings.Cut(prompt, "[[simulate:")
	if !ok {
		return nil
	}
	rest, _, ok = strings.Cut(rest, "]]")
	if !ok {
		return nil
	}
	r := &Rule{}
	for _, f := range strings.Fields(rest) {
		name, v, _ := strings.Cut(f, "=")
		switch name {
		case "status":
			r.Status, _ = strconv.Atoi(v) // nonsense is no status
		case "tokens":
			r.Tokens, _ = strconv.ParseInt(v, 10, 64) // nonsense is no length
		case "mode":
			r.Mode = v
		case "retry-after":
			r.RetryAfter = v
		}
	}
	return r
}

// answer fails a call where a rule wants that before any of the answer; false: the
// call goes on.
func (r *Rule) answer(w http.ResponseWriter, req *http.Request) bool {
	switch {
	case r.Mode == "hang":
		<-req.Context().Done()
	case r.Mode == "cut-first":
		panic(http.ErrAbortHandler)
	case r.Mode == "html":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Bad gateway</body></html>")
	case r.Mode == "error200":
		writeError(w, http.StatusOK, "server_error", "internal", "The server had an error.")
	case r.Mode == "garbage":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"mess`)
	case r.Mode == "longline":
		longLine(w)
	case r.Status == 0:
		return false
	default:
		r.refuse(w)
	}
	return true
}

func (r *Rule) refuse(w http.ResponseWriter) {
	if r.RetryAfter != "" {
		w.Header().Set("Retry-After", r.RetryAfter)
	}
	if r.Body != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(r.Status)
		_, _ = io.WriteString(w, r.Body)
		return
	}
	kind, code := "server_error", "internal"
	switch r.Status {
	case http.StatusTooManyRequests:
		kind, code = "requests", "rate_limit_exceeded"
	case http.StatusUnauthorized:
		kind, code = "invalid_request_error", "invalid_api_key"
	case http.StatusBadRequest, http.StatusNotFound:
		kind, code = "invalid_request_error", "invalid_value"
	}
	writeError(w, r.Status, kind, code, fmt.Sprintf("Simulated failure with status %d.", r.Status))
}

// longLine sends a line of 32 MiB.
func longLine(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	piece := []byte(strings.Repeat("x", 1<<16))
	_, err := io.WriteString(w, "data: ")
	for i := 0; i < 512 && err == nil; i++ {
		_, err = w.Write(piece)
	}
}
