package providers

import "time"

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

// openAIHeaders are the names that OpenAI made common. Whether requests are counted
// by the minute or by the day differs, with OpenAI itself even by tier.
func openAIHeaders(requests, tokens time.Duration) []HeaderRule {
	return []HeaderRule{
		{
			Dimension: Requests, Limit: "X-Ratelimit-Limit-Requests", Remaining: "X-Ratelimit-Remaining-Requests",
			Reset: "X-Ratelimit-Reset-Requests", Window: requests, Infer: requests == 0,
		},
		{
			Dimension: Tokens, Limit: "X-Ratelimit-Limit-Tokens", Remaining: "X-Ratelimit-Remaining-Tokens",
			Reset: "X-Ratelimit-Reset-Tokens", Window: tokens, Infer: tokens == 0,
		},
	}
}

// Presets are all presets. The slice and what it holds belong to the caller.
func Presets() []Preset {
	return []Preset{
		openAI(), azure(), dashScope(), deepSeek(), groq(), openRouter(), mistral(), xAI(),
		together(), cerebras(), fireworks(), cohere(), anthropic(), gemini(), bedrock(), vLLM(), ollama(), simulated(), generic(),
	}
}

func openAI() Preset {
	project := HeaderRule{
		Dimension: Tokens, Limit: "X-Ratelimit-Limit-Project-Tokens", Remaining: "X-Ratelimit-Remaining-Project-Tokens",
		Reset: "X-Ratelimit-Reset-Project-Tokens", Window: minute,
	}
	return Preset{
		Name: "openai", BaseURL: "https://api.openai.com/v1", Hosts: []string{"openai.com"},
		Charging: "reserve_max", Window: "continuous", DayZone: "UTC",
		Headers:  append(openAIHeaders(0, minute), project),
		Refusals: openAIRules(),
		KeyEnv:   "OPENAI_API_KEY", HealthPath: "/models", HealthSure: true,
	}
}

func azure() Preset {
	headers := openAIHeaders(0, 0)
	headers[0].WindowHeader, headers[0].Infer = "X-Ratelimit-Renewalperiod-Requests", false
	headers[1].WindowHeader, headers[1].Infer = "X-Ratelimit-Renewalperiod-Tokens", false
	return Preset{
		Name: "azure", Hosts: []string{"openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"},
		Charging: "reserve_sum", NoRefund: true, Window: "fixed",
		Headers: headers, Refusals: azureRules(), ShortWaitsLie: true,
		KeyEnv: "AZURE_OPENAI_API_KEY", HealthPath: "/models",
	}
}

func dashScope() Preset {
	return Preset{
		Name: "dashscope", BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Hosts: []string{"aliyuncs.com"},
		Charging: "expected", Window: "slices", DayZone: "Asia/Shanghai",
		Refusals: dashScopeRules(),
		KeyEnv:   "DASHSCOPE_API_KEY", HealthPath: "/models",
	}
}

func deepSeek() Preset {
	return Preset{
		Name: "deepseek", BaseURL: "https://api.deepseek.com/v1", Hosts: []string{"deepseek.com"},
		Charging: "slot_only", Window: "continuous", KeepAlive: true,
		Refusals: []Rule{{Status: 429, Kind: RateUnknown}},
		KeyEnv:   "DEEPSEEK_API_KEY", HealthPath: "/models", HealthSure: true,
	}
}

func groq() Preset {
	return Preset{
		Name: "groq", BaseURL: "https://api.groq.com/openai/v1", Hosts: []string{"groq.com"},
		Charging: "reserve_sum", CachedFree: true, Window: "continuous", DayZone: "UTC",
		Headers:  openAIHeaders(day, minute),
		Refusals: append([]Rule{{Status: 413, Kind: TooLarge}, {Status: 498, Kind: Overloaded}}, openAIRules()...),
		KeyEnv:   "GROQ_API_KEY", HealthPath: "/models", HealthSure: true,
	}
}

func openRouter() Preset {
	return Preset{
		Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1", Hosts: []string{"openrouter.ai"},
		Charging: "slot_only", Window: "fixed", DayZone: "UTC", KeepAlive: true,
		Headers: []HeaderRule{{
			Dimension: Requests, Limit: "X-Ratelimit-Limit", Remaining: "X-Ratelimit-Remaining", Reset: "X-Ratelimit-Reset",
		}},
		Refusals: openRouterRules(),
		KeyEnv:   "OPENROUTER_API_KEY", HealthPath: "/key", HealthSure: true,
	}
}

