package admission

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/shedding"
)

// watched gives every lane of a route a health of its own.
func watched(r *Route) *Route {
	for i := range r.Targets {
		for range r.Targets[i].Lanes {
			r.Targets[i].Health = append(r.Targets[i].Health, &Health{Breaker: fallback.NewBreaker(fallback.BreakerOptions{})})
		}
	}
	return r
}

func settle(p *Pool, now budget.Instant, c *Call, r Report) {
	p.Settle(now, c, c.Grant().Demand, budget.Used, r)
}

func TestStrategies(t *testing.T) {
	a, b, c := lane("a"), lane("b"), lane("c")
	for _, tc := range []struct {
		strategy Strategy
		weights  []float64
		first    Report // of calls to the first target
		want     [3]int // of 600 calls, one after the other, about
	}{
		{Ordered, nil, Report{}, [3]int{600, 0, 0}},
		{Ordered, []float64{-1, 1, 1}, Report{}, [3]int{0, 600, 0}},
		{Weighted, []float64{1, 2, 3}, Report{}, [3]int{100, 200, 300}},
		{Weighted, []float64{1, -1, 3}, Report{}, [3]int{150, 0, 450}},
		{Fastest, nil, Report{FirstByte: time.Second}, [3]int{1, 1, 598}},
	} {
		r := watched(route([]*Lane{a}, []*Lane{b}, []*Lane{c}))
		r.Strategy = tc.strategy
		for i, w := range tc.weights {
			r.Targets[i].Weight = w
		}
		x := uint64(1)
		p := New(Options{Random: func() float64 { x = mix(x, 7); return unit(x) }}, []*Lane{a, b, c})
		var got [3]int
		for range 600 {
			k := call(r, 1, 0)
			out := drive(p, t0, k)
			if len(out) != 1 || out[0].Kind != EffectGrant {
				t.Fatalf("%+v", out)
			}
			n := out[0].Grant.Target
			got[n]++
			report := Report{Health: fallback.Healthy, FirstByte: time.Duration(3-n) * 100 * time.Millisecond}
			if n == 0 && tc.first.FirstByte > 0 {
				report = tc.first
			}
			settle(p, t0, k, report)
		}
		for i := range got {
			if d := got[i] - tc.want[i]; d > 40 || d < -40 {
				t.Errorf("%v %v: %v, want about %v", tc.strategy, tc.weights, got, tc.want)
				break
			}
		}
	}
	for _, name := range []string{"", "ordered", "weighted", "least_busy", "lowest_latency"} {
		if _, err := ParseStrategy(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseStrategy("best"); err == nil {
		t.Error("a strategy that there is not")
	}
}

func TestLeastBusy(t *testing.T) {
	a, b := lane("a"), lane("b")
	r := watched(route([]*Lane{a}, []*Lane{b}))
	r.Strategy = LeastBusy
	r.Targets[1].Weight = 2
	p := New(Options{}, []*Lane{a, b})
	var got [2]int
	for range 30 {
		got[drive(p, t0, call(r, 1, 0))[0].Grant.Target]++
	}
	if got != [2]int{10, 20} {
		t.Fatalf("%v calls in flight, want one to two", got)
	}
}

func TestConversationsStayOnTheirAccount(t *testing.T) {
	var lanes []*Lane
	for _, n := range []string{"a", "b", "c", "d"} {
		lanes = append(lanes, lane(n, rate("rpm", budget.Requests, 6000, 100)))
	}
	r := route(lanes)
	r.Sticky = true
	p := New(Options{}, lanes)
	seen := map[*Lane]bool{}
	for affinity := uint64(1); affinity <= 20; affinity++ {
		var home *Lane
		for range 5 {
			c := call(r, 1, 0)
			c.Affinity = affinity
			l := drive(p, t0, c)[0].Grant.Lane
			if home != nil && l != home {
				t.Fatalf("conversation %d went to %s and %s", affinity, home.ID, l.ID)
			}
			home = l
		}
		seen[home] = true
	}
	if len(seen) < 3 {
		t.Fatalf("twenty conversations on %d of four accounts", len(seen))
	}
}

func TestAnOpenBreakerSendsCallsElsewhereAndProbes(t *testing.T) {
	a, b := lane("a"), lane("b")
	r := watched(route([]*Lane{a}, []*Lane{b}))
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	for range 5 {
		c := call(r, 1, 0)
		wantGrant(t, drive(p, t0, c), a)
		settle(p, t0, c, Report{Health: fallback.Sick})
	}
	wantGrant(t, drive(p, t0, call(r, 1, 0)), b)
	later := after(6 * time.Second)
	probe := call(r, 1, 10*time.Second)
	wantGrant(t, drive(p, later, probe), a)
	wantGrant(t, drive(p, later, call(r, 1, 10*time.Second)), b) // one probe at a time
	settle(p, later, probe, Report{Health: fallback.Healthy})
	wantGrant(t, drive(p, later, call(r, 1, 10*time.Second)), a)
}

func TestRetriesEndWithTheirBudget(t *testing.T) {
	a := lane("a")
	r := watched(route([]*Lane{a}))
	r.Targets[0].Health[0].Retries = fallback.NewRetryBudget(fallback.RetryOptions{Ratio: -1, Floor: 2})
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	for i := range 4 {
		c := call(r, 1, time.Minute)
		wantGrant(t, drive(p, t0, c), a)
		settle(p, t0, c, Report{})
		p.Retry(t0, c, Verdict{Free: i == 3})
		out, _ := p.Step(t0, nil)
		if i == 2 {
			wantRefusal(t, out, NoRetries)
			continue
		}
		wantGrant(t, out, a)
		settle(p, t0, c, Report{})
	}
}

func TestLessImportantWorkLeavesAReserve(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 60_000, 6000))
	a.TokensPerSecond, a.Reserve = 1000, time.Second
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	fill := func(class shedding.Class) (n int) {
		for range 100 {
			c := call(r, 100, 0)
			c.Class = class
			if out := drive(p, t0, c); out[0].Kind == EffectGrant {
				n++
			}
		}
		return n
	}
	critical := call(r, 100, 0)
	critical.Class = shedding.Critical
	wantGrant(t, drive(p, t0, critical), a)
	if n := fill(shedding.Normal); n != 49 {
		t.Fatalf("normal calls took %d of 59 places", n)
	}
	if n := fill(shedding.Critical); n != 10 {
		t.Fatalf("critical calls found %d places in the reserve", n)
	}
}

