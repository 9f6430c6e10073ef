package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
)

// naive is what most gateways do: send, and retry what is refused with full jitter; or
// count tokens once an answer has told them, and refuse while the minute is spent.
type naive struct {
	w          *world
	lanes      map[string]*account
	spent      map[*account]*budget.Scope // nil entries: no limiter
	rnd        *rand.Rand
	backoff    fallback.Backoff
	patience   time.Duration
	afterwards bool
}

// naiveTries is how often a refused call is sent, the first time included.
const naiveTries = 6

func newNaive(w *world) *naive {
	n := &naive{
		w: w, lanes: map[string]*account{}, spent: map[*account]*budget.Scope{}, rnd: rand.New(rand.NewPCG(w.o.Seed, 0xaa)),
		backoff: fallback.Backoff{Base: 500 * time.Millisecond, Max: 8 * time.Second}, afterwards: w.o.Engine == Afterwards,
	}
	firstAccounts(w, func(route string, a *account, wait time.Duration) {
		n.lanes[route] = a
		n.patience = max(n.patience, wait)
		l := []budget.Limit{}
		for d, amount := range map[budget.Dimension]int64{budget.Tokens: a.first.TPM, budget.Requests: a.first.RPM} {
			if amount > 0 {
				l = append(l, budget.Limit{Name: d.String(), Dimension: d, Kind: budget.FixedWindow, Amount: amount, Window: time.Minute})
			}
		}
		n.spent[a] = budget.NewScope(budget.ScopeUpstream, a.name, start, l)
	})
	return n
}

func (n *naive) arrive(c *Call) {
	a := n.lanes[c.Route]
	if a == nil {
		n.w.tally.refused(c, "unknown_route")
		return
	}
	n.try(c, a, 0)
}

// try sends, where what has been counted so far leaves anything.
func (n *naive) try(c *Call, a *account, tries int) {
	now := n.w.c.now
	if n.afterwards {
		if at := n.spent[a].Peek(now, budget.Demand{budget.Requests: 1, budget.Tokens: 1}); at.State != budget.Granted {
			n.again(c, a, tries, at.At.Sub(now), "no_room")
			return
		}
	}
	n.w.c.after(a.delay(), func() {
		r := a.admit(c)
		if r.refusal != nil || r.failed {
			wait := time.Duration(0)
			if r.refusal != nil {
				wait = a.says(&r)
			}
			n.w.c.after(a.delay(), func() { n.again(c, a, tries+1, wait, "attempts exhausted") })
			return
		}
		n.w.c.after(r.total, func() { a.finish(c, r.ticket) })
		wait := now.Sub(start.Add(c.At))
		n.w.c.after(r.total+a.delay(), func() {
			if n.afterwards {
				budget.Force(n.w.c.now, &budget.Hold{}, budget.Demand{budget.Requests: 1, budget.Tokens: c.Input + c.Output}, n.spent[a])
			}
			n.w.tally.served(c, wait, false)
		})
	})
}

// again retries after the provider's word and a jittered backoff, while there is patience.
func (n *naive) again(c *Call, a *account, tries int, wait time.Duration, reason string) {
	pause := max(wait, n.backoff.Delay(tries, n.rnd.Float64()))
	if tries >= naiveTries || n.w.c.now.Add(pause) > start.Add(c.At).Add(n.patience) {
		if tries == 0 {
			n.w.tally.refused(c, reason)
		} else {
			n.w.tally.failed(c, reason)
		}
		return
	}
	n.w.c.after(pause, func() { n.try(c, a, tries) })
}

func (n *naive) queued() [4]int { return [4]int{} }

func (n *naive) ratio() float64 { return 1 }
