// Package budgettest is the conformance suite of budget engines: what holds for
// buckets in this process has to hold for buckets anywhere. An engine that answers
// over a network says Pending, and the suite waits for its late answer.
package budgettest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/budget"
)

// Engine keeps one scope's buckets, wherever they are. Time is an argument, so that
// the suite runs in virtual time; an engine with a clock of its own needs a way to
// set it.
type Engine interface {
	Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer
	// Await answers what became of a Pending reservation.
	Await(h *budget.Hold) budget.Answer
	Settle(now budget.Instant, h *budget.Hold, actual budget.Demand, o budget.Outcome) bool
	Observe(now budget.Instant, o budget.Observation) budget.Finding
	View(now budget.Instant) []budget.BucketView
}

// T is what the suite needs of a test.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

const begin = budget.Instant(1_700_000_040_000_000_000)

func at(d time.Duration) budget.Instant { return begin.Add(d) }

func demand(tokens int64) budget.Demand {
	return budget.Demand{budget.Requests: 1, budget.Tokens: tokens, budget.Concurrency: 1}
}

func rate(d budget.Dimension, amount, burst int64) budget.Limit {
	return budget.Limit{Name: d.String(), Dimension: d, Amount: amount, Window: time.Minute, Burst: burst}
}

// Run runs the suite. newEngine makes an engine with full buckets of the limits.
func Run(t *testing.T, newEngine func(now budget.Instant, limits []budget.Limit) Engine) {
	t.Run("all or nothing", func(t *testing.T) { allOrNothing(t, newEngine) })
	t.Run("refund and debt", func(t *testing.T) { refundAndDebt(t, newEngine) })
	t.Run("exactly once", func(t *testing.T) { exactlyOnce(t, newEngine) })
	t.Run("above the burst", func(t *testing.T) { aboveTheBurst(t, newEngine) })
	t.Run("a provider's word", func(t *testing.T) { providersWord(t, newEngine) })
	t.Run("any interval", func(t *testing.T) { rapid.Check(t, func(r *rapid.T) { anyInterval(r, newEngine) }) })
	t.Run("sums", func(t *testing.T) { rapid.Check(t, func(r *rapid.T) { sums(r, newEngine) }) })
}

type maker = func(now budget.Instant, limits []budget.Limit) Engine

func reserve(e Engine, now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer {
	a := e.Reserve(now, h, d)
	if a.State == budget.Pending {
		a = e.Await(h)
	}
	return a
}

func take(t T, e Engine, now budget.Instant, tokens int64) *budget.Hold {
	t.Helper()
	h := &budget.Hold{}
	if a := reserve(e, now, h, demand(tokens)); a.State != budget.Granted {
		t.Fatalf("%d tokens at %v: %+v", tokens, now.Sub(begin), a)
	}
	return h
}

func level(e Engine, now budget.Instant, d budget.Dimension) int64 {
	for _, v := range e.View(now) {
		if v.Limit.Dimension == d {
			return v.Level
		}
	}
	return 0
}

func allOrNothing(t T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Requests, 60, 10), rate(budget.Tokens, 600, 100)})
	h := &budget.Hold{}
	take(t, e, begin, 80)
	if a := reserve(e, begin, h, demand(50)); a.State != budget.Later || a.At.Sub(begin) != 3*time.Second {
		t.Fatalf("%+v", a)
	}
	if n := level(e, begin, budget.Requests); n != 9 || h.Active() {
		t.Fatalf("a refusal left a trace: %d requests left", n)
	}
}

func refundAndDebt(t T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, 600, 100)})
	h := take(t, e, begin, 100)
	e.Settle(begin, h, demand(30), budget.Used)
	if n := level(e, begin, budget.Tokens); n != 70 {
		t.Fatalf("%d left after a refund, want 70", n)
	}
	h = take(t, e, begin, 70)
	e.Settle(begin, h, demand(170), budget.Used)
	if n := level(e, begin, budget.Tokens); n != -100 {
		t.Fatalf("%d, want a debt of 100", n)
	}
}

