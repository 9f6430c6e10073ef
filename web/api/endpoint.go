package api

import (
	"net/http"
	"slices"

	"github.com/sluice-gateway/sluice/web/access"
)

// Endpoint is one operation of the admin API.
type Endpoint struct {
	// Method and Path are where it is; the path is below /admin/api/v1, with {names} of
	// its parameters.
	Method, Path string
	// ID names the operation, as a noun and a verb: keys.create. The audit log and the
	// OpenAPI document use it.
	ID string
	// Tag groups operations in the document.
	Tag string
	// Summary is a line, Description more where that is needed.
	Summary, Description string
	// Roles may use it. Empty: nobody.
	Roles []access.Role
	// Open lets everybody use it, signed in or not, such as to sign in. Roles is empty
	// then.
	Open bool
	// Query are the parameters that it reads from the query; others are refused.
	Query []Param
	// OtherQuery lets other parameters pass unread, where somebody else makes the query.
	OtherQuery bool
	// Body is a value of the type that the request's JSON is decoded into, for the
	// document. Nil: it takes none.
	Body any
	// RawBody says that the handler reads a body of another media type by itself, such
	// as text/csv. Empty: JSON, or none.
	RawBody string
	// MaxBody bounds the request's body in bytes. Zero: 1 MiB.
	MaxBody int64
	// Answer is a value of the answer's type. Nil: it answers 204 without a body.
	Answer any
	// Status is what success answers. Zero: 200, or 204 without an Answer.
	Status int
	// Media is the media type of a Stream's answer. Empty: JSON.
	Media string
	// Quiet keeps an operation that changes nothing out of the audit log although it is
	// no GET, such as a dry run.
	Quiet bool
	// Audited puts a GET into the audit log, since it changes something all the same.
	Audited bool
	// Handle does it. Exactly one of Handle and Stream is set.
	Handle func(c *Call) (any, error)
	// Stream does it where the answer is not one JSON value. An error before the first
	// byte is told like Handle's; after it, it ends the answer.
	Stream func(c *Call, w http.ResponseWriter) error
}

// Param is one parameter of a query.
type Param struct {
	Name string
	// About says what it is, with unit and default.
	About string
	// Type is string, integer, boolean or date-time. Empty: string.
	Type string
	// Enum are the values it may have. Empty: any.
	Enum []string
}

// The usual sets of roles, from the widest to the narrowest.

// Everybody who is signed in may read what is theirs.
func Everybody() []access.Role {
	return []access.Role{access.Admin, access.Operator, access.Viewer, access.KeyOwner}
}

// Readers see all that is shown.
func Readers() []access.Role {
	return []access.Role{access.Admin, access.Operator, access.Viewer}
}

// Operators act on traffic.
func Operators() []access.Role { return []access.Role{access.Admin, access.Operator} }

// Admins act on people and configuration.
func Admins() []access.Role { return []access.Role{access.Admin} }

// allows says whether somebody of a role may use the endpoint.
func (e *Endpoint) allows(r access.Role) bool {
	return e.Open || r != "" && slices.Contains(e.Roles, r)
}

// changes says whether a use belongs into the audit log.
func (e *Endpoint) changes() bool {
	return e.Audited || e.Method != http.MethodGet && !e.Quiet
}

// parameters says which parameters there are instead.
func (e *Endpoint) parameters() string {
	names := make([]string, len(e.Query))
	for i, p := range e.Query {
		names[i] = p.Name
	}
	if len(names) == 0 {
		return ", and none at all"
	}
	return "; there are " + join(names)
}

func (e *Endpoint) status() int {
	switch {
	case e.Status != 0:
		return e.Status
	case e.Answer == nil && e.Stream == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (e *Endpoint) maxBody() int64 {
	if e.MaxBody > 0 {
		return e.MaxBody
	}
	return 1 << 20
}

// List is an answer of many: a page, and the cursor of the next one.
type List[T any] struct {
	Data []T `json:"data"`
	// Next is what to give as ?after= for the next page; null: this was the last one.
	Next *string `json:"next"`
}

// Page makes a List; next is empty when nothing follows.
func Page[T any](rows []T, next string) List[T] {
	l := List[T]{Data: rows}
	if l.Data == nil {
		l.Data = []T{}
	}
	if next != "" {
		l.Next = &next
	}
	return l
}
