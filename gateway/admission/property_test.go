package admission

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/shedding"
)

// phase is where the model believes a call to be.
type phase uint8

const (
	inside phase = iota // waiting or sleeping
	refining
	granted
	settled // its attempt has ended; it may be retried
	ended
)

// record is what the model knows of a call.
type record struct {
	c        *Call
	phase    phase
	exact    []budget.Estimate
	retried  bool
	barred   []exclusion
	forced   bool
	from, to int // places of the order still allowed
	ends     int
}

// model is a pool and what a driver knows about it.
type model struct {
	p       *Pool
	now     budget.Instant
	options Options
	lanes   []*Lane
	routes  []*Route
	calls   map[*Call]*record
	order   []*record
	next    budget.Instant
	pushed  int  // retried calls that left the full queue for a newcomer
	prompt  bool // every event is followed by its own step, as drivers do
}

func drawLimit(t *rapid.T, i int) budget.Limit {
	l := budget.Limit{
		Name:      fmt.Sprint("limit", i),
		Dimension: rapid.SampledFrom([]budget.Dimension{budget.Requests, budget.Tokens, budget.InputTokens, budget.OutputTokens}).Draw(t, "dimension"),
		Kind:      rapid.SampledFrom([]budget.Kind{budget.Rate, budget.Rate, budget.FixedWindow, budget.SlidingWindow, budget.Gauge}).Draw(t, "kind"),
		Window:    rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute}).Draw(t, "window"),
		Margin:    rapid.SampledFrom([]float64{0, 0, 0.05}).Draw(t, "margin"),
	}
	l.Amount = rapid.SampledFrom([]int64{1000, 300, 3000, 60, 1, 0}).Draw(t, "amount")
	switch {
	case l.Kind == budget.Gauge:
		l.Dimension, l.Amount = budget.Concurrency, rapid.Int64Range(1, 4).Draw(t, "slots")
	case l.Dimension == budget.Requests:
		l.Amount = rapid.SampledFrom([]int64{2, 1, 7, 60, 0}).Draw(t, "calls")
	}
	switch l.Kind {
	case budget.Rate:
		l.Burst = rapid.Int64Range(0, l.Amount).Draw(t, "burst")
		l.Borrow = rapid.Bool().Draw(t, "borrow")
		l.OutputAtEnd = rapid.Bool().Draw(t, "at end")
	case budget.FixedWindow:
		l.Burst = rapid.SampledFrom([]int64{0, 0, 1, 100}).Draw(t, "pace")
		l.Straddle = rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond}).Draw(t, "straddle")
		l.Carry = rapid.Bool().Draw(t, "carry")
		l.OutputAtEnd = rapid.Bool().Draw(t, "at end")
	}
	return l
}

func drawLanes(t *rapid.T) []*Lane {
	var lanes []*Lane
	var account *Account
	for i := range rapid.IntRange(1, 4).Draw(t, "lanes") {
		if account == nil || !rapid.Bool().Draw(t, "same account") {
			account = &Account{Name: fmt.Sprint("account", i)}
			for k := range rapid.IntRange(1, 2).Draw(t, "keys") {
				account.Keys = append(account.Keys, &Key{Index: k})
			}
		}
		var limits []budget.Limit
		for j := range rapid.SampledFrom([]int{1, 2, 3, 0}).Draw(t, "limits") {
			limits = append(limits, drawLimit(t, j))
		}
		l := &Lane{
			ID: fmt.Sprint("lane", i), Account: account,
			Budget:   InMemory(budget.NewScope(budget.ScopeUpstream, fmt.Sprint("lane", i), t0, limits)),
			Charging: budget.Charging{Policy: budget.Policy(rapid.IntRange(0, 4).Draw(t, "policy"))},
			Jitter:   rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "jitter"),
			Unknown:  rapid.IntRange(0, 5).Draw(t, "unknown") == 5,
			Reserve:  rapid.SampledFrom([]time.Duration{0, 0, time.Second}).Draw(t, "reserve"),
			Ramp:     Ramp{Start: rapid.SampledFrom([]float64{0, 0, 0.1, 0.9}).Draw(t, "ramp")},
		}
		for _, v := range limits {
			switch v.Dimension {
			case budget.Tokens:
				l.TokensPerSecond = float64(v.Amount) / v.Window.Seconds()
			case budget.Requests:
				l.CallsPerSecond = float64(v.Amount) / v.Window.Seconds()
			}
		}
		l.Adaptive, _ = AdaptivePreset(rapid.SampledFrom([]string{"off", "conservative", "balanced", "aggressive"}).Draw(t, "adaptive"))
		lanes = append(lanes, l)
	}
	return lanes
}

