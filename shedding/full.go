package shedding

import "fmt"

// WhenFull says who goes when a queue is at its bound.
type WhenFull uint8

const (
	// Reject refuses the newcomer.
	Reject WhenFull = iota
	// DropOldest refuses the one that has waited longest.
	DropOldest
	// DropNewest refuses the one that joined last, and the newcomer takes its place.
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

// Victim is who leaves a full queue.
type Victim struct {
	// Newcomer: the arriving call itself; Class and Place say nothing.
	Newcomer bool
	// Class is the class of the waiting call that leaves.
	Class Class
	// Place is its place within the class, in order of arrival, from zero.
	Place int
}

// Choose says who leaves for a call of a class that finds the queue at its bound;
// queued counts the waiting calls of each class, without the newcomer. Nobody makes
// room for a call less important than himself: while a lower class than the
// newcomer's waits, its newest call leaves, from the lowest class up. Else the rule
// decides within the newcomer's own class, the newcomer included. rnd answers numbers
// in [0,1); only DropRandom asks it, and nil stands for 0.
func (w WhenFull) Choose(newcomer Class, queued [Classes]int, rnd func() float64) Victim {
	newcomer = min(newcomer, Low)
	for c := Low; c > newcomer; c-- {
		if queued[c] > 0 {
			return Victim{Class: c, Place: queued[c] - 1}
		}
	}
	own := queued[newcomer]
	if own <= 0 {
		return Victim{Newcomer: true}
	}
	switch w {
	case DropOldest:
		return Victim{Class: newcomer}
	case DropNewest:
		return Victim{Class: newcomer, Place: own - 1}
	case DropRandom:
		place := 0
		if rnd != nil {
			place = min(int(rnd()*float64(own+1)), own)
		}
		if place == own {
			return Victim{Newcomer: true}
		}
		return Victim{Class: newcomer, Place: place}
	}
	return Victim{Newcomer: true}
}
