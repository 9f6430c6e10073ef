package providers

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func TestPresetFor(t *testing.T) {
	tests := []struct {
		name, dialect, baseURL string
		want                   string
		ok                     bool
	}{
		{"groq", "openai", "https://api.openai.com/v1", "groq", true},
		{"nobody", "openai", "", "", false},
		{"", "simulated", "https://api.openai.com/v1", "simulated", true},
		{"", "openai", "https://api.openai.com/v1", "openai", true},
		{"", "openai", "https://API.OpenAI.com:443/v1", "openai", true},
		{"", "openai", "https://notopenai.com/v1", "generic", true},
		{"", "openai", "https://api.openai.com.evil.test/v1", "generic", true},
		{"", "openai", "https://me.openai.azure.com/openai/v1", "azure", true},
		{"", "openai", "https://dashscope.aliyuncs.com/compatible-mode/v1", "dashscope", true},
		{"", "openai", "https://generativelanguage.googleapis.com/v1beta/openai", "gemini", true},
		{"", "openai", "http://127.0.0.1:11434/v1", "ollama", true},
		{"", "openai", "http://127.0.0.1:8000/v1", "generic", true},
		{"", "openai", "http://[::1", "generic", true},
		{"", "", "", "generic", true},
	}
	for _, tt := range tests {
		if p, ok := PresetFor(tt.name, tt.dialect, tt.baseURL); p.Name != tt.want || ok != tt.ok {
			t.Errorf("%q %q %q is %q, %v", tt.name, tt.dialect, tt.baseURL, p.Name, ok)
		}
	}
}

// What is data can be wrong as data is: a name misspelt, a rule that can never match.
func TestPresetsAreWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Presets() {
		if p.Name == "" || names[p.Name] {
			t.Errorf("the name %q is there twice", p.Name)
		}
		names[p.Name] = true
		if !slices.Contains([]string{"reserve_sum", "reserve_max", "expected", "input_only", "slot_only"}, p.Charging) {
			t.Errorf("%s charges %q", p.Name, p.Charging)
		}
		if !slices.Contains([]string{"continuous", "sliding", "fixed", "slices"}, p.Window) {
			t.Errorf("%s has the window %q", p.Name, p.Window)
		}
		if u, err := url.Parse(p.BaseURL); p.BaseURL != "" && (err != nil || u.Host == "") {
			t.Errorf("%s is at %q", p.Name, p.BaseURL)
		}
		if q, _ := PresetFor("", "openai", p.BaseURL); p.BaseURL != "" && q.Name != p.Name {
			t.Errorf("%s is taken for %s", p.Name, q.Name)
		}
		for _, h := range p.Headers {
			for _, name := range []string{h.Limit, h.Remaining, h.Reset, h.WindowHeader} {
				if name != http.CanonicalHeaderKey(name) {
					t.Errorf("%s: header %q is not in canonical form", p.Name, name)
				}
			}
		}
		for _, r := range slices.Concat(p.Refusals, commonRules()) {
			if r.Code != NormalCode(r.Code) || r.Kind == Unclassified || r.Message == "" && r.Code == "" && r.Status == 0 {
				t.Errorf("%s: rule %+v", p.Name, r)
			}
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Unclassified; k < kinds; k++ {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is %q", k, k)
		}
		seen[k.String()] = true
	}
	if !RateTokens.RateLimit() || !Daily.RateLimit() || QuotaExhausted.RateLimit() || Unclassified.RateLimit() {
		t.Error("rate limits are others")
	}
	if kinds.String() != "unknown" || Endpoint(9).String() != "unknown" || Dimension(9).String() != "unknown" {
		t.Error("what is not known has a name")
	}
}
