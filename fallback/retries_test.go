package fallback

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// spend takes retries until the budget has none left, and answers how many.
func spend(b *RetryBudget, now int64) (n int) {
	for n < 1_000_000 && b.Retry(now) {
		n++
	}
	return n
}

func TestRetryBudget(t *testing.T) {
	cases := []struct {
		name  string
		o     RetryOptions
		calls int
		want  int
	}{
		{"the floor alone", RetryOptions{}, 0, 10},
		{"a fifth of the calls above the floor", RetryOptions{}, 1000, 210},
		{"no floor", RetryOptions{Floor: -1}, 1000, 200},
		{"no share", RetryOptions{Ratio: -1}, 1000, 10},
		{"nothing", RetryOptions{Ratio: -1, Floor: -1}, 1000, 0},
		{"a tenth and three", RetryOptions{Ratio: 0.1, Floor: 3}, 55, 8},
		{"not a number", RetryOptions{Ratio: math.NaN()}, 100, 30},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := NewRetryBudget(c.o)
			for range c.calls {
				b.Call(at(0))
			}
			if got := b.Left(at(0)); got != c.want {
				t.Errorf("left: %d, want %d", got, c.want)
			}
			if got := spend(b, at(0)); got != c.want {
				t.Errorf("spent: %d, want %d", got, c.want)
			}
			if b.Retry(at(0)) {
				t.Error("spent and still granting")
			}
		})
	}
}

func TestRetryBudgetComesBack(t *testing.T) {
	b := NewRetryBudget(RetryOptions{})
	spend(b, at(0))
	if b.Left(at(8*time.Second)) != 0 {
		t.Error("retries were forgotten within their window")
	}
	if got := b.Left(at(10 * time.Second)); got != 10 {
		t.Errorf("after the window: %d left, want 10", got)
	}
	if got := b.Left(at(9000 * time.Hour)); got != 10 {
		t.Errorf("after a year: %d left, want 10", got)
	}
	spend(b, at(9000*time.Hour))
	if b.Retry(at(0)) {
		t.Error("a clock that goes back gave the floor again")
	}
}

// Whatever happens, the retries of the last window are within floor + ratio × calls of
// the last window.
func TestRetryBudgetBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewRetryBudget(RetryOptions{Ratio: 0.3, Floor: 2, Window: time.Second})
		var calls, retries []int64
		now := at(0)
		since := func(events []int64, from int64) (n int) {
			for _, e := range events {
				if e > from {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now += rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "ns")
			if rapid.Bool().Draw(t, "call") {
				b.Call(now)
				calls = append(calls, now)
				continue
			}
			if !b.Retry(now) {
				continue
			}
			retries = append(retries, now)
			// nine slots at least are remembered, ten at most
			got := since(retries, now-int64(900*time.Millisecond))
			most := 2 + int(0.3*float64(since(calls, now-int64(time.Second)-1)))
			if got > most {
				t.Fatalf("%d retries, at most %d allowed", got, most)
			}
		}
	})
}
