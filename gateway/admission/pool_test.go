package admission

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

const t0 = budget.Instant(1_700_000_000_000_000_000)

func after(d time.Duration) budget.Instant { return t0.Add(d) }

func rate(name string, d budget.Dimension, perMinute, burst int64) budget.Limit {
	return budget.Limit{Name: name, Dimension: d, Amount: perMinute, Window: time.Minute, Burst: burst}
}

func lane(account string, limits ...budget.Limit) *Lane {
	return &Lane{
		ID: account, Account: &Account{Name: account, Keys: []*Key{{Index: 0}}},
		Budget: InMemory(budget.NewScope(budget.ScopeUpstream, account, t0, limits)),
	}
}

func route(targets ...[]*Lane) *Route {
	r := &Route{Name: "r", SkipFull: true}
	for i, lanes := range targets {
		r.Targets = append(r.Targets, Target{Provider: "p", Model: string(rune('a' + i)), Lanes: lanes})
	}
	return r
}

func call(r *Route, tokens int64, wait time.Duration) *Call {
	return &Call{
		Route: r, Class: shedding.Normal, Exact: true, Deadline: t0.Add(wait),
		Estimates: []budget.Estimate{{Input: tokens}},
	}
}

// drive brings a call and answers the effects of the step after it.
func drive(p *Pool, now budget.Instant, c *Call) []Effect {
	p.Arrive(now, c)
	out, _ := p.Step(now, nil)
	return out
}

func wantGrant(t *testing.T, out []Effect, l *Lane) {
	t.Helper()
	if len(out) != 1 || out[0].Kind != EffectGrant || out[0].Grant.Lane != l {
		t.Fatalf("want a grant on %s, got %+v", l.ID, out)
	}
}

func wantRefusal(t *testing.T, out []Effect, why Reason) Refusal {
	t.Helper()
	if len(out) != 1 || out[0].Kind != EffectRefuse || out[0].Refusal.Reason != why {
		t.Fatalf("want a refusal for %s, got %+v", why, out)
	}
	return out[0].Refusal
}

func TestTheAccountWithMostRoomIsTaken(t *testing.T) {
	a, b := lane("a", rate("tpm", budget.Tokens, 1000, 1000)), lane("b", rate("tpm", budget.Tokens, 1000, 1000))
	p := New(Options{}, []*Lane{a, b})
	r := route([]*Lane{a, b})
	wantGrant(t, drive(p, t0, call(r, 600, 0)), a)
	wantGrant(t, drive(p, t0, call(r, 100, 0)), b)
	wantGrant(t, drive(p, t0, call(r, 100, 0)), b)
}

func TestEqualAccountsTakeTurns(t *testing.T) {
	lanes := []*Lane{lane("a"), lane("b"), lane("c")}
	p := New(Options{}, lanes)
	r := route(lanes)
	for i := range 6 {
		wantGrant(t, drive(p, t0, call(r, 1, 0)), lanes[i%3])
	}
}

func TestKeysOfAnAccountTakeTurnsAndTheDisabledIsPassedOver(t *testing.T) {
	a := lane("a")
	a.Account.Keys = []*Key{{Index: 0}, {Index: 1, State: KeyDisabled}, {Index: 2}, {Index: 3, Down: true}, {Index: 4, State: KeyDraining}}
	p := New(Options{}, []*Lane{a})
	r := route([]*Lane{a})
	for _, want := range []int{0, 2, 0, 2} {
		if out := drive(p, t0, call(r, 1, 0)); out[0].Grant.Key.Index != want {
			t.Fatalf("key %d, want %d", out[0].Grant.Key.Index, want)
		}
	}
}

func TestAFullAccountIsSkippedBeforeCalling(t *testing.T) {
	a, b := lane("a", rate("rpm", budget.Requests, 60, 1)), lane("b", rate("rpm", budget.Requests, 60, 1))
	p := New(Options{}, []*Lane{a, b})
	r := route([]*Lane{a}, []*Lane{b})
	wantGrant(t, drive(p, t0, call(r, 1, 0)), a)
	out := drive(p, t0, call(r, 1, 0))
	wantGrant(t, out, b)
	if g := out[0].Grant; !g.Moved || !g.Spared() || g.Target != 1 {
		t.Fatalf("grant %+v does not say that it moved", g)
	}
}

