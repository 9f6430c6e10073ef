package fallback

import (
	"math"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	for _, c := range []struct {
		name       string
		good, sick int
		want       float64
	}{
		{"nothing seen", 0, 0, 0}, {"too little to say", 0, 5, 0}, {"well", 100, 0, 0}, {"half of it sick", 50, 50, 0},
		{"two thirds sick", 30, 60, 30.0 / 91}, {"all sick", 0, 99, 0.99},
	} {
		th := NewThrottle(ThrottleOptions{})
		for range c.good {
			th.Done(0, Neutral)
		}
		for range c.sick {
			th.Done(0, Sick)
		}
		if got := th.KeepBack(0); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: keeps back %.3f, want %.3f", c.name, got, c.want)
		}
	}
}

func TestAThrottleForgetsAndCountsWhatItKeepsBack(t *testing.T) {
	th := NewThrottle(ThrottleOptions{})
	for range 50 {
		th.Done(0, Sick)
	}
	p := th.KeepBack(0)
	if th.Try(0, p/2) || !th.Try(0, p+0.01) {
		t.Fatal("decided against the probability")
	}
	if q := th.KeepBack(0); q <= p {
		t.Fatalf("a call that was kept back did not count: %.3f, then %.3f", p, q)
	}
	if q := th.KeepBack(int64(5 * time.Minute)); q != 0 {
		t.Fatalf("still keeps back %.3f after a quiet time", q)
	}
}
