package fallback

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at is a moment of a test, in nanoseconds after an arbitrary start.
func at(d time.Duration) int64 { return 1_700_000_000_000_000_000 + int64(d) }

// send lets one call through and ends it.
func send(t *testing.T, b *Breaker, now int64, o Outcome) {
	t.Helper()
	p, ok := b.Enter(now)
	if !ok {
		t.Fatalf("refused at %v while %v", time.Duration(now-at(0)), b.Condition(now))
	}
	b.Leave(now, p, o)
}

func opened(t *testing.T, o BreakerOptions) *Breaker {
	t.Helper()
	b := NewBreaker(o)
	for range 5 {
		send(t, b, at(0), Sick)
	}
	if b.Condition(at(0)) != Open {
		t.Fatal("five failures did not open it")
	}
	return b
}

func TestBreakerOpensOnFailuresOnly(t *testing.T) {
	cases := []struct {
		name     string
		outcomes []Outcome
		want     Condition
	}{
		{"nothing", nil, Closed},
		{"four failures are too few", []Outcome{Sick, Sick, Sick, Sick}, Closed},
		{"five failures", []Outcome{Sick, Sick, Sick, Sick, Sick}, Open},
		{"five among five good ones", []Outcome{Healthy, Healthy, Healthy, Healthy, Healthy, Sick, Sick, Sick, Sick, Sick}, Open},
		{"five among six good ones", []Outcome{Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Sick, Sick, Sick, Sick, Sick}, Closed},
		{"rate limits and clients that go do not count", []Outcome{Sick, Sick, Neutral, Neutral, Neutral, Sick, Sick}, Closed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := NewBreaker(BreakerOptions{})
			for _, o := range c.outcomes {
				send(t, b, at(0), o)
			}
			if got := b.Condition(at(0)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestBreakerForgetsOldFailures(t *testing.T) {
	b := NewBreaker(BreakerOptions{})
	for i := range 20 {
		send(t, b, at(time.Duration(i)*8*time.Second), Sick)
	}
	if b.Condition(at(160*time.Second)) != Closed {
		t.Error("a failure every 8 s opened a breaker that asks for five in 30 s")
	}
}

func TestBreakerHalfOpenLetsOneThrough(t *testing.T) {
	b := opened(t, BreakerOptions{})
	if _, ok := b.Enter(at(5*time.Second - 1)); ok {
		t.Fatal("a call went through while open")
	}
	if ok, when := b.Ready(at(time.Second)); ok || when != at(5*time.Second) {
		t.Fatalf("Ready: %v, %v", ok, when-at(0))
	}
	p, ok := b.Enter(at(5 * time.Second))
	if !ok || !p.Probe() {
		t.Fatal("no probe when its time had come")
	}
	if _, second := b.Enter(at(6 * time.Second)); second {
		t.Fatal("two probes at once")
	}
	b.Leave(at(7*time.Second), p, Healthy)
	if b.Condition(at(7*time.Second)) != Closed {
		t.Fatal("a good probe did not close it")
	}
	for range 4 {
		send(t, b, at(8*time.Second), Sick)
	}
	if b.Condition(at(8*time.Second)) != Closed {
		t.Fatal("failures from before the opening still count")
	}
}

func TestBreakerFailedProbesWaitLonger(t *testing.T) {
	b := opened(t, BreakerOptions{})
	now := at(0)
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		_, when := b.Ready(now)
		if got := time.Duration(when - now); got != want*time.Second {
			t.Fatalf("open for %v, want %v", got, want*time.Second)
		}
		now = when
		send(t, b, now, Sick)
	}
	_, now = b.Ready(now)
	send(t, b, now, Healthy)
	for range 5 {
		send(t, b, now, Sick)
	}
	if _, when := b.Ready(now); when != now+int64(5*time.Second) {
		t.Error("after closing, the next opening does not start from OpenFor")
	}
}

func TestBreakerProbeThatSaysNothing(t *testing.T) {
	b := opened(t, BreakerOptions{})
	send(t, b, at(5*time.Second), Neutral)
	if b.Condition(at(5*time.Second)) != HalfOpen {
		t.Fatal("a cancelled probe changed the condition")
	}
	send(t, b, at(5*time.Second), Healthy)
	if b.Condition(at(5*time.Second)) != Closed {
		t.Fatal("the next probe was not taken")
	}
}

func TestBreakerLostProbe(t *testing.T) {
	b := opened(t, BreakerOptions{})
	lost, _ := b.Enter(at(5 * time.Second))
	if ok, when := b.Ready(at(10 * time.Second)); ok || when != at(65*time.Second) {
		t.Fatalf("Ready: %v at %v", ok, time.Duration(when-at(0)))
	}
	second, ok := b.Enter(at(65 * time.Second))
	if !ok {
		t.Fatal("a lost probe holds the breaker for ever")
	}
	b.Leave(at(66*time.Second), lost, Healthy)
	if b.Condition(at(66*time.Second)) != HalfOpen {
		t.Fatal("the lost probe's word was taken")
	}
	b.Leave(at(67*time.Second), second, Healthy)
	b.Leave(at(67*time.Second), second, Sick)
	if b.Condition(at(67*time.Second)) != Closed {
		t.Fatal("leaving twice counts twice")
	}
}

func TestBreakerIgnoresCallsOfAnotherTime(t *testing.T) {
	b := NewBreaker(BreakerOptions{})
	early, _ := b.Enter(at(0))
	for range 5 {
		send(t, b, at(0), Sick)
	}
	probe, _ := b.Enter(at(5 * time.Second))
	b.Leave(at(6*time.Second), early, Healthy)
	if b.Condition(at(6*time.Second)) != HalfOpen {
		t.Fatal("a call from before the opening closed it")
	}
	b.Leave(at(6*time.Second), probe, Sick)
	if b.Condition(at(6*time.Second)) != Open {
		t.Fatal("a failed probe left it half-open")
	}
}

// A breaker never lets two probes run, opens only when it saw enough failures, and
// always comes back to letting a call through.
func TestBreakerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBreaker(BreakerOptions{Failures: rapid.IntRange(0, 4).Draw(t, "failures")})
		now := at(0)
		var inside []Pass
		sick, probes := 0, 0
		leave := func(o Outcome) {
			if len(inside) == 0 {
				return
			}
			i := rapid.IntRange(0, len(inside)-1).Draw(t, "which")
			before := b.Condition(now)
			b.Leave(now, inside[i], o)
			if o == Sick {
				sick++
			}
			if inside[i].Probe() {
				probes--
			}
			inside = append(inside[:i], inside[i+1:]...)
			if before == Closed && b.Condition(now) != Closed && (o != Sick || sick < b.o.Failures) {
				t.Fatalf("opened on %v after %d failures", o, sick)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				ready, _ := b.Ready(now)
				p, ok := b.Enter(now)
				if ok != ready {
					t.Fatalf("Ready said %v, Enter %v", ready, ok)
				}
				if ok {
					inside = append(inside, p)
				}
				if ok && p.Probe() {
					if probes++; probes > 1 {
						t.Fatal("two probes at once")
					}
				}
			},
			"healthy": func(*rapid.T) { leave(Healthy) },
			"sick":    func(*rapid.T) { leave(Sick) },
			"neutral": func(*rapid.T) { leave(Neutral) },
			"time":    func(t *rapid.T) { now += rapid.Int64Range(0, int64(time.Second)).Draw(t, "ns") },
			"": func(t *rapid.T) {
				if ok, when := b.Ready(now); !ok && (when <= now || when > now+int64(2*time.Minute)) {
					t.Fatalf("not ready until %v", time.Duration(when-now))
				}
			},
		})
		if ok, _ := b.Ready(now + int64(2*time.Minute)); !ok {
			t.Fatal("never ready again")
		}
	})
}

func BenchmarkBreaker(b *testing.B) {
	br := NewBreaker(BreakerOptions{})
	b.ReportAllocs()
	now := at(0)
	for b.Loop() {
		now += 1000
		p, _ := br.Enter(now)
		br.Leave(now, p, Healthy)
	}
}
