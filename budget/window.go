package budget

import "time"

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
	b.used, b.ahead, b.owed = max(left, b.ahead), 0, 0
	b.start = start
}

// slidingHorizon is how far ahead a sliding window provides for output that is still
// being produced: by the time more of it comes, older entries have left.
const slidingHorizon = Instant(time.Second)

// due is the output of calls in flight that is expected before the window's end.
func (b *bucket) due(now Instant) int64 { return b.within(b.late, b.horizon(now)) }

func (b *bucket) horizon(now Instant) Instant {
	if b.limit.Kind == FixedWindow {
		return b.start + Instant(b.limit.Window) - now + 5*Instant(b.limit.Straddle)/2
	}
	if b.limit.Kind == Rate {
		return b.cost(b.capacity)
	}
	return slidingHorizon
}

// within is the part of an output still to come that comes within a time, by how long
// calls have lasted and how much of what was reserved they have used lately.
func (b *bucket) within(late int64, horizon Instant) int64 {
	if late <= 0 {
		return 0
	}
	if b.limit.Carry && b.promised[0] > 1 { // what comes beyond it is owed, not lost
		late = int64(float64(late) * min(max(b.promised[1]/b.promised[0], 0.1), 2))
	}
	if int64(horizon) >= b.lasts {
		return late
	}
	return mulDiv(late, int64(horizon), b.lasts)
}

// straddles says that a call reserved now may be counted in the next window.
func (b *bucket) straddles(now Instant) bool {
	return b.limit.Straddle > 0 && now.Add(b.limit.Straddle) >= b.start+Instant(b.limit.Window)
}

// askFixed answers when p fits behind before units that are taken now.
func (b *bucket) askFixed(now Instant, before int64, p part) Instant {
	n := p.sum()
	if b.limit.Carry { // the upstream looks at what it charges now
		n = p.n + b.within(p.late, b.horizon(now))
		if p.n <= b.amount {
			n = min(n, b.amount)
		}
	}
	w := Instant(b.limit.Window)
	next := b.start + w
	straddling := b.straddles(now)
	ahead := b.ahead
	if straddling {
		ahead += before
	}
	due := b.due(now)
	if n > b.amount { // what still comes may come first, and the window may owe nothing then
		due = b.within(b.late, Instant(b.lasts))
	}
	if b.fits(b.used+due+before, n) && (!straddling || b.fits(ahead+b.dueNext(), n)) {
		return b.paced(now, b.start, b.used+due+before+n)
	}
	carried := int64(0)
	if b.limit.Carry {
		carried = max(b.used+before-b.amount, 0)
	}
	taken := max(carried, ahead) + b.dueNext()
	if b.fits(taken, n) {
		return b.paced(next, next, taken+n)
	}
	if !b.limit.Carry {
		return next + w
	}
	return next + w*Instant(max((taken+min(n, b.amount)-1)/b.amount, 1))
}

// dueNext is what a whole next window has to provide for.
func (b *bucket) dueNext() int64 { return b.within(b.late, Instant(b.limit.Window)) }

// paced is the moment, not before now, at which a window that began at start has
// allowed so much: its burst at once, the rest in proportion to the time that has
// passed. Without it the first part of a window would spend all of it, and what is
// important in the last part would find nothing.
func (b *bucket) paced(now, start Instant, taken int64) Instant {
	if b.limit.Burst <= 0 || b.limit.Carry || taken <= b.pace {
		return now
	}
	return max(now, min(start+Instant(span(taken-b.pace, b.amount, b.limit.Window)), start+Instant(b.limit.Window)-1))
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
	over := b.used + b.due(now) + n - b.amount
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
