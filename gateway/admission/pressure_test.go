package admission

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/shedding"
)

// The predicted wait is asked again for those that joined last when something more
// important comes: what can no longer be served in time goes at once, with the truth,
// and not at its deadline.
func TestBetterWorkPushesOutWhatCannotBeServedInTime(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	a.TokensPerSecond = 100
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	wantGrant(t, drive(p, t0, call(r, 600, 0)), a)
	var low []*Call
	for i := range 4 { // 400 tokens, four seconds' worth; the last one has four for those before it
		c := call(r, 100, 10*time.Second)
		if i == 3 {
			c = call(r, 100, 4*time.Second)
		}
		c.Class = shedding.Low
		low = append(low, c)
		if out := drive(p, t0, c); len(out) != 0 {
			t.Fatalf("%+v", out)
		}
	}
	better := call(r, 150, 10*time.Second)
	better.Class = shedding.High
	out := drive(p, t0, better)
	if got := wantRefusal(t, out, Shed); out[0].Call != low[3] || got.At <= t0.Add(4*time.Second) {
		t.Fatalf("the wrong one went, or was told %v", got.At.Sub(t0))
	}
	small := call(r, 5, 10*time.Second)
	small.Class = shedding.High
	if out := drive(p, t0, small); len(out) != 0 {
		t.Fatalf("one that is still served in time went: %+v", out)
	}
	granted := map[*Call]budget.Instant{}
	for now := t0; now < t0.Add(6*time.Second); {
		out, next := p.Step(now, nil)
		for _, e := range out {
			if e.Kind != EffectGrant {
				t.Fatalf("%v after %v: %v", e.Refusal.Reason, now.Sub(t0), e.Call.Class)
			}
			granted[e.Call] = now
		}
		now = max(next, now+1)
	}
	if len(granted) != 5 || granted[better] > granted[low[0]] {
		t.Fatalf("%d were served", len(granted))
	}
}

// One arrival pushes out a few at most, whatever waits.
func TestOneArrivalPushesOutAFewAtMost(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	a.TokensPerSecond = 100
	p := New(Options{MaxQueue: 1000, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{a})
	r := route([]*Lane{a})
	wantGrant(t, drive(p, t0, call(r, 600, 0)), a)
	for range 30 {
		c := call(r, 10, 4*time.Second)
		c.Class = shedding.Low
		drive(p, t0, c)
	}
	better := call(r, 600, 10*time.Second)
	better.Class = shedding.Critical
	if out := drive(p, t0, better); len(out) != reconsidered {
		t.Fatalf("%d effects", len(out))
	}
}

func TestTheThrottleSparesAnUpstreamBeforeItsBreakerOpens(t *testing.T) {
	a, b := lane("a"), lane("b")
	r := watched(route([]*Lane{a}, []*Lane{b}))
	r.Targets[0].Health[0].Throttle = fallback.NewThrottle(fallback.ThrottleOptions{})
	r.Targets[0].Health[0].Breaker = fallback.NewBreaker(fallback.BreakerOptions{Failures: 1000})
	random := 0.99
	p := New(Options{MaxQueue: 10, Random: func() float64 { return random }}, []*Lane{a, b})
	for range 40 { // all of them sick: nearly all the next ones are kept back
		c := call(r, 1, 0)
		wantGrant(t, drive(p, t0, c), a)
		settle(p, t0, c, Report{Health: fallback.Sick})
	}
	random = 0.5
	wantGrant(t, drive(p, t0, call(r, 1, 0)), b)
	if c := r.Targets[0].Health[0].Breaker.Condition(int64(t0)); c != fallback.Closed {
		t.Fatalf("the breaker is %v", c)
	}
	alone := watched(route([]*Lane{a}))
	alone.Targets[0].Health = r.Targets[0].Health
	wantRefusal(t, drive(p, t0, call(alone, 1, time.Minute)), Exhausted) // it is not asked, and nobody else can be
	random = 0.9999
	wantGrant(t, drive(p, t0, call(alone, 1, 0)), a)
	wantGrant(t, drive(p, after(5*time.Minute), call(alone, 1, 10*time.Minute)), a) // what is old is forgotten
}

// Where nothing but breakers keeps a call off, the refusal says so, and when they try
// again: there is room.
func TestAllBreakersOpenIsNotCalledNoRoom(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 6000, 600))
	r := watched(route([]*Lane{a}))
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	for range 5 {
		c := call(r, 1, 0)
		wantGrant(t, drive(p, t0, c), a)
		settle(p, t0, c, Report{Health: fallback.Sick})
	}
	if got := wantRefusal(t, drive(p, t0, call(r, 1, 0)), Resting); got.At != after(5*time.Second) {
		t.Fatalf("the next try is told for %v", got.At.Sub(t0))
	}
	if out := drive(p, t0, call(r, 1, 2*time.Second)); len(out) != 0 {
		t.Fatalf("%+v", out)
	}
	out, _ := p.Step(after(2*time.Second), nil)
	wantRefusal(t, out, Resting)
	probe := call(r, 1, time.Minute)
	if out := drive(p, after(2*time.Second), probe); len(out) != 0 {
		t.Fatalf("%+v", out)
	}
	out, _ = p.Step(after(5*time.Second), nil)
	wantGrant(t, out, a) // the one that waited is the probe
}

