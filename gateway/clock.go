package gateway

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// clock is the process's timeline: it begins at the wall time of its making and
// follows the monotonic clock, so it never goes backwards.
type clock struct{ start time.Time }

func newClock() clock { return clock{start: time.Now()} }

func (c clock) now() budget.Instant {
	return budget.Instant(c.start.UnixNano() + int64(time.Since(c.start)))
}

// time turns a moment of the timeline into wall time.
func (c clock) time(t budget.Instant) time.Time { return time.Unix(0, int64(t)) }
