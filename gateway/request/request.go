package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluice-gateway/sluice/budget/tokens"
)

// Bounds of what is accepted.
const (
	maxDepth  = 64
	maxModel  = 256
	maxOutput = 1 << 31
	maxN      = 128
)

// Error is what is wrong with a body, in words for its sender.
type Error struct{ Param, Code, Message string }

func (e *Error) Error() string { return e.Message }

// span is a place in the body.
type span struct{ from, to int }

func (s span) present() bool { return s.to > s.from }

// Request is what the gateway reads of a body. It keeps the body, which must not be
// changed.
type Request struct {
	Body   []byte
	Prompt tokens.Prompt
	Model  string
	// Stream asks for server-sent events; IncludeUsage for a last chunk with usage.
	Stream, IncludeUsage bool
	// MaxOutput is the larger of max_tokens and max_completion_tokens; 0: neither.
	// MaxOutputName is which of them it was.
	MaxOutput     int64
	MaxOutputName string
	// N is how many answers are generated: n, or best_of where that is larger.
	N int64
	// Store asks the provider to keep the answer on its side.
	Store bool
	// EncodingFormat is float or base64, "" when not said.
	EncodingFormat string

	model, streamOptions, usageFlag span

	noOutput     [2]named // the bounds of output that are null
	optionsEmpty bool     // stream_options is {} or null
	optionsNull  bool
	end          int // of the object: where a field can be added
}

// Read reads a body of the given form. The error is an *Error.
func Read(form tokens.Form, body []byte) (*Request, error) {
	r := &Request{Body: body, N: 1}
	r.Prompt.Form = form
	d := &reader{req: r}
	d.dec.Reset(bytes.NewBuffer(body))
	if err := d.top(); err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, syntaxError(err)
	}
	return r, r.check()
}

// syntaxError says what is wrong with JSON without repeating the body.
func syntaxError(err error) *Error {
	e := &Error{Code: "invalid_json", Message: "We could not parse the JSON body of your request."}
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Message = "The JSON body of your request has a name twice in one object."
	case errors.As(err, &s):
		e.Message += " It is not valid JSON near byte " + strconv.FormatInt(s.ByteOffset, 10) + "."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Message += " It ends too early."
	}
	return e
}

func invalid(param, format string, args ...any) *Error {
	return &Error{Param: param, Code: "invalid_value", Message: fmt.Sprintf(format, args...)}
}

// check looks at what only the whole body can tell.
func (r *Request) check() error {
	switch {
	case r.Model == "":
		return &Error{Param: "model", Code: "missing_required_parameter", Message: "You must provide a model parameter."}
	case r.Prompt.Form == tokens.Chat && len(r.Prompt.Messages) == 0:
		return &Error{Param: "messages", Code: "missing_required_parameter", Message: "You must provide at least one message in 'messages'."}
	case r.Prompt.Form == tokens.Embedding && len(r.Prompt.Inputs) == 0 && r.Prompt.TokenIDs == 0:
		return &Error{Param: "input", Code: "missing_required_parameter", Message: "You must provide a non-empty 'input'."}
	case r.Prompt.Form == tokens.Embedding && r.Stream:
		return invalid("stream", "Embeddings cannot be streamed.")
	}
	r.Prompt.Model = r.Model
	return nil
}

// Edit is what changes on the way to an upstream.
type Edit struct {
	// Model replaces the model's name.
	Model string
	// IncludeUsage sets stream_options.include_usage.
	IncludeUsage bool
	// MaxOutput bounds the answer under the name MaxOutputName, which the client has not
	// done under any. Zero: it stays as it is.
	MaxOutput     int64
	MaxOutputName string
}

// named is the place of a field's value.
type named struct {
	name string
	at   span
}

// patch replaces a span of the body.
type patch struct {
	at   span
	text []byte
}

// Upstream appends the edited body to dst: all but the edited spans is byte for byte
// what the client sent.
func (r *Request) Upstream(dst []byte, e Edit) []byte {
	var room [3]patch
	patches := room[:0]
	if e.Model != r.Model {
		patches = append(patches, patch{r.model, strconv.AppendQuote(nil, e.Model)})
	}
	if e.IncludeUsage && !r.IncludeUsage {
		patches = append(patches, r.usagePatch())
	}
	if e.MaxOutput > 0 {
		patches = append(patches, r.outputPatch(e))
	}
	slices.SortStableFunc(patches, func(a, b patch) int { return a.at.from - b.at.from })
	last := 0
	for _, p := range patches {
		dst = append(dst, r.Body[last:p.at.from]...)
		dst = append(dst, p.text...)
		last = p.at.to
	}
	return append(dst, r.Body[last:]...)
}

// outputPatch sets the bound of the answer where it stands as null, or at the end.
func (r *Request) outputPatch(e Edit) patch {
	n := strconv.AppendInt(nil, e.MaxOutput, 10)
	for _, f := range r.noOutput {
		if f.name == e.MaxOutputName {
			return patch{f.at, n}
		}
	}
	return patch{span{r.end, r.end}, append([]byte(`,"`+e.MaxOutputName+`":`), n...)}
}

// usagePatch sets include_usage where it stands, in its object, or at the end.
func (r *Request) usagePatch() patch {
	switch {
	case r.usageFlag.present():
		return patch{r.usageFlag, []byte("true")}
	case r.optionsNull || r.optionsEmpty:
		return patch{r.streamOptions, []byte(`{"include_usage":true}`)}
	case r.streamOptions.present():
		at := r.streamOptions.to - 1
		return patch{span{at, at}, []byte(`,"include_usage":true`)}
	default:
		return patch{span{r.end, r.end}, []byte(`,"stream_options":{"include_usage":true}`)}
	}
}
