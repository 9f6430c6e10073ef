package budget

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

const t0 = Instant(1_700_000_040_000_000_000) // begins a minute

func at(d time.Duration) Instant { return t0.Add(d) }

func limit(d Dimension, amount, burst int64) Limit {
	return Limit{Name: d.String(), Dimension: d, Amount: amount, Window: time.Minute, Burst: burst}
}

func single(k ScopeKind, l ...Limit) *Scope { return NewScope(k, "s", t0, l) }

func tokens(n int64) Demand { return Demand{Requests: 1, Tokens: n, Concurrency: 1} }

func reserve(t *testing.T, now Instant, n int64, s ...*Scope) *Hold {
	t.Helper()
	h := &Hold{}
	if a := Reserve(now, h, tokens(n), s...); a.State != Granted {
		t.Fatalf("%d tokens at %v: %+v", n, now.Sub(t0), a)
	}
	return h
}

func later(t *testing.T, now Instant, n int64, want time.Duration, s ...*Scope) {
	t.Helper()
	h := &Hold{}
	a := Reserve(now, h, tokens(n), s...)
	if a.State != Later || a.At.Sub(t0) != want {
		t.Fatalf("%d tokens at %v: state %v at %v, want later at %v", n, now.Sub(t0), a.State, a.At.Sub(t0), want)
	}
	if h.Active() {
		t.Fatal("a refusal left a hold")
	}
}

func level(s *Scope, now Instant) int64 { return s.View(now, nil)[0].Level }

func TestRateGrantsItsBurstAndThenItsRate(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	reserve(t, t0, 600, s)
	later(t, t0, 100, time.Second, s)
	later(t, at(time.Second-1), 100, time.Second, s)
	reserve(t, at(time.Second), 100, s)
}

func TestManySmallDemandsFillTheBurstExactly(t *testing.T) {
	s := single(ScopeClientKey, limit(Requests, 7, 0)) // 7 does not divide a minute
	for range 7 {
		reserve(t, t0, 0, s)
	}
	if a := s.Peek(t0, tokens(0)); a.State != Later {
		t.Fatalf("an eighth: %+v", a)
	}
}

func TestRefundAndDebt(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	h := reserve(t, t0, 600, s)
	h.Settle(t0, tokens(100), Used)
	if l := level(s, t0); l != 500 {
		t.Fatalf("level %d after a refund, want 500", l)
	}
	h = reserve(t, t0, 500, s)
	h.Settle(t0, tokens(1100), Used)
	if l := level(s, t0); l != -600 {
		t.Fatalf("level %d, want a debt of 600", l)
	}
	later(t, t0, 100, 7*time.Second, s)
}

func TestARefundAfterItsWindowHasNoEffect(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	h := reserve(t, t0, 600, s)
	reserve(t, at(time.Minute), 600, s) // the bucket was full again in between
	h.Settle(at(time.Minute), tokens(0), Used)
	if l := level(s, at(time.Minute)); l != 0 {
		t.Fatalf("level %d: the refund was given twice", l)
	}
}

func TestADemandAboveTheBurstWaitsForAFullBucketAndGoesIntoDebt(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	reserve(t, t0, 100, s)
	later(t, t0, 1000, time.Second, s)
	reserve(t, at(time.Second), 1000, s)
	if l := level(s, at(time.Second)); l != -400 {
		t.Fatalf("level %d", l)
	}
	if a := s.Peek(t0, tokens(6001)); a.State != TooLarge {
		t.Fatalf("above the whole limit: %+v", a)
	}
}

func TestSlowRates(t *testing.T) {
	for _, rpm := range []int64{1, 3} {
		s := single(ScopeUpstream, limit(Requests, rpm, 0))
		reserve(t, t0, 0, s)
		later(t, t0, 0, time.Minute/time.Duration(rpm), s)
	}
	if a := single(ScopeUpstream, limit(Requests, 0, 0)).Peek(t0, tokens(1)); a.State != TooLarge {
		t.Fatalf("a limit of zero: %+v", a)
	}
}

