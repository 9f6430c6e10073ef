package budget

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var anyKind = []Kind{Rate, Rate, FixedWindow, SlidingWindow, Calendar, Gauge}

// drawLimit is a limit of tokens; a Gauge counts calls.
func drawLimit(t *rapid.T, kinds ...Kind) Limit {
	l := Limit{
		Name: "limit", Dimension: Tokens, Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		Amount: rapid.Int64Range(1, 100_000).Draw(t, "amount"),
		Window: rapid.SampledFrom([]time.Duration{time.Minute, time.Second, time.Hour}).Draw(t, "window"),
		Margin: rapid.SampledFrom([]float64{0, 0.05, 0.5}).Draw(t, "margin"),
	}
	switch l.Kind {
	case Rate:
		l.Burst = rapid.Int64Range(0, l.Amount).Draw(t, "burst")
	case FixedWindow:
		l.Carry = rapid.Bool().Draw(t, "carry")
		fallthrough
	case SlidingWindow:
		l.Straddle = rapid.SampledFrom([]time.Duration{0, l.Window / 20}).Draw(t, "straddle")
	case Calendar:
		l.Period = rapid.SampledFrom([]Period{Day, Month}).Draw(t, "period")
	case Gauge:
		l.Dimension = Concurrency
	}
	return l
}

func drawTokens(t *rapid.T, name string, most int64) Demand {
	n := rapid.Int64Range(0, most).Draw(t, name)
	return Demand{Requests: 1, Tokens: n, InputTokens: n, Concurrency: n}
}

// use is what a call took of a limit whose hold was of d.
func drawUse(t *rapid.T, d Demand, most int64) Demand {
	u := drawTokens(t, "used", most)
	u[Concurrency] = d[Concurrency] // calls in flight are what they are
	return u
}

func drawTime(t *rapid.T, l Limit, windows int) Instant {
	return Instant(rapid.Int64Range(0, int64(windows)*int64(l.Window)).Draw(t, "time"))
}

// rounding is what the level of a Rate may be off after so many operations: each is
// rounded to a nanosecond, and the level to a unit.
func rounding(l Limit, operations int) int64 {
	if l.Kind != Rate {
		return 0
	}
	return 1 + int64(operations+1)*(1+l.Amount/int64(l.Window))
}

// Levels never exceed the capacity, and what is reserved never falls below zero,
// whatever happens.
func TestLevelsStayWithinTheCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		l.OutputAtEnd, l.Borrow = rapid.Bool().Draw(t, "at end"), rapid.Bool().Draw(t, "borrow")
		s, now := single(ScopeUpstream, l), t0
		var holds []*Hold
		number := rapid.SampledFrom([]int64{-1, 0, 1, 17, l.Amount / 2, l.Amount, 2 * l.Amount, maxTold, math.MaxInt64, math.MinInt64})
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				for _, v := range s.View(now, nil) {
					if v.Level > v.Capacity || v.Reserved < 0 || v.Debt < 0 || v.Debt > 0 && v.Level != -v.Debt {
						t.Fatalf("%+v", v)
					}
				}
			},
			"time": func(t *rapid.T) { now += drawTime(t, l, 3) - Instant(l.Window/10) },
			"reserve": func(t *rapid.T) {
				h := &Hold{}
				d := drawTokens(t, "demand", 2*l.Amount)
				d[OutputTokens] = rapid.Int64Range(0, d[Tokens]).Draw(t, "output")
				d[InputTokens] -= d[OutputTokens]
				a := Reserve(now, h, d, s)
				if a.State == Granted && a.Headroom > 1 {
					t.Fatalf("headroom %v", a.Headroom)
				}
				if (a.State == Granted) != h.Active() {
					t.Fatalf("%+v, and the hold is active: %v", a, h.Active())
				}
				if a.State == Later && a.At <= now {
					t.Fatalf("later, and yet %v ago", now-a.At)
				}
				if h.Active() {
					holds = append(holds, h)
				}
			},
			"force": func(t *rapid.T) {
				h := &Hold{}
				Force(now, h, drawTokens(t, "demand", 3*l.Amount), s)
				holds = append(holds, h)
			},
			"settle": func(t *rapid.T) {
				if len(holds) > 0 {
					i := rapid.IntRange(0, len(holds)-1).Draw(t, "which")
					h := holds[i]
					h.Settle(now, drawUse(t, h.Demand(), 3*l.Amount), Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")))
				}
			},
			"observe": func(t *rapid.T) {
				o := Observation{
					Dimension: l.Dimension, Window: rapid.SampledFrom([]time.Duration{0, l.Window, 24 * time.Hour}).Draw(t, "window"),
					Limit: number.Draw(t, "limit"), Remaining: number.Draw(t, "remaining"), Refused: rapid.Bool().Draw(t, "refused"),
					BlockedFor: time.Duration(number.Draw(t, "blocked")), Demand: drawTokens(t, "demand", l.Amount),
				}
				if len(holds) > 0 && rapid.Bool().Draw(t, "since") {
					o.Since = rapid.SampledFrom(holds).Draw(t, "which")
				}
				s.Observe(now, o)
			},
			"ratio": func(t *rapid.T) {
				s.SetRatio(now, rapid.SampledFrom([]float64{1, 0.5, 0.01, 0, -1, 2, math.NaN(), math.Inf(1)}).Draw(t, "ratio"))
			},
			"reconfigure": func(t *rapid.T) {
				m := l
				m.Amount = rapid.Int64Range(0, 200_000).Draw(t, "new amount")
				s.Reconfigure(now, []Limit{m})
			},
		})
	})
}

