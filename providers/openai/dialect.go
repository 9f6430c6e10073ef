package openai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/providers"
)

const (
	// DefaultMaxEvent bounds one event of a stream, in bytes.
	DefaultMaxEvent = 1 << 20
	// DefaultCommentEvery is the least time between two comments let through.
	DefaultCommentEvery = 15 * time.Second
	// maxComments bounds the lines without data between two events.
	maxComments = 20_000
)

// Options are what a Dialect is made of.
type Options struct {
	// Preset is how the upstream charges, reports and refuses. Its zero value is
	// taken for the generic one.
	Preset providers.Preset
	// BaseURL is where the API begins; a query it has is kept on every request.
	// Empty: the preset's.
	BaseURL string
	// Now is the clock, for waits that are told as moments and for comments. Nil:
	// time.Now.
	Now func() time.Time
	// MaxEvent bounds one event of a stream, in bytes. Zero: DefaultMaxEvent.
	MaxEvent int
	// CommentEvery is the least time between two comments that a stream lets
	// through. Zero: DefaultCommentEvery.
	CommentEvery time.Duration
}

// Dialect is OpenAI's API at one base URL. It is safe for concurrent use.
type Dialect struct {
	preset       providers.Preset
	urls         [3]*url.URL // by endpoint
	health       *url.URL    // nil: none is known
	now          func() time.Time
	maxEvent     int
	commentEvery time.Duration
}

// New makes a Dialect. It fails when there is no base URL or it is not one.
func New(o Options) (*Dialect, error) {
	if o.Preset.Name == "" {
		o.Preset, _ = providers.PresetFor("generic", "", "")
	}
	if o.BaseURL == "" {
		o.BaseURL = o.Preset.BaseURL
	}
	if o.BaseURL == "" {
		return nil, errors.New("openai: Options need a BaseURL: the preset has none")
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, errors.New("openai: the base URL is not a URL")
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.Fragment != "" {
		return nil, fmt.Errorf("openai: the base URL at %s has to be http or https, with a host and without user or fragment", base.Host)
	}
	if base.Path == "" {
		base.Path = "/" // JoinPath makes a relative path of nothing, which no server understands
	}
	d := &Dialect{
		preset: o.Preset, now: o.Now, maxEvent: o.MaxEvent, commentEvery: o.CommentEvery,
	}
	for e, path := range [...]string{
		providers.ChatCompletions: "chat/completions", providers.Completions: "completions", providers.Embeddings: "embeddings",
	} {
		d.urls[e] = base.JoinPath(path)
	}
	if o.Preset.HealthPath != "" {
		d.health = base.JoinPath(o.Preset.HealthPath)
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.maxEvent <= 0 {
		d.maxEvent = DefaultMaxEvent
	}
	if d.commentEvery <= 0 {
		d.commentEvery = DefaultCommentEvery
	}
	return d, nil
}

// Preset is how the upstream charges, reports and refuses.
func (d *Dialect) Preset() providers.Preset { return d.preset }

// NewRequest makes the request of a call. Its only credential is the call's key; the
// body's bytes can be taken back with providers.ReleaseBody.
func (d *Dialect) NewRequest(ctx context.Context, c providers.Call) (*http.Request, error) {
	if int(c.Endpoint) >= len(d.urls) {
		return nil, fmt.Errorf("openai: no endpoint %d", c.Endpoint)
	}
	if strings.ContainsAny(c.Key, "\r\n\x00") {
		return nil, errors.New("openai: the key holds a line break")
	}
	u := *d.urls[c.Endpoint]
	r := (&http.Request{
		Method: http.MethodPost, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 4+len(c.Header)),
	}).WithContext(ctx)
	for name, values := range c.Header {
		if mayForward(name) {
			r.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	accept := "application/json"
	if c.Stream {
		accept = "text/event-stream"
	}
	r.Header["Accept"] = []string{accept}
	r.Header["User-Agent"] = []string{"sluice"}
	r.Header["Content-Type"] = []string{"application/json"}
	if c.Key != "" {
		r.Header["Authorization"] = []string{"Bearer " + c.Key}
	}
	providers.SetBody(r, c.Body)
	return r, nil
}

// ProbeRequest asks for what costs nothing, with a key.
func (d *Dialect) ProbeRequest(ctx context.Context, key string) (*http.Request, bool) {
	if d.health == nil || strings.ContainsAny(key, "\r\n\x00") {
		return nil, false
	}
	u := *d.health
	r := (&http.Request{
		Method: http.MethodGet, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"sluice"}},
	}).WithContext(ctx)
	if key != "" {
		r.Header["Authorization"] = []string{"Bearer " + key}
	}
	return r, true
}

// mayForward says that a header can carry neither a credential nor anything that
// belongs to a connection.
func mayForward(name string) bool {
	lower := strings.ToLower(name)
	for _, part := range [...]string{"auth", "key", "token", "secret", "cookie", "credential", "password", "signature"} {
		if strings.Contains(lower, part) {
			return false
		}
	}
	for _, prefix := range [...]string{"proxy-", "x-forwarded", "x-amz", "sec-", "content-", "accept", "openai-", "cf-"} {
		if strings.HasPrefix(lower, prefix) {
			return false
		}
	}
	return !slices.Contains([]string{
		"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect", "forwarded", "user-agent",
		"via", "x-real-ip", "referer", "origin", "",
	}, lower)
}

// Classify names a refusal by the preset's rules.
func (d *Dialect) Classify(status int, h http.Header, body []byte) providers.Failure {
	return providers.Classify(&d.preset, status, h, body, d.now())
}

// Observe reads what an answer's headers say about limits.
func (d *Dialect) Observe(_ int, h http.Header) []providers.Observation {
	if len(d.preset.Headers) == 0 {
		return nil
	}
	return providers.ObserveHeaders(d.preset.Headers, h, d.now())
}

// Stream reads a streamed answer.
func (d *Dialect) Stream(r io.Reader) providers.Stream {
	return d.StreamWith(r, providers.StreamOptions{})
}

// StreamWith reads a streamed answer in a way.
func (d *Dialect) StreamWith(r io.Reader, o providers.StreamOptions) providers.Stream {
	if o.MaxEvent <= 0 {
		o.MaxEvent = d.maxEvent
	}
	return &stream{dialect: d, in: lines{r: r, max: o.MaxEvent}, stripUsageNull: o.StripUsageNull}
}

var (
	_ providers.Dialect      = (*Dialect)(nil)
	_ providers.StreamOpener = (*Dialect)(nil)
	_ providers.Prober       = (*Dialect)(nil)
)