func mistral() Preset {
	return Preset{
		Name: "mistral", BaseURL: "https://api.mistral.ai/v1", Hosts: []string{"mistral.ai"},
		Charging: "expected", Window: "sliding",
		Headers: []HeaderRule{
			{
				Dimension: Requests, Window: minute,
				Limit: "X-Ratelimit-Limit-Req-Minute", Remaining: "X-Ratelimit-Remaining-Req-Minute",
			},
			{
				Dimension: Tokens, Window: minute,
				Limit: "X-Ratelimit-Limit-Tokens-Minute", Remaining: "X-Ratelimit-Remaining-Tokens-Minute",
			},
		},
		Refusals: []Rule{
			{Message: "service tier capacity exceeded", Kind: Overloaded},
			{Status: 429, Code: "ratelimited", Kind: RateUnknown},
			{Status: 429, Code: "1300", Kind: RateUnknown},
		},
		KeyEnv: "MISTRAL_API_KEY", HealthPath: "/models", HealthSure: true,
	}
}

func xAI() Preset {
	return Preset{
		Name: "xai", BaseURL: "https://api.x.ai/v1", Hosts: []string{"x.ai"},
		Charging: "expected", Window: "slices",
		Headers: openAIHeaders(0, 0),
		Refusals: []Rule{
			{Message: "incorrect api key", Kind: InvalidKey},
			{Status: 403, Message: "credit", Kind: QuotaExhausted},
			{Status: 403, Message: "blocked", Kind: InvalidKey},
			{Status: 429, Message: "resource has been exhausted", Kind: RateUnknown},
		},
		KeyEnv: "XAI_API_KEY", HealthPath: "/models",
	}
}

func together() Preset {
	return Preset{
		Name: "together", BaseURL: "https://api.together.xyz/v1", Hosts: []string{"together.xyz", "together.ai"},
		Charging: "expected", Window: "slices",
		Headers: []HeaderRule{
			{
				Dimension: Requests, Limit: "X-Ratelimit-Limit", Remaining: "X-Ratelimit-Remaining", Reset: "X-Ratelimit-Reset",
				Window: time.Second,
			},
			{Dimension: Tokens, Limit: "X-Tokenlimit-Limit", Remaining: "X-Tokenlimit-Remaining", Window: time.Second},
		},
		Refusals: []Rule{
			{Status: 429, Code: "dynamicrequestlimited", Kind: RateRequests},
			{Status: 429, Code: "dynamictokenlimited", Kind: RateTokens},
		},
		KeyEnv: "TOGETHER_API_KEY", HealthPath: "/models",
	}
}

func anthropic() Preset {
	rule := func(d Dimension, name string) HeaderRule {
		prefix := "Anthropic-Ratelimit-" + name + "-"
		return HeaderRule{
			Dimension: d, Window: minute,
			Limit: prefix + "Limit", Remaining: prefix + "Remaining", Reset: prefix + "Reset",
		}
	}
	return Preset{
		Name: "anthropic", BaseURL: "https://api.anthropic.com/v1", Hosts: []string{"anthropic.com"},
		Charging: "expected", CachedFree: true, Window: "continuous", DayZone: "UTC",
		Headers: []HeaderRule{
			rule(Requests, "Requests"), rule(Tokens, "Tokens"),
			rule(InputTokens, "Input-Tokens"), rule(OutputTokens, "Output-Tokens"),
		},
		Refusals: anthropicRules(),
		KeyEnv:   "ANTHROPIC_API_KEY", HealthPath: "/models",
	}
}

func gemini() Preset {
	return Preset{
		Name: "gemini", BaseURL: "https://generativelanguage.googleapis.com/v1beta/openai", Hosts: []string{"googleapis.com"},
		Charging: "input_only", Window: "continuous", DayZone: "America/Los_Angeles",
		Refusals: geminiRules(),
		KeyEnv:   "GEMINI_API_KEY", HealthPath: "/models",
	}
}

func vLLM() Preset {
	return Preset{
		Name: "vllm", Charging: "slot_only", Window: "continuous", Keyless: true, HealthPath: "/models",
	}
}

func ollama() Preset {
	return Preset{
		Name: "ollama", BaseURL: "http://127.0.0.1:11434/v1",
		Charging: "slot_only", Window: "continuous", Keyless: true, HealthPath: "/models",
		Refusals: []Rule{{Message: "server busy", Kind: Overloaded}},
	}
}

// simulated is the gateway's own upstream, which speaks and refuses as OpenAI does.
func simulated() Preset {
	return Preset{
		Name: "simulated", Charging: "reserve_max", Window: "continuous", DayZone: "UTC",
		Headers: openAIHeaders(minute, minute), Refusals: openAIRules(), Keyless: true, HealthPath: "/models", HealthSure: true,
	}
}

// generic is an upstream of which nothing is known: it is charged for the worst and
// believed where it says something.
func generic() Preset {
	return Preset{
		Name: "generic", Charging: "reserve_sum", Window: "continuous",
		Headers: append(openAIHeaders(0, 0), suffixedHeaders()...), Refusals: openAIRules(), KeepAlive: true, HealthPath: "/models",
	}
}
