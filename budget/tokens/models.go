package tokens

import "strings"

// modelInfo is what is known of a family of models by the beginning of their names.
type modelInfo struct {
	prefix    string
	encoding  encodingName
	funcStart int // tokens before each function of tools
	imageBase int // tokens of a picture at low detail
	imageTile int // tokens of each tile of 512×512 at high detail
}

// families are looked through for the longest prefix; the first entry is for the
// rest. Sources: OpenAI's published model tables and its cookbook on counting.
func families() []modelInfo {
	return []modelInfo{
		{"", o200k, 7, 85, 170},
		{"gpt-5", o200k, 7, 70, 140}, {"gpt-4.1", o200k, 7, 85, 170}, {"gpt-4.5", o200k, 7, 85, 170},
		{"gpt-4o", o200k, 7, 85, 170}, {"gpt-4o-mini", o200k, 7, 2833, 5667}, {"chatgpt-4o", o200k, 7, 85, 170},
		{"o1", o200k, 7, 75, 150}, {"o3", o200k, 7, 75, 150}, {"o4-mini", o200k, 7, 75, 150},
		{"gpt-oss", o200k, 7, 85, 170}, {"ft:gpt-4o", o200k, 7, 85, 170},
		{"gpt-4", cl100k, 10, 85, 170}, {"gpt-3.5", cl100k, 10, 85, 170}, {"gpt-35", cl100k, 10, 85, 170},
		{"ft:gpt-4", cl100k, 10, 85, 170}, {"ft:gpt-3.5", cl100k, 10, 85, 170},
		{"davinci-002", cl100k, 10, 85, 170}, {"babbage-002", cl100k, 10, 85, 170},
		{"text-embedding-3", cl100k, 10, 85, 170}, {"text-embedding-ada", cl100k, 10, 85, 170},
	}
}

// familyOf finds the family of a model; a provider's prefix (openai/gpt-4o) is passed
// over.
func familyOf(all []modelInfo, model string) modelInfo {
	if i := strings.LastIndexByte(model, '/'); i >= 0 {
		model = model[i+1:]
	}
	best := all[0]
	for _, f := range all[1:] {
		if strings.HasPrefix(model, f.prefix) && len(f.prefix) > len(best.prefix) {
			best = f
		}
	}
	return best
}