func TestWithoutRateLimitFallbackACallWaitsForItsFirstTarget(t *testing.T) {
	a, b := lane("a", rate("rpm", budget.Requests, 60, 1)), lane("b")
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	r := route([]*Lane{a}, []*Lane{b})
	r.SkipFull = false
	drive(p, t0, call(r, 1, time.Minute))
	if out := drive(p, t0, call(r, 1, time.Minute)); len(out) != 0 {
		t.Fatalf("got %+v, want to wait", out)
	}
	out, _ := p.Step(after(time.Second), nil)
	wantGrant(t, out, a)
}

func TestWaitBeforeFallback(t *testing.T) {
	a, b := lane("a", rate("rpm", budget.Requests, 1, 1)), lane("b")
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	r := route([]*Lane{a}, []*Lane{b})
	r.WaitBeforeFallback = 2 * time.Second
	drive(p, t0, call(r, 1, time.Minute))
	p.Arrive(t0, call(r, 1, time.Minute))
	out, next := p.Step(t0, nil)
	if len(out) != 0 || next != after(2*time.Second) {
		t.Fatalf("effects %+v, next %v", out, next.Sub(t0))
	}
	out, _ = p.Step(next, nil)
	wantGrant(t, out, b)
}

func TestAWaiterGoesExactlyWhenThereIsRoom(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 600, time.Minute))
	p.Arrive(t0, call(r, 300, time.Minute))
	out, next := p.Step(t0, nil)
	if len(out) != 0 || next != after(3*time.Second) {
		t.Fatalf("effects %+v, next in %v, want 3s", out, next.Sub(t0))
	}
	if out, _ = p.Step(next-1, nil); len(out) != 0 {
		t.Fatalf("granted too early: %+v", out)
	}
	out, _ = p.Step(next, nil)
	wantGrant(t, out, a)
	if !out[0].Grant.Waited {
		t.Fatal("the grant does not say that it waited")
	}
}

func TestARefundWakesTheQueue(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 600, 600))
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	first := call(r, 600, time.Minute)
	drive(p, t0, first)
	p.Arrive(t0, call(r, 500, time.Minute))
	p.Step(t0, nil)
	if !p.Settle(after(time.Millisecond), first, budget.Demand{budget.Requests: 1, budget.Tokens: 50}, budget.Used, Report{}) {
		t.Fatal("not settled")
	}
	out, _ := p.Step(after(time.Millisecond), nil)
	wantGrant(t, out, a)
	if p.Settle(after(time.Second), first, budget.Demand{}, budget.Used, Report{}) {
		t.Fatal("settled twice")
	}
}

func TestAGaugeWakesOnRelease(t *testing.T) {
	a := lane("a", budget.Limit{Name: "concurrency", Dimension: budget.Concurrency, Kind: budget.Gauge, Amount: 1})
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	first, second := call(r, 1, time.Minute), call(r, 1, time.Minute)
	drive(p, t0, first)
	drive(p, t0, second)
	p.Settle(after(time.Second), first, budget.Demand{}, budget.Used, Report{})
	out, _ := p.Step(after(time.Second), nil)
	wantGrant(t, out, a)
}

func TestLargerThanEveryLimitIsRefusedAtOnce(t *testing.T) {
	a, b := lane("a", rate("tpm", budget.Tokens, 100, 10)), lane("b", rate("tpm", budget.Tokens, 1000, 10))
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	wantRefusal(t, drive(p, t0, call(route([]*Lane{a, b}), 1001, time.Minute)), TooLarge)
	wantGrant(t, drive(p, t0, call(route([]*Lane{a, b}), 1000, time.Minute)), b) // above the burst: into debt
}

func TestZeroLimitRefuses(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 0, 0))
	wantRefusal(t, drive(New(Options{MaxQueue: 1}, []*Lane{a}), t0, call(route([]*Lane{a}), 1, time.Minute)), TooLarge)
}

func TestABigCallIsNotStarvedBySmallOnes(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 600, time.Minute))
	big := call(r, 600, time.Minute)
	drive(p, t0, big)
	for i := range 5 {
		if out := drive(p, after(time.Duration(i)*time.Second), call(r, 10, time.Minute)); len(out) != 0 {
			t.Fatalf("a small call passed the big one: %+v", out)
		}
	}
	out, _ := p.Step(after(6*time.Second), nil)
	if len(out) == 0 || out[0].Call != big {
		t.Fatalf("the big call did not go first: %+v", out)
	}
}

