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

// from, provider, model, input, cached input, cache write, output, per call, per picture, above so many tokens of input
const shipped = `
# OpenAI, and the same models at Azure where a deployment bears the model's name
2024-05-13, openai azure, gpt-4o*,                5.00, ,      ,      15.00
2024-10-01, openai azure, gpt-4o*,                2.50, 1.25,  ,      10.00
2024-05-13, openai azure, gpt-4o-2024-05-13,      5.00, ,      ,      15.00
2024-07-18, openai azure, gpt-4o-mini*,           0.15, 0.075, ,      0.60
2024-04-09, openai azure, gpt-4-turbo*,           10.00, ,     ,      30.00
2024-01-25, openai azure, gpt-3.5-turbo*,         0.50, ,      ,      1.50
2025-04-14, openai azure, gpt-4.1*,               2.00, 0.50,  ,      8.00
2025-04-14, openai azure, gpt-4.1-mini*,          0.40, 0.10,  ,      1.60
2025-04-14, openai azure, gpt-4.1-nano*,          0.10, 0.025, ,      0.40
2024-12-17, openai azure, o1,                     15.00, 7.50, ,      60.00
2025-06-10, openai azure, o3,                     2.00, 0.50,  ,      8.00
2025-01-31, openai azure, o3-mini*,               1.10, 0.55,  ,      4.40
2025-04-16, openai azure, o4-mini*,               1.10, 0.275, ,      4.40
2025-08-07, openai azure, gpt-5,                  1.25, 0.125, ,      10.00
2025-08-07, openai azure, gpt-5-2025-08-07,       1.25, 0.125, ,      10.00
2025-08-07, openai azure, gpt-5-mini*,            0.25, 0.025, ,      2.00
2025-08-07, openai azure, gpt-5-nano*,            0.05, 0.005, ,      0.40
2025-11-13, openai azure, gpt-5.1,                1.25, 0.125, ,      10.00
2025-12-11, openai azure, gpt-5.2,                1.75, 0.175, ,      14.00
2026-03-05, openai azure, gpt-5.4,                2.50, 0.25,  ,      15.00
2026-03-05, openai azure, gpt-5.4-mini,           0.75, 0.075, ,      4.50
2024-01-25, openai azure, text-embedding-3-small, 0.02
2024-01-25, openai azure, text-embedding-3-large, 0.13
# Anthropic; cache writes are those for five minutes
2025-05-22, anthropic, claude-sonnet-4*,          3.00, 0.30,  3.75,  15.00
2025-05-22, anthropic, claude-opus-4*,            15.00, 1.50, 18.75, 75.00
2025-11-24, anthropic, claude-opus-4-5*,          5.00, 0.50,  6.25,  25.00
2025-11-24, anthropic, claude-opus-4-6*,          5.00, 0.50,  6.25,  25.00
2025-11-24, anthropic, claude-opus-4-7*,          5.00, 0.50,  6.25,  25.00
2025-11-24, anthropic, claude-opus-4-8*,          5.00, 0.50,  6.25,  25.00
2026-07-24, anthropic, claude-opus-5,             5.00, 0.50,  6.25,  25.00
2025-10-15, anthropic, claude-haiku-4-5*,         1.00, 0.10,  1.25,  5.00
2026-10-07, anthropic, claude-haiku-5-5*,         0.10, 0.01,  0.125, 0.50
2026-10-07, anthropic, claude-haiku-5-5*,         0.50, 0.05,  0.625, 2.50, , , 100000
2026-10-07, anthropic, claude-sonnet-5-5*,        2.00, 0.10,  2.50,  10.00
2024-11-04, anthropic, claude-3-5-haiku*,         0.80, 0.08,  1.00,  4.00
2024-03-13, anthropic, claude-3-haiku*,           0.25, 0.03,  0.30,  1.25
# Bedrock: the same models by its names
2025-05-22, bedrock, anthropic.claude-sonnet-4*,    3.00, 0.30, 3.75, 15.00
2025-05-22, bedrock, us.anthropic.claude-sonnet-4-2*, 3.00, 0.30, 3.75, 15.00
2025-09-29, bedrock, us.anthropic.claude-sonnet-4-5*, 3.30, 0.33, 4.125, 16.50
2025-09-29, bedrock, global.anthropic.claude-sonnet-4*, 3.00, 0.30, 3.75, 15.00
2025-10-15, bedrock, global.anthropic.claude-haiku-4-5*, 1.00, 0.10, 1.25, 5.00
2024-12-03, bedrock, amazon.nova-micro*,            0.035, 0.00875, , 0.14
2024-12-03, bedrock, amazon.nova-lite*,             0.06, 0.015, ,    0.24
2024-12-03, bedrock, amazon.nova-pro*,              0.80, 0.20, ,     3.20
2025-08-05, bedrock, openai.gpt-oss-120b*,          0.15, , ,         0.60
2025-08-05, bedrock, openai.gpt-oss-20b*,           0.07, , ,         0.30
# Google
2025-06-17, gemini, gemini-2.5-pro*,              1.25, 0.125, ,      10.00
2025-06-17, gemini, gemini-2.5-pro*,              2.50, 0.25,  ,      15.00, , , 200000
2025-06-17, gemini, gemini-2.5-flash*,            0.30, 0.03,  ,      2.50
2025-07-22, gemini, gemini-2.5-flash-lite*,       0.10, 0.01,  ,      0.40
2025-02-05, gemini, gemini-2.0-flash*,            0.10, 0.025, ,      0.40
2025-11-18, gemini, gemini-3-pro*,                2.00, 0.20,  ,      12.00
2025-11-18, gemini, gemini-3-pro*,                4.00, 0.40,  ,      18.00, , , 200000
# Alibaba Cloud Model Studio, international
2025-09-23, dashscope, qwen3-max*,                1.20, 0.24,  ,      6.00
2025-09-23, dashscope, qwen3-max*,                2.40, 0.48,  ,      12.00, , , 32768
2025-09-23, dashscope, qwen3-max*,                3.00, 0.60,  ,      15.00, , , 131072
2025-04-28, dashscope, qwen-plus*,                0.40, 0.08,  ,      1.20
2025-09-11, dashscope, qwen-plus*,                0.40, 0.08,  ,      1.20
2025-09-11, dashscope, qwen-plus*,                1.20, 0.24,  ,      3.60, , , 262144
2025-07-28, dashscope, qwen-flash*,               0.05, 0.01,  ,      0.40
2025-07-28, dashscope, qwen-flash*,               0.25, 0.05,  ,      2.00, , , 262144
2025-04-28, dashscope, qwen-turbo*,               0.05, 0.01,  ,      0.20
2025-01-25, dashscope, qwen-max*,                 1.60, 0.32,  ,      6.40
# DeepSeek; what costs more at the busy hours is priced by them
2025-02-08, deepseek, deepseek-chat,              0.27, 0.07,  ,      1.10
2025-02-08, deepseek, deepseek-reasoner,          0.55, 0.14,  ,      2.19
2025-09-05, deepseek, deepseek-chat,              0.56, 0.07,  ,      1.68
2025-09-05, deepseek, deepseek-reasoner,          0.56, 0.07,  ,      1.68
2025-09-29, deepseek, deepseek-chat,              0.28, 0.028, ,      0.42
2025-09-29, deepseek, deepseek-reasoner,          0.28, 0.028, ,      0.42
2026-10-17, deepseek, deepseek-flash,             0.30, 0.006, ,      1.20
2026-08-13, deepseek, deepseek-v4-pro,            1.32, 0.044, ,      3.96
# Mistral
2024-11-18, mistral, mistral-large*,              2.00, ,      ,      6.00
2025-12-02, mistral, mistral-large-latest,        0.50, ,      ,      1.50
2025-12-02, mistral, mistral-large-2512,          0.50, ,      ,      1.50
2025-05-07, mistral, mistral-medium*,             0.40, ,      ,      2.00
2025-03-17, mistral, mistral-small*,              0.10, ,      ,      0.30
2025-01-13, mistral, codestral*,                  0.30, ,      ,      0.90
2024-10-16, mistral, ministral-8b*,               0.10, ,      ,      0.10
2023-12-11, mistral, mistral-embed,               0.10
# Groq
2024-12-06, groq, llama-3.3-70b-versatile,        0.59, ,      ,      0.79
2024-07-23, groq, llama-3.1-8b-instant,           0.05, ,      ,      0.08
2025-08-05, groq, openai/gpt-oss-120b,            0.15, 0.075, ,      0.60
2025-08-05, groq, openai/gpt-oss-20b,             0.075, 0.0375, ,    0.30
2025-06-11, groq, qwen/qwen3-32b,                 0.29, ,      ,      0.59
# Together
2024-12-06, together, meta-llama/Llama-3.3-70B-Instruct-Turbo, 0.88, , , 0.88
2024-07-23, together, meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo, 0.18, , , 0.18
2025-08-05, together, openai/gpt-oss-120b,        0.15, ,      ,      0.60
# OpenRouter passes the providers' prices on
2024-10-01, openrouter, openai/gpt-4o,            2.50, 1.25,  ,      10.00
2024-07-18, openrouter, openai/gpt-4o-mini,       0.15, 0.075, ,      0.60
2025-08-07, openrouter, openai/gpt-5,             1.25, 0.125, ,      10.00
2025-05-22, openrouter, anthropic/claude-sonnet-4*, 3.00, 0.30, 3.75, 15.00
2025-11-24, openrouter, anthropic/claude-opus-4.5, 5.00, 0.50, 6.25,  25.00
2025-06-17, openrouter, google/gemini-2.5-flash,  0.30, 0.03,  ,      2.50
# xAI
2025-07-09, xai, grok-4*,                         3.00, 0.75,  ,      15.00
2025-07-09, xai, grok-4*,                         6.00, 1.50,  ,      30.00, , , 128000
2025-09-19, xai, grok-4-fast*,                    0.20, 0.05,  ,      0.50
2025-09-19, xai, grok-4-fast*,                    0.40, 0.10,  ,      1.00, , , 128000
2025-11-19, xai, grok-4-1-fast*,                  0.20, 0.05,  ,      0.50
2025-11-19, xai, grok-4-1-fast*,                  0.40, 0.10,  ,      1.00, , , 128000
2025-08-28, xai, grok-code-fast-1,                0.20, 0.02,  ,      1.50
2025-04-09, xai, grok-3,                          3.00, 0.75,  ,      15.00
2025-04-09, xai, grok-3-mini,                     0.30, 0.075, ,      0.50
# Cohere
2025-03-13, cohere, command-a-03-2025,            2.50, ,      ,      10.00
2024-08-30, cohere, command-r-plus-08-2024,       2.50, ,      ,      10.00
2024-08-30, cohere, command-r-08-2024,            0.15, ,      ,      0.60
2024-12-13, cohere, command-r7b-12-2024,          0.0375, ,    ,      0.15
2025-04-15, cohere, embed-v4.0,                   0.12
# Cerebras
2024-10-24, cerebras, llama3.1-8b,                0.10, ,      ,      0.10
2024-12-06, cerebras, llama-3.3-70b,              0.85, ,      ,      1.20
2025-08-05, cerebras, gpt-oss-120b,               0.35, ,      ,      0.75
# Fireworks
2025-08-05, fireworks, accounts/fireworks/models/gpt-oss-120b, 0.15, , , 0.60
2024-12-06, fireworks, accounts/fireworks/models/llama-v3p3-70b-instruct, 0.90, , , 0.90
# Servers of one's own ask for nothing.
, vllm ollama, *,                                 0, , ,              0
# The simulated provider costs what a small model does, so that spend can be tried.
, simulated, *,                                   0.40, 0.10,  ,      1.60
`