func TestABigCallIsNotStarvedAndSmallOnesFillTheRestOfAWindow(t *testing.T) {
	window := budget.Limit{Name: "tps", Dimension: budget.Tokens, Kind: budget.FixedWindow, Amount: 1000, Window: time.Second}
	a := lane("a", window)
	p := New(Options{MaxQueue: 100, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{a})
	r := route([]*Lane{a})
	start := budget.Instant(1_700_000_000_000_000_000)
	wantGrant(t, drive(p, start, call(r, 600, time.Minute)), a)
	big := call(r, 900, time.Minute)
	if out := drive(p, start, big); len(out) != 0 {
		t.Fatalf("%+v", out)
	}
	small := call(r, 400, time.Minute)
	wantGrant(t, drive(p, start, small), a) // the window's rest is of no use to the big one
	for range 5 {
		if out := drive(p, start, call(r, 300, time.Minute)); len(out) != 0 {
			t.Fatalf("%+v", out)
		}
	}
	out, _ := p.Step(start.Add(time.Second), nil)
	if len(out) != 1 || out[0].Call != big {
		t.Fatalf("the big call does not go first: %d effects", len(out))
	}
}

func TestExplainChangesNothing(t *testing.T) {
	a, b := lane("a", rate("tpm", budget.Tokens, 6000, 600)), lane("b", rate("tpm", budget.Tokens, 400, 400))
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	r := watched(route([]*Lane{a}, []*Lane{b}))
	before := a.Budget.View(t0, nil)
	o := p.Explain(t0, call(r, 500, time.Minute))
	if len(o.Candidates) != 2 || o.Chosen != 0 || o.Refuse || !o.Candidates[0].Fits(t0) || o.Candidates[1].Now.State != budget.TooLarge {
		t.Fatalf("%+v", o)
	}
	if got := a.Budget.View(t0, nil); got[0] != before[0] {
		t.Fatalf("%+v, was %+v", got, before)
	}
	drive(p, t0, call(r, 600, 0))
	o = p.Explain(t0, call(r, 500, time.Minute))
	if o.Chosen != -1 || o.Refuse || o.At.Sub(t0) != 5*time.Second {
		t.Fatalf("chosen %d at %v, refuse %v", o.Chosen, o.At.Sub(t0), o.Refuse)
	}
	if o = p.Explain(t0, call(r, 7000, time.Minute)); !o.Refuse || o.Refused != TooLarge {
		t.Fatalf("%+v", o)
	}
}

func TestForceSendsIntoDebt(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 600, 0))
	c := call(r, 400, time.Minute)
	if out := drive(p, t0, c); len(out) != 0 {
		t.Fatalf("%+v", out)
	}
	if !p.Force(t0, c) {
		t.Fatal("no key")
	}
	out, _ := p.Step(t0, nil)
	wantGrant(t, out, a)
	if v := a.Budget.View(t0, nil)[0]; v.Level != -400 || v.Reserved != 1000 {
		t.Fatalf("%+v", v)
	}
	p.Settle(t0, c, budget.Demand{}, budget.Unsent, Report{})
	if v := a.Budget.View(t0, nil)[0]; v.Level != 0 {
		t.Fatalf("%+v", v)
	}
}

