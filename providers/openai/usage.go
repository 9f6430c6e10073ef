package openai

import "github.com/sluice-gateway/sluice/providers"

// counts are the numbers of a usage object, under all the names in use. Input, output
// and total are negative where it does not say.
type counts struct {
	input, output, total          int64
	cached, cacheWrite, reasoning int64
	readAside, writtenAside       int64 // Anthropic's names
	aside                         bool  // the input leaves them out
}

// usage reads a usage object; anything else says nothing.
func (w *walker) usage() providers.Usage {
	if w.peek() != '{' {
		w.skip()
		return providers.Usage{}
	}
	c := counts{input: -1, output: -1, total: -1}
	o := w.enter()
	for name, ok := w.member(&o); ok; name, ok = w.member(&o) {
		w.usageMember(&c, name)
	}
	if w.err != nil {
		return providers.Usage{}
	}
	return c.usage()
}

func (w *walker) usageMember(c *counts, name []byte) {
	into := (*int64)(nil)
	switch string(name) {
	case "prompt_tokens":
		into = &c.input
	case "input_tokens":
		into, c.aside = &c.input, true
	case "completion_tokens", "output_tokens":
		into = &c.output
	case "total_tokens":
		into = &c.total
	case "prompt_cache_hit_tokens", "cached_tokens":
		into = &c.cached
	case "cache_read_input_tokens":
		into = &c.readAside
	case "cache_creation_input_tokens":
		into = &c.writtenAside
	case "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details":
		w.usageDetails(c)
		return
	default:
		w.skip()
		return
	}
	if v, ok := w.integer(); ok {
		*into = v
	}
}

func (w *walker) usageDetails(c *counts) {
	if w.peek() != '{' {
		w.skip()
		return
	}
	o := w.enter()
	for name, ok := w.member(&o); ok; name, ok = w.member(&o) {
		into := (*int64)(nil)
		switch string(name) {
		case "cached_tokens":
			into = &c.cached
		case "cache_write_tokens", "cache_creation_tokens":
			into = &c.cacheWrite
		case "reasoning_tokens", "thinking_tokens":
			into = &c.reasoning
		default:
			w.skip()
			continue
		}
		if v, ok := w.integer(); ok {
			*into = max(*into, v)
		}
	}
}

// usage makes one story of the numbers. Where the total is more than its parts, the
// upstream leaves its thinking out of what it calls output.
func (c *counts) usage() providers.Usage {
	u := providers.Usage{
		Input: max(c.input, 0), Output: max(c.output, 0),
		Cached: max(c.cached, c.readAside), CacheWrite: max(c.cacheWrite, c.writtenAside), Reasoning: c.reasoning,
		Known: c.input >= 0 || c.output >= 0 || c.total >= 0,
	}
	if c.input < 0 && c.total >= 0 {
		u.Input = max(c.total-u.Output, 0)
	}
	if c.aside && c.total < 0 {
		u.Input += c.readAside + c.writtenAside
	}
	u.Cached, u.CacheWrite = min(u.Cached, u.Input), min(u.CacheWrite, u.Input)
	if c.total > u.Input+u.Output {
		u.Output = c.total - u.Input
	}
	return u
}

// groqUsage finds the usage in Groq's own member.
func (w *walker) groqUsage() (u providers.Usage) {
	if w.peek() != '{' {
		w.skip()
		return u
	}
	o := w.enter()
	for name, ok := w.member(&o); ok; name, ok = w.member(&o) {
		if string(name) == "usage" {
			u = w.usage()
			continue
		}
		w.skip()
	}
	return u
}
