package shedding

import (
	"fmt"
	"time"
)

// Class is a call's importance; a smaller value is more important.
type Class uint8

const (
	// Critical calls are shed last, when nothing else is left.
	Critical Class = iota
	// High calls come before ordinary ones.
	High
	// Normal is the class of calls that say nothing.
	Normal
	// Low calls are bulk work that fills what is left.
	Low
)

// Classes is the number of classes.
const Classes = 4

// String is the class's name in headers, configuration and metrics.
func (c Class) String() string {
	return [...]string{"critical", "high", "normal", "low"}[min(c, Low)]
}

// ParseClass reads a class by its name; "" is Normal.
func ParseClass(s string) (Class, error) {
	switch s {
	case "critical":
		return Critical, nil
	case "high":
		return High, nil
	case "normal", "":
		return Normal, nil
	case "low":
		return Low, nil
	}
	return Normal, fmt.Errorf("no priority named %q: use critical, high, normal or low", s)
}

// Thresholds are the utilisations, 0 to 1, from which each Class is shed. The zero
// value sheds everybody; start from DefaultThresholds.
type Thresholds [Classes]float64

// DefaultThresholds are critical 1.00, high 0.98, normal 0.95, low 0.90.
func DefaultThresholds() Thresholds { return Thresholds{1.00, 0.98, 0.95, 0.90} }

// Load is a queue's state as one arriving call sees it.
type Load struct {
	InFlight, InFlightCap int // cap 0: not counted
	Queued, MaxQueue      int // calls waiting; max 0: not counted
	// QueuedTokens is the expected work that goes before the call.
	QueuedTokens float64
	// DrainPerSecond is how fast that work goes, refunds counted. Zero: not known,
	// so the backlog is not counted.
	DrainPerSecond float64
	// MaxWait is how long the call may wait.
	MaxWait time.Duration
}

// Utilisation is 0 when nothing presses; 1 means full. It may be above 1.
func (l Load) Utilisation() float64 {
	u := 0.0
	if l.InFlightCap > 0 {
		u = max(u, float64(l.InFlight)/float64(l.InFlightCap))
	}
	if l.MaxQueue > 0 {
		u = max(u, float64(l.Queued)/float64(l.MaxQueue))
	}
	if l.QueuedTokens > 0 && l.DrainPerSecond > 0 {
		wait := max(l.MaxWait.Seconds(), 1e-3)
		u = max(u, l.QueuedTokens/l.DrainPerSecond/wait)
	}
	return u
}

// Admit says whether a call of a class may join the queue. Critical at a threshold
// of 1 is left to the queue's own bound and the deadline.
func (t Thresholds) Admit(c Class, l Load) bool {
	limit := t[min(c, Low)]
	return limit >= 1 || l.Utilisation() < limit
}

// WhenFull says who goes when a queue is at its bound.
type WhenFull uint8

const (
	// Reject refuses the newcomer.
	Reject WhenFull = iota
	// DropOldest refuses the one that has waited longest.
	DropOldest
	// DropNewest refuses the one that came last.
	DropNewest
	// DropRandom refuses any one.
	DropRandom
)

// String is the rule's name in the configuration.
func (w WhenFull) String() string {
	return [...]string{"reject", "drop_oldest", "drop_newest", "drop_random"}[min(w, DropRandom)]
}

// ParseWhenFull reads a rule by its name; "" is Reject.
func ParseWhenFull(s string) (WhenFull, error) {
	for w := Reject; w <= DropRandom; w++ {
		if s == w.String() || s == "" {
			return w, nil
		}
	}
	return Reject, fmt.Errorf("no rule named %q: use reject, drop_oldest, drop_newest or drop_random", s)
}
