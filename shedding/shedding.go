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

// Utilisation is the largest of three shares: calls in flight of their cap, calls
// waiting of the queue's bound, and the time the backlog takes of the time the call may
// wait. 0 when nothing presses; 1 means full. It may be above 1, and is never negative.
func (l Load) Utilisation() float64 {
	u := 0.0
	if l.InFlightCap > 0 {
		u = max(u, float64(l.InFlight)/float64(l.InFlightCap))
	}
	if l.MaxQueue > 0 {
		u = max(u, float64(l.Queued)/float64(l.MaxQueue))
	}
	if backlog := l.QueuedTokens / l.DrainPerSecond; backlog > 0 && l.DrainPerSecond > 0 {
		u = max(u, backlog/max(l.MaxWait.Seconds(), 1e-3))
	}
	return u
}

// Admit says whether a call of a class may join the queue. Critical at a threshold
// of 1 is left to the queue's own bound and the deadline.
func (t Thresholds) Admit(c Class, l Load) bool {
	limit := t[min(c, Low)]
	return limit >= 1 || l.Utilisation() < limit
}
