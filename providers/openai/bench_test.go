package openai_test

import (
	"io"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/providers"
)

const plain = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"usage":null}`

// repeated reads the same bytes again and again, a few events at a time.
type repeated struct {
	text string
	at   int
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at = 0
		r.left--
	}
	return n, nil
}

func BenchmarkStreamClean(b *testing.B) {
	s := newDialect(b, "openai").Stream(&repeated{text: events(plain), left: -1})
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStreamRepaired(b *testing.B) {
	d := newDialect(b, "openai")
	s := d.StreamWith(&repeated{text: events(plain), left: -1}, providers.StreamOptions{StripUsageNull: true})
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	d := newDialect(b, "openai")
	body := []byte(`{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` + strings.Repeat("word ", 400) +
		`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":400,"total_tokens":409}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Answer(providers.ChatCompletions, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	d := newDialect(b, "openai")
	h := map[string][]string{
		"X-Ratelimit-Limit-Requests": {"60"}, "X-Ratelimit-Remaining-Requests": {"59"}, "X-Ratelimit-Reset-Requests": {"1s"},
		"X-Ratelimit-Limit-Tokens": {"150000"}, "X-Ratelimit-Remaining-Tokens": {"149984"}, "X-Ratelimit-Reset-Tokens": {"6m0s"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(d.Observe(200, h)) != 2 {
			b.Fatal("it saw something else")
		}
	}
}