func drawRoutes(t *rapid.T, lanes []*Lane) []*Route {
	health := map[*Lane]*Health{}
	var routes []*Route
	for i := range rapid.IntRange(1, 3).Draw(t, "routes") {
		r := &Route{
			Name:               fmt.Sprint("route", i),
			Strategy:           Strategy(rapid.IntRange(0, 3).Draw(t, "strategy")),
			Sticky:             rapid.Bool().Draw(t, "sticky"),
			SkipFull:           rapid.Bool().Draw(t, "skip full"),
			WaitBeforeFallback: rapid.SampledFrom([]time.Duration{0, 0, 2 * time.Second}).Draw(t, "patience"),
		}
		watched := rapid.Bool().Draw(t, "watched")
		for range rapid.IntRange(1, 3).Draw(t, "targets") {
			target := Target{Weight: rapid.SampledFrom([]float64{0, 1, 3, -1}).Draw(t, "weight")}
			for _, l := range lanes {
				if len(target.Lanes) > 0 && !rapid.Bool().Draw(t, "takes") {
					continue
				}
				target.Lanes = append(target.Lanes, l)
				if !watched {
					continue
				}
				if health[l] == nil {
					health[l] = &Health{
						Breaker: fallback.NewBreaker(fallback.BreakerOptions{Failures: 2}),
						Retries: fallback.NewRetryBudget(fallback.RetryOptions{}),
					}
				}
				target.Health = append(target.Health, health[l])
			}
			r.Targets = append(r.Targets, target)
		}
		routes = append(routes, r)
	}
	return routes
}

func drawModel(t *rapid.T) *model {
	m := &model{now: t0, lanes: drawLanes(t), calls: map[*Call]*record{}}
	m.routes = drawRoutes(t, m.lanes)
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	m.options = Options{
		MaxQueue: rapid.IntRange(0, 6).Draw(t, "max queue"), Random: random.Float64,
		WhenFull:      shedding.WhenFull(rapid.IntRange(0, 3).Draw(t, "when full")),
		MaxQueueBytes: rapid.SampledFrom([]int64{0, 0, 1000}).Draw(t, "max bytes"),
	}
	if rapid.Bool().Draw(t, "never shed") {
		m.options.Thresholds = shedding.Thresholds{1, 1, 1, 1}
	}
	m.p = New(m.options, m.lanes)
	m.prompt = rapid.Bool().Draw(t, "prompt")
	return m
}

// some draws a call of a phase, or nil.
func (m *model) some(t *rapid.T, ph ...phase) *record {
	var fit []*record
	for _, r := range m.order {
		if slices.Contains(ph, r.phase) {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[rapid.IntRange(0, len(fit)-1).Draw(t, "which")]
}

func (m *model) end(t *rapid.T, r *record) {
	r.phase = ended
	if r.ends++; r.ends != 1 {
		t.Fatalf("a call ended %d times", r.ends)
	}
}

func drawEstimate(t *rapid.T) budget.Estimate {
	return budget.Estimate{
		Input:     rapid.Int64Range(0, 900).Draw(t, "input"),
		Output:    rapid.Int64Range(0, 400).Draw(t, "output"),
		MaxOutput: rapid.SampledFrom([]int64{0, 0, 100, 1000}).Draw(t, "max output"),
	}
}

func (m *model) arrive(t *rapid.T) {
	r := rapid.SampledFrom(m.routes).Draw(t, "route")
	c := &Call{
		Route: r, Class: shedding.Class(rapid.IntRange(0, classes-1).Draw(t, "class")),
		Client:   fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "client")),
		Weight:   rapid.SampledFrom([]float64{0, 1, 4}).Draw(t, "share"),
		Affinity: rapid.Uint64Range(0, 3).Draw(t, "affinity"),
		Exact:    rapid.IntRange(0, 3).Draw(t, "exact") > 0,
		Bytes:    rapid.Int64Range(0, 500).Draw(t, "bytes"),
		Deadline: m.now.Add(time.Duration(rapid.IntRange(-1000, 60_000).Draw(t, "patience ms")) * time.Millisecond),
	}
	rec := &record{c: c, to: len(r.Targets)}
	for range r.Targets {
		e := drawEstimate(t)
		rec.exact = append(rec.exact, e)
		if !c.Exact {
			e.Input *= 4
		}
		c.Estimates = append(c.Estimates, e)
	}
	m.calls[c] = rec
	m.order = append(m.order, rec)
	m.p.Arrive(m.now, c)
}

