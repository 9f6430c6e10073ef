package gateway

import (
	"fmt"
	"testing"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
)

// BenchmarkLevels10k saves the levels of ten thousand keys in use, as happens every
// second.
func BenchmarkLevels10k(b *testing.B) {
	d := auth.NewDirectory()
	var up upstreamBody
	g := serveStored(b, nil, wide, d, up.roundTrip)
	rt := g.current.Load()
	for i := range 10_000 {
		k := storedKey(fmt.Sprint(i), map[string]string{"rpm": "60", "tpm": "100k", "usd_per_month": "5"})
		putKey(b, d, k)
		ring, c, err := g.keyring.enter(rt, d.Key(k.ID))
		if err != nil {
			b.Fatal(err)
		}
		var h budget.Hold
		var use budget.Demand
		use[budget.Requests], use[budget.Cost] = 1, 1000
		if a := budget.Reserve(g.clock.now(), &h, use, c.scopes...); a.State != budget.Granted {
			b.Fatal(a)
		}
		h.Settle(g.clock.now(), use, budget.Used)
		g.keyring.leave(ring)
	}
	for b.Loop() {
		data, err := g.Levels(false)
		if err != nil || len(data) < 1<<20 {
			b.Fatal(err, len(data))
		}
		b.SetBytes(int64(len(data)))
	}
}
