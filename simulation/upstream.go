package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// account is the provider's side of one account's limit group.
type account struct {
	name  string
	u     Upstream
	quota *simulated.Quota
	first simulated.Limit // before any change
	rnd   *rand.Rand
	c     *clock
	stats AccountResult
	from  budget.Instant // what is before is not measured
	to    budget.Instant
}

func (a *account) delay() time.Duration {
	return a.u.MinDelay + time.Duration(a.rnd.Float64()*float64(a.u.MaxDelay-a.u.MinDelay))
}

func (a *account) measured() bool { return a.c.now >= a.from && a.c.now < a.to }

// admitted is what the gateway hears of an attempt that the upstream took.
type reply struct {
	refusal           *simulated.Refusal
	failed            bool
	requests, tokens  int64 // remaining, as of the admission; below zero: not told
	ticket            simulated.Ticket
	firstToken, total time.Duration
}

// admit takes a call at the upstream.
func (a *account) admit(call *Call) reply {
	if a.measured() {
		a.stats.Attempts++
	}
	if a.u.Failures > 0 && a.rnd.Float64() < a.u.Failures {
		return reply{failed: true}
	}
	now := int64(a.c.now)
	ticket, refusal := a.quota.Admit(now, call.Input, call.MaxTokens)
	r := reply{refusal: refusal, ticket: ticket, requests: -1, tokens: -1}
	if a.u.Headers {
		r.requests, r.tokens = a.quota.Left(now)
	}
	if refusal != nil {
		if a.measured() {
			a.stats.Refused++
			a.stats.refusedAt = append(a.stats.refusedAt, a.c.now.Sub(start))
		}
		return r
	}
	if a.measured() {
		a.stats.Requests++
	}
	r.firstToken = a.u.FirstToken
	r.total = r.firstToken + time.Duration(call.Output)*time.Second/time.Duration(a.u.TokensPerSecond)
	return r
}

// finish ends an admitted call: the output is charged, what was held is given back.
func (a *account) finish(call *Call, t simulated.Ticket) {
	a.quota.Settle(int64(a.c.now), t, call.Input, call.Output)
	if a.measured() {
		a.stats.Tokens += call.Input + call.Output
	}
}

// foreign is somebody else at the same account: calls at random moments that use a
// share of its limits, in sizes like ours.
func (a *account) foreign(sizes []Call) {
	if a.u.Foreign <= 0 || len(sizes) == 0 {
		return
	}
	mean := 0.0
	for i := range sizes {
		mean += float64(sizes[i].Input + sizes[i].Output)
	}
	mean /= float64(len(sizes))
	l := a.quota.Limit()
	perSecond := a.u.Foreign * float64(l.TPM) / 60 / mean
	if l.TPM == 0 {
		perSecond = a.u.Foreign * float64(l.RPM) / 60
	}
	var next func()
	next = func() {
		if a.c.now >= a.to {
			return
		}
		call := sizes[a.rnd.IntN(len(sizes))]
		if t, refusal := a.quota.Admit(int64(a.c.now), call.Input, call.MaxTokens); refusal == nil {
			if a.measured() {
				a.stats.foreign += call.Input + call.Output
				a.stats.foreignCalls++
			}
			a.c.after(a.u.FirstToken+time.Duration(call.Output)*time.Second/time.Duration(a.u.TokensPerSecond), func() {
				a.quota.Settle(int64(a.c.now), t, call.Input, call.Output)
			})
		}
		a.c.after(time.Duration(a.rnd.ExpFloat64()/perSecond*float64(time.Second)), next)
	}
	a.c.after(0, next)
}

// changes schedules what the provider does to its limits.
func (a *account) changes() {
	for _, ch := range a.u.Changes {
		a.c.at(start.Add(ch.At), func() { a.quota.Scale(int64(a.c.now), ch.Factor) })
	}
}
