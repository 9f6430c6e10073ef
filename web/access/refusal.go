package access

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Refusal is why somebody is not let in or something is not done, in words for whoever
// asked.
type Refusal struct {
	// Status is the HTTP status, Code a word for programs.
	Status        int
	Code, Message string
	// Fields are messages by the name of the value that they are about.
	Fields map[string]string
	// RetryAfter is when to come back. Zero: nothing is told.
	RetryAfter time.Duration
	// Who it is about, for the audit log. Empty: nobody who is known.
	Who string
	// Cause is for the log and never told. Nil: nothing went wrong here.
	Cause error
}

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

// Unwrap is the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

func unauthorized(message string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "unauthorized", Message: message}
}

func invalid(message string, fields map[string]string) *Refusal {
	return &Refusal{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: message, Fields: fields}
}

func conflict(code, message string) *Refusal {
	return &Refusal{Status: http.StatusConflict, Code: code, Message: message}
}

// unchecked is somebody whom the store could not tell.
func unchecked(cause error) *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, Code: "cannot_check", Message: "who you are cannot be checked now: the store does not answer",
		RetryAfter: time.Second, Cause: cause,
	}
}

// RetrySeconds is a wait as Retry-After has it: whole seconds, at least one.
func RetrySeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

type refusalKey struct{}

// WhyNobody answers why a request has no identity; nil where it has one.
func WhyNobody(ctx context.Context) *Refusal {
	why, _ := ctx.Value(refusalKey{}).(*Refusal)
	return why
}

// write answers a refusal where no endpoint is reached.
func (r *Refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", RetrySeconds(r.RetryAfter))
	}
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]map[string]string{"error": {"message": r.Message, "code": r.Code}}) // the reader may have gone
}
