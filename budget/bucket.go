package budget

import "time"

// bucket is the live state of one limit. Its scope's lock guards it.
type bucket struct {
	limit    Limit
	amount   int64 // effective, per window
	capacity int64 // what it holds when full
	since    Instant
	reserved int64 // held by calls in flight

	tat     Instant // Rate: when it is full again; later than now+τ is debt
	healed  Instant // Rate: when it was last full; refunds of older holds are void
	start   Instant // windows: where the present one begins
	end     Instant // Calendar: where it ends
	used    int64   // windows: taken in the present one; Gauge: in use
	ahead   int64   // FixedWindow: taken already of the next one
	log     []int64 // SlidingWindow: taken per slot, a ring
	oldest  int64   // SlidingWindow: number of the oldest slot still counted
	current int64   // SlidingWindow: number of the slot of now
}

func newBucket(l Limit, kind ScopeKind, now Instant) *bucket {
	b := &bucket{since: now, tat: now}
	b.set(l, kind)
	switch l.Kind {
	case SlidingWindow:
		b.log = make([]int64, b.heldSlots())
		b.current = b.slot(now)
		b.oldest = b.current
	case FixedWindow, Calendar:
		b.roll(now)
	}
	return b
}

// set takes the numbers of a limit.
func (b *bucket) set(l Limit, kind ScopeKind) {
	if l.Window <= 0 {
		l.Window = time.Minute
	}
	b.limit, b.amount = l, effective(l.Amount, l.Margin)
	b.capacity = b.amount
	if l.Kind != Rate || b.amount == 0 {
		return
	}
	switch {
	case l.Burst > 0:
		b.capacity = l.Burst
	case kind == ScopeUpstream && l.Window > defaultBurst:
		b.capacity = max(mulDiv(b.amount, int64(defaultBurst), int64(l.Window)), 1)
	}
}

// defaultBurst is how much of an upstream's rate may go at once: providers enforce
// minutes in much shorter slices.
const defaultBurst = 6 * time.Second

// cost is the time that n units take to refill.
func (b *bucket) cost(n int64) Instant { return Instant(span(n, b.amount, b.limit.Window)) }

// roll brings the bucket to now: windows that have ended are forgotten.
func (b *bucket) roll(now Instant) {
	switch b.limit.Kind {
	case Rate:
		if b.tat <= now {
			b.healed = max(b.healed, b.tat)
		}
	case FixedWindow:
		w := Instant(b.limit.Window)
		if start := now - mod(now, w); start > b.start {
			b.used, b.ahead = b.ahead*one(start == b.start+w), 0
			b.start = start
		}
	case SlidingWindow:
		b.slide(now)
	case Calendar:
		if now >= b.end {
			b.start, b.end = b.period(now)
			b.used = 0
		}
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func mod(t, w Instant) Instant { return (t%w + w) % w }

// level is what may be taken now; below zero it is debt. The bucket is rolled.
func (b *bucket) level(now Instant) int64 {
	switch b.limit.Kind {
	case Rate:
		left := now + b.cost(b.capacity) - max(b.tat, now)
		if left < 0 {
			return -mulDiv(int64(-left), b.amount, int64(b.limit.Window))
		}
		return min(mulDiv(int64(left), b.amount, int64(b.limit.Window)), b.capacity)
	default:
		return b.amount - b.used
	}
}

// ask answers whether n fits, or when it will.
func (b *bucket) ask(now Instant, n int64) (State, Instant) {
	if n > max(b.amount, b.capacity) || b.amount <= 0 {
		return TooLarge, Never
	}
	at := now
	switch b.limit.Kind {
	case Rate:
		if n > b.capacity {
			at = b.tat // above the burst: when the bucket is full, into debt
		} else {
			at = max(b.tat, now) + b.cost(n) - b.cost(b.capacity)
		}
	case FixedWindow:
		at = b.askFixed(now, n)
	case SlidingWindow:
		at = b.askSliding(now, n)
	case Calendar:
		if b.used+n > b.amount {
			at = b.end
		}
	case Gauge:
		if b.used+n > b.amount {
			at = Never
		}
	}
	if at > now {
		return Later, at
	}
	return Granted, now
}

// take charges n, whether it fits or not.
func (b *bucket) take(now Instant, n int64) {
	switch b.limit.Kind {
	case Rate:
		b.tat = max(b.tat, now) + b.cost(n)
	case SlidingWindow:
		b.log[b.current%int64(len(b.log))] += n
		b.used += n
	case FixedWindow:
		b.used += n
		if b.straddles(now) {
			b.ahead += n
		}
	default:
		b.used += n
	}
}

// settle replaces what a hold of the moment at took by what was really used.
func (b *bucket) settle(now, at Instant, held, actual int64) {
	if at < b.since {
		return // the hold never knew this bucket
	}
	b.reserved = max(b.reserved-held, 0)
	switch b.limit.Kind {
	case Gauge:
		b.used = max(b.used-held, 0)
	case Rate:
		b.settleRate(now, at, held, actual)
	case FixedWindow:
		b.settleFixed(now, at, held, actual)
	case SlidingWindow:
		b.settleSliding(now, at, actual-held)
	case Calendar:
		if at >= b.start || actual > held {
			b.used = max(b.used+actual-held, 0)
		}
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

// period is the calendar period that contains now.
func (b *bucket) period(now Instant) (start, end Instant) {
	zone := b.limit.Location
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.Unix(0, int64(now)).In(zone).Date()
	from, to := time.Date(y, m, d, 0, 0, 0, 0, zone), time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	if b.limit.Period == Month {
		from, to = time.Date(y, m, 1, 0, 0, 0, 0, zone), time.Date(y, m+1, 1, 0, 0, 0, 0, zone)
	}
	return Instant(from.UnixNano()), max(Instant(to.UnixNano()), now+1)
}