func TestCallsFreedTogetherLeaveApart(t *testing.T) {
	a := lane("a", slotsOf(1))
	a.Jitter = 20 * time.Millisecond
	draws := []float64{0, 0.25, 0.999}
	p := New(Options{MaxQueue: 10, Random: func() float64 { d := draws[0]; draws = append(draws[1:], d); return d }}, []*Lane{a})
	r := route([]*Lane{a})
	first := call(r, 1, time.Minute)
	out := drive(p, t0, first)
	wantGrant(t, out, a)
	if out[0].Grant.Delay != 0 {
		t.Fatalf("a call that did not wait is delayed by %v", out[0].Grant.Delay)
	}
	var delays []time.Duration
	for range 3 {
		next := call(r, 1, time.Minute)
		drive(p, t0, next)
		settle(p, t0, first, Report{})
		out, _ := p.Step(t0, nil)
		wantGrant(t, out, a)
		delays, first = append(delays, out[0].Grant.Delay), next
	}
	if delays[0] != 0 || delays[1] != 5*time.Millisecond || delays[2] < 19*time.Millisecond || delays[2] >= 20*time.Millisecond {
		t.Fatalf("delays %v", delays)
	}
}

// full is a pool whose only slot is taken, so that everything waits.
func full(t *testing.T, o Options) (*Pool, *Route) {
	t.Helper()
	a := lane("a", slotsOf(1))
	p, r := New(o, []*Lane{a}), route([]*Lane{a})
	wantGrant(t, drive(p, t0, call(r, 1, time.Hour)), a)
	return p, r
}

func TestQueuedBodiesAreBounded(t *testing.T) {
	everybody := shedding.Thresholds{1, 1, 1, 1}
	join := func(p *Pool, r *Route, class shedding.Class, bytes int64) (*Call, []Effect) {
		c := call(r, 1, time.Hour)
		c.Class, c.Bytes = class, bytes
		return c, drive(p, t0, c)
	}
	p, r := full(t, Options{MaxQueue: 100, MaxQueueBytes: 1000, Thresholds: everybody})
	var low []*Call
	for range 5 {
		c, out := join(p, r, shedding.Low, 200)
		if low = append(low, c); len(out) != 0 {
			t.Fatalf("%+v", out)
		}
	}
	c, out := join(p, r, shedding.Low, 1)
	if wantRefusal(t, out, QueueFull); out[0].Call != c {
		t.Fatal("somebody else went for one as important")
	}
	c, out = join(p, r, shedding.High, 500) // takes the place of the newest three
	if len(out) != 3 || out[0].Call != low[4] || out[1].Call != low[3] || out[2].Call != low[2] || c.Status() != Waiting {
		t.Fatalf("%d effects", len(out))
	}
	if c, out = join(p, r, shedding.Normal, 600); len(out) != 1 || out[0].Call != c { // the two that are left would go in vain
		t.Fatalf("%d effects", len(out))
	}
	if p.queue.bytes != 900 {
		t.Fatalf("%d bytes wait", p.queue.bytes)
	}
	if c, out = join(p, r, shedding.Critical, 2000); len(out) != 1 || out[0].Call != c {
		t.Fatalf("one above the whole bound: %d effects", len(out))
	}
	p.Step(after(2*time.Hour), nil)
	if p.queue.bytes != 0 || p.queue.n != 0 {
		t.Fatalf("%d bytes of %d calls are left", p.queue.bytes, p.queue.n)
	}

	p, r = full(t, Options{MaxQueue: 100, MaxQueueBytes: 1000, Thresholds: everybody, WhenFull: shedding.DropOldest})
	first, _ := join(p, r, shedding.Normal, 600)
	second, _ := join(p, r, shedding.Normal, 400)
	if _, out = join(p, r, shedding.Normal, 700); len(out) != 2 || out[0].Call != first || out[1].Call != second {
		t.Fatalf("drop_oldest: %d effects", len(out))
	}
}

