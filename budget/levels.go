package budget

import "time"

// Level is what has been taken of one bucket at a moment: what a restart needs.
type Level struct {
	Name      string
	Dimension Dimension
	Kind      Kind
	Window    time.Duration
	// Taken is what is missing to a full bucket; above its capacity it is debt. What
	// calls in flight hold is a part of it.
	Taken int64
	// Start is where a window began.
	Start Instant
	// Amount is the limit that the provider told: the whole limit where Learned, a
	// lower one than configured otherwise; zero: none.
	Amount  int64
	Learned bool
}

// Levels are a scope's buckets at a moment.
type Levels struct {
	At      Instant
	Blocked Instant
	Ratio   float64
	Buckets []Level
}

// Levels answers what has been taken.
func (s *Scope) Levels(now Instant) Levels {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	l := Levels{At: now, Blocked: s.blocked, Ratio: s.ratio}
	for _, b := range s.buckets {
		if b.limit.Kind == Gauge {
			continue
		}
		b.roll(now)
		v := Level{
			Name: b.limit.Name, Dimension: b.limit.Dimension, Kind: b.limit.Kind, Window: b.limit.Window,
			Taken: b.capacity - b.level(now), Start: b.start, Amount: b.told, Learned: b.limit.Learned,
		}
		if v.Learned {
			v.Amount = b.limit.Amount
		}
		l.Buckets = append(l.Buckets, v)
	}
	return l
}

// Gap is how much later than the last save a process may have ended without a word.
const Gap = 1500 * time.Millisecond

// Restore takes over what was taken before a restart, less what time has given back
// since. After an end that was not clean nobody knows what was taken in the Gap: rates
// begin it empty, windows of a minute or less are taken as spent, longer ones are
// charged for it.
func (s *Scope) Restore(now Instant, l Levels, clean bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	if l.At > now || now.Sub(l.At) > maxBlock {
		l.At = now // a clock that was moved: as if it were saved now
	}
	s.blocked = max(s.blocked, min(l.Blocked, now.Add(maxBlock)))
	for i := range l.Buckets {
		v := &l.Buckets[i]
		v.Taken = min(max(v.Taken, 0), maxTold)
		b := s.find(Limit{Name: v.Name, Dimension: v.Dimension, Kind: v.Kind})
		switch {
		case b == nil && v.Learned:
			s.learn(now, &Observation{Dimension: v.Dimension, Window: v.Window, Limit: v.Amount, Remaining: -1})
			b = s.find(Limit{Name: v.Name, Dimension: v.Dimension, Kind: v.Kind})
		case b != nil && v.Amount > 0 && v.Amount <= maxTold:
			s.tell(now, b, v.Amount)
		}
		if b != nil {
			b.roll(now)
			b.restore(now, l.At, v, clean)
		}
	}
}

func (b *bucket) restore(now, saved Instant, v *Level, clean bool) {
	switch b.limit.Kind {
	case Rate:
		at := saved.Add(0) + b.cost(v.Taken)
		if !clean {
			at = max(at, saved.Add(Gap)+b.cost(b.capacity))
		}
		b.tat = max(b.tat, at)
	case FixedWindow, Calendar:
		if b.limit.Kind == FixedWindow && v.Start != b.start || b.limit.Kind == Calendar && saved < b.start {
			return
		}
		b.used = max(b.used, v.Taken)
		if !clean {
			b.used = max(b.used, min(b.amount, v.Taken+b.unknown()))
		}
	case SlidingWindow:
		n := v.Taken
		if !clean {
			n = min(b.amount, n+b.unknown())
		}
		if s := b.slot(saved); now < b.leaves(s) { // as if all had been taken at the last moment
			b.oldest, b.current = min(b.oldest, s), max(b.current, s)
			b.slide(now)
			b.log[s%int64(len(b.log))] += n
			b.used += n
		}
	}
}

// unknown is what a window may have lost in the Gap.
func (b *bucket) unknown() int64 {
	if b.limit.Window <= time.Minute && b.limit.Kind != Calendar {
		return b.amount
	}
	window := b.limit.Window
	if b.limit.Kind == Calendar {
		window = 24 * time.Hour
	}
	return mulDiv(b.amount, int64(Gap), int64(window)) + 1
}
