package prices

// Shipped is what the routed providers' list prices were, as far as they are known here:
// dollars per million tokens. Providers change them; what a configuration says goes first.
func Shipped() Table {
	t, err := Parse(shipped)
	if err != nil { // a test parses it
		return nil
	}
	return t
}

// from, provider, model, input, cached input, cache write, output, per call
const shipped = `
# OpenAI
2024-10-01, openai, gpt-4o*,                 2.50, 1.25,  ,      10.00,
2024-07-18, openai, gpt-4o-mini*,            0.15, 0.075, ,      0.60,
2025-04-14, openai, gpt-4.1*,                2.00, 0.50,  ,      8.00,
2025-04-14, openai, gpt-4.1-mini*,           0.40, 0.10,  ,      1.60,
2025-04-14, openai, gpt-4.1-nano*,           0.10, 0.025, ,      0.40,
2025-06-10, openai, o3,                      2.00, 0.50,  ,      8.00,
2025-04-16, openai, o4-mini*,                1.10, 0.275, ,      4.40,
2025-08-07, openai, gpt-5,                   1.25, 0.125, ,      10.00,
2025-08-07, openai, gpt-5-mini*,             0.25, 0.025, ,      2.00,
2025-08-07, openai, gpt-5-nano*,             0.05, 0.005, ,      0.40,
2024-01-25, openai, text-embedding-3-small,  0.02, ,      ,      ,
2024-01-25, openai, text-embedding-3-large,  0.13, ,      ,      ,
# Anthropic
2025-05-22, anthropic, claude-sonnet-4*,     3.00, 0.30,  3.75,  15.00,
2025-05-22, anthropic, claude-opus-4*,       15.00, 1.50, 18.75, 75.00,
2024-11-04, anthropic, claude-3-5-haiku*,    0.80, 0.08,  1.00,  4.00,
# Google
2025-06-17, gemini, gemini-2.5-pro*,         1.25, 0.31,  ,      10.00,
2025-06-17, gemini, gemini-2.5-flash*,       0.30, 0.075, ,      2.50,
2025-07-22, gemini, gemini-2.5-flash-lite*,  0.10, 0.025, ,      0.40,
# Alibaba Cloud Model Studio, international
2025-09-23, dashscope, qwen3-max*,           1.20, ,      ,      6.00,
2025-04-28, dashscope, qwen-plus*,           0.40, ,      ,      1.20,
2025-04-28, dashscope, qwen-turbo*,          0.05, ,      ,      0.20,
# DeepSeek
2025-02-08, deepseek, deepseek-chat,         0.27, 0.07,  ,      1.10,
2025-02-08, deepseek, deepseek-reasoner,     0.55, 0.14,  ,      2.19,
# Mistral
2024-11-18, mistral, mistral-large*,         2.00, ,      ,      6.00,
2025-03-17, mistral, mistral-small*,         0.10, ,      ,      0.30,
# Groq
2024-12-06, groq, llama-3.3-70b-versatile,   0.59, ,      ,      0.79,
2024-07-23, groq, llama-3.1-8b-instant,      0.05, ,      ,      0.08,
# The simulated provider costs what a small model does, so that spend can be tried.
, simulated, *,                              0.40, 0.10,  ,      1.60,
`