func TestMargin(t *testing.T) {
	l := limit(Tokens, 1000, 0)
	l.Margin = 0.05
	s := single(ScopeClientKey, l)
	reserve(t, t0, 950, s)
	if l := level(s, t0); l != 0 {
		t.Fatalf("level %d", l)
	}
}

func TestAllOrNothing(t *testing.T) {
	a := NewScope(ScopeClientKey, "a", t0, []Limit{limit(Requests, 10, 10), limit(Tokens, 100, 100)})
	b := NewScope(ScopeOwner, "b", t0, []Limit{limit(Tokens, 50, 50)})
	before := fmt.Sprint(a.View(t0, nil), b.View(t0, nil))
	h := &Hold{}
	if x := Reserve(t0, h, tokens(60), a, b); x.State != TooLarge || x.Scope != b || x.Dimension != Tokens {
		t.Fatalf("%+v", x)
	}
	if got := fmt.Sprint(a.View(t0, nil), b.View(t0, nil)); got != before {
		t.Fatalf("a refusal left a trace:\n%s\n%s", before, got)
	}
	h = reserve(t, t0, 50, b, nil, a, a)
	if level(a, t0) != 9 || level(b, t0) != 0 {
		t.Fatal("not taken from every bucket once")
	}
	if !h.Cancel(t0) || h.Cancel(t0) || h.Settle(t0, tokens(5), Used) {
		t.Fatal("a hold ends exactly once")
	}
	if got := fmt.Sprint(a.View(t0, nil), b.View(t0, nil)); got != before {
		t.Fatalf("a cancel left a trace:\n%s\n%s", before, got)
	}
}

func TestARefusedAttemptKeepsItsRequest(t *testing.T) {
	s := single(ScopeUpstream, limit(Requests, 60, 10), limit(Tokens, 6000, 600))
	reserve(t, t0, 600, s).Settle(t0, Demand{}, Refused)
	v := s.View(t0, nil)
	if v[0].Level != 9 || v[1].Level != 600 {
		t.Fatalf("%d requests, %d tokens left", v[0].Level, v[1].Level)
	}
}

func TestGauge(t *testing.T) {
	s := single(ScopeUpstream, Limit{Name: "concurrency", Dimension: Concurrency, Kind: Gauge, Amount: 2})
	a := reserve(t, t0, 1, s)
	reserve(t, t0, 1, s)
	if x := s.Peek(t0, tokens(1)); x.State != Later || x.At != Never {
		t.Fatalf("%+v", x)
	}
	a.Settle(at(time.Hour), tokens(5), Used)
	reserve(t, at(time.Hour), 1, s)
}

func TestFixedWindow(t *testing.T) {
	l := limit(Tokens, 1000, 0)
	l.Kind = FixedWindow
	s := single(ScopeUpstream, l)
	old := reserve(t, at(30*time.Second), 800, s)
	later(t, at(30*time.Second), 300, time.Minute, s)
	reserve(t, at(time.Minute), 1000, s)
	old.Settle(at(time.Minute), tokens(0), Used)
	if n := level(s, at(time.Minute)); n != 0 {
		t.Fatalf("level %d: the refund of a window that is over", n)
	}
	if n := level(s, at(10*time.Minute)); n != 1000 {
		t.Fatalf("level %d after quiet windows", n)
	}
}

func TestAFixedWindowChargesBothSidesOfABoundary(t *testing.T) {
	l := limit(Tokens, 1000, 0)
	l.Kind, l.Straddle = FixedWindow, 50*time.Millisecond
	s := single(ScopeUpstream, l)
	h := reserve(t, at(time.Minute-20*time.Millisecond), 600, s)
	later(t, at(time.Minute), 500, 2*time.Minute, s)
	h.Settle(at(time.Minute), tokens(100), Used)
	reserve(t, at(time.Minute), 900, s)
}

func TestSlidingWindow(t *testing.T) {
	l := limit(Tokens, 1000, 0)
	l.Kind = SlidingWindow
	s := single(ScopeUpstream, l)
	h := reserve(t, t0, 600, s)
	reserve(t, at(10*time.Second), 400, s)
	slot := time.Minute / slots
	later(t, at(20*time.Second), 500, time.Minute+slot, s)
	h.Settle(at(20*time.Second), tokens(100), Used)
	reserve(t, at(20*time.Second), 500, s)
	later(t, at(20*time.Second), 900, 80*time.Second+slot, s)
	if n := level(s, at(10*time.Minute)); n != 1000 {
		t.Fatalf("level %d after a quiet time", n)
	}
}

func TestCalendarDaysAndTheClocksOwnChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begin := Instant(time.Date(2026, 3, 29, 0, 30, 0, 0, zone).UnixNano()) // a day of 23 hours
	day := Limit{Name: "rpd", Dimension: Requests, Kind: Calendar, Amount: 2, Location: zone}
	month := Limit{Name: "usd_per_month", Dimension: Cost, Kind: Calendar, Period: Month, Amount: 10, Location: zone}
	s := NewScope(ScopeOwner, "s", begin, []Limit{day, month})
	d := Demand{Requests: 1, Cost: 5}
	for range 2 {
		if a := Reserve(begin, &Hold{}, d, s); a.State != Granted {
			t.Fatalf("%+v", a)
		}
	}
	a := Reserve(begin, &Hold{}, Demand{Requests: 1}, s)
	if a.State != Later || a.At.Sub(begin) != 22*time.Hour+30*time.Minute {
		t.Fatalf("%+v, %v", a, a.At.Sub(begin))
	}
	a = Reserve(a.At, &Hold{}, d, s)
	if want := time.Date(2026, 4, 1, 0, 0, 0, 0, zone).UnixNano(); a.State != Later || a.Dimension != Cost || int64(a.At) != want {
		t.Fatalf("%+v", a)
	}
}

func TestObserve(t *testing.T) {
	t.Run("a refusal that says when", func(t *testing.T) {
		s := single(ScopeUpstream, limit(Tokens, 6000, 600))
		s.Observe(t0, Observation{Dimension: Tokens, Limit: -1, Remaining: -1, Refused: true, BlockedFor: 2 * time.Second, Demand: tokens(300)})
		later(t, t0, 300, 2*time.Second, s)
		later(t, t0, 200, time.Second, s)
	})
	t.Run("a refusal that does not", func(t *testing.T) {
		s := single(ScopeUpstream, limit(Tokens, 6000, 600))
		s.Observe(t0, Observation{Dimension: Tokens, Limit: -1, Remaining: -1, Refused: true})
		if n := level(s, t0); n != 0 {
			t.Fatalf("level %d", n)
		}
	})
	t.Run("what remains never raises above our own arithmetic", func(t *testing.T) {
		s := single(ScopeUpstream, limit(Tokens, 6000, 600))
		reserve(t, t0, 100, s)
		for _, c := range []struct{ remaining, want int64 }{{200, 200}, {350, 350}, {9999, 500}, {100, 100}} {
			for range words {
				s.Observe(t0, Observation{Dimension: Tokens, Limit: -1, Remaining: c.remaining})
			}
			if n := level(s, t0); n != c.want {
				t.Fatalf("level %d after hearing of %d, want %d", n, c.remaining, c.want)
			}
		}
	})
	t.Run("a dimension without a bucket blocks the scope", func(t *testing.T) {
		s := single(ScopeUpstream)
		s.Observe(t0, Observation{Dimension: Tokens, Remaining: -1, Refused: true, BlockedFor: time.Second})
		later(t, t0, 1, time.Second, s)
	})
	t.Run("nonsense is bounded", func(t *testing.T) {
		s := single(ScopeUpstream, limit(Tokens, 6000, 600))
		s.Observe(t0, Observation{Dimension: Tokens, Remaining: -5, Refused: true, BlockedFor: 1 << 62, Demand: Demand{Tokens: -7}})
		if a := s.Peek(t0, tokens(1)); a.State != Later || a.At.Sub(t0) > 33*24*time.Hour {
			t.Fatalf("%+v", a)
		}
	})
}