func TestOthersPassOnLanesThatTheBigCallDoesNotNeed(t *testing.T) {
	a, b := lane("a", rate("tpm", budget.Tokens, 6000, 600)), lane("b", rate("tpm", budget.Tokens, 600, 60))
	p := New(Options{MaxQueue: 100}, []*Lane{a, b})
	r := route([]*Lane{a, b})
	wantGrant(t, drive(p, t0, call(r, 600, time.Minute)), a)
	wantGrant(t, drive(p, t0, call(r, 30, time.Minute)), b)
	drive(p, t0, call(r, 600, time.Minute)) // waits for b, which is full again first
	if out := drive(p, t0, call(r, 30, time.Minute)); len(out) != 0 {
		t.Fatalf("passed on the lane that the first in line needs: %+v", out)
	}
	out, _ := p.Step(after(500*time.Millisecond), nil) // a has 50 by then
	wantGrant(t, out, a)
}

func TestClassesAreStrict(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 60, 1))
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 1, time.Minute))
	var order []*Call
	for _, class := range []shedding.Class{shedding.Low, shedding.Normal, shedding.Critical, shedding.High} {
		c := call(r, 1, time.Minute)
		c.Class = class
		drive(p, t0, c)
		order = append(order, c)
	}
	for i, want := range []*Call{order[2], order[3], order[1], order[0]} {
		out, _ := p.Step(after(time.Duration(i+1)*time.Second), nil)
		if len(out) != 1 || out[0].Call != want {
			t.Fatalf("grant %d went to class %v", i, out[0].Call.Class)
		}
	}
}

func TestDeadlineAndTheTrueEarliestTime(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 6, 1))
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 1, time.Minute))
	drive(p, t0, call(r, 1, time.Minute))
	late := call(r, 1, 5*time.Second)
	drive(p, t0, late)
	out, _ := p.Step(after(5*time.Second), nil)
	ref := wantRefusal(t, out, NoRoom)
	if got := ref.At.Sub(t0); got != 20*time.Second { // 10 s for the first in line, 20 s behind it
		t.Fatalf("told to come back at %v, want 20s", got)
	}
}

func TestABoundThatDoesNotFitIsRefined(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 100, 100))
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	c := call(route([]*Lane{a}), 400, time.Minute)
	c.Exact = false
	out := drive(p, t0, c)
	if len(out) != 1 || out[0].Kind != EffectRefine {
		t.Fatalf("want refine, got %+v", out)
	}
	c.Estimates[0].Input = 90
	p.Refined(t0, c)
	out, _ = p.Step(t0, nil)
	wantGrant(t, out, a)
}

func TestRetryKeepsItsPlaceAndIsExemptFromTheBound(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 60, 2))
	p := New(Options{MaxQueue: 1}, []*Lane{a})
	r := route([]*Lane{a})
	first := call(r, 1, time.Minute)
	drive(p, t0, first)
	drive(p, t0, call(r, 1, time.Minute))
	waiting := call(r, 1, time.Minute)
	drive(p, t0, waiting)
	p.Settle(t0, first, budget.Demand{}, budget.Refused, Report{})
	p.Retry(t0, first, Verdict{})
	if out, _ := p.Step(t0, nil); len(out) != 0 {
		t.Fatalf("got %+v", out)
	}
	out, _ := p.Step(after(time.Second), nil)
	if len(out) != 1 || out[0].Call != first {
		t.Fatalf("the retry lost its place: %+v", out)
	}
}

