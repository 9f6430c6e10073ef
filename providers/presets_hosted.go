package providers

import "time"

const hour = time.Hour

// suffixedHeaders are OpenAI's names with the window behind them, as some hosts write
// them: x-ratelimit-remaining-tokens-minute.
func suffixedHeaders() []HeaderRule {
	var out []HeaderRule
	for _, w := range [...]struct {
		suffix string
		window time.Duration
	}{{"Minute", minute}, {"Day", day}, {"1h", hour}} {
		for _, d := range [...]struct {
			name string
			of   Dimension
		}{{"Requests", Requests}, {"Tokens", Tokens}} {
			end := "-" + d.name + "-" + w.suffix
			out = append(out, HeaderRule{
				Dimension: d.of, Window: w.window,
				Limit: "X-Ratelimit-Limit" + end, Remaining: "X-Ratelimit-Remaining" + end, Reset: "X-Ratelimit-Reset" + end,
			})
		}
	}
	return out
}

func cerebras() Preset {
	return Preset{
		Name: "cerebras", BaseURL: "https://api.cerebras.ai/v1", Hosts: []string{"cerebras.ai"},
		Charging: "reserve_sum", Window: "continuous", DayZone: "UTC",
		Headers: suffixedHeaders(), Refusals: openAIRules(),
		KeyEnv: "CEREBRAS_API_KEY", HealthPath: "/models",
	}
}

func fireworks() Preset {
	return Preset{
		Name: "fireworks", BaseURL: "https://api.fireworks.ai/inference/v1", Hosts: []string{"fireworks.ai"},
		Charging: "expected", Window: "continuous", DayZone: "UTC",
		Headers: append(openAIHeaders(minute, minute), suffixedHeaders()...), Refusals: openAIRules(),
		KeyEnv: "FIREWORKS_API_KEY", HealthPath: "/models",
	}
}

// cohere counts calls, and tells trial keys' limits of the minute from those of the month
// by its words alone.
func cohere() Preset {
	return Preset{
		Name: "cohere", BaseURL: "https://api.cohere.ai/compatibility/v1", Hosts: []string{"cohere.ai", "cohere.com"},
		Charging: "slot_only", Window: "continuous", DayZone: "UTC",
		Headers: []HeaderRule{{
			Dimension: Requests, Window: minute,
			Limit: "X-Trial-Endpoint-Call-Limit", Remaining: "X-Trial-Endpoint-Call-Remaining",
		}},
		Refusals: []Rule{
			{Status: 429, Message: "/ month", Kind: QuotaExhausted, IgnoreWait: true},
			{Status: 429, Message: "per month", Kind: QuotaExhausted, IgnoreWait: true},
			{Status: 429, Message: "/ minute", Kind: RateRequests},
			{Status: 498, Kind: InvalidKey},
			{Status: 499, Kind: ServerError},
		},
		KeyEnv: "COHERE_API_KEY", HealthPath: "/models",
	}
}

// bedrock names what went wrong by exceptions, in a header or in the body, and never says
// which of its quotas it was.
func bedrock() Preset {
	return Preset{
		Name: "bedrock", Hosts: []string{"amazonaws.com"},
		Charging: "reserve_sum", Window: "continuous", DayZone: "UTC",
		Refusals: []Rule{
			{Code: "throttlingexception", Message: "too many tokens", Kind: RateTokens},
			{Code: "throttlingexception", Message: "too many requests", Kind: RateRequests},
			{Code: "throttlingexception", Message: "tokens per day", Kind: Daily},
			{Code: "throttlingexception", Kind: RateUnknown},
			{Code: "servicequotaexceededexception", Kind: QuotaExhausted},
			{Code: "serviceunavailableexception", Kind: Overloaded},
			{Code: "modelnotreadyexception", Kind: Overloaded},
			{Code: "modeltimeoutexception", Kind: Timeout},
			{Code: "modelerrorexception", Kind: ServerError},
			{Code: "modelstreamerrorexception", Kind: ServerError},
			{Code: "internalserverexception", Kind: ServerError},
			{Code: "unrecognizedclientexception", Kind: InvalidKey},
			{Code: "invalidsignatureexception", Kind: InvalidKey},
			{Code: "expiredtokenexception", Kind: InvalidKey},
			{Code: "accessdeniedexception", Kind: Forbidden},
			{Code: "resourcenotfoundexception", Kind: NotFound},
			{Code: "validationexception", Message: "input is too long", Kind: ContextLength},
			{Code: "validationexception", Message: "too many input tokens", Kind: ContextLength},
			{Code: "validationexception", Kind: BadRequest},
		},
	}
}
