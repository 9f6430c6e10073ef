package budget

import (
	"slices"
	"time"
)

// Observation is a provider's own word about one dimension of a scope. It outranks
// our arithmetic. What remains and what is refused only ever lower what may be spent.
type Observation struct {
	Dimension Dimension
	// Window is the limit's window as told. Zero: not told; the dimension's shortest
	// bucket of a minute or more is meant.
	Window time.Duration
	// Limit and Remaining are what the provider says is the limit and what is left;
	// below zero: not told. A Limit below the configured one counts in its place; one
	// that nobody configured becomes a bucket that is marked as learned.
	Limit, Remaining int64
	// Refused says that the provider refused Demand with a 429.
	Refused bool
	// BlockedFor is how long, after a refusal, Demand will not fit. Zero: not told;
	// the level is then taken as empty.
	BlockedFor time.Duration
	Demand     Demand
	// Since is the hold of the call that was answered, ended or not. What the scope
	// held when that call was sent is compared with the provider's word, so that
	// whatever happened since counts on both sides. Nil: the word is as of now.
	Since *Hold
}

// Finding is what an Observation brought to light.
type Finding struct {
	// Unexplained: a refusal of a call that was sent after an earlier refusal had
	// already put the level right. The rate is lower than we believe.
	Unexplained bool
	// Told: what remains was told a moment ago, so that somebody else's use explains the
	// refusal.
	Told bool
	// Window: the refusal was of a window, whose end forgets the correction, so that the
	// same error comes again.
	Window bool
	// Learned: a limit was told that nobody had configured, or a lower one.
	Learned bool
}

// maxBlock bounds what a provider can make us wait.
const maxBlock = 32 * 24 * time.Hour

// stillTold is how long what an upstream says remains keeps our level right: a refusal
// is then somebody else's doing, not a lower limit.
const stillTold = 10 * time.Second

// maxTold bounds the limits that a provider can make us believe.
const maxTold = 1 << 50

// Observe takes a provider's word. Values that make no sense are ignored.
func (s *Scope) Observe(now Instant, o Observation) Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.at(now)
	var f Finding
	if o.Limit > 0 && o.Limit <= maxTold {
		f.Learned = s.learn(now, &o)
	}
	blocked := min(max(o.BlockedFor, 0), maxBlock)
	i := s.match(o.Dimension, o.Window)
	if i >= 0 {
		b := s.buckets[i]
		b.roll(now)
		if o.Refused && blocked <= b.limit.Window {
			b.refused(now, s, i, &o, blocked)
		}
		if o.Remaining >= 0 {
			s.told = now
			b.believe(now, b.seen(now, s, i, o.Since)-o.Remaining)
		}
	}
	if !o.Refused {
		return f
	}
	if (i < 0 || blocked > s.buckets[i].limit.Window) && blocked > 0 {
		s.blocked = max(s.blocked, now.Add(blocked))
	}
	f.Told = s.told > 0 && now.Sub(s.told) <= stillTold
	f.Unexplained = o.Since != nil && o.Since.at > s.refused && s.refused > 0 && !f.Told && (i < 0 || s.buckets[i].sameWindow(s.refused, o.Since.at))
	f.Window = i >= 0 && s.buckets[i].limit.Kind != Rate
	s.refused = now
	return f
}

// match finds the bucket that an observation speaks of; below zero: there is none.
func (s *Scope) match(d Dimension, window time.Duration) int {
	found := -1
	for i, b := range s.buckets {
		switch {
		case b.limit.Dimension != d || b.limit.Kind == Gauge:
		case window > 0 && (b.limit.Window == window && b.limit.Kind != Calendar || b.limit.Kind == Calendar && b.limit.Period == Day && window == 24*time.Hour):
			return i
		case window == 0 && b.limit.Kind != Calendar && (found < 0 || better(b.limit.Window, s.buckets[found].limit.Window)):
			found = i
		}
	}
	return found
}

// better says that a window is rather the one that an unnamed limit speaks of.
func better(a, b time.Duration) bool {
	if (a >= time.Minute) != (b >= time.Minute) {
		return a >= time.Minute
	}
	return a < b
}

// seen is what the bucket held, as the upstream counts, right after the hold was
// taken; less what observations have taken away since.
func (b *bucket) seen(now Instant, s *Scope, i int, since *Hold) int64 {
	if since == nil || since.marked != s || since.layout != s.layout || i >= maxMarks {
		return b.counted(now)
	}
	if b.limit.Kind == FixedWindow && since.at < b.start || b.limit.Kind == Calendar && since.at < b.start {
		return -maxTold // it speaks of a window that is over
	}
	return since.marks[i] - b.lowered
}

// refused puts the level where the provider's refusal says it was.
func (b *bucket) refused(now Instant, s *Scope, i int, o *Observation, wait time.Duration) {
	n := max(b.part(&o.Demand).n, 1)
	implied := int64(0) // nothing told: empty
	if wait > 0 && b.limit.Kind == Rate {
		implied = min(n, b.capacity) - mulDiv(int64(wait), max(b.amount, 1), int64(b.window))
	}
	was := b.counted(now)
	if o.Since != nil {
		was = b.seen(now, s, i, o.Since) + n // the marks are from after it was taken
	}
	n = b.lower(now, was-implied)
	if s.told > 0 && now.Sub(s.told) <= stillTold {
		b.hear(now, n)
	}
}

// words is how many of a provider's last words have to agree before one gives back
// what earlier ones have taken away: an answer may know of refunds that we hear of a
// moment later, and would count twice.
const words = 8

// believe puts the level where the provider's word differs from ours by n: down, or up
// by what earlier words have taken away, never above our own arithmetic.
func (b *bucket) believe(now Instant, n int64) {
	b.gaps[b.gap%words] = n + b.lowered
	b.gap++
	if n >= 0 {
		b.hear(now, b.lower(now, n))
		return
	}
	if b.limit.Kind == Rate {
		b.forget(now)
	}
	if b.gap < words {
		return
	}
	n = min(b.lowered-slices.Max(b.gaps[:]), b.owed)
	if n <= 0 {
		return
	}
	b.owed -= n
	b.lowered -= n
	b.hear(now, -n)
	switch b.limit.Kind {
	case Rate:
		b.tat -= b.cost(n)
	case FixedWindow, Calendar:
		b.used = max(b.used-n, 0)
	}
}

// sameWindow says that what was corrected at one moment still held at another.
func (b *bucket) sameWindow(a, c Instant) bool {
	if b.limit.Kind != FixedWindow {
		return true
	}
	w := Instant(b.limit.Window)
	return a-mod(a, w) == c-mod(c, w)
}

// lower takes n away, whatever it was taken by; never deeper than a whole window's debt.
func (b *bucket) lower(now Instant, n int64) int64 {
	n = min(n, b.level(now)+b.amount)
	if n <= 0 {
		return 0
	}
	b.charge(now, n)
	b.lowered += n
	b.owed += n
	return n
}