func TestRetryVerdicts(t *testing.T) {
	build := func() (*Pool, *Lane, *Lane, *Lane, *Call) {
		a, b, c := lane("a"), lane("b"), lane("c")
		p := New(Options{MaxQueue: 1}, []*Lane{a, b, c})
		x := call(route([]*Lane{a, b}, []*Lane{c}), 1, time.Minute)
		drive(p, t0, x)
		p.Settle(t0, x, budget.Demand{}, budget.Refused, Report{})
		return p, a, b, c, x
	}
	t.Run("exclude", func(t *testing.T) {
		p, _, b, c, x := build()
		p.Retry(t0, x, Verdict{ExcludeLane: true})
		out, _ := p.Step(t0, nil)
		wantGrant(t, out, b)
		p.Settle(t0, x, budget.Demand{}, budget.Refused, Report{})
		p.Retry(t0, x, Verdict{ExcludeLane: true})
		out, _ = p.Step(t0, nil)
		wantGrant(t, out, c)
		p.Settle(t0, x, budget.Demand{}, budget.Refused, Report{})
		p.Retry(t0, x, Verdict{ExcludeLane: true})
		out, _ = p.Step(t0, nil)
		wantRefusal(t, out, Exhausted)
	})
	t.Run("next", func(t *testing.T) {
		p, _, _, c, x := build()
		p.Retry(t0, x, Verdict{NextTarget: true})
		out, _ := p.Step(t0, nil)
		wantGrant(t, out, c)
	})
	t.Run("stay", func(t *testing.T) {
		p, _, b, _, x := build()
		p.Retry(t0, x, Verdict{ExcludeLane: true, Stay: true})
		out, _ := p.Step(t0, nil)
		wantGrant(t, out, b)
		p.Settle(t0, x, budget.Demand{}, budget.Refused, Report{})
		p.Retry(t0, x, Verdict{ExcludeLane: true, Stay: true})
		out, _ = p.Step(t0, nil)
		wantRefusal(t, out, Exhausted)
	})
	t.Run("backoff", func(t *testing.T) {
		p, _, b, _, x := build()
		p.Retry(t0, x, Verdict{ExcludeLane: true, After: time.Second})
		out, next := p.Step(t0, nil)
		if len(out) != 0 || next != after(time.Second) {
			t.Fatalf("effects %+v, next %v", out, next.Sub(t0))
		}
		out, _ = p.Step(next, nil)
		wantGrant(t, out, b)
	})
	t.Run("disable", func(t *testing.T) {
		p, a, b, _, x := build()
		p.Retry(t0, x, Verdict{DisableKey: true, Why: "invalid_key"})
		out, _ := p.Step(t0, nil)
		wantGrant(t, out, b)
		if !a.Account.Keys[0].Down {
			t.Fatal("the key is still in use")
		}
	})
	t.Run("block", func(t *testing.T) {
		p, a, _, _, x := build()
		p.Retry(t0, x, Verdict{BlockLane: time.Minute})
		p.Step(t0, nil)
		if a.BlockedUntil() != after(time.Minute) {
			t.Fatal("the lane is not blocked")
		}
	})
}

func TestNoUsableKeyAnywhere(t *testing.T) {
	a := lane("a")
	a.Account.Keys[0].State = KeyDisabled
	wantRefusal(t, drive(New(Options{MaxQueue: 1}, []*Lane{a}), t0, call(route([]*Lane{a}), 1, time.Minute)), NoKeys)
}

func TestSheddingLooksAtBacklogAndSparesTheImportant(t *testing.T) {
	a := lane("a", rate("tpm", budget.Tokens, 6000, 600))
	a.TokensPerSecond = 100
	p := New(Options{MaxQueue: 100}, []*Lane{a})
	r := route([]*Lane{a})
	wantGrant(t, drive(p, t0, call(r, 600, 10*time.Second)), a) // an empty queue sheds nobody
	for range 3 {
		if out := drive(p, t0, call(r, 310, 10*time.Second)); len(out) != 0 {
			t.Fatalf("got %+v", out)
		}
	}
	low := call(r, 10, 10*time.Second)
	low.Class = shedding.Low
	wantRefusal(t, drive(p, t0, low), Shed) // 930 tokens at 100/s against 10 s: 0.93
	if out := drive(p, t0, call(r, 10, 10*time.Second)); len(out) != 0 {
		t.Fatalf("normal work was shed at 0.93: %+v", out)
	}
}

func TestAClassIsShedWhateverTheLoad(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 60, 1))
	from := shedding.Class(shedding.Classes)
	p := New(Options{MaxQueue: 100, ShedFrom: func() shedding.Class { return from }}, []*Lane{a})
	r := route([]*Lane{a})
	of := func(class shedding.Class) *Call {
		c := call(r, 1, time.Hour)
		c.Class = class
		return c
	}
	from = shedding.Normal
	first := of(shedding.Low)
	wantGrant(t, drive(p, t0, first), a) // room that is there is for everybody
	for _, class := range []shedding.Class{shedding.Low, shedding.Normal} {
		wantRefusal(t, drive(p, t0, of(class)), Shed)
	}
	from = shedding.Critical
	wantRefusal(t, drive(p, t0, of(shedding.High)), Shed)
	if out := drive(p, t0, of(shedding.Critical)); len(out) != 0 {
		t.Fatalf("a critical call was shed: %+v", out)
	}
	from = shedding.Classes
	if out := drive(p, t0, of(shedding.Low)); len(out) != 0 {
		t.Fatalf("got %+v", out)
	}
}

