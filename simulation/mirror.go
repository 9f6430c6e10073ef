package simulation

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// mirror asks the provider's own state before it sends, without any delay in between:
// nobody can do better without being refused. It takes the first waiting call that
// fits, in order of arrival.
type mirror struct {
	w     *world
	lanes map[string]*account // by route
	wait  []waiting
	timer budget.Instant
	max   time.Duration
}

type waiting struct {
	c *Call
	a *account
}

// mirrored is how far down the queue it looks for a call that fits.
const mirrored = 200

func newMirror(w *world) *mirror {
	m := &mirror{w: w, lanes: map[string]*account{}, timer: budget.Never}
	firstAccounts(w, func(route string, a *account, wait time.Duration) {
		a.u.MinDelay, a.u.MaxDelay = 0, 1
		m.lanes[route] = a
		m.max = max(m.max, wait)
	})
	return m
}

// firstAccounts gives every route its first target's first account.
func firstAccounts(w *world, use func(route string, a *account, wait time.Duration)) {
	for i := range w.o.Config.Routes {
		r := &w.o.Config.Routes[i]
		p := w.o.Config.Provider(r.Targets[0].Provider)
		acc := &p.Accounts[0]
		entry, _ := acc.LimitsFor(r.Targets[0].Model)
		use(r.Name, w.account(p.Name+"/"+acc.Name+"/"+r.Targets[0].Model, p, entry), r.MaxWait)
	}
}

func (m *mirror) arrive(c *Call) {
	a := m.lanes[c.Route]
	if a == nil {
		m.w.tally.refused(c, "unknown_route")
		return
	}
	m.wait = append(m.wait, waiting{c, a})
	m.look()
}

func (m *mirror) look() {
	now := m.w.c.now
	for len(m.wait) > 0 && start.Add(m.wait[0].c.At).Add(m.max) < now {
		m.w.tally.refused(m.wait[0].c, "no_room")
		m.wait = m.wait[1:]
	}
	next := budget.Never
	kept := m.wait[:0]
	for i, x := range m.wait {
		if i >= mirrored {
			kept = append(kept, m.wait[i:]...)
			break
		}
		ticket, refusal := x.a.quota.Admit(int64(now), x.c.Input, x.c.MaxTokens)
		if refusal == nil {
			m.serve(x, ticket)
			continue
		}
		if refusal.Kind == "too_large" {
			m.w.tally.refused(x.c, "too_large")
			continue
		}
		if refusal.RetryAfter > 0 {
			next = min(next, now.Add(refusal.RetryAfter))
		}
		kept = append(kept, x)
	}
	clear(m.wait[len(kept):])
	m.wait = kept
	if next < m.timer {
		m.timer = next
		m.w.c.at(next, func() {
			if m.timer <= m.w.c.now {
				m.timer = budget.Never
			}
			m.look()
		})
	}
}

func (m *mirror) serve(x waiting, t simulated.Ticket) {
	a := x.a
	if a.measured() {
		a.stats.Attempts++
		a.stats.Requests++
	}
	m.w.tally.served(x.c, m.w.c.now.Sub(start.Add(x.c.At)), false)
	m.w.c.after(a.u.FirstToken+time.Duration(x.c.Output)*time.Second/time.Duration(a.u.TokensPerSecond), func() {
		a.finish(x.c, t)
		m.look()
	})
}

func (m *mirror) queued() [4]int { return [4]int{0, 0, len(m.wait), 0} }

func (m *mirror) ratio() float64 { return 1 }
