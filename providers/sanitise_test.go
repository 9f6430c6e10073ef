package providers

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitise(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"Rate limit reached for gpt-4o-mini-2024-07-18 on tokens per min", "Rate limit reached for gpt-4o-mini-2024-07-18 on tokens per min"},
		{"limit GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "limit GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
		{"key sk-proj-abc***wxyz.", "key [redacted]"},
		{"api_key=abc123def", "api_key=[redacted]"},
		{`{"api_key": "abc123def"}`, `{"api_key": "[redacted]"}`},
		{"Authorization: Bearer abc123def456", "Authorization: Bearer [redacted]"},
		{"Your api key: ****f3a9 is invalid", "Your api key: [redacted] is invalid"},
		{"Invalid value for key: temperature", "Invalid value for key: temperature"},
		{"max_tokens: 5000 is too large", "max_tokens: 5000 is too large"},
		{"https://x.test/v1?key=AIzaSyA0123456789&z=1", "https://x.test/v1?key=[redacted]&z=1"},
		{"hash 0123456789abcdef0123456789abcdef!", "hash [redacted]!"},
		{"two\r\nlines\tand\x00more", "two  lines and more"},
		{"bad \xff\xfe bytes", "bad � bytes"},
		{"in organization org-a1b2c3d4e5f6 on", "in organization [redacted] on"},
		{"안녕하세요 😀", "안녕하세요 😀"},
	}
	for _, tt := range tests {
		if got := Sanitise(tt.in); got != tt.want {
			t.Errorf("%q is %q, not %q", tt.in, got, tt.want)
		}
	}
}

func TestSanitiseBounds(t *testing.T) {
	for _, in := range []string{strings.Repeat("x", 10_000), strings.Repeat("안", 10_000), strings.Repeat("a b ", 10_000)} {
		got := Sanitise(in)
		if len(got) > MaxMessage || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%.10q… has become %d bytes: %.20q…%q", in, len(got), got, got[max(0, len(got)-10):])
		}
	}
}

func FuzzSanitise(f *testing.F) {
	f.Add("Bearer sk-proj-AbCdEf0123456789 \xff key: x1y2z3w4")
	f.Fuzz(func(t *testing.T, s string) {
		got := Sanitise(s)
		if len(got) > MaxMessage || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("%q is %q", s, got)
		}
	})
}
