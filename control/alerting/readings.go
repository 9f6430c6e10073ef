package alerting

import (
	"cmp"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Gateway is what is asked of the data plane.
type Gateway interface {
	QueueDepth() map[string]int      // by class
	QueueOldest() map[string]float64 // seconds, by class
	Keys() []telemetry.KeyUp
	Buckets() []telemetry.Bucket
}

// Expiry is when an upstream key ends.
type Expiry struct {
	Provider, Account, Fingerprint string
	At                             time.Time
}

// Sources are where readings come from.
type Sources struct {
	Gateway Gateway // required
	Meter   *Meter  // required
	// Expiries are of upstream keys that expire. Nil: none does.
	Expiries func() []Expiry
	// LedgerLag is the age of the oldest record that is not written. Nil: there is no ledger.
	LedgerLag func() time.Duration
	// Conflict says that file and API differ. Nil: they cannot.
	Conflict func() bool
}

// Spend is asked for more rarely: there may be very many buckets, and money is slow.
const (
	spendEvery   = 10 * time.Second
	mostSpenders = 1000 // those that have used the largest shares
)

// reader reads everything that alerts watch. It belongs to one goroutine.
type reader struct {
	Sources
	spend   []alerts.Reading
	spentAt time.Time
}

func (r *reader) read(now time.Time) []alerts.Reading {
	m := r.Meter.last(now)
	out := m.readings()
	waiting, oldest := 0, 0.0
	for _, n := range r.Gateway.QueueDepth() {
		waiting += n
	}
	for _, s := range r.Gateway.QueueOldest() {
		oldest = max(oldest, s)
	}
	out = append(out,
		alerts.Reading{Metric: alerts.QueueDepth, Value: float64(waiting)},
		alerts.Reading{Metric: alerts.QueueOldest, Value: oldest},
		alerts.Reading{Metric: alerts.Heap, Value: heap()})
	accounts := map[account]bool{}
	for _, k := range r.Gateway.Keys() {
		who := account{k.Provider, k.Account}
		accounts[who] = true
		down := 1.0
		if k.Up {
			down = 0
		}
		out = append(out, alerts.Reading{Metric: alerts.KeysDown, Labels: upstreamKey{who, k.Fingerprint}.labels(), Value: down})
	}
	for who := range m.refused {
		accounts[who] = true
	}
	for who := range accounts {
		out = append(out, alerts.Reading{Metric: alerts.Upstream429, Labels: who.labels(), Value: float64(m.refused[who])})
	}
	if now.Sub(r.spentAt) >= spendEvery || now.Before(r.spentAt) {
		r.spend, r.spentAt = spend(r.Gateway.Buckets(), m.overspent), now
	}
	return append(append(out, r.spend...), r.others(now)...)
}

func (r *reader) others(now time.Time) (out []alerts.Reading) {
	if r.LedgerLag != nil {
		out = append(out, alerts.Reading{Metric: alerts.LedgerLag, Value: r.LedgerLag().Seconds()})
	}
	if r.Conflict != nil {
		conflict := 0.0
		if r.Conflict() {
			conflict = 1
		}
		out = append(out, alerts.Reading{Metric: alerts.ConfigConflict, Value: conflict})
	}
	if r.Expiries != nil {
		for _, e := range r.Expiries() {
			labels := upstreamKey{account{e.Provider, e.Account}, e.Fingerprint}.labels()
			out = append(out, alerts.Reading{Metric: alerts.KeyExpires, Labels: labels, Value: max(e.At.Sub(now).Hours()/24, 0)})
		}
	}
	return out
}

// asGoodAs is the used share from which a limit that refuses calls counts as used up:
// the rest is not enough for them, so it will hardly ever be used to the last cent.
const asGoodAs = 0.9

// spend is the largest share that each holder has used of any of its spend limits. What
// is only reserved is not spent.
func spend(buckets []telemetry.Bucket, overspent map[holder]bool) []alerts.Reading {
	used := map[holder]float64{}
	for i := range buckets {
		b := &buckets[i]
		if b.Dimension != "cost" || b.Scope == "upstream" || b.Amount <= 0 {
			continue
		}
		h := holder{b.Scope, b.Name}
		used[h] = max(used[h], (b.Amount-b.Level-b.Reserved)/b.Amount, 0)
	}
	for h, share := range used {
		if overspent[h] && share >= asGoodAs {
			used[h] = max(share, 1)
		}
	}
	out := make([]alerts.Reading, 0, len(used))
	for h, share := range used {
		out = append(out, alerts.Reading{Metric: alerts.Spend, Labels: map[string]string{"scope": h.scope, "name": h.name}, Value: share})
	}
	if len(out) > mostSpenders {
		slices.SortFunc(out, func(a, b alerts.Reading) int { return cmp.Compare(b.Value, a.Value) })
		out = out[:mostSpenders]
	}
	return out
}

// heap is the memory that live objects take.
func heap() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(s[0].Value.Uint64())
}
