package budget

import "time"

// bucket is the live state of one limit. Its scope's lock guards it.
type bucket struct {
	limit    Limit
	told     int64         // the provider's own word on the amount, below the configured one; 0: none
	ratio    float64       // adapted share of the rate, (0, 1]
	amount   int64         // effective, per window
	window   time.Duration // Rate: in which amount refills, margin and ratio included
	capacity int64         // what it holds when full
	pace     int64         // FixedWindow: what may go at once, where the rest is spread
	whole    int64         // the largest demand that is ever taken
	since    Instant
	reserved int64      // held by calls in flight
	late     int64      // the part of reserved that is charged when the calls end
	lowered  int64      // sum of what observations have taken away and not given back
	owed     int64      // the part of lowered that a later observation may give back
	lasts    int64      // mean time from reservation to settlement, ns, where output is charged at the end
	promised [2]float64 // moving means of late parts, held and actual

	gaps    [words]int64 // the last words' differences from ours, before any correction
	gap     uint64
	foreign float64 // units per second that somebody else takes, by the provider's words
	heard   Instant // when foreign was last faded

	tat      Instant // Rate: when it is full again; later than now+τ is debt
	healed   Instant // Rate: when it was last full; refunds of older holds are void
	borrowed Instant // Rate: no second borrowing before
	start    Instant // windows: where the present one begins
	end      Instant // Calendar: where it ends
	used     int64   // windows: taken in the present one; Gauge: in use
	ahead    int64   // FixedWindow: taken already of the next one
	log      []int64 // SlidingWindow: taken per slot, a ring
	oldest   int64   // SlidingWindow: number of the oldest slot still counted
	current  int64   // SlidingWindow: number of the slot of now
}

// part is what a demand asks of one bucket: now, and when the call ends.
type part struct{ n, late int64 }

func (p part) sum() int64 { return p.n + p.late }

// part splits a demand the way the bucket's upstream counts it.
func (b *bucket) part(d *Demand) part {
	n := max(d[b.limit.Dimension], 0)
	if !b.limit.OutputAtEnd || n == 0 {
		return part{n: n}
	}
	switch b.limit.Dimension {
	case Tokens:
		in := min(max(d[InputTokens], 0), n)
		return part{n: in, late: n - in}
	case OutputTokens:
		return part{late: n}
	}
	return part{n: n}
}

