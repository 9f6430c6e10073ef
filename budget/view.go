package budget

// BucketView is a bucket's state at one moment, for headers, metrics and people.
type BucketView struct {
	Limit Limit
	// Amount is the limit less its margin; Capacity what a full bucket holds.
	Amount, Capacity int64
	// Level is what may be taken now; below zero it is debt, which Debt repeats as a
	// positive number. Reserved is held by calls in flight.
	Level, Debt, Reserved int64
	// Full is when the bucket is full again if nothing more is taken: now, when it
	// is; Never for a Gauge in use.
	Full Instant
}

// View appends the state of every bucket to dst.
func (s *Scope) View(now Instant, dst []BucketView) []BucketView {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	for _, b := range s.buckets {
		b.roll(now)
		v := BucketView{
			Limit: b.limit, Amount: b.amount, Capacity: b.capacity,
			Level: b.level(now), Reserved: b.reserved, Full: b.full(now),
		}
		v.Debt = max(-v.Level, 0)
		dst = append(dst, v)
	}
	return dst
}

func (b *bucket) full(now Instant) Instant {
	switch {
	case b.limit.Kind == Rate:
		return max(b.tat, now)
	case b.used == 0:
		return now
	case b.limit.Kind == FixedWindow:
		return b.start + Instant(b.limit.Window)
	case b.limit.Kind == SlidingWindow:
		return b.leaves(b.current)
	case b.limit.Kind == Calendar:
		return b.end
	}
	return Never
}