func TestFullQueueRules(t *testing.T) {
	for _, c := range []struct {
		rule shedding.WhenFull
		who  int // index of the one refused
	}{{shedding.Reject, 2}, {shedding.DropOldest, 0}, {shedding.DropNewest, 1}, {shedding.DropRandom, 1}} {
		t.Run(c.rule.String(), func(t *testing.T) {
			a := lane("a", rate("rpm", budget.Requests, 1, 1))
			p := New(Options{
				MaxQueue: 2, WhenFull: c.rule, Thresholds: shedding.Thresholds{1, 1, 1, 1},
				Random: func() float64 { return 0.5 },
			}, []*Lane{a})
			r := route([]*Lane{a})
			drive(p, t0, call(r, 1, time.Hour))
			var calls []*Call
			var out []Effect
			for range 3 {
				calls = append(calls, call(r, 1, time.Hour))
				out = drive(p, t0, calls[len(calls)-1])
			}
			wantRefusal(t, out, QueueFull)
			if out[0].Call != calls[c.who] {
				t.Fatalf("the wrong call was refused")
			}
		})
	}
}

func TestTheImportantTakesThePlaceOfTheLeastImportant(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 1, 1))
	p := New(Options{MaxQueue: 1, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 1, time.Hour))
	low := call(r, 1, time.Hour)
	low.Class = shedding.Low
	drive(p, t0, low)
	high := call(r, 1, time.Hour)
	high.Class = shedding.High
	out := drive(p, t0, high)
	wantRefusal(t, out, QueueFull)
	if out[0].Call != low {
		t.Fatal("the important call was refused")
	}
}

func TestCancelLeavesNoTrace(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 1, 1))
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	r := route([]*Lane{a})
	drive(p, t0, call(r, 1, time.Hour))
	c := call(r, 1, time.Hour)
	drive(p, t0, c)
	p.Cancel(t0, c)
	if out, next := p.Step(after(time.Hour), nil); len(out) != 0 || next != budget.Never {
		t.Fatalf("effects %+v, next %v", out, next)
	}
}

// pendingBudget answers as a networked engine does: not now.
type pendingBudget struct{ Budget }

func (pendingBudget) Reserve(budget.Instant, *budget.Hold, budget.Demand) budget.Answer {
	return budget.Answer{State: budget.Pending}
}

func TestANetworkedEngineAnswersLater(t *testing.T) {
	a := lane("a")
	a.Budget = pendingBudget{a.Budget}
	b := lane("b")
	p := New(Options{MaxQueue: 10}, []*Lane{a, b})
	c := call(route([]*Lane{a}, []*Lane{b}), 1, time.Hour)
	if out := drive(p, t0, c); len(out) != 0 || c.Status() != Asking {
		t.Fatalf("effects %+v, status %v", out, c.Status())
	}
	p.Acquired(t0, c, budget.Answer{State: budget.Later, At: after(time.Second)})
	out, _ := p.Step(t0, nil)
	wantGrant(t, out, b)

	d := call(route([]*Lane{a}), 1, time.Hour)
	drive(p, after(2*time.Second), d)
	p.Acquired(after(2*time.Second), d, budget.Answer{State: budget.Granted})
	out, _ = p.Step(after(2*time.Second), nil)
	wantGrant(t, out, a)
}

func TestAnEnginesLateYesWithoutAKeyIsGivenBack(t *testing.T) {
	a := lane("a")
	engine := a.Budget
	a.Budget = pendingBudget{engine}
	p := New(Options{MaxQueue: 10}, []*Lane{a})
	c := call(route([]*Lane{a}), 1, time.Hour)
	drive(p, t0, c)
	engine.Reserve(t0, &c.hold, c.grant.Demand)
	a.Account.Keys[0].Down = true
	p.Acquired(t0, c, budget.Answer{State: budget.Granted})
	out, _ := p.Step(t0, nil)
	wantRefusal(t, out, NoKeys)
	if c.hold.Active() || a.InFlight() != 0 {
		t.Fatalf("something is still held: %v in flight", a.InFlight())
	}
}

