package budget

import (
	"testing"
	"time"
)

func taken(t *testing.T, s *Scope, now Instant, h *Hold, d Demand) {
	t.Helper()
	if a := Reserve(now, h, d, s); a.State != Granted {
		t.Fatalf("%v after %v: %+v", d, now.Sub(t0), a)
	}
}

// What calls in flight still produce never keeps a full bucket from being used: it comes
// later, and is charged then.
func TestAFullBucketTakesWhatItHolds(t *testing.T) {
	s := single(ScopeUpstream, Limit{Dimension: Tokens, Amount: 6000, Window: time.Minute, Burst: 600, OutputAtEnd: true})
	var long, most, above Hold
	d := func(in, out int64) Demand { return Demand{Tokens: in + out, InputTokens: in, OutputTokens: out} }
	taken(t, s, t0, &long, d(100, 300))
	now := t0.Add(10 * time.Second) // long since full, with 300 still to come
	taken(t, s, now, &most, d(500, 0))
	if a := s.Peek(now, d(500, 0)); a.State != Later || a.At.Sub(now) != 5*time.Second { // when it is full, and not when the output has come
		t.Fatalf("%+v in %v", a, a.At.Sub(now))
	}
	// Above the burst it has to be full at the upstream too, whatever ends meanwhile.
	whole, a := 6*time.Second, s.Peek(now, d(700, 0))
	if a.State != Later || a.At.Sub(now) != 5*time.Second+whole/4 {
		t.Fatalf("%+v in %v", a, a.At.Sub(now))
	}
	long.Settle(now, d(100, 0), Used) // it said nothing
	if a = s.Peek(now, d(700, 0)); a.At.Sub(now) != 5*time.Second+whole/50 {
		t.Fatalf("%+v in %v", a, a.At.Sub(now))
	}
	taken(t, s, a.At, &above, d(700, 0))
}

// A slice that holds less than an answer asks for room for what is charged at the start.
func TestAnAnswerLargerThanASliceDoesNotMakeItsCallLarge(t *testing.T) {
	s := single(ScopeUpstream, Limit{Dimension: Tokens, Kind: FixedWindow, Amount: 300, Window: time.Second, Whole: 18_000, Carry: true, OutputAtEnd: true})
	d := func(in, out int64) Demand { return Demand{Tokens: in + out, InputTokens: in, OutputTokens: out} }
	var first, second Hold
	taken(t, s, t0, &first, d(200, 0))
	if a := s.Peek(t0, d(200, 400)); a.State != Later || a.At != t0.Add(time.Second) { // 200 of 300 are gone
		t.Fatalf("%+v in %v", a, a.At.Sub(t0))
	}
	taken(t, s, t0.Add(time.Second), &second, d(200, 400))
}
