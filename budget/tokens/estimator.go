package tokens

import (
	"context"
	"math"
	"sync/atomic"
)

// Options are an Estimator's settings.
type Options struct {
	// Counter is fast, the package's own counter, or tiktoken, the reference. Empty:
	// fast.
	Counter string
}

// Estimator tells what a call will take. Safe for concurrent use.
type Estimator struct {
	o        Options
	families []modelInfo
	counters atomic.Pointer[[encodings]counter]
	cache    *textCache
	learned  *learner
}

// New makes an estimator that answers bounds until Load is done.
func New(o Options) *Estimator {
	return &Estimator{o: o, families: families(), cache: newTextCache(), learned: newLearner()}
}

// Load reads the embedded vocabularies: some tenths of a second, so it is meant for
// the background. It uses no network.
func (e *Estimator) Load(ctx context.Context) error {
	var c [encodings]counter
	classes := newClassTable()
	for n := range encodings {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if e.o.Counter == "tiktoken" {
			c[n], err = loadReference(n)
		} else {
			c[n], err = loadEncoding(n, classes)
		}
		if err != nil {
			return err
		}
	}
	e.counters.Store(&c)
	return nil
}

// Ready says that counts are exact.
func (e *Estimator) Ready() bool { return e.counters.Load() != nil }

// Bound is a cheap upper bound of a prompt's tokens, from its length alone: a token
// of ordinary text is at least two bytes in every script that these encodings know.
func (e *Estimator) Bound(p *Prompt) int64 {
	n := int64(p.Bytes)/2 + int64(p.TokenIDs) + int64(len(p.Inputs))
	for i := range p.Messages {
		n += perMessage + perName + 1 + perCall*int64(len(p.Messages[i].ToolCalls))
	}
	if len(p.Images) > 0 {
		f := familyOf(e.families, p.Model)
		for range p.Images {
			n += int64(f.imageBase + unseenTiles*f.imageTile)
		}
	}
	if p.Form == Chat {
		n += perReply
	}
	if len(p.Tools) > 0 {
		n += endTools
	}
	return n
}

// Count is the exact count for the prompt's own model name; the Bound before Load.
func (e *Estimator) Count(p *Prompt) int64 { return e.countFor(p.Model, p) }

func (e *Estimator) countFor(model string, p *Prompt) int64 {
	c := e.counters.Load()
	if c == nil {
		return e.Bound(p)
	}
	f := familyOf(e.families, model)
	k := counting{c: c[f.encoding], cache: e.cache, salt: uint64(f.encoding+1) << 1}
	return k.prompt(f, p)
}

// Input estimates the input tokens of a prompt at an upstream model, with the ratio
// learned for it: exact, or the cheap bound.
func (e *Estimator) Input(_, upstreamModel string, p *Prompt, exact bool) int64 {
	n := float64(0)
	if exact {
		n = float64(e.countFor(upstreamModel, p))
	} else {
		n = float64(e.Bound(p))
	}
	return int64(math.Ceil(n * e.learned.ratio(upstreamModel)))
}

// Output estimates the answers: what is expected, and the most that the call allows
// (declared × n; 0 when it declares nothing).
func (e *Estimator) Output(route, upstreamModel string, declared, n int64) (expected, most int64) {
	n = max(n, 1)
	most = declared * n
	expected, known := e.learned.output(route, upstreamModel)
	switch {
	case known:
	case declared > 0:
		expected = declared
	default:
		expected = firstOutput
	}
	expected *= n
	if most > 0 {
		expected = min(expected, most)
	}
	return expected, most
}

// CountOutput counts generated text, for answers without usage.
func (e *Estimator) CountOutput(model string, text []byte) int64 {
	c := e.counters.Load()
	if c == nil {
		return int64(len(text)+1) / 2
	}
	return int64(c[familyOf(e.families, model).encoding].count(text))
}

// Learn takes a provider's own count of a finished call: estimatedInput is what Input
// answered with exact (0: do not learn the ratio), actualOutput is of all n answers.
func (e *Estimator) Learn(route, upstreamModel string, estimatedInput, actualInput, n, actualOutput int64) {
	if estimatedInput > 0 && actualInput > 0 {
		e.learned.learnRatio(upstreamModel, estimatedInput, actualInput)
	}
	if actualOutput > 0 {
		e.learned.learnOutput(route, upstreamModel, actualOutput/max(n, 1))
	}
}