func TestUnknownLimitsBeginSlowly(t *testing.T) {
	a := lane("a")
	a.Unknown = true
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	first := call(r, 10, time.Minute)
	wantGrant(t, drive(p, t0, first), a)
	if out := drive(p, t0, call(r, 10, time.Minute)); len(out) != 0 {
		t.Fatalf("a second call before the first answer: %+v", out)
	}
	p.Observe(t0, a, first, budget.Observation{Dimension: budget.Requests, Window: time.Minute, Limit: 60, Remaining: 2})
	p.Settle(t0, first, first.Grant().Demand, budget.Used, Report{})
	if out, _ := p.Step(t0, nil); len(out) != 1 {
		t.Fatalf("%+v", out)
	}
	wantGrant(t, drive(p, t0, call(r, 10, time.Minute)), a)
	if out := drive(p, t0, call(r, 10, time.Minute)); len(out) != 0 {
		t.Fatalf("beyond what remains: %+v", out)
	}
	if a.CallsPerSecond != 1 {
		t.Fatalf("%v calls per second were learned", a.CallsPerSecond)
	}
}

func TestAFullQueueHasRoomAgainAtItsLowWater(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 60, 1))
	p := New(Options{MaxQueue: 10, LowWater: 5, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 1, time.Hour))
	for range 10 {
		if out := drive(p, t0, call(r, 1, time.Hour)); len(out) != 0 {
			t.Fatalf("%+v", out)
		}
	}
	for second := range 8 {
		now := after(time.Duration(second) * time.Second)
		p.Step(now, nil) // one goes each second
		c := call(r, 1, time.Hour)
		out := drive(p, now, c)
		if waits := p.Queued(shedding.Normal); second < 5 && (len(out) != 1 || out[0].Refusal.Reason != QueueFull) || second >= 6 && len(out) != 0 {
			t.Fatalf("second %d, %d wait: %+v", second, waits, out)
		}
	}
}

func TestServiceCostsTheSameOnEveryLane(t *testing.T) {
	fast, slow := lane("a", rate("tpm", budget.Tokens, 60_000, 1000)), lane("b", rate("tpm", budget.Tokens, 6_000, 1000))
	fast.TokensPerSecond, slow.TokensPerSecond = 1000, 100
	p := New(Options{MaxQueue: 10_000, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{fast, slow})
	r := route([]*Lane{fast, slow})
	served := map[string]int64{}
	backlog := func(client string, tokens int64) {
		c := call(r, tokens, time.Hour)
		c.Client, c.Deadline = client, after(time.Hour)
		p.Arrive(t0, c)
	}
	for range 60 {
		backlog("small", 50)
		backlog("large", 300)
	}
	for second := range 600 {
		now := after(time.Duration(second) * time.Second)
		out, _ := p.Step(now, nil)
		for _, e := range out {
			if e.Kind == EffectGrant {
				n := e.Grant.Demand[budget.Tokens]
				served[e.Call.Client] += n
				p.Settle(now, e.Call, e.Grant.Demand, budget.Used, Report{})
				backlog(e.Call.Client, n)
			}
		}
	}
	if d := served["small"] - served["large"]; d > 2000 || d < -2000 {
		t.Fatalf("%v tokens for two equal clients", served)
	}
}
