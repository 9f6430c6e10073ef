package tokens

import (
	"math"
	"strings"
	"sync"
)

// Learning of one model on one route.
const (
	// maxLearned bounds the models and routes that are learned.
	maxLearned = 2048
	// enough answers must have been seen before their lengths are believed.
	enough = 20
	// forgetAt halves what was seen, so that newer answers count more.
	forgetAt = 2000
	// outputQuantile of the answers are expected to be no longer.
	outputQuantile = 0.9
	// firstOutput is expected of an answer before anything is known.
	firstOutput = 512
)

// lengths is a histogram of answers' lengths: eight buckets to a doubling.
type lengths struct {
	seen  [8 * 24]uint32
	total uint32
}

func (l *lengths) add(n int64) {
	l.seen[lengthBucket(n)]++
	if l.total++; l.total >= forgetAt {
		l.total = 0
		for i := range l.seen {
			l.seen[i] /= 2
			l.total += l.seen[i]
		}
	}
}

func lengthBucket(n int64) int {
	return min(max(int(math.Ceil(8*math.Log2(float64(max(n, 1))))), 0), 8*24-1)
}

// quantile answers a length that a share q of the answers does not exceed, to within
// a bucket's tenth; false before enough were seen.
func (l *lengths) quantile(q float64) (int64, bool) {
	if l.total < enough {
		return 0, false
	}
	need := uint32(math.Ceil(q * float64(l.total)))
	for i, n := range l.seen {
		if need <= n {
			return int64(math.Exp2(float64(i) / 8)), true
		}
		need -= n
	}
	return 0, false
}

// learner keeps what was learned.
type learner struct {
	mu      sync.RWMutex
	outputs map[[2]string]*lengths
	ratios  map[string]*ratio
}

func newLearner() *learner {
	return &learner{outputs: map[[2]string]*lengths{}, ratios: map[string]*ratio{}}
}

func (l *learner) output(route, model string) (int64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if o := l.outputs[[2]string{route, model}]; o != nil {
		return o.quantile(outputQuantile)
	}
	return 0, false
}

// ratio answers a model's; nil where too many are kept already.
func (l *learner) ratio(model string, prior func(string) float64) *ratio {
	l.mu.RLock()
	r := l.ratios[model]
	l.mu.RUnlock()
	if r != nil {
		return r
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r = l.ratios[model]; r == nil && len(l.ratios) < maxLearned {
		r = newRatio(prior(model))
		l.ratios[strings.Clone(model)] = r
	}
	return r
}

func (l *learner) learnOutput(route, model string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{route, model}
	o := l.outputs[key]
	if o == nil {
		if len(l.outputs) >= maxLearned {
			return
		}
		o = &lengths{}
		l.outputs[[2]string{strings.Clone(route), strings.Clone(model)}] = o
	}
	o.add(n)
}
