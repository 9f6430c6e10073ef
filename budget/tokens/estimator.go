package tokens

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"
)

// Options are an Estimator's settings.
type Options struct {
	// Counter is fast, the package's own counter, or tiktoken, the reference, which is
	// some thirty times slower, worse on long runs of one character, and sets
	// tiktoken-go's global loader once, in Load. Empty: fast. Load refuses others.
	Counter string
}

// Estimator tells what a call will take. Safe for concurrent use.
type Estimator struct {
	o        Options
	families []modelInfo
	counters atomic.Pointer[[encodings]counter]
	cache    *textCache
	learned  *learner
	scratch  sync.Pool
}

// keptBuffer is the largest buffer for unescaped text that is kept.
const keptBuffer = 1 << 20

// New makes an estimator that answers bounds until Load is done.
func New(o Options) *Estimator {
	e := &Estimator{o: o, families: families(), cache: newTextCache(), learned: newLearner()}
	e.scratch.New = func() any { return &counting{} }
	return e
}

// Load reads the embedded vocabularies: some tenths of a second, so it is meant for
// the background. It uses no network.
func (e *Estimator) Load(ctx context.Context) error {
	var c [encodings]counter
	if e.o.Counter != "" && e.o.Counter != "fast" && e.o.Counter != "tiktoken" {
		return fmt.Errorf("unknown token counter %q: fast and tiktoken are known", e.o.Counter)
	}
	if e.o.Counter == "tiktoken" {
		tiktoken.SetBpeLoader(loader.NewOfflineLoader())
	}
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

// Bound is a cheap upper bound of a prompt's tokens, by one fast look at its bytes: no
// vocabulary, no allocation, and more than any ordinary text counts in the model's encoding.
func (e *Estimator) Bound(p *Prompt) int64 { return p.bound(familyOf(e.families, p.Model)) }

// Count is the exact count for the prompt's own model name; the Bound before Load.
func (e *Estimator) Count(p *Prompt) int64 { return e.countFor(p.Model, p) }

func (e *Estimator) countFor(model string, p *Prompt) int64 {
	f := familyOf(e.families, model)
	c := e.counters.Load()
	if c == nil {
		return p.bound(f)
	}
	k := e.scratch.Get().(*counting)
	defer e.scratch.Put(k)
	k.c, k.cache, k.salt = c[f.encoding], e.cache, uint64(f.encoding+1)<<1
	if cap(k.buf) > keptBuffer {
		k.buf = nil
	}
	return k.prompt(f, p)
}

// Input estimates the input tokens of a prompt at an upstream model: exact, or by the
// cheap bound, times the model's ratio.
func (e *Estimator) Input(_, upstreamModel string, p *Prompt, exact bool) int64 {
	r := e.learned.ratio(upstreamModel, e.prior)
	switch {
	case r == nil && exact:
		return scale(e.countFor(upstreamModel, p), e.prior(upstreamModel))
	case r == nil:
		return scale(p.bound(familyOf(e.families, upstreamModel)), e.prior(upstreamModel))
	case exact && e.Ready():
		return r.estimate(e.countFor(upstreamModel, p))
	}
	return scale(p.bound(familyOf(e.families, upstreamModel)), r.now())
}

// Calibrate turns a count of a model's input into an estimate, by what Learn has been
// told: what Input does with the count of a prompt.
func (e *Estimator) Calibrate(model string, counted int64) int64 {
	if r := e.learned.ratio(model, e.prior); r != nil {
		return r.estimate(counted)
	}
	return counted
}

func (e *Estimator) prior(model string) float64 { return familyOf(e.families, model).ratio }

// Output estimates the answers: what is expected, and the most that the call allows
// (declared × n; 0 when it declares nothing).
func (e *Estimator) Output(route, upstreamModel string, declared, n int64) (expected, most int64) {
	n, declared = max(n, 1), max(declared, 0)
	most = times(declared, n)
	expected, known := e.learned.output(route, upstreamModel)
	switch {
	case known:
	case declared > 0:
		expected = declared
	default:
		expected = firstOutput
	}
	expected = times(expected, n)
	if most > 0 {
		expected = min(expected, most)
	}
	return expected, most
}

// times multiplies, and stays within what budgets can add.
func times(a, b int64) int64 {
	const most = 1 << 50
	if a > most/b {
		return most
	}
	return a * b
}

// CountOutput counts generated text, for answers without usage.
func (e *Estimator) CountOutput(model string, text []byte) int64 {
	n := familyOf(e.families, model).encoding
	c := e.counters.Load()
	if c == nil {
		return boundText(n, text)
	}
	return int64(c[n].count(text))
}

// Learn takes a provider's own count of a finished call. estimatedInput is what Input
// answered with exact, 0 for a bound: then the ratio is not learned. actualOutput is of all n answers together.
func (e *Estimator) Learn(route, upstreamModel string, estimatedInput, actualInput, n, actualOutput int64) {
	if estimatedInput > 0 && actualInput > 0 {
		if r := e.learned.ratio(upstreamModel, e.prior); r != nil {
			r.learn(estimatedInput, actualInput)
		}
	}
	if actualOutput > 0 {
		e.learned.learnOutput(route, upstreamModel, actualOutput/max(n, 1))
	}
}