func exactlyOnce(t T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, 600, 100), {Name: "c", Dimension: budget.Concurrency, Kind: budget.Gauge, Amount: 1}})
	h := take(t, e, begin, 100)
	if !e.Settle(begin, h, demand(0), budget.Unsent) || e.Settle(begin, h, demand(0), budget.Unsent) {
		t.Fatalf("a hold has to end exactly once")
	}
	if n := level(e, begin, budget.Tokens); n != 100 {
		t.Fatalf("%d left", n)
	}
	take(t, e, begin, 1)
}

func aboveTheBurst(t T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, 600, 100)})
	take(t, e, begin, 10)
	h := &budget.Hold{}
	if a := reserve(e, begin, h, demand(300)); a.State != budget.Later || a.At.Sub(begin) != time.Second {
		t.Fatalf("%+v", a)
	}
	take(t, e, at(time.Second), 300)
	if a := reserve(e, at(time.Hour), h, demand(601)); a.State != budget.TooLarge {
		t.Fatalf("%+v", a)
	}
}

func providersWord(t T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, 600, 100)})
	e.Observe(begin, budget.Observation{Dimension: budget.Tokens, Limit: -1, Remaining: -1, Refused: true, BlockedFor: 2 * time.Second, Demand: demand(50)})
	h := &budget.Hold{}
	if a := reserve(e, begin, h, demand(50)); a.State != budget.Later || a.At.Sub(begin) != 2*time.Second {
		t.Fatalf("%+v", a)
	}
}

// anyInterval checks that no interval w admits more than burst + rate × w and one
// oversize debt, whatever is asked and when.
func anyInterval(t *rapid.T, newEngine maker) {
	amount := rapid.Int64Range(1, 6000).Draw(t, "per minute")
	burst := rapid.Int64Range(1, 600).Draw(t, "burst")
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, amount, burst)})
	type grant struct {
		at budget.Instant
		n  int64
	}
	var grants []grant
	now := begin
	for range rapid.IntRange(1, 60).Draw(t, "calls") {
		now = now.Add(time.Duration(rapid.Int64Range(0, 3_000_000_000).Draw(t, "pause")))
		n := rapid.Int64Range(1, amount).Draw(t, "tokens")
		if reserve(e, now, &budget.Hold{}, demand(n)).State != budget.Granted {
			continue
		}
		grants = append(grants, grant{now, n})
		sum, oversize := int64(0), int64(0)
		for i := len(grants) - 1; i >= 0; i-- {
			sum += grants[i].n
			oversize = max(oversize, grants[i].n-burst)
			w := float64(now.Sub(grants[i].at)) / float64(time.Minute)
			if most := float64(burst+oversize) + float64(amount)*w + 1; float64(sum) > most {
				t.Fatalf("%d tokens in %v, at most %.1f are allowed", sum, now.Sub(grants[i].at), most)
			}
		}
	}
}

// sums checks, at one moment, that what is left is what was there less what is held
// and used, in whatever order holds end.
func sums(t *rapid.T, newEngine maker) {
	e := newEngine(begin, []budget.Limit{rate(budget.Tokens, 100_000, 100_000)})
	left := int64(100_000)
	var holds []*budget.Hold
	var held []int64
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		if len(holds) == 0 || rapid.Bool().Draw(t, "reserve") {
			n := rapid.Int64Range(0, 3000).Draw(t, "tokens")
			h := &budget.Hold{}
			if fits := reserve(e, begin, h, demand(n)).State == budget.Granted; fits != (n == 0 || n <= left) {
				t.Fatalf("%d tokens with %d left: granted %v", n, left, fits)
			} else if fits {
				holds, held, left = append(holds, h), append(held, n), left-n
			}
			continue
		}
		i := rapid.IntRange(0, len(holds)-1).Draw(t, "hold")
		used := rapid.Int64Range(0, 6000).Draw(t, "used")
		if !e.Settle(begin, holds[i], demand(used), budget.Used) || e.Settle(begin, holds[i], demand(9), budget.Used) {
			t.Fatalf("not settled exactly once")
		}
		left += held[i] - used
		holds, held = append(holds[:i], holds[i+1:]...), append(held[:i], held[i+1:]...)
		if got := level(e, begin, budget.Tokens); got < left-1 || got > left+1 {
			t.Fatalf("%d left, want %d", got, left)
		}
	}
}
