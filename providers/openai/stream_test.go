package openai_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
	"github.com/sluice-gateway/sluice/providers/providertest"
)

func newDialect(t testing.TB, preset string) *openai.Dialect {
	t.Helper()
	p, ok := providers.PresetFor(preset, "", "")
	if !ok {
		t.Fatalf("no preset %q", preset)
	}
	d, err := openai.New(openai.Options{Preset: p, BaseURL: "https://upstream.test/v1", Now: providertest.Now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// events writes chunks as a stream.
func events(chunks ...string) string {
	var b strings.Builder
	for _, c := range chunks {
		b.WriteString("data: " + c + "\n\n")
	}
	return b.String()
}

const (
	first = `{"id":"a","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`
	hi    = `{"id":"a","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}`
	stop  = `{"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
)

func TestStream(t *testing.T) {
	stopped := stop + " | finish stop"
	said := hi + ` | text "hi"`
	tests := []struct {
		name string
		in   string
		want []string
	}{
		{"clean", events(first, hi, stop, "[DONE]"), []string{first, said, stopped, "done"}},
		{"CRLF", strings.ReplaceAll(events(first, hi, stop, "[DONE]"), "\n", "\r\n"), []string{first, said, stopped, "done"}},
		{"CR", strings.ReplaceAll(events(first, hi, stop, "[DONE]"), "\n", "\r"), []string{first, said, stopped, "done"}},
		{"byte order mark", "\ufeff" + events(first, stop, "[DONE]"), []string{first, stopped, "done"}},
		{"no space after the colon", "data:" + first + "\n\ndata:" + stop + "\n\ndata:[DONE]\n\n", []string{first, stopped, "done"}},
		{"comments", ": a\n\n: b\n\n" + events(first) + ": c\n\n" + events(stop, "[DONE]"), []string{"comment", first, stopped, "done"}},
		{"blank lines", "\n\n\n" + events(first, stop, "[DONE]"), []string{"comment", first, stopped, "done"}},
		{"ids and retries", "id: 1\nretry: 5\ndata: " + first + "\n\n" + events(stop, "[DONE]"), []string{first, stopped, "done"}},
		{"many data lines", "data: {\"choices\":\ndata: []}\n\n" + events(first, stop, "[DONE]"), []string{`{"choices": []}`, first, stopped, "done"}},
		{"last blank line missing", events(first, stop) + "data: [DONE]", []string{first, stopped, "done"}},
		{"finish without DONE", events(first, stop), []string{first, stopped, "done"}},
		{"finish, last blank line missing", strings.TrimSpace(events(first, stop)), []string{first, stopped, "done"}},
		{"cut", events(first, hi), []string{first, said, "error: " + providers.ErrTruncated.Error()}},
		{"cut in a chunk", events(first) + "data: " + hi[:30], []string{first, "error: " + providers.ErrTruncated.Error()}},
		{"cut between lines", events(first) + "data: " + hi + "\n", []string{first, said, "error: " + providers.ErrTruncated.Error()}},
		{"finished, cut after", events(first, stop) + "data: {\"choi", []string{first, stopped, "done"}},
		{"empty", "", []string{"error: " + providers.ErrTruncated.Error()}},
		{"one of two choices unfinished", events(
			`{"choices":[{"index":0,"delta":{"role":"assistant"}},{"index":1,"delta":{"role":"assistant"}}]}`, stop),
			[]string{`{"choices":[{"index":0,"delta":{"role":"assistant"}},{"index":1,"delta":{"role":"assistant"}}]}`, stopped, "error: " + providers.ErrTruncated.Error()}},
		{"after DONE", events(first, stop, "[DONE]", hi), []string{first, stopped, "done"}},
		{"error in the stream", events(first, `{"error":{"message":"Overloaded","type":"overloaded_error"}}`, hi),
			[]string{first, "failure: overloaded 503 Overloaded"}},
		{"error not first", events(`{"id":"a","error":{"message":"boom","code":502}}`), []string{"failure: server_error 502 boom"}},
		{"error in an array", events(`[{"error":{"message":"no","code":503,"status":"UNAVAILABLE"}}]`), []string{"failure: overloaded 503 no"}},
		{"event: error", "event: error\ndata: {\"message\":\"bad\",\"code\":429}\n\n", []string{"failure: rate_unknown 429 bad"}},
		{"event: ping", "event: ping\ndata: {\"choices\":[]}\n\n" + events(first, stop), []string{`{"choices":[]}`, first, stopped, "done"}},
		{"no JSON", events(first, "{nope"), []string{first, "failure: malformed 200 {nope"}},
		{"no chunk", events("null", "5"), []string{"failure: malformed 200 "}},
		{"two values", events(`{"choices":[]} {}`), []string{`failure: malformed 200 `}},
		{"a page", "<html><body>Bad gateway</body></html>", []string{"failure: malformed 200 "}},
		{"a plain error", `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`,
			[]string{"failure: quota_exhausted 429 You exceeded your current quota"}},
		{"a printed error", "{\n  \"error\": {\n    \"message\": \"wrong\",\n    \"type\": \"invalid_request_error\"\n  }\n}\n", []string{"failure: bad_request 400 wrong"}},
		{"a whole answer", `{"choices":[{"message":{"content":"x"}}]}`, []string{"failure: malformed 200 "}},
		{"resources ran out before anything", events(`{"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":"insufficient_system_resource"}]}`),
			[]string{"failure: overloaded 503 the upstream stopped generating: insufficient_system_resource"}},
		{"error as finish", events(first, `{"choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":{"code":502,"message":"lost"}}`),
			[]string{first, "failure: server_error 502 lost"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(tt.in)))
			compare(t, got, tt.want)
		})
	}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestStreamRepairs(t *testing.T) {
	role := `{"choices":[{"index":0,"delta":{"role":"assistant"}}]}`
	tests := []struct {
		name     string
		in, want []string
	}{
		{"null error first", []string{`{"error":null,"choices":[]}`}, []string{`{"choices":[]}`}},
		{"null error last", []string{`{"choices":[], "error" : null}`}, []string{`{"choices":[]}`}},
		{"null error alone", []string{`{"error":null}`}, []string{`{"choices":[]}`}},
		{"null errors", []string{`{"error":null,"error":"","a":1,"error":false,"choices":[]}`}, []string{`{"a":1,"choices":[]}`}},
		{"no choices", []string{`{"usage":{"prompt_tokens":3,"completion_tokens":4}}`},
			[]string{`{"usage":{"prompt_tokens":3,"completion_tokens":4},"choices":[]} | usage {Input:3 Output:4 Cached:0 CacheWrite:0 Reasoning:0 Known:true} only`}},
		{"null choices", []string{`{"choices":null}`}, []string{`{"choices":[]}`}},
		{"nothing", []string{`{}`}, []string{`{"choices":[]}`}},
		{"no index", []string{`{"choices":[{"delta":{"role":"assistant"}},{}]}`},
			[]string{`{"choices":[{"delta":{"role":"assistant"},"index":0},{"index":1}]}`}},
		{"null index", []string{`{"choices":[{"index":null,"delta":{"role":"assistant"}}]}`}, []string{role}},
		{"no role", []string{`{"choices":[{"index":0,"delta":{"content":"a"}}]}`, `{"choices":[{"index":0,"delta":{"content":"b"}}]}`},
			[]string{`{"choices":[{"index":0,"delta":{"content":"a","role":"assistant"}}]} | text "a"`, `{"choices":[{"index":0,"delta":{"content":"b"}}]} | text "b"`}},
		{"empty role", []string{`{"choices":[{"index":0,"delta":{"role":""}}]}`}, []string{role}},
		{"null role", []string{`{"choices":[{"index":0,"delta":{"role":null}}]}`}, []string{role}},
		{"role of each choice", []string{role, `{"choices":[{"delta":{},"index":1}]}`}, []string{role, `{"choices":[{"delta":{"role":"assistant"},"index":1}]}`}},
		{"completions", []string{`{"choices":[{"text":"a\n","index":0}]}`}, []string{`{"choices":[{"text":"a\n","index":0}]} | text "a\n"`}},
		{"unknown members", []string{`{"x":{"y":[1,"z"]},"choices":[],"obfuscation":"q"}`}, []string{`{"x":{"y":[1,"z"]},"choices":[],"obfuscation":"q"}`}},
		{"escaped names", []string{`{"cho\u0069ces":[]}`}, []string{`{"cho\u0069ces":[]}`}},
		{"usage of Groq", []string{`{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}}`},
			[]string{`{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}} | usage {Input:5 Output:6 Cached:0 CacheWrite:0 Reasoning:0 Known:true} only`}},
		{"content in parts", []string{`{"choices":[{"index":0,"delta":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"}]}}]}`},
			[]string{`{"choices":[{"index":0,"delta":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"}]}}]} | text "ab"`}},
		{"reasoning and content", []string{`{"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"h\u0065","content":"y"}}]}`},
			[]string{`{"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"h\u0065","content":"y"}}]} | text "hey"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := append(slices.Clone(tt.in), "[DONE]")
			compare(t, providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(events(in...)))), append(tt.want, "done"))
		})
	}
}

func TestStreamUsageNull(t *testing.T) {
	d := newDialect(t, "openai")
	in := events(`{"choices":[],"usage":null}`, `{"usage":null,"error":null,"choices":[]}`, "[DONE]")
	s := d.StreamWith(strings.NewReader(in), providers.StreamOptions{StripUsageNull: true})
	compare(t, providertest.Transcript(s), []string{`{"choices":[]}`, `{"choices":[]}`, "done"})
	compare(t, providertest.Transcript(d.Stream(strings.NewReader(in))), []string{`{"choices":[],"usage":null}`, `{"usage":null,"choices":[]}`, "done"})
}

func TestStreamBounds(t *testing.T) {
	p, _ := providers.PresetFor("deepseek", "", "")
	now := providertest.Now()
	d, err := openai.New(openai.Options{Preset: p, Now: func() time.Time { return now }, MaxEvent: 1000, CommentEvery: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a line of 32 MB", func(t *testing.T) {
		in := io.MultiReader(strings.NewReader("data: "), io.LimitReader(letters{}, 32<<20))
		compare(t, providertest.Transcript(d.Stream(in)), []string{"error: " + providers.ErrEventTooLarge.Error()})
	})
	t.Run("many small lines", func(t *testing.T) {
		in := strings.NewReader(strings.Repeat("data: x\n", 1000))
		compare(t, providertest.Transcript(d.Stream(in)), []string{"error: " + providers.ErrEventTooLarge.Error()})
	})
	t.Run("endless comments", func(t *testing.T) {
		in := strings.NewReader(strings.Repeat(": keep-alive\n\n", 50_000))
		compare(t, providertest.Transcript(d.Stream(in)), []string{"comment", "error: " + providers.ErrTooManyComments.Error()})
	})
	t.Run("a reader that reads nothing", func(t *testing.T) {
		s := d.Stream(stuck{})
		if _, err := s.Next(); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("a reader's error comes as it is, again and again", func(t *testing.T) {
		reset := errors.New("reset")
		s := d.Stream(io.MultiReader(strings.NewReader(events(first)), iotest.ErrReader(reset)))
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := s.Next(); !errors.Is(err, reset) {
				t.Errorf("error is %v", err)
			}
		}
	})
	t.Run("a finished answer outlives the reader's error", func(t *testing.T) {
		s := d.Stream(io.MultiReader(strings.NewReader(events(first, stop)), iotest.ErrReader(errors.New("reset"))))
		compare(t, providertest.Transcript(s), []string{first, stop + " | finish stop", "done"})
	})
	t.Run("comments at most every minute", func(t *testing.T) {
		in := events(first) + strings.Repeat(": k\n\n", 6) + events(stop, "[DONE]")
		s := d.Stream(strings.NewReader(in))
		comments := 0
		for {
			now = now.Add(20 * time.Second)
			e, err := s.Next()
			if err != nil {
				break
			}
			if e.Comment {
				comments++
			}
		}
		if comments != 1 { // the clock here moves between events only
			t.Errorf("%d comments", comments)
		}
	})
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
