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
	host    string // its hosts end in this
	keyless bool   // an account without keys is usual
}

func presets() []preset {
	return []preset{
		{name: "openai", baseURL: "https://api.openai.com/v1", host: "openai.com"},
		{name: "dashscope", baseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", host: "aliyuncs.com"},
		{name: "deepseek", baseURL: "https://api.deepseek.com/v1", host: "deepseek.com"},
		{name: "groq", baseURL: "https://api.groq.com/openai/v1", host: "groq.com"},
		{name: "openrouter", baseURL: "https://openrouter.ai/api/v1", host: "openrouter.ai"},
		{name: "mistral", baseURL: "https://api.mistral.ai/v1", host: "mistral.ai"},
		{name: "anthropic", baseURL: "https://api.anthropic.com/v1", host: "anthropic.com"},
		{name: "gemini", baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", host: "googleapis.com"},
		{name: "vllm", keyless: true},
		{name: "ollama", baseURL: "http://127.0.0.1:11434/v1", keyless: true},
		{name: "simulated", keyless: true},
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

func findPreset(name string) (preset, bool) {
	all := presets()
	i := slices.IndexFunc(all, func(p preset) bool { return p.name == name })
	if i < 0 {
		return preset{}, false
	}
	return all[i], true
}

// presetFor is the preset of a provider that names none: by its host, or by its own
// name where it has no base_url. Empty: nothing tells.
func presetFor(name, dialect, baseURL string) string {
	if dialect == "simulated" {
		return "simulated"
	}
	if baseURL == "" {
		if _, ok := findPreset(name); ok && name != "simulated" {
			return name
		}
		return ""
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	for _, p := range presets() {
		if h := u.Hostname(); p.host != "" && (h == p.host || strings.HasSuffix(h, "."+p.host)) {
			return p.name
		}
	}
	if u.Port() == "11434" {
		return "ollama"
	}
	return ""
}
