package budget

// rollFixed begins the window of now. What was taken across the boundary counts in
// the new one; with Carry, so does what the old one used beyond its amount.
func (b *bucket) rollFixed(now Instant) {
	w := Instant(b.limit.Window)
	start := now - mod(now, w)
	if start <= b.start {
		return
	}
	passed := int64((start - b.start) / w)
	left := int64(0)
	if b.limit.Carry && b.start > 0 {
		left = max(b.used-min(passed, 1<<20)*b.amount, 0)
	}
	if passed != 1 {
		b.ahead = 0
	}
	b.used, b.ahead = max(left, b.ahead), 0
	b.start = start
}

// straddles says that a call reserved now may be counted in the next window.
func (b *bucket) straddles(now Instant) bool {
	return b.limit.Straddle > 0 && now.Add(b.limit.Straddle) >= b.start+Instant(b.limit.Window)
}

// askFixed answers when p fits behind before units that are taken now.
func (b *bucket) askFixed(now Instant, before int64, p part) Instant {
	n := p.sum()
	w := Instant(b.limit.Window)
	next := b.start + w
	straddling := b.straddles(now)
	ahead := b.ahead
	if straddling {
		ahead += before
	}
	if b.fits(b.used+b.late+before, n) && (!straddling || b.fits(ahead+b.late, n)) {
		return now
	}
	carried := int64(0)
	if b.limit.Carry {
		carried = max(b.used+before-b.amount, 0)
	}
	taken := max(carried, ahead) + b.late
	if b.fits(taken, n) {
		return next
	}
	if !b.limit.Carry {
		return next + w
	}
	return next + w*Instant(max((taken+min(n, b.amount)-1)/b.amount, 1))
}

// fits says whether n goes into a window of which taken is gone. A demand above the
// whole window goes once something of it is left, and more than that is owed.
func (b *bucket) fits(taken, n int64) bool {
	return taken+min(n, b.amount) <= b.amount || n > b.amount && taken < b.amount && b.limit.Carry
}

func (b *bucket) settleFixed(now, at Instant, held, actual int64) {
	w := Instant(b.limit.Window)
	was := at - mod(at, w)
	crossed := b.limit.Straddle > 0 && at.Add(b.limit.Straddle) >= was+w
	diff := actual - held
	switch {
	case was == b.start:
		b.used = max(b.used+diff, 0)
		if crossed {
			b.ahead = max(b.ahead+diff, 0)
		}
	case was+w == b.start && crossed, diff > 0:
		b.used = max(b.used+diff, 0)
	}
}

// slots is how finely a sliding window forgets: what was taken in a slot counts until
// the whole slot has left the window.
const slots = 300

func (b *bucket) slotLength() Instant { return max(Instant(b.limit.Window)/slots, 1) }

func (b *bucket) slot(t Instant) int64 { return int64(t / b.slotLength()) }

// leaves is when a slot stops counting.
func (b *bucket) leaves(slot int64) Instant {
	return (Instant(slot)+1)*b.slotLength() + Instant(b.limit.Window) + Instant(b.limit.Straddle)
}

// held is the number of slots that can count at once.
func (b *bucket) heldSlots() int { return slots + 2 + int(Instant(b.limit.Straddle)/b.slotLength()) }

// slide forgets the slots that have left the window.
func (b *bucket) slide(now Instant) {
	if n := b.heldSlots(); len(b.log) < n {
		b.grow(n)
	}
	if s := b.slot(now); s > b.current {
		b.current = s
	}
	size := int64(len(b.log))
	if b.current-b.oldest >= size { // nothing older than a whole ring can count
		if b.current-b.oldest >= 2*size {
			clear(b.log)
			b.used, b.oldest = 0, b.current
			return
		}
	}
	for b.oldest < b.current && (b.leaves(b.oldest) <= now || b.current-b.oldest >= size) {
		b.used -= b.log[b.oldest%size]
		b.log[b.oldest%size] = 0
		b.oldest++
	}
}

// grow gives the ring more slots; what it holds keeps its numbers.
func (b *bucket) grow(n int) {
	old := b.log
	b.log = make([]int64, n)
	for s := b.oldest; s <= b.current && len(old) > 0; s++ {
		b.log[s%int64(n)] = old[s%int64(len(old))]
	}
}

func (b *bucket) askSliding(now Instant, n int64) Instant {
	over := b.used + b.late + n - b.amount
	if over <= 0 {
		return now
	}
	for s := b.oldest; s <= b.current; s++ {
		if over -= b.log[s%int64(len(b.log))]; over <= 0 {
			return b.leaves(s)
		}
	}
	return b.leaves(b.current)
}

func (b *bucket) settleSliding(now, at Instant, diff int64) {
	s := b.slot(at)
	if s < b.oldest || s > b.current {
		if diff <= 0 {
			return
		}
		s = b.current
	}
	i := s % int64(len(b.log))
	if b.log[i]+diff < 0 {
		diff = -b.log[i]
	}
	b.log[i] += diff
	b.used += diff
}
