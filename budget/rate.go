package budget

import (
	"math"
	"time"
)

// A Rate bucket is a GCRA: tat is when it is full again, and τ, the cost of its
// capacity, is how far tat may lie ahead of now.

// askRate answers when p fits behind before.
func (b *bucket) askRate(now Instant, before int64, p part) Instant {
	n := p.n + b.within(p.late, b.horizon(now))
	others := before + b.unheard(now)
	if n > b.capacity { // above the burst: when the bucket at the upstream is surely full, into debt
		full := b.tat
		if others > 0 {
			full = max(full, now)
		}
		return full + b.cost(others) + b.surely()
	}
	at := max(b.tat, now) + b.cost(others+b.due(now)) + b.cost(n) - b.cost(b.capacity)
	if full := max(b.tat, now); others == 0 && at > full { // a full bucket takes what it holds: what is due comes later
		at = full
	}
	if at > now && b.limit.Borrow && now >= b.borrowed && at-now <= Instant(b.window) {
		return now
	}
	return at
}

// surely is how long a bucket has to have been full until it surely is at the upstream,
// which counts a call some time after us, and an answer before us.
func (b *bucket) surely() Instant {
	if !b.limit.OutputAtEnd {
		return 0
	}
	whole := b.cost(b.capacity)
	return min(whole/50+b.cost(b.late), whole/4)
}

func (b *bucket) chargeRate(now Instant, n int64) {
	if n == 0 {
		return
	}
	b.forget(now)
	b.tat = max(b.tat, now) + b.cost(n)
	if !b.limit.Borrow {
		return
	}
	if debt := b.tat - now - b.cost(b.capacity); debt > 0 {
		b.borrowed = max(b.borrowed, now+debt+Instant(b.window))
	}
}

func (b *bucket) settleRate(now, at Instant, held, actual int64) {
	switch {
	case actual > held:
		b.tat = max(b.tat, now) + b.cost(actual) - b.cost(held)
	case b.healed <= at: // else time has given it back already
		b.tat -= b.cost(held) - b.cost(actual)
	}
}

// forget lets time give back what observations have taken away: without them the bucket
// would be full by now.
func (b *bucket) forget(now Instant) {
	if b.owed > 0 {
		b.owed = min(b.owed, b.units(max(b.tat-now, 0)))
	}
}

// rescale keeps the taken units what they are when the rate has changed from a
// bucket of the same limit.
func (b *bucket) rescale(now Instant, old *bucket) {
	if old.tat <= now || old.amount <= 0 || b.amount <= 0 {
		return
	}
	worst := now + b.cost(b.capacity) + b.cost(b.amount) // a window's debt
	b.tat = min(now+b.cost(old.units(old.tat-now)), worst)
}

// A bucket that somebody else uses too is emptier than its provider's last word. What
// the words have taken away lately is a rate; unheardFor of it is kept back. It costs
// nothing in the long run: an offset does not slow a refill.
const (
	foreignMemory = 30 * time.Second
	unheardFor    = 6
)

// hear counts what a provider's word took away, or gave back.
func (b *bucket) hear(now Instant, n int64) {
	b.fade(now)
	b.foreign += float64(n) / foreignMemory.Seconds()
}

func (b *bucket) fade(now Instant) {
	if d := now - b.heard; d > 0 {
		b.foreign *= math.Exp(-float64(d) / float64(foreignMemory))
		b.heard = now
	}
}

// unheard is what somebody else has probably taken since the last word, at most half
// of what the bucket holds.
func (b *bucket) unheard(now Instant) int64 {
	if b.foreign < 1e-3 {
		return 0
	}
	b.fade(now)
	return min(int64(max(b.foreign, 0)*unheardFor), b.capacity/2)
}
