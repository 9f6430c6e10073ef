package simulated

import "sort"

const minute = int64(60_000_000_000)

// meter is one limit's state. Time is nanoseconds.
type meter interface {
	// wait answers how long until n fits; below zero: never.
	wait(now, n int64) int64
	take(now, n int64)
	// give returns n of what was taken at a moment; below zero takes more.
	give(now, at, n int64)
	left(now int64) int64
	// scale multiplies the limit.
	scale(now int64, f float64)
}

// newMeter makes the meter of a limit per minute.
func newMeter(l Limit, perMinute int64) meter {
	switch l.Algorithm {
	case "sliding":
		return &sliding{limit: perMinute}
	case "fixed":
		return &fixed{limit: perMinute, window: minute, whole: perMinute, phase: int64(l.Phase)}
	case "slices":
		w := int64(l.Slice)
		if w <= 0 {
			w = minute / 60
		}
		return &fixed{limit: max(perMinute*w/minute, 1), window: w, whole: perMinute, phase: int64(l.Phase), carry: true}
	}
	burst := int64(l.Burst)
	if burst <= 0 {
		burst = minute
	}
	capacity := max(perMinute*burst/1_000_000_000/60, 1)
	return &refilling{rate: perMinute, capacity: capacity * minute, level: capacity * minute, whole: max(perMinute, capacity)}
}

// refilling is a bucket; its level is in units times nanoseconds of a minute. A call
// above the capacity goes when the bucket is full, and the rest is owed.
type refilling struct {
	rate, capacity, level, at, whole int64
}

func (m *refilling) roll(now int64) {
	if m.at == 0 {
		m.at = now
	}
	if d := now - m.at; d > 0 {
		m.level = min(m.level+min(d, 100*minute)*m.rate, m.capacity)
		m.at = now
	}
}

func (m *refilling) wait(now, n int64) int64 {
	m.roll(now)
	if n > m.whole {
		return -1
	}
	need := min(n*minute, m.capacity)
	if need <= m.level {
		return 0
	}
	return (need - m.level + m.rate - 1) / m.rate
}

func (m *refilling) take(now, n int64) { m.roll(now); m.level -= n * minute }

func (m *refilling) give(now, _, n int64) {
	m.roll(now)
	m.level = min(m.level+n*minute, m.capacity)
}

func (m *refilling) left(now int64) int64 { m.roll(now); return m.level / minute }

func (m *refilling) scale(now int64, f float64) {
	m.roll(now)
	m.rate, m.whole = scaled(m.rate, f), scaled(m.whole, f)
	m.capacity = max(int64(float64(m.capacity)*f), minute)
	m.level = min(m.level, m.capacity)
}

// fixed counts in windows that begin at multiples of their length, plus a phase. With
// carry, what is used beyond a window is owed by the next ones, and a call above a
// window's whole goes while something of it is left.
type fixed struct {
	limit, window, start, used, whole, phase int64
	carry                                    bool
}

func (m *fixed) roll(now int64) {
	s := now - (now-m.phase)%m.window
	if s <= m.start {
		return
	}
	owed := int64(0)
	if m.carry && m.start > 0 {
		owed = max(m.used-min((s-m.start)/m.window, 1<<20)*m.limit, 0)
	}
	m.start, m.used = s, owed
}

func (m *fixed) wait(now, n int64) int64 {
	m.roll(now)
	switch {
	case n > m.whole:
		return -1
	case m.used+n <= m.limit, m.carry && n > m.limit && m.used < m.limit:
		return 0
	}
	windows := int64(1)
	if m.carry {
		if n > m.limit {
			n = 1
		}
		windows = max((m.used+n-1)/m.limit, 1)
	}
	return m.start + m.window*windows - now
}

func (m *fixed) take(now, n int64) { m.roll(now); m.used += n }

func (m *fixed) give(now, at, n int64) {
	m.roll(now)
	if at >= m.start || n < 0 {
		m.used = max(m.used-n, 0)
	}
}

func (m *fixed) left(now int64) int64 { m.roll(now); return m.limit - m.used }

func (m *fixed) scale(_ int64, f float64) { m.limit, m.whole = scaled(m.limit, f), scaled(m.whole, f) }

func scaled(n int64, f float64) int64 { return max(int64(float64(n)*f), 1) }

// sliding counts exactly what was taken in the last minute.
type sliding struct {
	limit, used int64
	log         []taken
}

type taken struct{ at, n int64 }

func (m *sliding) roll(now int64) {
	i := 0
	for i < len(m.log) && m.log[i].at+minute <= now {
		m.used -= m.log[i].n
		i++
	}
	m.log = m.log[i:]
}

func (m *sliding) wait(now, n int64) int64 {
	m.roll(now)
	if n > m.limit {
		return -1
	}
	over := m.used + n - m.limit
	for i := 0; over > 0 && i < len(m.log); i++ {
		if over -= m.log[i].n; over <= 0 {
			return m.log[i].at + minute - now
		}
	}
	return 0
}

func (m *sliding) take(now, n int64) {
	m.roll(now)
	m.log = append(m.log, taken{now, n})
	m.used += n
}

func (m *sliding) give(now, at, n int64) {
	m.roll(now)
	i := sort.Search(len(m.log), func(i int) bool { return m.log[i].at >= at })
	if i < len(m.log) && m.log[i].at == at {
		m.log[i].n -= n
		m.used -= n
	} else if n < 0 {
		m.take(now, -n)
	}
}

func (m *sliding) left(now int64) int64 { m.roll(now); return m.limit - m.used }

func (m *sliding) scale(_ int64, f float64) { m.limit = scaled(m.limit, f) }