func (m *model) settle(t *rapid.T) {
	r := m.some(t, granted)
	if r == nil {
		return
	}
	d := r.c.grant.Demand
	o := rapid.SampledFrom([]budget.Outcome{budget.Used, budget.Used, budget.Unsent, budget.Refused}).Draw(t, "outcome")
	share := rapid.SampledFrom([]int64{0, 1, 2, 4, 8}).Draw(t, "quarters")
	for _, i := range []budget.Dimension{budget.Tokens, budget.InputTokens, budget.OutputTokens} {
		d[i] = d[i] * share / 4
	}
	report := Report{
		Health:    fallback.Outcome(rapid.IntRange(0, 2).Draw(t, "health")),
		FirstByte: time.Duration(rapid.IntRange(0, 2).Draw(t, "first byte")) * time.Second,
	}
	if !m.p.Settle(m.now, r.c, d, o, report) {
		t.Fatalf("a granted call held nothing")
	}
	if m.p.Settle(m.now, r.c, d, o, report) {
		t.Fatalf("settled twice")
	}
	r.phase = settled
	if o == budget.Refused && rapid.Bool().Draw(t, "observed") {
		m.p.Observe(m.now, r.c.grant.Lane, r.c, budget.Observation{
			Dimension: budget.Tokens, Limit: -1, Remaining: -1, Refused: true, Demand: r.c.grant.Demand,
			BlockedFor: time.Duration(rapid.IntRange(0, 5).Draw(t, "blocked")) * time.Second,
		})
	}
}

func (m *model) retry(t *rapid.T) {
	r := m.some(t, settled)
	if r == nil {
		return
	}
	v := Verdict{
		ExcludeLane: rapid.Bool().Draw(t, "exclude"), NextTarget: rapid.Bool().Draw(t, "next target"),
		Stay: rapid.IntRange(0, 3).Draw(t, "stay") == 3, DisableKey: rapid.IntRange(0, 7).Draw(t, "disable") == 7, Why: "why",
		BlockLane: time.Duration(rapid.SampledFrom([]int{0, 0, 500, 5000}).Draw(t, "block")) * time.Millisecond,
		After:     time.Duration(rapid.SampledFrom([]int{0, 0, 300, 90_000}).Draw(t, "after")) * time.Millisecond,
		Free:      rapid.Bool().Draw(t, "free"),
	}
	g := r.c.grant
	m.p.Retry(m.now, r.c, v)
	r.phase, r.retried = inside, true
	if v.ExcludeLane {
		r.barred = append(r.barred, exclusion{g.Lane, g.Target})
	}
	place := r.c.place(g.Target)
	if v.Stay {
		r.from, r.to = place, place+1
	}
	if v.NextTarget {
		r.from = max(r.from, place+1)
	}
}

