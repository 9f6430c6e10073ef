package openai

import (
	"bytes"
	"fmt"

	"github.com/sluice-gateway/sluice/providers"
)

// Answer reads a whole answer. What it lets through equals the body but for white
// space around it and an "error" that tells of none.
func (d *Dialect) Answer(e providers.Endpoint, body []byte) (providers.Answer, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
	if len(body) == 0 || body[0] != '{' {
		return providers.Answer{}, fmt.Errorf("%w: it is no JSON object", providers.ErrNotAnAnswer)
	}
	a := answer{endpoint: e}
	if err := a.read(body); err != nil {
		return providers.Answer{}, fmt.Errorf("%w: %w", providers.ErrNotAnAnswer, err)
	}
	switch {
	case a.failed:
		return providers.Answer{}, fmt.Errorf("%w: it tells of an error", providers.ErrNotAnAnswer)
	case !a.found:
		return providers.Answer{}, fmt.Errorf("%w: it has no %s", providers.ErrNotAnAnswer, a.list())
	}
	if e == providers.Embeddings {
		a.usage.Input, a.usage.Output = a.usage.Input+a.usage.Output, 0
	}
	out := providers.Answer{Body: body, Usage: a.usage, Model: a.model}
	if len(a.edits) > 0 {
		out.Body = apply(nil, body, a.edits)
	}
	return out, nil
}

// answer is what a whole answer says.
type answer struct {
	walker
	endpoint providers.Endpoint
	usage    providers.Usage
	model    string
	found    bool // the list that makes it an answer
	failed   bool
}

// list is the member without which there is no answer.
func (a *answer) list() string {
	if a.endpoint == providers.Embeddings {
		return "data"
	}
	return "choices"
}

func (a *answer) read(body []byte) error {
	a.begin(body)
	o := a.enter()
	list := a.list()
	for name, ok := a.member(&o); ok; name, ok = a.member(&o) {
		switch string(name) {
		case list:
			a.found = a.peek() == '['
			a.readList()
		case "usage":
			a.setUsage(a.walker.usage())
		case "x_groq":
			a.readGroq()
		case "model":
			a.model = string(a.at(a.text()))
		case "error":
			if a.emptyError() {
				a.cut(&o)
				continue
			}
			a.failed = true
		default:
			a.skip()
		}
		a.keep(&o)
	}
	return a.walker.finish()
}

func (a *answer) setUsage(u providers.Usage) {
	if u.Known {
		a.usage = u
	}
}

func (a *answer) readGroq() {
	if u := a.groqUsage(); !a.usage.Known {
		a.setUsage(u)
	}
}

// readList looks for errors inside of choices.
func (a *answer) readList() {
	if a.endpoint == providers.Embeddings || a.peek() != '[' {
		a.skip()
		return
	}
	a.token()
	for k := a.peek(); k != ']' && k != 0; k = a.peek() {
		if k != '{' {
			a.skip()
			continue
		}
		o := a.enter()
		for name, ok := a.member(&o); ok; name, ok = a.member(&o) {
			switch string(name) {
			case "finish_reason":
				a.failed = providers.Interrupted(string(a.at(a.text()))) || a.failed
			case "error":
				a.failed = !a.emptyError() || a.failed
			default:
				a.skip()
			}
		}
	}
	a.token()
}
