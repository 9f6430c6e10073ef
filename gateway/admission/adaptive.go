package admission

import (
	"fmt"
	"time"
)

// Adaptive says how a lane's rate follows refusals that its arithmetic cannot explain.
// The zero value never adapts.
type Adaptive struct {
	// Refusals is how many unexplained refusals within Within cut the rate. Zero: never.
	Refusals int
	Within   time.Duration
	// Factor is what the rate is cut to, a share of the present one; Floor the lowest
	// share of the configured rate. A rate that was measured may lie below it.
	Factor, Floor float64
	// Hold is how long a cut lasts before the rate grows again; it doubles, up to
	// sixteenfold, each time the growth meets the same limit.
	Hold time.Duration
	// Step is what the rate grows by, a share of the configured one, every Every.
	Step  float64
	Every time.Duration
}

// AdaptivePreset answers conservative, balanced (which "" means too), aggressive or off.
func AdaptivePreset(name string) (Adaptive, error) {
	switch name {
	case "conservative":
		return Adaptive{Refusals: 1, Within: time.Minute, Factor: 0.8, Floor: 0.5, Hold: 300 * time.Second, Step: 0.05, Every: 30 * time.Second}, nil
	case "balanced", "":
		return Adaptive{Refusals: 3, Within: time.Minute, Factor: 0.8, Floor: 0.5, Hold: 180 * time.Second, Step: 0.10, Every: 30 * time.Second}, nil
	case "aggressive":
		return Adaptive{Refusals: 3, Within: time.Minute, Factor: 0.9, Floor: 0.7, Hold: 30 * time.Second, Step: 0.10, Every: 10 * time.Second}, nil
	case "off":
		return Adaptive{}, nil
	}
	return Adaptive{}, fmt.Errorf("no adaptive preset named %q: use conservative, balanced, aggressive or off", name)
}
