package providers

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// Endpoint is a kind of call.
type Endpoint uint8

// The endpoints.
const (
	ChatCompletions Endpoint = iota
	Completions
	Embeddings
)

// String is the endpoint's name in logs: chat.completions, completions, embeddings.
func (e Endpoint) String() string {
	switch e {
	case ChatCompletions:
		return "chat.completions"
	case Completions:
		return "completions"
	case Embeddings:
		return "embeddings"
	}
	return "unknown"
}

// Call is one attempt at an upstream.
type Call struct {
	Endpoint Endpoint
	// Model is the upstream's name of the model. It is in Body too where the
	// upstream's API wants it there.
	Model string
	// Body is the request in OpenAI's form. It is not copied: it may be changed or
	// reused only after [ReleaseBody], or once nothing holds the request any more.
	Body []byte
	// Stream says that Body asks for a stream.
	Stream bool
	// Key is the upstream's credential. Empty: none is sent.
	Key string
	// Header is added to the request, except what could carry a credential or
	// belongs to the connection. Nil: nothing.
	Header http.Header
}

// Dialect is an upstream's API. Its methods are safe for concurrent use.
type Dialect interface {
	// NewRequest makes the HTTP request of a call. It fails only when the call
	// itself is impossible.
	NewRequest(ctx context.Context, c Call) (*http.Request, error)
	// Classify names a refusal: any answer that is not 2xx, and the body of a 2xx
	// that Answer did not accept. The header may be nil. The body is not kept
	// beyond the Failure's own Body.
	Classify(status int, h http.Header, body []byte) Failure
	// Observe reads what the headers of any answer say about limits.
	Observe(status int, h http.Header) []Observation
	// Answer reads a whole 2xx answer. It fails, wrapping ErrNotAnAnswer, on what is
	// not one: HTML, garbage, an error inside a 200.
	Answer(e Endpoint, body []byte) (Answer, error)
	// Stream reads a streamed 2xx answer. The reader stays the caller's to close.
	Stream(r io.Reader) Stream
}

// Prober is a Dialect that knows a request which costs nothing and is refused to a key
// that does not work, at least by some of its upstreams; see Preset.HealthSure.
type Prober interface {
	// ProbeRequest makes it, for the upstream's own host. False: there is none.
	ProbeRequest(ctx context.Context, key string) (*http.Request, bool)
}

// Answer is a whole answer in OpenAI's form.
type Answer struct {
	// Body is what the client gets; it shares the bytes it was made from, which it
	// equals wherever nothing had to be repaired.
	Body []byte
	// Usage is what the upstream says it used.
	Usage Usage
	// Model is the model the upstream names, empty if it names none.
	Model string
}

// Stream yields a streamed answer event by event. It is not safe for concurrent use.
type Stream interface {
	// Next answers the next event. After the one that is Done, or a Failure, it
	// answers io.EOF; reading up to it lets the connection be used again. A stream
	// that ends without having finished answers ErrTruncated. Errors of the reader
	// come as they are.
	Next() (Event, error)
}

// StreamOptions say how one stream is read.
type StreamOptions struct {
	// StripUsageNull takes "usage":null out of chunks: for clients that did not ask
	// for usage when the gateway did. Default false.
	StripUsageNull bool
	// MaxEvent bounds one event, in bytes. Zero: the dialect's own bound.
	MaxEvent int
}

// StreamOpener is a Dialect whose streams can be told how to be read.
type StreamOpener interface {
	StreamWith(r io.Reader, o StreamOptions) Stream
}

// Event is one thing that a stream says. Its slices are valid until the next call
// of Next.
type Event struct {
	// Data is one chunk's JSON in OpenAI's form, without line breaks. Nil for Done,
	// Comment and Failure.
	Data []byte
	// Done ends the stream well.
	Done bool
	// Comment is a sign of life without content. The dialect lets few through, so
	// each may be passed on.
	Comment bool
	// Usage is what the upstream says it used so far. Nil: this event says nothing.
	Usage *Usage
	// UsageOnly says that the chunk holds usage and no choices: it is for clients
	// that asked for it.
	UsageOnly bool
	// Text is the text generated in this event, of every choice: content, reasoning,
	// refusals, names and arguments of tool calls. It is for counting when usage does
	// not come.
	Text []byte
	// Finish is the finish_reason of the last choice that ends in this event. Empty:
	// none ends.
	Finish string
	// Failure is an error inside the stream; nothing follows it.
	Failure *Failure
}

var (
	// ErrTruncated is a stream that ended before its answer did.
	ErrTruncated = errors.New("the upstream's stream ended before its answer did")
	// ErrNotAnAnswer is a 2xx body that is not an answer.
	ErrNotAnAnswer = errors.New("the upstream's body is not an answer")
	// ErrEventTooLarge is an event above the stream's bound.
	ErrEventTooLarge = errors.New("an event of the upstream's stream is too large")
	// ErrTooManyComments is a stream that only ever says that it lives.
	ErrTooManyComments = errors.New("the upstream's stream holds too many comments without data")
)