// Without time passing the level is the capacity less what is held and what was used.
func TestTheLevelIsTheSumOfWhatHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		l.OutputAtEnd = !l.Carry && l.Kind != Calendar && rapid.Bool().Draw(t, "at end")
		s, now := single(ScopeUpstream, l), t0+drawTime(t, l, 2)
		capacity := s.View(now, nil)[0].Capacity
		want, reserved, n := capacity, int64(0), 0
		holds := map[*Hold]bool{}
		var all []*Hold
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				v := s.View(now, nil)[0]
				if off := v.Level - min(want, capacity); off > rounding(l, n) || -off > rounding(l, n) {
					t.Fatalf("level %d, want %d", v.Level, want)
				}
				if v.Reserved != reserved {
					t.Fatalf("reserved %d, want %d", v.Reserved, reserved)
				}
			},
			"take": func(t *rapid.T) {
				h, d := &Hold{}, drawTokens(t, "demand", l.Amount)
				d[OutputTokens] = rapid.Int64Range(0, d[Tokens]).Draw(t, "output")
				d[InputTokens] -= d[OutputTokens]
				if rapid.Bool().Draw(t, "force") {
					Force(now, h, d, s)
				} else if Reserve(now, h, d, s).State != Granted {
					return
				}
				holds[h], n = true, n+1
				all = append(all, h)
				want, reserved = want-d[l.Dimension], reserved+d[l.Dimension]
			},
			"settle": func(t *rapid.T) {
				if len(all) == 0 {
					return
				}
				h := rapid.SampledFrom(all).Draw(t, "which")
				held := h.Demand()[l.Dimension]
				u := drawUse(t, h.Demand(), 2*l.Amount)
				u[OutputTokens] = rapid.Int64Range(0, u[Tokens]).Draw(t, "output used")
				u[InputTokens] -= u[OutputTokens]
				o := Outcome(rapid.IntRange(0, 1).Draw(t, "outcome"))
				if h.Settle(now, u, o) != holds[h] {
					t.Fatalf("a hold ends exactly once")
				}
				if !holds[h] || held == 0 && l.Kind == Gauge {
					holds[h] = false
					return
				}
				holds[h], n = false, n+1
				used := u[l.Dimension]
				if o == Unsent || l.Kind == Gauge {
					used = 0
				}
				want, reserved = want+held-used, reserved-held
			},
		})
	})
}

// A second settlement changes nothing, whatever it says.
func TestASecondSettlementChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		s := single(ScopeUpstream, l)
		h := &Hold{}
		Force(t0, h, drawTokens(t, "demand", l.Amount), s)
		now := t0 + drawTime(t, l, 2)
		h.Settle(now, drawUse(t, h.Demand(), l.Amount), Used)
		before := fmt.Sprintf("%+v", s.View(now, nil))
		o := Outcome(rapid.IntRange(0, 2).Draw(t, "outcome"))
		if h.Settle(now, drawUse(t, h.Demand(), 2*l.Amount), o) || h.Cancel(now) {
			t.Fatalf("settled twice")
		}
		if got := fmt.Sprintf("%+v", s.View(now, nil)); got != before {
			t.Fatalf("changed\n%s to\n%s", before, got)
		}
	})
}