func (m *model) observe(t *rapid.T) {
	l := rapid.SampledFrom(m.lanes).Draw(t, "lane")
	number := rapid.SampledFrom([]int64{-1 << 63, -7, -1, 0, 1, 50, 1000, 1 << 50, 1<<63 - 1})
	o := budget.Observation{
		Dimension:  budget.Dimension(rapid.IntRange(0, budget.Dimensions-1).Draw(t, "dimension")),
		Window:     rapid.SampledFrom([]time.Duration{0, -1, 1, time.Second, time.Minute, 24 * time.Hour, 1<<63 - 1}).Draw(t, "window"),
		Limit:      rapid.SampledFrom([]int64{-1 << 63, -1, 0, 50, 1000, 1<<63 - 1}).Draw(t, "limit"),
		Remaining:  number.Draw(t, "remaining"),
		Refused:    rapid.Bool().Draw(t, "refused"),
		BlockedFor: rapid.SampledFrom([]time.Duration{-1 << 63, -1, 0, time.Second, time.Hour, 1<<63 - 1}).Draw(t, "blocked"),
	}
	o.Demand[o.Dimension] = number.Draw(t, "demand")
	var since *Call
	if r := m.some(t, inside, granted, settled, ended); r != nil && rapid.Bool().Draw(t, "since") {
		since = r.c
	}
	m.p.Observe(m.now, l, since, o)
}

func (m *model) refined(t *rapid.T) {
	r := m.some(t, refining, inside)
	if r == nil {
		return
	}
	if r.phase == refining {
		copy(r.c.Estimates, r.exact)
		r.phase = inside
	}
	m.p.Refined(m.now, r.c) // nothing to do for those who have not been asked
}

func (m *model) cancel(t *rapid.T) {
	r := m.some(t, inside, refining, granted, settled)
	if r == nil {
		return
	}
	m.p.Cancel(m.now, r.c)
	if r.phase != granted {
		m.end(t, r)
	}
}

func (m *model) key(t *rapid.T) {
	a := rapid.SampledFrom(m.lanes).Draw(t, "lane").Account
	k := rapid.SampledFrom(a.Keys).Draw(t, "key")
	k.State = rapid.SampledFrom([]KeyState{KeyEnabled, KeyEnabled, KeyDraining, KeyDisabled}).Draw(t, "state")
	k.Down = rapid.IntRange(0, 5).Draw(t, "down") == 5
}

func (m *model) ramped(t *rapid.T) {
	m.p.Ramped(m.now, rapid.SampledFrom(m.lanes).Draw(t, "lane"))
}

func (m *model) advance(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-3000, 30_000).Draw(t, "ms")) * time.Millisecond)
}

// come comes back when the pool has asked for it.
func (m *model) come(t *rapid.T) {
	if m.next != budget.Never {
		m.now = max(m.now, m.next)
	}
	m.step(t)
}

// explain asks for a call's prospects, which changes nothing.
func (m *model) explain(t *rapid.T) {
	c := &Call{
		Route: rapid.SampledFrom(m.routes).Draw(t, "route"), Class: shedding.Normal, Exact: true,
		Estimates: []budget.Estimate{drawEstimate(t)}, Deadline: m.now.Add(time.Second),
	}
	if r := m.some(t, inside, refining, granted, settled, ended); r != nil && rapid.Bool().Draw(t, "known") {
		c = r.c
	}
	status, seq, arrived, deadline := c.status, c.seq, c.arrived, c.Deadline
	m.p.Explain(m.now, c)
	if c.status != status || c.seq != seq || c.arrived != arrived || c.Deadline != deadline {
		t.Fatalf("explaining has changed the call")
	}
}

// force sends a call whatever the pool thinks of it.
func (m *model) force(t *rapid.T) {
	r := m.some(t, inside, refining, settled)
	if r == nil {
		return
	}
	m.step(t)
	if r.phase == granted || r.phase == ended {
		return
	}
	if r.forced = m.p.Force(m.now, r.c); r.forced {
		r.phase = inside
	} else if r.phase != settled {
		m.end(t, r)
	}
	m.step(t)
	r.forced = false
}

// reload replaces the pool and moves those that wait.
func (m *model) reload(t *rapid.T) {
	m.step(t)
	moved := m.p.Drain()
	if m.p.queue.n != 0 || m.p.deadlines.Len() != 0 || m.p.sleepers.Len() != 0 {
		t.Fatalf("drained, and yet %d wait", m.p.queue.n)
	}
	m.p = New(m.options, m.lanes)
	for _, c := range moved {
		r := m.calls[c]
		if r.phase != inside {
			t.Fatalf("drained a call of phase %d", r.phase)
		}
		r.retried, r.barred, r.from, r.to = true, nil, 0, len(c.Route.Targets)
		m.p.Adopt(c, c.Route)
	}
	m.step(t)
}

