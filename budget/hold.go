package budget

import "sync/atomic"

// maxScopes is how many scopes one hold can span.
const maxScopes = 4

// Hold is what a call holds of its scopes' buckets. Its memory is the caller's: embed
// it; the zero value holds nothing. It must not be copied while active. Settle and
// Cancel are safe to call from several goroutines: one of them wins.
type Hold struct {
	active atomic.Bool
	at     Instant
	demand Demand
	n      int
	scopes [maxScopes]*Scope
	// What the upstream scope's buckets held right after this was taken, for
	// observations; kept after the hold has ended.
	marked *Scope
	layout uint32
	marks  [maxMarks]int64
}

// maxMarks is how many buckets of an upstream scope take part in observations.
const maxMarks = 8

// Active says that the hold holds something.
func (h *Hold) Active() bool { return h.active.Load() }

// Demand is what was reserved.
func (h *Hold) Demand() Demand { return h.demand }

// Reserve takes d from every bucket of every scope, all or nothing, into h, which
// must not be active. Answers other than Granted leave no trace; of several reasons
// the answer names the one that lasts longest. At most four scopes count; nil ones
// are passed over. It does not allocate.
func Reserve(now Instant, h *Hold, d Demand, scopes ...*Scope) Answer {
	h.n = 0
	for _, s := range scopes {
		if s != nil && h.n < maxScopes {
			h.insert(s)
		}
	}
	h.lock()
	defer h.unlock()
	for _, s := range h.scopes[:h.n] {
		now = max(now, s.at(now))
	}
	worst := Answer{At: now, Headroom: 1}
	for _, s := range h.scopes[:h.n] {
		worst = worse(worst, s.ask(now, &d))
	}
	if worst.State != Granted {
		return worst
	}
	for _, s := range h.scopes[:h.n] {
		s.take(now, &d)
		if s.kind == ScopeUpstream {
			h.mark(now, s)
		}
	}
	h.at, h.demand = now, d
	h.active.Store(true)
	return worst
}

// worse joins two scopes' answers.
func worse(a, b Answer) Answer {
	rank := func(a Answer) int {
		return [...]int{Granted: 0, Later: 1, TooLarge: 2, Pending: 3}[a.State]
	}
	switch {
	case rank(b) > rank(a), rank(b) == rank(a) && b.State == Later && b.At > a.At:
		return b
	case a.State == Granted && b.State == Granted:
		a.Headroom = min(a.Headroom, b.Headroom)
	}
	return a
}

// insert keeps the scopes in one order for everybody, so that locks cannot cross.
func (h *Hold) insert(s *Scope) {
	i := h.n
	for i > 0 && before(s, h.scopes[i-1]) {
		h.scopes[i] = h.scopes[i-1]
		i--
	}
	if i > 0 && h.scopes[i-1] == s {
		copy(h.scopes[i:], h.scopes[i+1:]) // the same scope twice counts once
		return
	}
	h.scopes[i] = s
	h.n++
}

func before(a, b *Scope) bool {
	return a.kind < b.kind || a.kind == b.kind && a.name < b.name
}

func (h *Hold) lock() {
	for _, s := range h.scopes[:h.n] {
		s.mu.Lock()
	}
}

func (h *Hold) unlock() {
	for _, s := range h.scopes[:h.n] {
		s.mu.Unlock()
	}
}

func (s *Scope) take(now Instant, d *Demand) {
	for _, b := range s.buckets {
		if d[b.limit.Dimension] > 0 {
			b.roll(now)
			b.take(now, b.part(d))
		}
	}
}

// mark notes what is left in the scope's buckets. The lock is held.
func (h *Hold) mark(now Instant, s *Scope) {
	h.marked, h.layout = s, s.layout
	for i, b := range s.buckets[:min(len(s.buckets), maxMarks)] {
		h.marks[i] = b.counted(now) + b.lowered
	}
}

// Force takes d from every bucket of a scope, into debt where it does not fit: for
// calls that are sent whatever the budget says.
func Force(now Instant, h *Hold, d Demand, s *Scope) {
	h.n = 0
	h.insert(s)
	h.lock()
	defer h.unlock()
	now = s.at(now)
	s.take(now, &d)
	h.mark(now, s)
	h.at, h.demand = now, d
	h.active.Store(true)
}

// Settle ends the hold: what was reserved is replaced by what was used, as a refund
// or as debt. Dimensions that were not reserved are charged too. False: there was
// nothing to settle, or somebody else has.
func (h *Hold) Settle(now Instant, actual Demand, o Outcome) bool {
	if !h.active.CompareAndSwap(true, false) {
		return false
	}
	switch o {
	case Unsent:
		actual = Demand{}
	case Refused:
		actual[Requests] = h.demand[Requests]
	}
	for _, s := range h.scopes[:h.n] {
		s.mu.Lock()
		t := s.at(now)
		for _, b := range s.buckets {
			held, used := h.demand[b.limit.Dimension], max(actual[b.limit.Dimension], 0)
			if held == 0 && (used == 0 || b.limit.Kind == Gauge) {
				continue
			}
			b.roll(t)
			b.settle(t, h.at, b.part(&h.demand), b.part(&actual))
		}
		s.mu.Unlock()
	}
	clear(h.scopes[:h.n])
	h.n = 0
	return true
}

// Cancel ends the hold of a call that sent nothing: everything goes back.
func (h *Hold) Cancel(now Instant) bool { return h.Settle(now, Demand{}, Unsent) }
