package gateway

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// clock is the process's timeline: it begins at the wall time of its making and follows
// the monotonic clock, so it never goes backwards. Where the wall clock leaps ahead (the
// machine was suspended, or its clock was set) the timeline leaps with it, so that days
// and minutes stay those of everybody else. Where the wall clock is set back it does not
// follow: time would stand still for every limit.
type clock struct {
	start  time.Time
	leaps  *atomic.Int64 // ns that it has leapt ahead
	behind *atomic.Int64 // ns that the wall clock was behind when it was last told
}

func newClock() clock {
	return clock{start: time.Now(), leaps: new(atomic.Int64), behind: new(atomic.Int64)}
}

func (c clock) now() budget.Instant {
	return budget.Instant(c.start.UnixNano() + int64(time.Since(c.start)) + c.leaps.Load())
}

// time turns a moment of the timeline into wall time.
func (c clock) time(t budget.Instant) time.Time { return time.Unix(0, int64(t)) }

// leastLeap is a difference from the wall clock that is no leap but its regulation.
const leastLeap = 2 * time.Second

// follow compares the timeline with the wall clock and answers by how much that has
// leapt since: above zero, the timeline has leapt with it; below, it has not. One caller
// at a time.
func (c clock) follow(wall time.Time) time.Duration {
	ahead := time.Duration(wall.UnixNano() - int64(c.now()))
	if ahead >= leastLeap {
		c.leaps.Add(int64(ahead))
		c.behind.Store(0)
		return ahead
	}
	behind, told := max(-ahead, 0), time.Duration(c.behind.Load())
	if (behind - told).Abs() < leastLeap {
		return 0
	}
	c.behind.Store(int64(behind))
	return min(told-behind, 0)
}

// watchClock follows the wall clock, says what it did, and lets everything that waits be
// looked at anew where time has leapt.
func (g *Gateway) watchClock(wall time.Time) {
	switch leap := g.clock.follow(wall); {
	case leap > 0:
		g.log.Warn("the clock leapt ahead: the machine slept, or its clock was set; limits count the time as passed", slog.Duration("by", leap))
		for _, d := range g.current.Load().dispatchers {
			d.poke()
		}
	case leap < 0:
		g.log.Warn("the clock was set back: limits of minutes and days keep to the time before, until a restart", slog.Duration("by", -leap))
	}
}
