package admission

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/shedding"
)

// crowd is a pool of one lane, and calls of a thousand clients in every class that wait
// for it, each with a deadline of its own.
type crowd struct {
	p     *Pool
	r     *Route
	names []string
	calls int
}

func newCrowd(limit budget.Limit) *crowd {
	l := lane("a", limit)
	x := &crowd{
		p: New(Options{MaxQueue: 1 << 30, Thresholds: shedding.Thresholds{1, 1, 1, 1}}, []*Lane{l}),
		r: route([]*Lane{l}),
	}
	for i := range 1000 {
		x.names = append(x.names, fmt.Sprint("client", i))
	}
	return x
}

// join brings one call of the next client.
func (x *crowd) join(now budget.Instant) *Call {
	i := x.calls
	x.calls++
	c := &Call{
		Route: x.r, Class: shedding.Class(i % classes), Client: x.names[i/classes%len(x.names)], Exact: true,
		Estimates: []budget.Estimate{{Input: 100}},
		Deadline:  now.Add(time.Hour + time.Duration(i*7919%1000)*time.Second),
	}
	x.p.Arrive(now, c)
	return c
}

// fill spends the lane and brings n calls that wait for it. It answers those that
// were granted.
func (x *crowd) fill(tb testing.TB, n int) []*Call {
	tb.Helper()
	var granted []*Call
	for x.p.queue.n < n {
		for range max(n-x.p.queue.n, 1) {
			x.join(t0)
		}
		out, _ := x.p.Step(t0, nil)
		for _, e := range out {
			if e.Kind != EffectGrant {
				tb.Fatalf("effect %+v", e)
			}
			granted = append(granted, e.Call)
		}
	}
	return granted
}

func slotsOf(n int64) budget.Limit {
	return budget.Limit{Name: "concurrency", Dimension: budget.Concurrency, Kind: budget.Gauge, Amount: n}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryOf100kWaitingCalls(t *testing.T) {
	const n, most = 100_000, 200 << 20
	before := heapInUse()
	x := newCrowd(slotsOf(1))
	x.fill(t, n)
	after := heapInUse()
	if x.p.queue.n != n || x.p.deadlines.Len() != n {
		t.Fatalf("%d wait, %d have deadlines", x.p.queue.n, x.p.deadlines.Len())
	}
	grown := int64(after) - int64(before)
	t.Logf("%d MB, %d bytes a call", grown>>20, grown/n)
	if grown > most {
		t.Fatalf("%d MB", grown>>20)
	}
	x.p.Step(t0.Add(3*time.Hour), nil) // all are refused
	if x.p.queue.n != 0 || x.p.deadlines.Len() != 0 {
		t.Fatalf("%d still wait", x.p.queue.n)
	}
	if left := int64(heapInUse()) - int64(before); left > most/8 {
		t.Fatalf("%d MB are kept after the last one has gone", left>>20)
	}
	runtime.KeepAlive(x)
}

// A refill wakes as many as it lets go, and looks at hardly anybody else.
func TestARefillWakesExactlyThoseThatCanGo(t *testing.T) {
	for _, n := range []int{1000, 100_000} {
		x := newCrowd(rate("rpm", budget.Requests, 6000, 100)) // a hundred a second
		if got := len(x.fill(t, n)); got != 100 {
			t.Fatalf("%d went at once, want the burst of 100", got)
		}
		now := t0
		for _, k := range []int{1, 7, 50, 100, 0, 3} {
			now = now.Add(time.Duration(k) * 10 * time.Millisecond)
			out, next := x.p.Step(now, nil)
			if len(out) != k {
				t.Fatalf("%d of %d went, want %d", len(out), n, k)
			}
			for _, e := range out {
				if e.Kind != EffectGrant {
					t.Fatalf("effect %+v", e)
				}
			}
			if next != now.Add(10*time.Millisecond) {
				t.Fatalf("next in %v, want 10ms", next.Sub(now))
			}
		}
	}
}

// stepTime is the median time of a step in which nothing can go.
func stepTime(t *testing.T, n int) time.Duration {
	x := newCrowd(slotsOf(1))
	x.fill(t, n)
	took := make([]time.Duration, 101)
	for i := range took {
		began := time.Now()
		out, _ := x.p.Step(t0+budget.Instant(i), nil)
		took[i] = time.Since(began)
		if len(out) != 0 {
			t.Fatalf("effects %+v", out)
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func TestAStepDoesNotLookAtEveryWaiter(t *testing.T) {
	few, many := stepTime(t, 1000), stepTime(t, 100_000)
	t.Logf("%v with 1,000 waiting, %v with 100,000", few, many)
	if many > 20*max(few, time.Microsecond) {
		t.Fatalf("a step takes %v with 100,000 waiting and %v with 1,000", many, few)
	}
}

// benchmarkGrant is the cost of an arrival, a settlement and the step that grants the
// next in line, while n wait.
func benchmarkGrant(b *testing.B, n int) {
	x := newCrowd(slotsOf(8))
	held := x.fill(b, n)
	now, out := t0, []Effect(nil)
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		x.join(now)
		c := held[0]
		held = held[1:]
		x.p.Settle(now, c, c.grant.Demand, budget.Used, Report{})
		out, _ = x.p.Step(now, out[:0])
		for _, e := range out {
			held = append(held, e.Call)
		}
		if len(held) != 8 {
			b.Fatalf("%d hold the lane", len(held))
		}
	}
}

func BenchmarkGrantWith1kWaiting(b *testing.B)   { benchmarkGrant(b, 1000) }
func BenchmarkGrantWith100kWaiting(b *testing.B) { benchmarkGrant(b, 100_000) }
