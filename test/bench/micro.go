package main

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// sixBuckets are the requests and tokens of a key, an owner and an account, so wide
// that nothing is refused.
func sixBuckets(name string) []*budget.Scope {
	l := []budget.Limit{
		{Name: "rpm", Dimension: budget.Requests, Amount: 1 << 40, Window: time.Minute, Burst: 1 << 40},
		{Name: "tpm", Dimension: budget.Tokens, Amount: 1 << 50, Window: time.Minute, Burst: 1 << 50},
	}
	return []*budget.Scope{
		budget.NewScope(budget.ScopeClientKey, name, begin, l), budget.NewScope(budget.ScopeOwner, name, begin, l),
		budget.NewScope(budget.ScopeUpstream, name, begin, l),
	}
}

const begin = budget.Instant(1_700_000_000_000_000_000)

func demand(tokens int64) (d budget.Demand) {
	d[budget.Requests], d[budget.Tokens] = 1, tokens
	return d
}

// pairs reserves and settles while more says so, and answers how often it was
// refused.
func pairs(more func() bool, scopes []*budget.Scope) (refused int) {
	h, now := &budget.Hold{}, begin
	reserved, used := demand(100), demand(80)
	for more() {
		now += 1000
		if budget.Reserve(now, h, reserved, scopes...).State != budget.Granted {
			refused++
		}
		h.Settle(now, used, budget.Used)
	}
	return refused
}

func measureBudget(b *bench, p plan) error {
	testing.Init()
	if err := flag.Set("test.benchtime", p.benchTime); err != nil {
		return err
	}
	hot := sixBuckets("hot")
	var n, refused atomic.Int64
	parallel := func(scopes func() []*budget.Scope) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) { refused.Add(int64(pairs(pb.Next, scopes()))) })
		}
	}
	for _, m := range []struct {
		name  string
		bench func(*testing.B)
	}{
		{"one goroutine", func(b *testing.B) {
			b.ReportAllocs()
			refused.Add(int64(pairs(b.Loop, sixBuckets("one"))))
		}},
		{"parallel, distinct accounts", parallel(func() []*budget.Scope { return sixBuckets(fmt.Sprint(n.Add(1))) })},
		{"parallel, one hot account", parallel(func() []*budget.Scope { return hot })},
	} {
		var ns, allocs []float64
		for range p.rounds {
			r := testing.Benchmark(m.bench)
			ns = append(ns, float64(r.T.Nanoseconds())/float64(r.N))
			allocs = append(allocs, float64(r.AllocsPerOp()))
		}
		t, a := median(ns), median(allocs)
		b.row("reserve + settle, 6 buckets, "+m.name, fmt.Sprintf("%.0f ns, %.0f allocations", t, a), "≤ 500 ns, 0 allocations", t <= 500 && a == 0)
	}
	if refused.Load() > 0 {
		return fmt.Errorf("%d reservations were refused, so the times are of something else", refused.Load())
	}
	return nil
}