func TestReconfigureKeepsLevelsInUnits(t *testing.T) {
	s := single(ScopeClientKey, limit(Tokens, 1000, 1000))
	h := reserve(t, t0, 700, s)
	s.Reconfigure(t0, []Limit{limit(Tokens, 2000, 2000), limit(Requests, 10, 10)})
	v := s.View(t0, nil)
	if v[0].Level != 1300 || v[1].Level != 10 || v[0].Reserved != 700 {
		t.Fatalf("%+v", v)
	}
	h.Settle(t0, tokens(200), Used)
	if v := s.View(t0, nil); v[0].Level != 1800 || v[0].Reserved != 0 {
		t.Fatalf("%+v", v)
	}
}

func TestForecast(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	reserve(t, t0, 600, s)
	if a := s.Forecast(t0, tokens(1200), tokens(100)); a.State != Later || a.At.Sub(t0) != 13*time.Second {
		t.Fatalf("%+v", a)
	}
	if a := s.Forecast(at(time.Minute), Demand{}, tokens(100)); a.State != Granted {
		t.Fatalf("%+v", a)
	}
}

func TestTheClockGoingBackwardsIsHeld(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	h := reserve(t, at(time.Hour), 600, s)
	if a := s.Peek(t0, tokens(1)); a.State != Later || a.At < at(time.Hour) {
		t.Fatalf("%+v", a)
	}
	h.Settle(t0, tokens(0), Used)
	if n := level(s, t0); n != 600 {
		t.Fatalf("level %d", n)
	}
}

func TestAbsurdLimitsNeverOverflow(t *testing.T) {
	for _, l := range []Limit{
		{Amount: 1 << 62, Window: 1}, {Amount: 1, Window: 1 << 62}, {Amount: 1 << 62, Window: 1 << 62, Burst: 1 << 62}, {Amount: -5},
		{Amount: 5, Margin: 7}, {Amount: 1 << 62, Kind: SlidingWindow, Straddle: time.Second}, {Amount: 1 << 62, Kind: FixedWindow, Window: 1},
	} {
		l.Dimension = Tokens
		s := single(ScopeUpstream, l)
		h := &Hold{}
		for _, n := range []int64{1, 1 << 40, 1 << 62} {
			if Reserve(t0, h, tokens(n), s).State == Granted {
				h.Settle(at(1<<60), tokens(1<<62), Used)
			}
			for _, v := range s.View(t0, nil) {
				if v.Reserved < 0 || v.Level > v.Capacity {
					t.Fatalf("%+v: %+v", l, v)
				}
			}
		}
	}
}

func TestCharging(t *testing.T) {
	e := Estimate{Input: 100, Cached: 40, Output: 50, MaxOutput: 200}
	for _, c := range []struct {
		c            Charging
		demand, used int64
	}{
		{Charging{Policy: Expected}, 150, 130}, {Charging{Policy: ReserveSum}, 300, 130}, {Charging{Policy: ReserveMax}, 200, 130},
		{Charging{Policy: InputOnly}, 100, 110}, {Charging{Policy: SlotOnly}, 0, 0}, {Charging{Policy: Expected, CachedFree: true}, 110, 80},
		{Charging{Policy: ReserveSum, NoRefund: true}, 300, 300},
	} {
		d := c.c.Demand(e)
		if a := c.c.Actual(d, Usage{Input: 110, Output: 20, Cached: 50}); d[Tokens] != c.demand || a[Tokens] != c.used {
			t.Errorf("%+v: demand %d used %d, want %d %d", c.c, d[Tokens], a[Tokens], c.demand, c.used)
		}
	}
}