// step lets the pool act and compares every effect and what is left with the model.
func (m *model) step(t *rapid.T) {
	out, next := m.p.Step(m.now, nil)
	if next <= m.now {
		t.Fatalf("come back %v ago", m.now.Sub(next))
	}
	for _, e := range out {
		m.meet(t, e)
	}
	m.next = next
	m.check(t)
}

func (m *model) meet(t *rapid.T, e Effect) {
	r := m.calls[e.Call]
	if r.phase != inside {
		t.Fatalf("effect %d for a call that is not in the pool (phase %d)", e.Kind, r.phase)
	}
	switch e.Kind {
	case EffectRefine:
		if e.Call.Exact {
			t.Fatalf("an exact call is to be refined")
		}
		r.phase = refining
	case EffectRefuse:
		m.end(t, r)
		if r.retried && e.Refusal.Reason == QueueFull {
			m.pushed++
		}
	case EffectGrant:
		r.phase = granted
		if !r.forced {
			m.meetGrant(t, r, e.Grant)
		}
	}
}

func (m *model) meetGrant(t *rapid.T, r *record, g Grant) {
	c, route := r.c, r.c.Route
	target := route.Targets[g.Target]
	place := c.place(g.Target)
	switch {
	case !slices.Contains(target.Lanes, g.Lane):
		t.Fatalf("%s is not a lane of the target", g.Lane.ID)
	case !slices.Contains(g.Lane.Account.Keys, g.Key) || !g.Key.Usable():
		t.Fatalf("key %+v of %s", g.Key, g.Lane.ID)
	case m.now > c.Deadline:
		t.Fatalf("granted %v after the deadline", m.now.Sub(c.Deadline))
	case g.Lane.blocked > m.now:
		t.Fatalf("granted on a blocked lane")
	case slices.Contains(r.barred, exclusion{g.Lane, g.Target}):
		t.Fatalf("back on a lane that it was not to go to again")
	case place < r.from || place >= r.to:
		t.Fatalf("place %d, allowed %d to %d", place, r.from, r.to)
	case target.Weight < 0 && route.Strategy == Ordered:
		t.Fatalf("a paused target")
	case g.Moved && !route.SkipFull:
		t.Fatalf("moved on for lack of room")
	case g.Moved && m.now < c.arrived.Add(route.WaitBeforeFallback):
		t.Fatalf("moved on too early")
	case g.At != m.now || c.Status() != Granted || !c.hold.Active():
		t.Fatalf("grant %+v of a call of status %d", g, c.Status())
	case g.Demand != g.Lane.Charging.Demand(c.Estimates[g.Target]):
		t.Fatalf("demand %v", g.Demand)
	}
}

func (m *model) check(t *rapid.T) {
	var waiting [classes]int
	inFlight, using := map[*Lane]int{}, map[*Key]int{}
	n, retried, bytes := 0, 0, int64(0)
	for _, r := range m.order {
		c := r.c
		switch r.phase {
		case inside:
			switch c.Status() {
			case Waiting:
				waiting[c.Class]++
				n++
				if r.retried {
					retried++
				}
				if !c.exempt {
					bytes += c.Bytes
				}
			case Sleeping:
				if c.notBefore <= m.now {
					t.Fatalf("overslept by %v", m.now.Sub(c.notBefore))
				}
			default:
				t.Fatalf("a call has vanished: status %d", c.Status())
			}
			if c.Deadline <= m.now || m.next > c.Deadline {
				t.Fatalf("waits past its deadline: now %v, next %v", m.now.Sub(c.Deadline), m.next.Sub(c.Deadline))
			}
		case refining:
			if c.Status() != Refining {
				t.Fatalf("a call to be refined has status %d", c.Status())
			}
		case granted:
			inFlight[c.grant.Lane]++
			using[c.grant.Key]++
		default:
			if c.Status() != Idle || c.hold.Active() {
				t.Fatalf("a call that has ended has status %d", c.Status())
			}
		}
	}
	for i := range waiting {
		if got := m.p.Queued(shedding.Class(i)); got != waiting[i] {
			t.Fatalf("Queued(%d) is %d, want %d", i, got, waiting[i])
		}
	}
	// A newcomer that takes the place of a retried call stays beyond the bound.
	if m.prompt && n > m.options.MaxQueue+retried+m.pushed {
		t.Fatalf("%d wait, %d of them retried, bound %d", n, retried, m.options.MaxQueue)
	}
	if most := m.options.MaxQueueBytes; bytes != m.p.queue.bytes || m.prompt && most > 0 && bytes > most {
		t.Fatalf("%d bytes wait, %d are counted, bound %d", bytes, m.p.queue.bytes, most)
	}
	for _, l := range m.lanes {
		if l.InFlight() != inFlight[l] {
			t.Fatalf("%s: %d in flight, want %d", l.ID, l.InFlight(), inFlight[l])
		}
		for _, k := range l.Account.Keys {
			if k.InFlight() != using[k] {
				t.Fatalf("key %d of %s: %d in flight, want %d", k.Index, l.Account.Name, k.InFlight(), using[k])
			}
		}
	}
}

