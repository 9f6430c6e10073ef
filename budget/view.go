package budget

// BucketView is a bucket's state at one moment, for headers, metrics and people.
type BucketView struct {
	Limit Limit
	// Amount is what may be taken per window: the limit, or the provider's lower word,
	// less the margin, times Ratio. Capacity is what a full bucket holds.
	Amount, Capacity int64
	// Told is the provider's word on the limit where it is below the configured one;
	// zero otherwise.
	Told int64
	// Ratio is the adapted share of the rate.
	Ratio float64
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
			Limit: b.limit, Amount: b.perWindow(), Capacity: b.capacity, Told: b.told, Ratio: b.ratio,
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
		return max(b.tat, now) + b.cost(b.due(now))
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

// perWindow is what refills in the limit's own window.
func (b *bucket) perWindow() int64 {
	if b.limit.Kind != Rate || b.window <= b.limit.Window {
		return b.amount
	}
	return mulDiv(int64(b.limit.Window), b.amount, int64(b.window))
}
