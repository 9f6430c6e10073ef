package budget

// A Rate bucket is a GCRA: tat is when it is full again, and τ, the cost of its
// capacity, is how far tat may lie ahead of now.

// askRate answers when p fits behind before.
func (b *bucket) askRate(now Instant, before int64, p part) Instant {
	n := p.n + b.within(p.late, b.horizon(now))
	due := b.due(now)
	if n > b.capacity { // above the burst: when the bucket is full, into debt
		if before+due == 0 {
			return b.tat
		}
		return max(b.tat, now) + b.cost(before+due)
	}
	at := max(b.tat, now) + b.cost(before+due) + b.cost(n) - b.cost(b.capacity)
	if at > now && b.limit.Borrow && now >= b.borrowed && at-now <= Instant(b.window) {
		return now
	}
	return at
}

func (b *bucket) chargeRate(now Instant, n int64) {
	if n == 0 {
		return
	}
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

// rescale keeps the taken units what they are when the rate has changed from a
// bucket of the same limit.
func (b *bucket) rescale(now Instant, old *bucket) {
	if old.tat <= now || old.amount <= 0 || b.amount <= 0 {
		return
	}
	b.tat = now + b.cost(old.units(old.tat-now))
}
