package budget

import "sync"

// Scope is one holder's buckets. Safe for concurrent use.
type Scope struct {
	kind ScopeKind
	name string

	mu      sync.Mutex
	last    Instant
	blocked Instant // nothing fits before: the provider's word beyond any bucket
	refused Instant // when the provider last refused
	told    Instant // when it last said what remains
	ratio   float64 // adapted share of the rates
	buckets []*bucket
	// layout changes with the set of buckets, so that marks do not outlive it.
	layout   uint32
	template Limit
}

// NewScope makes a scope with full buckets. Without limits it grants everything.
func NewScope(kind ScopeKind, name string, now Instant, limits []Limit) *Scope {
	s := &Scope{kind: kind, name: name, last: now, ratio: 1}
	for _, l := range limits {
		s.buckets = append(s.buckets, newBucket(l, kind, now))
	}
	return s
}

// Kind says whose limits these are.
func (s *Scope) Kind() ScopeKind { return s.kind }

// Name names the holder.
func (s *Scope) Name() string { return s.name }

// Reconfigure replaces the limits. A bucket whose name, dimension and kind stay keeps
// its level, in units; holds that are alive settle into it as before.
func (s *Scope) Reconfigure(now Instant, limits []Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	fresh := make([]*bucket, 0, len(limits))
	for _, l := range limits {
		b := newBucket(l, s.kind, now)
		b.ratio = s.ratio
		b.set(l, s.kind)
		if old := s.find(l); old != nil {
			b.inherit(old, now)
		}
		fresh = append(fresh, b)
	}
	for _, b := range s.buckets { // what the provider told stays known where nothing is configured
		if b.limit.Learned && !has(limits, b.limit) {
			fresh = append(fresh, b)
		}
	}
	s.buckets = fresh
	s.layout++
}

func has(limits []Limit, l Limit) bool {
	for _, m := range limits {
		if m.Dimension == l.Dimension && m.Window == l.Window {
			return true
		}
	}
	return false
}

func (s *Scope) find(l Limit) *bucket {
	for _, b := range s.buckets {
		if b.limit.Name == l.Name && b.limit.Dimension == l.Dimension && b.limit.Kind == l.Kind {
			return b
		}
	}
	return nil
}

// inherit takes over what was taken from an older bucket.
func (b *bucket) inherit(old *bucket, now Instant) {
	old.roll(now)
	b.since, b.reserved, b.late, b.lowered, b.lasts = old.since, old.reserved, old.late, old.lowered, old.lasts
	switch b.limit.Kind {
	case Rate:
		missing := old.capacity - old.level(now)
		b.tat, b.healed = now+b.cost(missing), old.healed
	case SlidingWindow:
		if b.limit.Window == old.limit.Window {
			b.log, b.oldest, b.current, b.used = old.log, old.oldest, old.current, old.used
			b.slide(now)
			return
		}
		b.charge(now, old.used)
	default:
		b.used = old.used
		if b.start == old.start {
			b.ahead = old.ahead
		}
	}
}

// at is now, or the last moment seen when now lies before it. The lock is held.
func (s *Scope) at(now Instant) Instant {
	s.last = max(s.last, now)
	return s.last
}

// Peek answers whether a demand fits now, and takes nothing.
func (s *Scope) Peek(now Instant, d Demand) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ask(s.at(now), &d)
}

// PeekBehind answers when a demand fits if another is taken now, before it. It takes
// nothing.
func (s *Scope) PeekBehind(now Instant, before, d Demand) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.askBehind(s.at(now), &before, &d)
}

// ask looks at every bucket. The lock is held.
func (s *Scope) ask(now Instant, d *Demand) Answer { return s.askBehind(now, &Demand{}, d) }

func (s *Scope) askBehind(now Instant, before, d *Demand) Answer {
	a := Answer{At: now, Headroom: 1}
	if s.blocked > now {
		a = Answer{State: Later, At: s.blocked, Scope: s}
	}
	for _, b := range s.buckets {
		n := d[b.limit.Dimension]
		if n <= 0 {
			continue
		}
		b.roll(now)
		first := max(before[b.limit.Dimension], 0)
		state, at := b.ask(now, first, b.part(d))
		switch {
		case state == Granted:
			if a.State == Granted {
				a.Headroom = min(a.Headroom, float64(b.level(now)-n)/float64(max(b.capacity, 1)))
			}
		case state == TooLarge:
			return Answer{State: TooLarge, At: Never, Scope: s, Dimension: b.limit.Dimension, Limit: b.limit.Name}
		case a.State == Granted || at > a.At:
			a = Answer{State: Later, At: at, Scope: s, Dimension: b.limit.Dimension, Limit: b.limit.Name}
		}
	}
	return a
}

// Forecast answers when a demand fits behind another that is taken first, which may
// be many bursts. It takes nothing. Gauges do not forecast: they answer as if the
// work ahead had been released.
func (s *Scope) Forecast(now Instant, ahead, d Demand) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	a := s.ask(now, &d)
	if a.State == TooLarge {
		return a
	}
	for _, b := range s.buckets {
		n, before := d[b.limit.Dimension], ahead[b.limit.Dimension]
		if n <= 0 || before <= 0 || b.limit.Kind == Gauge {
			continue
		}
		if at := b.behind(now, before, n); at > now && at > a.At {
			a = Answer{State: Later, At: at, Scope: s, Dimension: b.limit.Dimension, Limit: b.limit.Name}
		}
	}
	return a
}

// behind is when n fits after ahead was taken too, which may be many windows' worth.
func (b *bucket) behind(now Instant, ahead, n int64) Instant {
	switch b.limit.Kind {
	case Rate:
		return max(b.tat, now) + b.cost(b.due(now)+ahead) + b.cost(min(n, b.capacity)) - b.cost(b.capacity)
	case Calendar:
		if b.used+ahead+n > b.amount {
			return b.end
		}
		return now
	case FixedWindow:
		over := b.used + b.due(now) + ahead + min(n, b.amount) - b.amount
		if over <= 0 || b.amount <= 0 {
			return now
		}
		return b.start.Add(span((over+b.amount-1)/b.amount, 1, b.limit.Window))
	default:
		over := b.used + b.due(now) + ahead + n - b.amount
		if over <= 0 {
			return now
		}
		return now.Add(span(over, b.amount, b.limit.Window))
	}
}
