package budget

import "time"

// Observation is a provider's own word about one dimension of a scope. It outranks
// our arithmetic, and only ever lowers what may be spent.
type Observation struct {
	Dimension Dimension
	// Limit and Remaining are what the provider says is the limit and what is left;
	// below zero: not told.
	Limit, Remaining int64
	// Refused says that the provider refused Demand with a 429.
	Refused bool
	// BlockedFor is how long, after a refusal, Demand will not fit. Zero: not told;
	// the level is then taken as empty.
	BlockedFor time.Duration
	Demand     Demand
	// InFlight is what was sent since the moment that Remaining speaks of.
	InFlight Demand
}

// maxBlock bounds what a provider can make us wait.
const maxBlock = 32 * 24 * time.Hour

// Observe lowers the levels to what a provider says. Values that make no sense are
// ignored.
func (s *Scope) Observe(now Instant, o Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	blocked := min(o.BlockedFor, maxBlock)
	found := false
	for _, b := range s.buckets {
		if b.limit.Dimension != o.Dimension || b.limit.Kind == Gauge {
			continue
		}
		b.roll(now)
		if o.Refused && b.limit.Kind == Rate && blocked <= b.limit.Window {
			b.refused(now, o.Demand[o.Dimension], blocked)
			found = true
		}
		if o.Remaining >= 0 {
			b.lower(now, max(o.Remaining-o.InFlight[o.Dimension], 0))
		}
	}
	if o.Refused && !found && blocked > 0 {
		s.blocked = max(s.blocked, now.Add(blocked))
	}
}

// refused makes n fit only after d; without d the bucket is empty.
func (b *bucket) refused(now Instant, n int64, d time.Duration) {
	if d <= 0 {
		b.lower(now, 0)
		return
	}
	n = min(max(n, 1), b.capacity)
	b.tat = max(b.tat, now.Add(d)+b.cost(b.capacity)-b.cost(n))
}

// lower brings the level down to n, never up.
func (b *bucket) lower(now Instant, n int64) {
	level := b.level(now)
	if level <= n {
		return
	}
	switch b.limit.Kind {
	case Rate:
		b.tat = max(b.tat, now+b.cost(b.capacity)-b.cost(min(n, b.capacity)))
	default:
		b.take(now, level-n)
	}
}