func newBucket(l Limit, kind ScopeKind, now Instant) *bucket {
	b := &bucket{since: now, tat: now, ratio: 1}
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

// set takes the numbers of a limit, as far as told and ratio allow.
func (b *bucket) set(l Limit, kind ScopeKind) {
	if l.Window <= 0 {
		l.Window = time.Minute
	}
	b.limit = l
	amount := max(l.Amount, 0)
	if b.told > 0 {
		amount = min(amount, b.told)
	}
	share := 1.0
	if l.Margin > 0 {
		share = 1 - min(l.Margin, 1)
	}
	switch l.Kind {
	case Rate:
		b.amount, b.window = amount, stretched(l.Window, share*b.ratio)
		b.capacity = b.burst(kind, portion(amount, share), amount)
	case FixedWindow, SlidingWindow:
		b.amount, b.window = portion(amount, share*b.ratio), l.Window
		b.capacity = b.amount
		b.pace = portion(l.Burst, b.ratio)
	default:
		b.amount, b.window = portion(amount, share), l.Window
		b.capacity = b.amount
	}
	b.whole = max(b.capacity, portion(amount, share))
	if amount > 0 && l.Carry && l.Whole > 0 {
		b.whole = max(l.Whole, 1)
	}
}

// defaultBurst is how much of an upstream's rate may go at once: providers enforce
// minutes in much shorter slices.
const defaultBurst = 6 * time.Second

// burst is a Rate bucket's capacity, scaled with the adapted rate.
func (b *bucket) burst(kind ScopeKind, within, amount int64) int64 {
	n := within
	switch {
	case amount == 0:
		return 0
	case b.limit.Burst > 0:
		n = b.limit.Burst
		if b.told > 0 && b.limit.Amount > 0 {
			n = mulDiv(n, b.told, b.limit.Amount)
		}
	case kind == ScopeUpstream && b.limit.Window > defaultBurst:
		n = mulDiv(amount, int64(defaultBurst), int64(b.limit.Window))
	}
	return max(portion(n, b.ratio), 1)
}

// cost is the time that n units take to refill.
func (b *bucket) cost(n int64) Instant { return Instant(span(n, b.amount, b.window)) }

// units is what refills in a time.
func (b *bucket) units(d Instant) int64 { return mulDiv(int64(d), b.amount, int64(b.window)) }

// roll brings the bucket to now: windows that have ended are forgotten.
func (b *bucket) roll(now Instant) {
	switch b.limit.Kind {
	case Rate:
		if b.tat <= now {
			b.healed = max(b.healed, b.tat)
		}
	case FixedWindow:
		b.rollFixed(now)
	case SlidingWindow:
		b.slide(now)
	case Calendar:
		if now >= b.end {
			b.start, b.end = b.period(now)
			b.used, b.owed = 0, 0
		}
	}
}

func mod(t, w Instant) Instant { return (t%w + w) % w }

// level is what may be taken now; below zero it is debt. The bucket is rolled.
func (b *bucket) level(now Instant) int64 {
	switch b.limit.Kind {
	case Rate:
		if b.tat <= now && b.late <= 0 {
			return b.capacity
		}
		left := now + b.cost(b.capacity) - max(b.tat, now) - b.cost(b.due(now))
		if left < 0 {
			return -b.units(-left)
		}
		return min(b.units(left), b.capacity)
	case FixedWindow, SlidingWindow:
		return b.amount - b.used - b.due(now)
	default:
		return b.amount - b.used
	}
}

// counted is the level as the upstream sees it: output that is still being produced
// is not charged there yet.
func (b *bucket) counted(now Instant) int64 {
	if b.limit.Kind == Rate && b.limit.OutputAtEnd {
		held := b.late
		b.late = 0
		n := b.level(now)
		b.late = held
		return n
	}
	return b.level(now) + b.due(now)
}

// ask answers whether p fits once n more has been taken, or when it will.
func (b *bucket) ask(now Instant, before int64, p part) (State, Instant) {
	n := p.sum()
	if n > b.whole || b.amount <= 0 {
		return TooLarge, Never
	}
	at := now
	switch b.limit.Kind {
	case Rate:
		at = b.askRate(now, before, p)
	case FixedWindow:
		at = b.askFixed(now, before, p)
	case SlidingWindow:
		at = b.askSliding(now, before+n)
	case Calendar:
		if b.used+before+n > b.amount {
			at = b.end
		}
	case Gauge:
		if b.used+before+n > b.amount {
			at = Never
		}
	}
	if at > now {
		return Later, at
	}
	return Granted, now
}

// take charges p, whether it fits or not.
func (b *bucket) take(now Instant, p part) {
	b.reserved += p.sum()
	if b.limit.OutputAtEnd {
		b.late += p.late
	}
	b.charge(now, p.n)
}

// charge takes n for good.
func (b *bucket) charge(now Instant, n int64) {
	switch b.limit.Kind {
	case Rate:
		b.chargeRate(now, n)
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
func (b *bucket) settle(now, at Instant, held, actual part) {
	if at < b.since {
		return // the hold never knew this bucket
	}
	b.reserved = max(b.reserved-held.sum(), 0)
	if b.limit.OutputAtEnd {
		b.late = max(b.late-held.late, 0)
		b.lasts += (int64(now-at) - b.lasts) / 16
		b.promised[0] += (float64(held.late) - b.promised[0]) / 64
		b.promised[1] += (float64(actual.late) - b.promised[1]) / 64
	}
	switch b.limit.Kind {
	case Gauge:
		b.used = max(b.used-held.n, 0)
	case Rate:
		b.settleRate(now, at, held.n, actual.n)
		b.charge(now, actual.late)
	case FixedWindow:
		b.settleFixed(now, at, held.n, actual.n)
		b.charge(now, actual.late)
	case SlidingWindow:
		b.settleSliding(now, at, actual.n-held.n)
		b.charge(now, actual.late)
	case Calendar:
		if diff := actual.sum() - held.sum(); at >= b.start || diff > 0 {
			b.used = max(b.used+diff, 0)
		}
	}
}

// period is the calendar period that contains now.
func (b *bucket) period(now Instant) (start, end Instant) {
	zone := b.limit.Location
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.Unix(0, int64(now)).In(zone).Date()
	from, to := dayBegins(y, m, d, zone), dayBegins(y, m, d+1, zone)
	if b.limit.Period == Month {
		from, to = dayBegins(y, m, 1, zone), dayBegins(y, m+1, 1, zone)
	}
	return Instant(from.UnixNano()), max(Instant(to.UnixNano()), now+1)
}

// dayBegins is the first moment of a day. Where clocks are put forward at midnight there
// is no 0:00, where they are put back to it there are two; a day that a zone has left out
// begins with the next one.
func dayBegins(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if wanted := time.Date(y, m, d, 0, 0, 0, 0, time.UTC); dateOf(t).Before(wanted) {
		_, t = t.ZoneBounds()
		return t
	}
	if changed, _ := t.ZoneBounds(); !changed.IsZero() {
		_, before := changed.Add(-1).Zone()
		_, after := changed.Zone()
		if first := t.Add(time.Duration(after-before) * time.Second); first.Before(changed) && dateOf(first).Equal(dateOf(t)) {
			return first
		}
	}
	return t
}

// dateOf is a moment's date in its zone, without the zone.
func dateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
