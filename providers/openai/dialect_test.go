package openai_test

import (
	"io"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
)

func TestNew(t *testing.T) {
	for _, base := range []string{"", "x", "ftp://a/b", "https://", "https://user:secret@host/v1", "https://host/v1#x", "://", "http://[::1"} {
		_, err := openai.New(openai.Options{BaseURL: base})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", base, err)
		}
	}
	p, _ := providers.PresetFor("groq", "", "")
	d, err := openai.New(openai.Options{Preset: p})
	if err != nil || d.Preset().Name != "groq" {
		t.Errorf("the preset's own URL: %v", err)
	}
}

func TestNewRequest(t *testing.T) {
	tests := []struct {
		base     string
		endpoint providers.Endpoint
		want     string
	}{
		{"https://api.openai.com/v1", providers.ChatCompletions, "https://api.openai.com/v1/chat/completions"},
		{"https://api.openai.com/v1/", providers.Completions, "https://api.openai.com/v1/completions"},
		{"http://127.0.0.1:8000", providers.Embeddings, "http://127.0.0.1:8000/embeddings"},
		{
			"https://me.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21", providers.ChatCompletions,
			"https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
		},
	}
	for _, tt := range tests {
		d, err := openai.New(openai.Options{BaseURL: tt.base})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.NewRequest(t.Context(), providers.Call{Endpoint: tt.endpoint, Key: "k", Body: []byte("{}"), Stream: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.URL.String() != tt.want || !strings.HasPrefix(r.URL.RequestURI(), "/") {
			t.Errorf("%s is at %s, asked for as %q", tt.base, r.URL, r.URL.RequestURI())
		}
		if got := r.Header; len(got) != 4 || got.Get("Authorization") != "Bearer k" || got.Get("Accept") != "text/event-stream" ||
			got.Get("Content-Type") != "application/json" || got.Get("User-Agent") == "" {
			t.Errorf("the headers are %v", got)
		}
		r, err = d.NewRequest(t.Context(), providers.Call{Endpoint: tt.endpoint})
		if err != nil || r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("without a key: %v %v", err, r.Header)
		}
	}
	d := newDialect(t, "openai")
	for _, c := range []providers.Call{{Endpoint: 9}, {Key: "a\r\nX: b"}} {
		if _, err := d.NewRequest(t.Context(), c); err == nil || strings.Contains(err.Error(), "X: b") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// The end of a stream is read, so that its connection can be used again.
func TestStreamDrains(t *testing.T) {
	in := strings.NewReader(events(first, stop, "[DONE]") + strings.Repeat(" ", 20_000))
	s := newDialect(t, "openai").Stream(io.MultiReader(in))
	for {
		if _, err := s.Next(); err != nil {
			break
		}
	}
	if in.Len() != 0 {
		t.Errorf("%d bytes are left", in.Len())
	}
}