// finish ends everything and looks whether anything has stayed behind.
func (m *model) finish(t *rapid.T) {
	for _, r := range m.order {
		switch r.phase {
		case granted:
			m.p.Settle(m.now, r.c, r.c.grant.Demand, budget.Used, Report{})
			m.end(t, r)
		case ended:
		default:
			m.p.Cancel(m.now, r.c)
			m.end(t, r)
		}
	}
	m.now = m.now.Add(400 * 24 * time.Hour)
	for range 200 { // a rate that was cut grows by one step at a time
		m.now = m.now.Add(time.Hour)
		m.step(t)
	}
	if m.next != budget.Never || m.p.queue.n != 0 || m.p.deadlines.Len() != 0 || m.p.sleepers.Len() != 0 {
		t.Fatalf("something is left: next in %v", m.next.Sub(m.now))
	}
	for i := range m.p.queue.lines {
		l := &m.p.queue.lines[i]
		if l.demand != (budget.Estimate{}) || l.oldest != nil || l.newest != nil || len(l.groups) != 0 {
			t.Fatalf("class %d still has %+v", i, l.demand)
		}
		for _, y := range l.tallies {
			if y.inFlight != 0 || y.waiting != 0 || len(y.flows) != 0 {
				t.Fatalf("client %s still has something: %+v", y.id, y)
			}
		}
	}
	for _, l := range m.lanes {
		if l.Ratio() < 1-1e-9 && l.ramp.last != 0 { // one that was never used still has its slow start
			t.Fatalf("%s stays at %v", l.ID, l.Ratio())
		}
		for _, v := range l.Budget.View(m.now, nil) {
			// Level is rounded down to what refills in whole nanoseconds.
			rounding := 1 + v.Limit.Amount/int64(v.Limit.Window)
			if v.Limit.Amount == 0 {
				continue // it never takes anything
			}
			if v.Reserved != 0 || v.Debt != 0 || v.Full > m.now || v.Level < v.Capacity-rounding || v.Level > v.Capacity {
				t.Fatalf("%s leaks: %+v", l.ID, v)
			}
		}
	}
}

// Whatever happens in whatever order: every call is in one place and ends once, and
// nothing stays behind.
func TestPoolModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		defer func() {
			if !t.Failed() {
				m.finish(t)
			}
		}()
		// event lets something happen and, in a prompt driver, the pool act.
		event := func(what func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) {
				what(t)
				if m.prompt {
					m.step(t)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive":       event(m.arrive),
			"arrive again": event(m.arrive),
			"arrive more":  event(m.arrive),
			"arrive most":  event(m.arrive),
			"settle":       event(m.settle),
			"retry":        event(m.retry),
			"observe":      event(m.observe),
			"ramped":       event(m.ramped),
			"refined":      event(m.refined),
			"cancel":       event(m.cancel),
			"key":          event(m.key),
			"advance":      event(m.advance),
			"explain":      event(m.explain),
			"force":        m.force,
			"reload":       m.reload,
			"next":         m.come,
			"step":         m.step,
		})
	})
}
