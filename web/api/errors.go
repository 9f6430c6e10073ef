package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/web/access"
)

// Error is what a caller of the admin API is told.
type Error struct {
	Status  int
	Code    string
	Message string
	// Fields are messages by the path of the value that they are about.
	Fields map[string]string
	// Detail is more for programs; nil: nothing.
	Detail any
	// RetryAfter is when to come back. Zero: nothing is told.
	RetryAfter time.Duration
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Invalid is a request whose values cannot be taken: 422, with what is wrong by field.
func Invalid(message string, fields map[string]string) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: message, Fields: fields}
}

// BadRequest is a request that cannot be read: 400.
func BadRequest(code, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: message}
}

// NotFound is a thing that does not exist, or that the caller may not know of: 404.
func NotFound(what string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such " + what}
}

// Conflict is a change that somebody else's has overtaken, or that the state forbids: 409.
func Conflict(code, message string) *Error {
	return &Error{Status: http.StatusConflict, Code: code, Message: message}
}

// Unavailable is something that is switched off or gone: 503.
func Unavailable(code, message string) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: code, Message: message}
}

// forbidden is a role that may not.
func forbidden(role string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "forbidden", Message: "the role " + role + " may not do this"}
}

// body is how an Error is written.
type body struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Message string            `json:"message"`
	Code    string            `json:"code"`
	Fields  map[string]string `json:"fields,omitempty"`
	Detail  any               `json:"detail,omitempty"`
}

// asError turns whatever a handler answers into what is told; false: it was not meant
// for the caller and belongs into the log.
func asError(err error) (*Error, bool) {
	var e *Error
	var r *access.Refusal
	var fields auth.FieldErrors
	switch {
	case errors.As(err, &e):
		return e, true
	case errors.As(err, &fields):
		return Invalid("some values cannot be used", fields), true
	case errors.As(err, &r):
		return &Error{Status: r.Status, Code: r.Code, Message: r.Message, Fields: r.Fields, RetryAfter: r.RetryAfter}, r.Cause == nil
	case errors.Is(err, auth.ErrNotFound):
		return NotFound("thing"), true
	case errors.Is(err, auth.ErrConflict):
		return Conflict("changed_meanwhile", "it was changed by somebody else meanwhile: read it again"), true
	case errors.Is(err, auth.ErrExists):
		return Conflict("exists", "the name is taken"), true
	case errors.Is(err, context.Canceled):
		return &Error{Status: 499, Code: "client_closed_request", Message: "the client closed the request"}, true
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable("timeout", "what is behind this did not answer in time"), false
	}
	return &Error{Status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong inside; the log says what"}, false
}
