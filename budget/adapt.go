package budget

import (
	"fmt"
	"time"
)

// LearnAs tells how limits that only the provider knows are kept: the template's
// kind, margin, straddle and the like; its name, dimension, amount and window do not
// count. Without it limits are learned as Rates without a margin.
func (s *Scope) LearnAs(template Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.template = template
}

// learn takes a limit that the provider told. The lock is held.
func (s *Scope) learn(now Instant, o *Observation) bool {
	i := s.match(o.Dimension, o.Window)
	if i >= 0 {
		return s.tell(now, s.buckets[i], o.Limit)
	}
	if o.Dimension > OutputTokens || o.Window < time.Second || o.Window > 31*24*time.Hour || len(s.buckets) >= maxMarks {
		return false
	}
	l := s.template
	l.Name, l.Dimension, l.Amount, l.Window, l.Burst = learnedName(o.Dimension, o.Window), o.Dimension, o.Limit, o.Window, 0
	l.Whole, l.Learned = 0, true
	if o.Window >= 24*time.Hour {
		l.Kind, l.Period = Calendar, Day
	}
	b := newBucket(l, s.kind, now)
	b.ratio = s.ratio
	b.set(l, s.kind)
	s.buckets = append(s.buckets, b)
	s.layout++
	if o.Remaining >= 0 { // what went before it was known is gone
		b.lower(now, b.level(now)-o.Remaining)
	}
	o.Since = nil
	return true
}

// tell gives a bucket the provider's word on its amount.
func (s *Scope) tell(now Instant, b *bucket, limit int64) bool {
	if b.limit.Learned {
		if limit == b.limit.Amount {
			return false
		}
		l := b.limit
		l.Amount = limit
		s.change(now, b, func() { b.limit = l })
		return true
	}
	told := int64(0)
	if limit < b.limit.Amount {
		told = limit
	}
	if told == b.told {
		return false
	}
	s.change(now, b, func() { b.told = told })
	return true
}

// change applies new numbers to a bucket whose taken units stay what they are.
func (s *Scope) change(now Instant, b *bucket, apply func()) {
	b.roll(now)
	old := *b
	apply()
	b.set(b.limit, s.kind)
	if b.limit.Kind == Rate {
		b.rescale(now, &old)
	}
}

// learnedName is a limit's name in the configuration's style.
func learnedName(d Dimension, window time.Duration) string {
	unit := map[Dimension]string{Requests: "r", Tokens: "t", InputTokens: "input_t", OutputTokens: "output_t"}[d]
	switch window {
	case time.Second:
		return unit + "ps"
	case time.Minute:
		return unit + "pm"
	case 24 * time.Hour:
		return unit + "pd"
	}
	return fmt.Sprintf("%sper_%s", unit, window)
}

// SetRatio adapts the rate of every rate and window limit, and their bursts with it,
// to a share of what is configured: more than 0, at most 1.
func (s *Scope) SetRatio(now Instant, ratio float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	ratio = min(max(ratio, minShare), 1)
	if ratio == s.ratio {
		return
	}
	s.ratio = ratio
	for _, b := range s.buckets {
		if b.limit.Kind != Gauge && b.limit.Kind != Calendar {
			s.change(now, b, func() { b.ratio = ratio })
		}
	}
}

// Ratio is the share of the configured rate that is in force.
func (s *Scope) Ratio() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ratio
}
