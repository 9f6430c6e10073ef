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
}

// newMeter makes the meter of a limit per minute.
func newMeter(l Limit, perMinute int64) meter {
	switch l.Algorithm {
	case "sliding":
		return &sliding{limit: perMinute}
	case "fixed":
		return &fixed{limit: perMinute, window: minute}
	case "slices":
		w := int64(l.Slice)
		if w <= 0 {
			w = minute / 60
		}
		return &fixed{limit: max(perMinute*w/minute, 1), window: w}
	}
	burst := int64(l.Burst)
	if burst <= 0 {
		burst = minute
	}
	capacity := max(perMinute*burst/1_000_000_000/60, 1)
	return &refilling{rate: perMinute, capacity: capacity * minute, level: capacity * minute, whole: max(perMinute, capacity)}
}

// refilling is a bucket; its level is in units times nanoseconds of a minute.
type refilling struct {
	rate, capacity, level, at, whole int64
}

func (m *refilling) roll(now int64) {
	if m.at == 0 {
		m.at = now
	}
	if d := now - m.at; d > 0 {
		m.level = min(m.level+min(d, 10*minute)*m.rate, m.capacity)
		m.at = now
	}
}

func (m *refilling) wait(now, n int64) int64 {
	m.roll(now)
	need := n * minute
	if need > m.capacity {
		return -1
	}
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

// fixed counts in windows that begin at multiples of their length.
type fixed struct{ limit, window, start, used int64 }

func (m *fixed) roll(now int64) {
	if s := now - now%m.window; s > m.start {
		m.start, m.used = s, 0
	}
}

func (m *fixed) wait(now, n int64) int64 {
	m.roll(now)
	switch {
	case n > m.limit:
		return -1
	case m.used+n <= m.limit:
		return 0
	}
	return m.start + m.window - now
}

func (m *fixed) take(now, n int64) { m.roll(now); m.used += n }

func (m *fixed) give(now, at, n int64) {
	m.roll(now)
	if at >= m.start || n < 0 {
		m.used = max(m.used-n, 0)
	}
}

func (m *fixed) left(now int64) int64 { m.roll(now); return m.limit - m.used }

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
