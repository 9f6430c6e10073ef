package config

import (
	"net/url"
	"slices"
	"strings"
)

// preset is what the configuration has to know of a named upstream: where it is
// and which host gives it away. How it charges and refuses is not known here.
type preset struct {
	name    string
	baseURL string // where it lives unless the file says otherwise; empty: must be given
	hosts   []string
	keyless bool // an account without keys is usual
}

func presets() []preset {
	return []preset{
		{name: "openai", baseURL: "https://api.openai.com/v1", hosts: []string{"openai.com"}},
		{name: "azure", hosts: []string{"openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"}},
		{name: "dashscope", baseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", hosts: []string{"aliyuncs.com"}},
		{name: "deepseek", baseURL: "https://api.deepseek.com/v1", hosts: []string{"deepseek.com"}},
		{name: "groq", baseURL: "https://api.groq.com/openai/v1", hosts: []string{"groq.com"}},
		{name: "openrouter", baseURL: "https://openrouter.ai/api/v1", hosts: []string{"openrouter.ai"}},
		{name: "mistral", baseURL: "https://api.mistral.ai/v1", hosts: []string{"mistral.ai"}},
		{name: "xai", baseURL: "https://api.x.ai/v1", hosts: []string{"x.ai"}},
		{name: "together", baseURL: "https://api.together.xyz/v1", hosts: []string{"together.xyz", "together.ai"}},
		{name: "cerebras", baseURL: "https://api.cerebras.ai/v1", hosts: []string{"cerebras.ai"}},
		{name: "fireworks", baseURL: "https://api.fireworks.ai/inference/v1", hosts: []string{"fireworks.ai"}},
		{name: "cohere", baseURL: "https://api.cohere.ai/compatibility/v1", hosts: []string{"cohere.ai", "cohere.com"}},
		{name: "anthropic", baseURL: "https://api.anthropic.com/v1", hosts: []string{"anthropic.com"}},
		{name: "gemini", baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", hosts: []string{"googleapis.com"}},
		{name: "bedrock", hosts: []string{"amazonaws.com"}},
		{name: "vllm", keyless: true},
		{name: "ollama", baseURL: "http://127.0.0.1:11434/v1", keyless: true},
		{name: "simulated", keyless: true},
		{name: "generic"},
	}
}

// PresetNames are the names that a provider's preset may have.
func PresetNames() []string {
	var out []string
	for _, p := range presets() {
		out = append(out, p.name)
	}
	return out
}

// findPreset is the preset of a name, the zero value if there is none.
func findPreset(name string) preset {
	for _, p := range presets() {
		if p.name == name {
			return p
		}
	}
	return preset{}
}

// presetFor is the preset of a provider that names none: by its host, or by its own
// name where it has no base_url.
func presetFor(name, dialect, baseURL string) string {
	if dialect == "simulated" {
		return "simulated"
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return "generic"
	}
	host := strings.ToLower(u.Hostname())
	for _, p := range presets() {
		if baseURL == "" && p.name == name && p.baseURL != "" {
			return name
		}
		if slices.ContainsFunc(p.hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) }) {
			return p.name
		}
	}
	if u.Port() == "11434" {
		return "ollama"
	}
	return "generic"
}