// What time has given back is not given back again.
func TestALateRefundGivesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, Rate, FixedWindow, SlidingWindow, Calendar)
		s, now := single(ScopeUpstream, l), t0+drawTime(t, l, 1)
		a, b := &Hold{}, &Hold{}
		Force(now, a, drawTokens(t, "demand", 2*l.Amount), s)
		now = now.Add(40*l.Window + 40*24*time.Hour)
		if rapid.Bool().Draw(t, "looked at") {
			level(s, now)
		}
		Force(now, b, drawTokens(t, "later demand", 2*l.Amount), s)
		before := level(s, now)
		a.Settle(now, drawTokens(t, "used", a.Demand()[Tokens]), Used)
		if n := level(s, now); n != before {
			t.Fatalf("from %d to %d", before, n)
		}
	})
}

// In which order calls end at one moment makes no difference.
func TestTheOrderOfSettlementsIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		a, b := single(ScopeUpstream, l), single(ScopeUpstream, l)
		type pair struct {
			a, b Hold
			used Demand
		}
		var pairs []*pair
		now := t0
		more := rapid.Bool().Draw(t, "more") // a Rate that is refunded beyond full forgets the rest
		for range rapid.IntRange(2, 5).Draw(t, "calls") {
			now += drawTime(t, l, 1) / 4
			p := &pair{}
			d := drawTokens(t, "demand", l.Amount)
			Force(now, &p.a, d, a)
			Force(now, &p.b, d, b)
			p.used = drawUse(t, d, 2*l.Amount)
			if l.Kind == Rate && more {
				p.used[Tokens] = max(p.used[Tokens], d[Tokens])
			} else if l.Kind == Rate {
				p.used[Tokens] = min(p.used[Tokens], d[Tokens])
			}
			pairs = append(pairs, p)
		}
		now += drawTime(t, l, 1)
		for _, p := range pairs {
			p.a.Settle(now, p.used, Used)
		}
		for _, p := range rapid.Permutation(pairs).Draw(t, "order") {
			p.b.Settle(now, p.used, Used)
		}
		for _, later := range []time.Duration{0, l.Window / 3, l.Window, 40 * l.Window} {
			x, y := level(a, now.Add(later)), level(b, now.Add(later))
			if d := x - y; d > rounding(l, len(pairs)) || -d > rounding(l, len(pairs)) {
				t.Fatalf("%d in one order, %d in another, after %v", x, y, later)
			}
		}
	})
}

// Time alone only gives.
func TestTheLevelGrowsWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		s, now := single(ScopeUpstream, l), t0
		for range rapid.IntRange(1, 5).Draw(t, "calls") {
			now += drawTime(t, l, 1) / 3
			h := &Hold{}
			Force(now, h, drawTokens(t, "demand", 2*l.Amount), s)
			if rapid.Bool().Draw(t, "settled") {
				h.Settle(now, drawUse(t, h.Demand(), 2*l.Amount), Used)
			}
		}
		last := level(s, now)
		for range 10 {
			now += drawTime(t, l, 1)
			n := level(s, now)
			if n < last {
				t.Fatalf("from %d to %d by itself", last, n)
			}
			last = n
		}
		if l.Kind == Gauge || l.Kind == Calendar {
			return
		}
		now = now.Add(40 * l.Window)
		if v := s.View(now, nil)[0]; v.Level != v.Capacity || v.Full > now {
			t.Fatalf("not full after a long time: %+v", v)
		}
	})
}

