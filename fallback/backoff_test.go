package fallback

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoffDelay(t *testing.T) {
	b := Backoff{Base: 100 * time.Millisecond, Max: time.Second}
	cases := []struct {
		b    Backoff
		n    int
		r    float64
		want time.Duration
	}{
		{b, 0, 0, 0},
		{b, 0, 0.5, 50 * time.Millisecond},
		{b, 1, 0.5, 100 * time.Millisecond},
		{b, 3, 0.5, 400 * time.Millisecond},
		{b, 4, 0.5, 500 * time.Millisecond}, // the cap, not the power
		{b, 10_000, 0.5, 500 * time.Millisecond},
		{b, -3, 0.5, 50 * time.Millisecond},
		{b, 0, 7, 100 * time.Millisecond},
		{b, 0, -7, 0},
		{Backoff{}, 5, 0.9, 0},
		{Backoff{Base: time.Second}, 60, 0.5, 30 * time.Minute},
		{Backoff{Base: time.Second, Factor: 3}, 2, 0.5, 4500 * time.Millisecond},
		{Backoff{Base: time.Second, Factor: 1}, 9, 0.5, 500 * time.Millisecond},
		{Backoff{Base: time.Second, Factor: math.NaN()}, 1, 0.5, time.Second},
		{Backoff{Base: time.Minute, Max: time.Second}, 0, 0.5, 500 * time.Millisecond},
	}
	for _, c := range cases {
		if got := c.b.Delay(c.n, c.r); got != c.want {
			t.Errorf("%+v try %d at %v: %v, want %v", c.b, c.n, c.r, got, c.want)
		}
	}
}

func TestBackoffBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			Base:   time.Duration(rapid.Int64().Draw(t, "base")),
			Max:    time.Duration(rapid.Int64().Draw(t, "max")),
			Factor: rapid.Float64().Draw(t, "factor"),
		}
		n := rapid.Int().Draw(t, "n")
		r := rapid.Float64Range(0, 1).Draw(t, "r")
		d := b.Delay(n, r)
		if d < 0 {
			t.Fatalf("negative: %v", d)
		}
		if b.Max > 0 && d > b.Max {
			t.Fatalf("above Max: %v", d)
		}
		if b.Max <= 0 && d > longestDelay {
			t.Fatalf("above an hour: %v", d)
		}
	})
}

func ExampleBackoff_Delay() {
	b := Backoff{Base: 200 * time.Millisecond, Max: time.Second}
	for n := range 4 {
		fmt.Println(b.Delay(n, 0.5)) // 0.5 stands for a random number
	}
	// Output:
	// 100ms
	// 200ms
	// 400ms
	// 500ms
}
