package admission

import (
	"math"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// drainMemory is the time constant of the measured drain.
const drainMemory = 10 * time.Second

// drain measures what a pool grants per second, with exponential forgetting. Refunds
// count by themselves: what is given back is granted again.
type drain struct {
	at            budget.Instant
	tokens, calls float64
}

func (d *drain) add(now budget.Instant, tokens int64) {
	d.fade(now)
	d.tokens += float64(tokens) / drainMemory.Seconds()
	d.calls += 1 / drainMemory.Seconds()
}

func (d *drain) rates(now budget.Instant) (tokens, calls float64) {
	d.fade(now)
	return d.tokens, d.calls
}

func (d *drain) fade(now budget.Instant) {
	if passed := now.Sub(d.at); d.at == 0 || passed > 0 {
		f := math.Exp(-float64(passed) / float64(drainMemory))
		d.tokens *= f
		d.calls *= f
		d.at = now
	}
}