// What a provider says never makes more of a bucket than our own arithmetic has.
func TestAnObservationNeverRaises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, Rate, FixedWindow, SlidingWindow, Calendar)
		l.Straddle = 0
		s, shadow, now := single(ScopeUpstream, l), single(ScopeUpstream, l), t0
		var holds []*Hold
		n, told := 0, 0
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if x, y := level(s, now), level(shadow, now); x > y+rounding(l, n) {
					t.Fatalf("%d is left, without observations it were %d", x, y)
				}
			},
			"time": func(t *rapid.T) { now += drawTime(t, l, 1) },
			"use": func(t *rapid.T) {
				h, x := &Hold{}, &Hold{}
				d := drawTokens(t, "demand", l.Amount)
				if Reserve(now, h, d, s).State != Granted {
					return
				}
				n++
				Force(now, x, d, shadow)
				holds = append(holds, h)
				// Settled at once: a later refund of a Rate counts by when it was last full,
				// which an observation changes.
				u := drawUse(t, d, 2*l.Amount)
				h.Settle(now, u, Used)
				x.Settle(now, u, Used)
			},
			"observe": func(t *rapid.T) {
				n++
				number := rapid.OneOf(rapid.Int64Range(0, 2*l.Amount), rapid.SampledFrom([]int64{-1, 0, math.MaxInt64, math.MinInt64}))
				o := Observation{
					Dimension: l.Dimension, Limit: -1, Remaining: number.Draw(t, "remaining"),
					Refused: rapid.Bool().Draw(t, "refused"), Demand: drawTokens(t, "demand", l.Amount),
					BlockedFor: time.Duration(rapid.Int64Range(-1, int64(l.Window)).Draw(t, "blocked")),
				}
				if len(holds) > 0 && rapid.Bool().Draw(t, "since") {
					o.Since = rapid.SampledFrom(holds).Draw(t, "which")
				}
				times := rapid.SampledFrom([]int{1, words}).Draw(t, "times")
				if l.Kind == Rate { // many words that agree give back what time has given back too
					if times = 1; told == words-1 {
						o.Remaining = -1
					} else {
						told++
					}
				}
				for range times {
					s.Observe(now, o)
				}
			},
		})
	})
}

// A rate that is cut and restored leaves what was taken and held as it was.
func TestARatioDownAndUpAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, anyKind...)
		s, now := single(ScopeUpstream, l), t0
		held := int64(0)
		var holds []*Hold
		for range rapid.IntRange(0, 4).Draw(t, "calls") {
			now += drawTime(t, l, 1) / 8
			h := &Hold{}
			if Reserve(now, h, drawTokens(t, "demand", l.Amount), s).State == Granted {
				held += h.Demand()[l.Dimension]
				holds = append(holds, h)
			}
		}
		n, before, full := 0, level(s, now), s.View(now, nil)[0].Capacity
		for _, r := range rapid.SliceOfN(rapid.Float64Range(0.001, 1), 1, 5).Draw(t, "ratios") {
			n++
			s.SetRatio(now, r)
			v := s.View(now, nil)[0]
			if v.Reserved != held || v.Level > v.Capacity {
				t.Fatalf("at %v: %+v, held %d", r, v, held)
			}
			if off := v.Capacity - v.Level - (full - before); l.Kind == Rate && (off > rounding(l, n) || -off > rounding(l, n)) {
				t.Fatalf("at %v: %d of %d, %d of %d were left before", r, v.Level, v.Capacity, before, full)
			}
		}
		s.SetRatio(now, 1)
		if v := s.View(now, nil)[0]; v.Reserved != held || v.Ratio != 1 {
			t.Fatalf("%+v, held %d", v, held)
		}
		if d := level(s, now) - before; d > rounding(l, n) || -d > rounding(l, n) {
			t.Fatalf("the level went from %d to %d", before, before+d)
		}
		for _, h := range holds {
			h.Cancel(now)
		}
		if v := s.View(now, nil)[0]; v.Reserved != 0 {
			t.Fatalf("%+v", v)
		}
	})
}

