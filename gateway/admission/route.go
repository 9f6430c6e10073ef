package admission

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
)

// Strategy is how a route chooses among its targets.
type Strategy uint8

const (
	// Ordered takes the first target that has room.
	Ordered Strategy = iota
	// Weighted draws by the targets' weights.
	Weighted
	// LeastBusy takes the target with the fewest calls in flight for its weight.
	LeastBusy
	// Fastest takes the target whose first byte came soonest lately.
	Fastest
)

// ParseStrategy reads ordered (which "" means too), weighted, least_busy or
// lowest_latency.
func ParseStrategy(s string) (Strategy, error) {
	for i, name := range [...]string{"ordered", "weighted", "least_busy", "lowest_latency"} {
		if s == name || s == "" {
			return Strategy(i), nil
		}
	}
	return Ordered, fmt.Errorf("no strategy named %q: use ordered, weighted, least_busy or lowest_latency", s)
}

// Health is what is known of one upstream model at one account: its breaker, its
// throttle and its speed. Routes that lead to the same place share it.
type Health struct {
	// Breaker is required.
	Breaker *fallback.Breaker
	// Throttle sends fewer calls to an upstream that fails before the breaker opens.
	// Nil: none.
	Throttle *fallback.Throttle
	// Retries is the upstream's budget of retries. Nil: not bounded.
	Retries *fallback.RetryBudget

	inFlight  int
	firstByte float64 // seconds, moving average; 0: not known
}

// InFlight is the number of attempts under way.
func (h *Health) InFlight() int { return h.inFlight }

// FirstByte is the moving average of the time to the first byte; zero: not known.
func (h *Health) FirstByte() time.Duration { return time.Duration(h.firstByte * float64(time.Second)) }

// Target is one upstream model on a route's list and the lanes that can serve it.
type Target struct {
	Provider, Model string
	Lanes           []*Lane
	// Health belongs to the lane of the same index. Empty: not watched.
	Health []*Health
	// Weight is the target's share under Weighted and LeastBusy. Zero: 1. Negative:
	// paused, the last to be chosen under those, skipped under Ordered.
	Weight float64
}

func (t *Target) health(i int) *Health {
	if i < len(t.Health) {
		return t.Health[i]
	}
	return nil
}

// Route is a public model name as the pool sees it.
type Route struct {
	// Owner is the driver's own, not touched here.
	Owner   any
	Name    string
	Targets []Target
	// Strategy orders the targets for each call. The zero value is the list's order.
	Strategy Strategy
	// Sticky keeps the calls of one Affinity on the same account while it has room,
	// where prompt caching pays.
	Sticky bool
	// SkipFull lets a call move to the next target when the earlier ones have no
	// room now. False: it waits for the first target and moves only on failures.
	SkipFull bool
	// WaitBeforeFallback is how long a call waits for the first target before the
	// later ones count as candidates. Zero: at once.
	WaitBeforeFallback time.Duration
}

// arrange answers the order in which a call tries the targets; nil: the list's.
func (r *Route) arrange(c *Call, random func() float64) []uint8 {
	if r.Strategy == Ordered || len(r.Targets) < 2 || len(r.Targets) > 255 {
		return nil
	}
	keys := make([]float64, len(r.Targets))
	for i := range r.Targets {
		keys[i] = r.Targets[i].key(r, c, i, random)
	}
	order := make([]uint8, len(r.Targets))
	for i := range order {
		order[i] = uint8(i)
	}
	slices.SortStableFunc(order, func(a, b uint8) int { return cmp.Compare(keys[a], keys[b]) })
	return order
}

// key is what a target is sorted by: the smallest goes first.
func (t *Target) key(r *Route, c *Call, i int, random func() float64) float64 {
	weight := t.Weight
	if weight == 0 {
		weight = 1
	}
	if weight < 0 {
		return 1e18
	}
	busy, speed := 0, 0.0
	for _, h := range t.Health {
		busy += h.inFlight
		if h.firstByte > 0 && (speed == 0 || h.firstByte < speed) {
			speed = h.firstByte
		}
	}
	switch r.Strategy {
	case LeastBusy:
		return float64(busy) / weight
	case Fastest:
		return speed // those of unknown speed first: that is how they become known
	}
	x := 0.5
	if r.Sticky && c.Affinity != 0 {
		x = unit(mix(c.Affinity, uint64(i)))
	} else if random != nil {
		x = random()
	}
	return exponential(x) / weight // the smallest of exponentials draws by weight
}

// rendezvous is a lane's claim on an affinity: the highest wins, whoever else there is.
func (l *Lane) rendezvous(affinity uint64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(l.ID) {
		h = (h ^ uint64(l.ID[i])) * 1099511628211
	}
	return mix(affinity, h)
}

// begin counts an attempt and takes the breaker's pass.
func (h *Health) begin(now budget.Instant) fallback.Pass {
	h.inFlight++
	pass, _ := h.Breaker.Enter(int64(now)) // Ready was asked in the same step
	return pass
}

// end reports an attempt.
func (h *Health) end(now budget.Instant, pass fallback.Pass, r Report) {
	h.inFlight--
	h.Breaker.Leave(int64(now), pass, r.Health)
	if h.Throttle != nil {
		h.Throttle.Done(int64(now), r.Health)
	}
	if r.FirstByte > 0 {
		s := r.FirstByte.Seconds()
		if h.firstByte == 0 {
			h.firstByte = s
		}
		h.firstByte += 0.2 * (s - h.firstByte)
	}
}
