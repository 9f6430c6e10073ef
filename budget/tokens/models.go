package tokens

import "strings"

// modelInfo is what is known of a family of models by the beginning of their names.
type modelInfo struct {
	prefix   string
	encoding encodingName
	// ratio of the model's own tokens to the encoding's, where it has a tokenizer of
	// its own: what calibration starts from.
	ratio    float64
	pictures pictures
}

// funcStart is what a function of tools costs beside its texts.
func (f modelInfo) funcStart() int {
	if f.encoding == cl100k {
		return 10
	}
	return 7
}

// families are looked through for the longest prefix, which stands first; the last
// entry is for the rest. Sources: OpenAI's model tables and its cookbook on counting,
// Anthropic's and Google's pages on pictures, and measured ratios of tokenizers.
func families() []modelInfo {
	gpt4o := pictures{base: 85, tile: 170}
	gpt5, o1 := pictures{base: 70, tile: 140}, pictures{base: 75, tile: 150}
	mini, nano := pictures{patch: 1.62}, pictures{patch: 2.46}
	claude, newClaude := pictures{edge: 1568, most: 1568}, pictures{edge: 2576, most: 4784}
	gemini := pictures{base: 258, square: true}
	return []modelInfo{
		{"computer-use-preview", o200k, 1, pictures{base: 65, tile: 129}},
		{"text-embedding-ada", cl100k, 1, gpt4o},
		{"claude-sonnet-4-7", o200k, 1.5, newClaude}, {"claude-sonnet-4-8", o200k, 1.5, newClaude},
		{"text-embedding-3", cl100k, 1, gpt4o},
		{"claude-opus-4-7", o200k, 1.5, newClaude}, {"claude-opus-4-8", o200k, 1.5, newClaude},
		{"claude-sonnet-5", o200k, 1.5, newClaude},
		{"claude-haiku-5", o200k, 1.5, newClaude},
		{"claude-opus-5", o200k, 1.5, newClaude},
		{"gpt-4.1-mini", o200k, 1, mini}, {"gpt-4.1-nano", o200k, 1, nano},
		{"gpt-4o-mini", o200k, 1, pictures{base: 2833, tile: 5667}}, {"davinci-002", cl100k, 1, gpt4o}, {"babbage-002", cl100k, 1, gpt4o},
		{"gpt-5-mini", o200k, 1, mini}, {"gpt-5-nano", o200k, 1, nano}, {"chatgpt-4o", o200k, 1, gpt4o}, {"ft:gpt-3.5", cl100k, 1, gpt4o},
		{"ft:gpt-4.1", o200k, 1, gpt4o},
		{"ft:gpt-4o", o200k, 1, gpt4o},
		{"ft:gpt-4", cl100k, 1, gpt4o},
		{"gpt-4.1", o200k, 1, gpt4o}, {"gpt-4.5", o200k, 1, gpt4o}, {"gpt-3.5", cl100k, 1, gpt4o}, {"gpt-oss", o200k, 1, gpt4o}, {"o4-mini", o200k, 1, pictures{patch: 1.72}},
		{"gpt-4o", o200k, 1, gpt4o}, {"gpt-35", cl100k, 1, gpt4o},
		{"claude", o200k, 1.2, claude}, {"gemini", o200k, 1.15, gemini},
		{"gpt-4", cl100k, 1, gpt4o}, {"gpt-5", o200k, 1, gpt5}, {"gemma", o200k, 1.15, gemini}, {"llama", o200k, 1.05, gpt4o},
		{"qwen", o200k, 1.1, gpt4o},
		{"qwq", o200k, 1.1, gpt4o},
		{"o1", o200k, 1, o1}, {"o3", o200k, 1, o1},
		{"", o200k, 1, gpt4o},
	}
}

// familyOf finds the family of a model; a provider's prefix (openai/gpt-4o) is passed
// over, and so is case.
func familyOf(all []modelInfo, model string) modelInfo {
	model = strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	for _, f := range all {
		if strings.HasPrefix(model, f.prefix) {
			return f
		}
	}
	return modelInfo{ratio: 1}
}
