package admission

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// Budget is what a lane asks of its account's buckets. *budget.Scope, wrapped by
// InMemory, answers at once; a networked engine may answer Pending from Reserve and
// report later through Pool.Acquired.
type Budget interface {
	Peek(now budget.Instant, d budget.Demand) budget.Answer
	Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer
	Forecast(now budget.Instant, ahead, d budget.Demand) budget.Answer
	Observe(now budget.Instant, o budget.Observation) budget.Finding
}

// InMemory makes a Budget of a scope that lives in this process.
func InMemory(s *budget.Scope) Budget { return memory{s} }

type memory struct{ *budget.Scope }

func (m memory) Reserve(now budget.Instant, h *budget.Hold, d budget.Demand) budget.Answer {
	return budget.Reserve(now, h, d, m.Scope)
}

// KeyState says whether an upstream key may be used for new attempts.
type KeyState uint8

const (
	// KeyEnabled keys take new attempts.
	KeyEnabled KeyState = iota
	// KeyDraining keys finish what they have and take nothing new.
	KeyDraining
	// KeyDisabled keys were refused by their provider or switched off.
	KeyDisabled
)

// String is the name used by the admin API.
func (s KeyState) String() string {
	return [...]string{"enabled", "draining", "disabled"}[min(s, KeyDisabled)]
}

// Key is one upstream credential of an account, known here by its index only: the
// secret stays with the gateway.
type Key struct {
	Index int      // position in the account's list
	State KeyState // guarded by the pool's driver
	Why   string   // reason of the last state change, for people
}

// Account is a quota scope at a provider. Its lanes share its keys. An account
// belongs to exactly one pool.
type Account struct {
	Provider, Name string
	Keys           []*Key
	next           int
}

// pick answers the next usable key in turn, or nil.
func (a *Account) pick(advance bool) *Key {
	for i := range a.Keys {
		n := (a.next + i) % len(a.Keys)
		if a.Keys[n].State == KeyEnabled {
			if advance {
				a.next = n + 1
			}
			return a.Keys[n]
		}
	}
	return nil
}

// Lane is one account's limit group: the models that share one set of buckets.
type Lane struct {
	// ID is the lane's name, unique in the process: provider/account/group.
	ID string
	// Owner is the driver's own, not touched here.
	Owner    any
	Account  *Account
	Budget   Budget
	Charging budget.Charging

	blocked  budget.Instant // nothing starts here before (failures, not budget)
	lastUsed uint64         // grant number, for turns among equals
	earmark  uint64         // step number in which an earlier call claimed it
	inFlight int
}

// InFlight is the number of attempts that hold this lane now.
func (l *Lane) InFlight() int { return l.inFlight }

// BlockedUntil is the moment before which the lane takes nothing because of recent
// failures; zero when it is not blocked.
func (l *Lane) BlockedUntil() budget.Instant { return l.blocked }

// Target is one upstream model on a route's priority list and the lanes that can
// serve it.
type Target struct {
	Provider, Model string
	Lanes           []*Lane
}

// Route is a public model name as the pool sees it.
type Route struct {
	// Owner is the driver's own, not touched here.
	Owner   any
	Name    string
	Targets []Target
	// SkipFull lets a call move to the next target when the earlier ones have no
	// room now. False: it waits for the first target and moves only on failures.
	SkipFull bool
	// WaitBeforeFallback is how long a call waits for the first target before the
	// later ones count as candidates. Zero: at once.
	WaitBeforeFallback time.Duration
}
