package tokens

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestTheRatioConverges(t *testing.T) {
	e := ready(t, "fast")
	p := chat("some-model", user(strings.Repeat("some words ", 150)))
	exact := e.Count(p)
	for range 200 {
		e.Learn("r", "some-model", e.Input("r", "some-model", p, true), exact*13/10, 1, 0)
	}
	got := float64(e.Input("r", "some-model", p, true)) / float64(exact)
	if got < 1.28 || got > 1.32 {
		t.Fatalf("ratio %.3f, want 1.3", got)
	}
}

// Every report is of an older ratio, a third of the calls never report, and they end in
// any order.
func TestTheRatioDoesNotSwingWithManyInFlight(t *testing.T) {
	type call struct{ estimated, actual int64 }
	for _, flight := range []int{1, 30, 100, 1000, 3000} {
		r, rnd := newRatio(1), rand.New(rand.NewPCG(1, uint64(flight)))
		var flying []call
		for i := range 40_000 {
			n := 300 + rnd.Int64N(3000)
			flying = append(flying, call{r.estimate(n), n * 13 / 10})
			if len(flying) < flight {
				continue
			}
			k := rnd.IntN(1 + len(flying)/2)
			if rnd.IntN(3) > 0 {
				r.learn(flying[k].estimated, flying[k].actual)
			}
			flying = slices.Delete(flying, k, k+1)
			if v := r.now(); v < 0.99 || v > 1.33 {
				t.Fatalf("%d in flight, after %d calls the ratio is %.3f", flight, i, v)
			}
		}
		if v := r.now(); math.Abs(v-1.3) > 0.02 {
			t.Errorf("%d in flight: ratio %.3f, want 1.3", flight, v)
		}
	}
}

func TestTheRatioIsClamped(t *testing.T) {
	r := newRatio(1)
	for range 2000 {
		r.learn(r.estimate(1000), 1<<60)
	}
	if v := r.now(); v > mostRatio || v < mostRatio*0.99 {
		t.Fatal(v)
	}
	for range 2000 {
		r.learn(r.estimate(1000), 1)
	}
	if v := r.now(); v < leastRatio || v > leastRatio*1.01 {
		t.Fatal(v)
	}
}

func TestLearningIsBounded(t *testing.T) {
	l := newLearner()
	one := func(string) float64 { return 1 }
	for i := range maxLearned + 100 {
		name := strings.Repeat("m", i)
		l.ratio(name, one)
		l.learnOutput("r", name, 5)
	}
	if len(l.ratios) != maxLearned || len(l.outputs) != maxLearned {
		t.Fatal(len(l.ratios), len(l.outputs))
	}
	if l.ratio("one more", one) != nil {
		t.Fatal("not bounded")
	}
}

func TestPriors(t *testing.T) {
	e := ready(t, "fast")
	words := strings.Repeat("some words ", 100)
	for model, want := range map[string]float64{"gpt-4o": 1, "claude-3-5-sonnet": 1.2, "claude-opus-4-7": 1.5, "Qwen/Qwen2.5-72B": 1.1, "unknown": 1} {
		p := chat(model, user(words))
		if got := float64(e.Input("r", model, p, true)) / float64(e.Count(p)); math.Abs(got-want) > 0.01 {
			t.Errorf("%s: %.3f, want %.2f", model, got, want)
		}
	}
}

func TestTheLongestPrefixStandsFirst(t *testing.T) {
	for _, f := range families() {
		if got := familyOf(families(), f.prefix+"-x"); got.prefix != f.prefix {
			t.Errorf("%s is taken for %s", f.prefix, got.prefix)
		}
	}
}

func TestOutputNeverOverflows(t *testing.T) {
	e := New(Options{})
	for _, declared := range []int64{-5, 0, math.MaxInt64} {
		for _, n := range []int64{-1, 0, math.MaxInt64} {
			if out, most := e.Output("r", "m", declared, n); out < 0 || most < 0 {
				t.Errorf("%d × %d: %d, %d", declared, n, out, most)
			}
		}
	}
}