func TestManyGoroutinesNeverTakeTooMuch(t *testing.T) {
	s := single(ScopeClientKey, limit(Tokens, 1000, 1000), Limit{Name: "c", Dimension: Concurrency, Kind: Gauge, Amount: 8})
	o := NewScope(ScopeOwner, "o", t0, []Limit{limit(Tokens, 900, 900)})
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := int64(0)
	for range 8 {
		wg.Go(func() {
			for range 500 {
				h := &Hold{}
				if Reserve(t0, h, tokens(3), o, s).State == Granted {
					if !h.Settle(t0, tokens(1), Used) || h.Cancel(t0) {
						t.Error("not settled exactly once")
					}
					mu.Lock()
					total++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if got := level(o, t0); total > 900 || got != 900-total {
		t.Fatalf("%d tokens used, %d left of 900", total, got)
	}
}

func TestReserveAndSettleDoNotAllocate(t *testing.T) {
	s, scopes := sixBuckets("a")
	_ = s
	h := &Hold{}
	if n := testing.AllocsPerRun(100, func() {
		Reserve(t0, h, tokens(1), scopes...)
		h.Settle(t0, tokens(1), Used)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// sixBuckets are a key's, an owner's and an account's requests and tokens.
func sixBuckets(name string) (account *Scope, all []*Scope) {
	l := []Limit{limit(Requests, 1<<40, 1<<40), limit(Tokens, 1<<50, 1<<50)}
	account = NewScope(ScopeUpstream, name, t0, l)
	return account, []*Scope{NewScope(ScopeClientKey, name, t0, l), NewScope(ScopeOwner, name, t0, l), account}
}

func BenchmarkReserveSettle6Buckets(b *testing.B) {
	_, scopes := sixBuckets("a")
	h, now := &Hold{}, t0
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		Reserve(now, h, tokens(100), scopes...)
		h.Settle(now, tokens(80), Used)
	}
}

func BenchmarkReserveSettleDistinctAccounts(b *testing.B) {
	var n sync.Mutex
	count := 0
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		n.Lock()
		count++
		_, scopes := sixBuckets(fmt.Sprint(count))
		n.Unlock()
		h, now := &Hold{}, t0
		for pb.Next() {
			now += 1000
			Reserve(now, h, tokens(100), scopes...)
			h.Settle(now, tokens(80), Used)
		}
	})
}

func BenchmarkReserveSettleOneHotAccount(b *testing.B) {
	_, scopes := sixBuckets("a")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		h, now := &Hold{}, t0
		for pb.Next() {
			now += 1000
			Reserve(now, h, tokens(100), scopes...)
			h.Settle(now, tokens(80), Used)
		}
	})
}

func TestBorrowing(t *testing.T) {
	l := limit(Tokens, 1000, 1000)
	l.Borrow = true
	s := single(ScopeClientKey, l)
	reserve(t, t0, 1000, s)
	reserve(t, t0, 900, s) // the next window's, in one piece
	later(t, t0, 200, 66*time.Second, s)
	// The debt is paid after 54 s; for a whole window after it nothing is lent.
	h := reserve(t, at(114*time.Second-time.Millisecond), 900, s)
	h.Settle(at(114*time.Second-time.Millisecond), tokens(900), Used)
	later(t, at(114*time.Second-time.Millisecond), 200, 120*time.Second, s)
	// Two minutes after it was lent there is no debt any more, and it lends again.
	reserve(t, at(4*time.Minute), 1000, s)
	reserve(t, at(4*time.Minute), 500, s)
}

func TestOutputIsChargedWhereItEnds(t *testing.T) {
	for _, kind := range []Kind{FixedWindow, SlidingWindow, Rate} {
		l := Limit{Name: "tpm", Dimension: Tokens, Kind: kind, Amount: 1000, Window: time.Minute, OutputAtEnd: true, Burst: 1000}
		if kind == FixedWindow {
			l.Burst = 0
		}
		s := single(ScopeUpstream, l)
		h := &Hold{}
		d := Demand{Requests: 1, Tokens: 500, InputTokens: 300}
		if a := Reserve(at(time.Second), h, d, s); a.State != Granted {
			t.Fatalf("%v: %+v", kind, a)
		}
		if n := level(s, at(time.Second)); n != 500 {
			t.Errorf("kind %d: level %d while the answer is under way", kind, n)
		}
		h.Settle(at(2*time.Second), Demand{Requests: 1, Tokens: 400, InputTokens: 300}, Used)
		v := s.View(at(2*time.Second), nil)[0]
		if v.Reserved != 0 || v.Level < 600 || v.Level > 617 {
			t.Errorf("kind %d: %+v", kind, v)
		}
	}
}

func TestAWindowIsSpread(t *testing.T) {
	l := limit(Tokens, 600, 60)
	l.Kind = FixedWindow
	s := single(ScopeUpstream, l)
	reserve(t, t0, 60, s)
	later(t, t0, 10, time.Second, s)
	reserve(t, at(30*time.Second), 300, s) // what was not used before is not lost
	reserve(t, at(59*time.Second), 240, s)
	later(t, at(59*time.Second), 10, time.Minute, s)
}

func TestSlicesOweWhatTheyUsedBeyondThem(t *testing.T) {
	s := single(ScopeUpstream, Limit{Name: "tps", Dimension: Tokens, Kind: FixedWindow, Amount: 100, Window: time.Second, Carry: true, Whole: 6000})
	reserve(t, t0, 90, s)
	reserve(t, t0, 250, s) // larger than a slice: while something is left
	later(t, t0, 50, 3*time.Second, s)
	later(t, t0, 70, 4*time.Second, s)
	if a := s.Peek(t0, tokens(6001)); a.State != TooLarge {
		t.Fatalf("%+v", a)
	}
}

func TestRatioScalesRateAndBurstAndKeepsWhatIsTaken(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	h := reserve(t, t0, 300, s)
	s.SetRatio(t0, 0.5)
	if v := s.View(t0, nil)[0]; v.Capacity != 300 || v.Amount != 3000 || v.Level != 0 || v.Reserved != 300 {
		t.Fatalf("%+v", v)
	}
	h.Settle(t0, tokens(0), Used)
	if n := level(s, t0); n != 300 {
		t.Fatalf("level %d after everything was given back", n)
	}
	s.SetRatio(t0, 1)
	if v := s.View(t0, nil)[0]; v.Capacity != 600 || v.Ratio != 1 {
		t.Fatalf("%+v", v)
	}
}

func TestAWordCountsAsOfItsCall(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	h := reserve(t, t0, 100, s) // 500 are left here
	reserve(t, t0, 200, s)      // after it was sent
	s.Observe(at(time.Second), Observation{Dimension: Tokens, Window: time.Minute, Limit: -1, Remaining: 450, Since: h})
	if n := level(s, at(time.Second)); n != 350 { // 300 + a second's refill - the 50 that somebody else took
		t.Fatalf("level %d", n)
	}
}

func TestTwoRefusalsOfOneCauseCorrectOnce(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	var holds []*Hold
	for range 3 {
		holds = append(holds, reserve(t, t0, 100, s))
	}
	for i, h := range holds { // the upstream was empty, and says so to each
		h.Settle(t0, Demand{}, Refused)
		f := s.Observe(t0, Observation{Dimension: Tokens, Limit: -1, Remaining: -1, Refused: true, BlockedFor: time.Second, Demand: tokens(100), Since: h})
		if f.Unexplained {
			t.Errorf("refusal %d is not explained by the first", i)
		}
	}
	if n := level(s, t0); n != 0 {
		t.Fatalf("level %d", n)
	}
	h := reserve(t, at(time.Second), 100, s)
	h.Settle(at(time.Second), Demand{}, Refused)
	if f := s.Observe(at(time.Second), Observation{Dimension: Tokens, Limit: -1, Remaining: -1, Refused: true, BlockedFor: time.Second, Demand: tokens(100), Since: h}); !f.Unexplained {
		t.Fatal("the level was right, and a refusal came all the same")
	}
}

func TestAWordGivesNothingBackThatTimeHas(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	say := func(now Instant, n int64) {
		for range words {
			s.Observe(now, Observation{Dimension: Tokens, Limit: -1, Remaining: n})
		}
	}
	say(t0, 0)
	reserve(t, at(5*time.Second), 150, s).Settle(at(5*time.Second), tokens(150), Used)
	say(at(5*time.Second), 600)
	if n := level(s, at(5*time.Second)); n != 450 {
		t.Fatalf("level %d; without a word it would be 450", n)
	}
}

func TestAToldLimitThatShrinksLeavesABoundedDebt(t *testing.T) {
	s := single(ScopeUpstream)
	s.Observe(t0, Observation{Dimension: Requests, Window: time.Second, Limit: 1 << 50, Remaining: 0})
	s.Observe(t0, Observation{Dimension: Requests, Window: time.Second, Limit: 1, Remaining: -1})
	if v := s.View(t0, nil)[0]; v.Full.Sub(t0) > 10*time.Second {
		t.Fatalf("full in %v", v.Full.Sub(t0))
	}
}