// No window admits more than its amount; with Carry, no row of windows more than theirs
// and one demand.
func TestAFixedWindowAdmitsItsAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, FixedWindow)
		l.Margin = 0
		if l.Carry && rapid.Bool().Draw(t, "whole") {
			l.Whole = 3 * l.Amount
		}
		if rapid.Bool().Draw(t, "paced") {
			l.Burst = rapid.Int64Range(1, l.Amount).Draw(t, "burst")
		}
		s, now := single(ScopeUpstream, l), t0
		admitted, counted := map[int64]int64{}, map[int64]int64{}
		largest := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now += Instant(rapid.Int64Range(0, int64(l.Window)/3).Draw(t, "time"))
			if l.Straddle > 0 && rapid.Bool().Draw(t, "close to the boundary") {
				w := Instant(l.Window)
				now = max(now, now-now%w+w-Instant(l.Straddle)/2)
			}
			h, d := &Hold{}, drawTokens(t, "demand", max(l.Amount, l.Whole))
			if Reserve(now, h, d, s).State != Granted {
				continue
			}
			h.Settle(now, d, Used)
			largest = max(largest, d[Tokens])
			w := int64(now) / int64(l.Window)
			admitted[w] += d[Tokens]
			counted[w] += d[Tokens]
			if l.Straddle > 0 && int64(now.Add(l.Straddle))/int64(l.Window) > w {
				counted[w+1] += d[Tokens] // nobody knows in which the upstream counts it
			}
		}
		for w, n := range counted {
			if n > l.Amount && !l.Carry {
				t.Fatalf("%d may count in the window %d of %d", n, w, l.Amount)
			}
		}
		for first := range admitted {
			sum := int64(0)
			for w := first; w <= int64(now)/int64(l.Window); w++ {
				sum += admitted[w]
				most := (w - first + 1) * l.Amount
				if l.Carry {
					most += max(largest-1, 0)
				}
				if sum > most {
					t.Fatalf("%d in %d windows of %d, largest demand %d", sum, w-first+1, l.Amount, largest)
				}
			}
		}
	})
}

// What a Rate lends beyond its capacity is at most a window's amount, and it lends
// again only after one whole window without debt.
func TestBorrowingTwiceInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, Rate)
		l.Borrow, l.Window, l.Margin = true, time.Minute, 0
		s, now := single(ScopeClientKey, l), t0
		capacity := s.View(now, nil)[0].Capacity
		again, lent := Instant(0), 0
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now += Instant(rapid.Int64Range(0, int64(l.Window)).Draw(t, "time"))
			h, d := &Hold{}, drawTokens(t, "demand", capacity)
			before := level(s, now)
			if Reserve(now, h, d, s).State != Granted {
				continue
			}
			h.Settle(now, d, Used)
			v := s.View(now, nil)[0]
			if v.Debt <= 1 || d[Tokens] <= before || d[Tokens] == 0 { // a unit of rounding
				continue
			}
			lent++
			if v.Debt > l.Amount {
				t.Fatalf("lent %d, a window's amount is %d", v.Debt, l.Amount)
			}
			if now < again {
				t.Fatalf("lent again %v too early", again-now)
			}
			again = now + Instant(span(v.Debt-1, l.Amount, l.Window)) + Instant(l.Window)
		}
		if level(s, now.Add(3*l.Window)) != capacity {
			t.Fatalf("not paid back: %+v", s.View(now.Add(3*l.Window), nil))
		}
	})
}

// Later tells the truth: the demand fits at the moment told, and not before.
func TestLaterIsTheEarliestMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, Rate, FixedWindow, SlidingWindow, Calendar)
		s, now := single(ScopeUpstream, l), t0
		for range rapid.IntRange(1, 6).Draw(t, "calls") {
			now += drawTime(t, l, 1) / 4
			h := &Hold{}
			if Reserve(now, h, drawTokens(t, "demand", l.Amount), s).State == Granted && rapid.Bool().Draw(t, "settled") {
				h.Settle(now, drawUse(t, h.Demand(), l.Amount), Used)
			}
		}
		d := drawTokens(t, "demand", l.Amount)
		a := s.Peek(now, d)
		if a.State != Later {
			return
		}
		early := now + Instant(rapid.Int64Range(0, int64(a.At-now-1)).Draw(t, "early"))
		if x := s.Peek(early, d); x.State != Later || x.At != a.At {
			t.Fatalf("%v before %v: %+v", a.At-early, a.At-now, x)
		}
		if x := s.Peek(a.At-1, d); x.State != Later {
			t.Fatalf("a nanosecond before: %+v", x)
		}
		if x := s.Peek(a.At, d); x.State != Granted {
			t.Fatalf("at the moment told: %+v, another %v", x, x.At-a.At)
		}
	})
}