// The nearer the gateway is to the calls it can serve at once, the more important must
// be those that may wait. What finds room is never held back.
func TestACrowdedGatewayLetsOnlyTheImportantWait(t *testing.T) {
	inFlight := 0
	p, r := full(t, Options{MaxQueue: 1000, Busy: func() (int, int) { return inFlight, 100 }})
	for _, c := range []struct {
		inFlight int
		least    shedding.Class // that may wait
	}{{50, shedding.Low}, {89, shedding.Low}, {90, shedding.Normal}, {95, shedding.High}, {98, shedding.Critical}, {100, shedding.Critical}} {
		inFlight = c.inFlight
		for class := shedding.Critical; class <= shedding.Low; class++ {
			x := call(r, 1, time.Hour)
			x.Class = class
			out := drive(p, t0, x)
			if waits := len(out) == 0; waits != (class <= c.least) {
				t.Errorf("%d in flight: %v waits: %v", c.inFlight, class, waits)
			}
			p.Cancel(t0, x)
		}
	}
	free := lane("free")
	q := New(Options{Busy: func() (int, int) { return 100, 100 }}, []*Lane{free})
	low := call(route([]*Lane{free}), 1, 0)
	low.Class = shedding.Low
	wantGrant(t, drive(q, t0, low), free)
}

// Bulk work of class low, as much as there is, takes what interactive work leaves and
// delays it by no more than a call that is being served.
func TestBulkWorkFillsWhatIsLeft(t *testing.T) {
	a := tokenLane("a", 60_000, 6000) // 1000 tokens a second
	a.Reserve = time.Second
	x := newContest(a)
	bulk := x.add("bulk", 1, 200, func() int64 { return 400 })
	bulk.class = shedding.Low
	talk := x.add("talk", 1, 0, func() int64 { return 150 })
	talk.class = shedding.High
	var sent int
	for second := range 600 {
		talk.depth = 0
		if busy := second/60%2 == 1; busy || second%5 == 0 { // minutes of 750 tokens a second between minutes of 30
			for range 5 {
				talk.depth++
				sent++
			}
			x.refill()
			talk.depth = 0
		}
		x.run(t0.Add(time.Duration(second+1)*time.Second), 0, nil)
	}
	x.run(x.now.Add(10*time.Second), 0, nil)
	if talk.served != float64(150*sent) {
		t.Fatalf("%v of %d interactive tokens were served", talk.served, 150*sent)
	}
	if talk.longest > 500*time.Millisecond {
		t.Fatalf("an interactive call waited %v", talk.longest)
	}
	if used := (talk.served + bulk.served) / (610 * 1000); used < 0.99 || used > 1.02 {
		t.Fatalf("%.1f %% of the budget was used; bulk work got %v tokens", 100*used, bulk.served)
	}
}

// The reserve for the important never keeps the others out for good: not where the
// buckets are small, the rate is cut, or a call takes all that a bucket holds.
func TestTheReserveStarvesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		burst, tokens int64
		ratio         float64
	}{
		"a burst of one reserve": {1000, 100, 1}, "less than one": {300, 100, 1}, "the whole burst": {6000, 6000, 1},
		"nearly the whole": {6000, 5500, 1}, "a cut rate": {6000, 100, 0.1}, "a cut rate and a large call": {6000, 500, 0.1},
	} {
		a := lane("a", rate("tpm", budget.Tokens, 60_000, c.burst), rate("rpm", budget.Requests, 60, 1))
		a.TokensPerSecond, a.CallsPerSecond, a.Reserve = 1000, 1, 2*time.Second
		a.Burst = budget.Demand{budget.Tokens: c.burst, budget.Requests: 1}
		p := New(Options{MaxQueue: 100}, []*Lane{a})
		a.Restore(t0, c.ratio)
		r := route([]*Lane{a})
		important := call(r, 1, 0)
		important.Class = shedding.Critical
		wantGrant(t, drive(p, t0, important), a)
		low := call(r, c.tokens, time.Hour)
		low.Class = shedding.Low
		drive(p, t0, low)
		p.Step(after(50*time.Second), nil) // the important one is not forgotten yet
		if low.Status() != Granted {
			t.Errorf("%s: status %d", name, low.Status())
		}
	}
}

// What is free and kept for the important is no room for the others, and is told as what it is.
func TestWhatIsKeptBackIsExplained(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 60_000, 6000), rate("rpm", budget.Requests, 6000, 600))
	a.TokensPerSecond, a.CallsPerSecond, a.Reserve = 1000, 100, time.Second
	a.Burst = budget.Demand{budget.Tokens: 6000, budget.Requests: 600}
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	important := call(r, 5200, 0)
	important.Class = shedding.High
	wantGrant(t, drive(p, t0, important), a) // 800 are left, 1000 are kept
	explain := func(class shedding.Class) Outlook {
		c := call(r, 100, time.Minute)
		c.Class = class
		return p.Explain(t0, c)
	}
	if o := explain(shedding.High); o.Chosen != 0 || o.Candidates[0].Kept {
		t.Errorf("as important: %+v", o)
	}
	o := explain(shedding.Low)
	if c := o.Candidates[0]; o.Chosen >= 0 || o.Refuse || !c.Kept || c.Fits(t0) || c.Now.At != after(300*time.Millisecond) || o.At != c.Now.At {
		t.Errorf("less important: %+v", o)
	}
}