func TestADrainingKeyCountsDownWhatItHas(t *testing.T) {
	a := lane("a")
	a.Account.Keys = []*Key{{Index: 0}, {Index: 1}}
	p := New(Options{}, []*Lane{a})
	r := route([]*Lane{a})
	calls := []*Call{call(r, 1, 0), call(r, 1, 0), call(r, 1, 0)}
	for _, c := range calls {
		drive(p, t0, c)
	}
	key := a.Account.Keys[0]
	key.State = KeyDraining
	if out := drive(p, t0, call(r, 1, 0)); out[0].Grant.Key != a.Account.Keys[1] {
		t.Fatal("a draining key took a call")
	}
	for left, c := range []*Call{calls[2], calls[0]} {
		if key.InFlight() != 2-left {
			t.Fatalf("%d in flight, want %d", key.InFlight(), 2-left)
		}
		p.Settle(t0, c, budget.Demand{}, budget.Used, Report{})
		p.Settle(t0, c, budget.Demand{}, budget.Used, Report{}) // counts once
	}
	if key.InFlight() != 0 {
		t.Fatalf("%d in flight, want none", key.InFlight())
	}
}

func TestReloadMovesWaitersInOrder(t *testing.T) {
	a := lane("a", rate("rpm", budget.Requests, 60, 1))
	r := route([]*Lane{a})
	old := New(Options{MaxQueue: 10}, []*Lane{a})
	drive(old, t0, call(r, 1, time.Hour))
	first, second := call(r, 1, time.Hour), call(r, 1, time.Hour)
	drive(old, t0, first)
	drive(old, t0, second)
	fresh := New(Options{MaxQueue: 10}, []*Lane{a})
	for _, c := range old.Drain() {
		fresh.Adopt(c, r)
	}
	for i, want := range []*Call{first, second} {
		out, _ := fresh.Step(after(time.Duration(i+1)*time.Second), nil)
		if len(out) != 1 || out[0].Call != want {
			t.Fatalf("grant %d: %+v", i, out)
		}
	}
}

// Every call ends exactly once, nobody waits past the deadline, nothing stays behind.
func TestEveryCallEndsExactlyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lanes []*Lane
		for i := range rapid.IntRange(1, 4).Draw(t, "lanes") {
			lanes = append(lanes, lane(string(rune('a'+i)),
				rate("rpm", budget.Requests, rapid.Int64Range(1, 600).Draw(t, "rpm"), 0),
				rate("tpm", budget.Tokens, rapid.Int64Range(10, 6000).Draw(t, "tpm"), 0),
				budget.Limit{Name: "concurrency", Dimension: budget.Concurrency, Kind: budget.Gauge, Amount: 3}))
		}
		p := New(Options{MaxQueue: 8}, lanes)
		cut := rapid.IntRange(1, len(lanes)).Draw(t, "cut")
		r := route(lanes[:cut], lanes[cut:])
		ended, arrived := map[*Call]int{}, 0
		var live []*Call
		now := t0
		meet := func(out []Effect) {
			for _, e := range out {
				if e.Kind == EffectRefuse {
					ended[e.Call]++
				} else {
					if now > e.Call.Deadline {
						t.Fatalf("granted %v after the deadline", now.Sub(e.Call.Deadline))
					}
					live = append(live, e.Call)
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			switch k := rapid.IntRange(0, 3).Draw(t, "event"); {
			case k <= 1:
				c := call(r, rapid.Int64Range(0, 700).Draw(t, "tokens"), 0)
				c.Class = shedding.Class(rapid.IntRange(0, 3).Draw(t, "class"))
				c.Deadline = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "wait")) * time.Millisecond)
				arrived++
				p.Arrive(now, c)
			case len(live) > 0:
				c := live[0]
				live = live[1:]
				p.Settle(now, c, budget.Demand{budget.Requests: 1, budget.Tokens: rapid.Int64Range(0, 900).Draw(t, "used")}, budget.Used, Report{})
				if k == 2 {
					ended[c]++
				} else {
					p.Retry(now, c, Verdict{ExcludeLane: true})
				}
			}
			out, _ := p.Step(now, nil)
			meet(out)
		}
		for len(live) > 0 || p.queue.n > 0 || p.sleepers.Len() > 0 {
			for _, c := range live {
				p.Settle(now, c, budget.Demand{}, budget.Used, Report{})
				ended[c]++
			}
			live = nil
			now = now.Add(time.Second)
			out, _ := p.Step(now, nil)
			meet(out)
		}
		if len(ended) != arrived {
			t.Fatalf("%d calls arrived, %d ended", arrived, len(ended))
		}
		for _, n := range ended {
			if n != 1 {
				t.Fatalf("a call ended %d times", n)
			}
		}
		for _, l := range lanes {
			if l.inFlight != 0 {
				t.Fatalf("lane %s still has %d in flight", l.ID, l.inFlight)
			}
		}
	})
}
