package simulation

import (
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

// tally collects a run's result.
type tally struct {
	r        *Result
	from, to budget.Instant
	interval time.Duration
	waits    []float64
}

func newResults(o Options, from, to budget.Instant, interval time.Duration) tally {
	engine := o.Engine
	if engine == "" {
		engine = Sluice
	}
	return tally{from: from, to: to, interval: interval, r: &Result{
		Engine: engine, Seed: o.Seed, Measured: to.Sub(from), Classes: map[string]*GroupResult{},
		Clients: map[string]*GroupResult{}, Reasons: map[string]int{}, Timeline: []Point{{}},
	}}
}

// group finds or makes the result of a class or client.
func group(m map[string]*GroupResult, name string) *GroupResult {
	g := m[name]
	if g == nil {
		g = &GroupResult{}
		m[name] = g
	}
	return g
}

func (t *tally) groups(c *Call) [2]*GroupResult {
	client := c.Client
	if client == "" {
		client = "everybody"
	}
	return [2]*GroupResult{group(t.r.Classes, c.Class.String()), group(t.r.Clients, client)}
}

func (t *tally) last() *Point { return &t.r.Timeline[len(t.r.Timeline)-1] }

// counts says that a call belongs to the measured time: it arrived in it.
func (t *tally) counts(c *Call) bool { return start.Add(c.At) >= t.from }

func (t *tally) arrived(_ budget.Instant, c *Call) {
	t.last().Arrived++
	if !t.counts(c) {
		return
	}
	t.r.Arrived++
	t.r.Offered += c.Input + c.Output
	for _, g := range t.groups(c) {
		g.Arrived++
	}
}

// served counts a call that was answered after waiting so long.
func (t *tally) served(c *Call, wait time.Duration, fellBack bool) {
	p := t.last()
	p.Served++
	p.Tokens += c.Input + c.Output
	if !t.counts(c) {
		return
	}
	t.r.Served++
	t.r.Goodput += c.Input + c.Output
	if wait > time.Millisecond {
		t.r.Waited++
	}
	if fellBack {
		t.r.FellBack++
	}
	t.waits = append(t.waits, wait.Seconds())
	for _, g := range t.groups(c) {
		g.Served++
		g.Tokens += c.Input + c.Output
		if fellBack {
			g.FellBack++
		}
		if wait > time.Millisecond {
			g.Waited++
		}
		g.waits = append(g.waits, wait.Seconds())
	}
}

func (t *tally) refused(c *Call, reason string) {
	t.last().Refused++
	if !t.counts(c) {
		return
	}
	t.r.Refused++
	t.r.Reasons[reason]++
	shed := reason == admission.Shed.String() || reason == admission.QueueFull.String()
	for _, g := range t.groups(c) {
		g.Refused++
		if shed {
			g.Shed++
		}
	}
}

func (t *tally) failed(c *Call, reason string) {
	if !t.counts(c) {
		return
	}
	t.r.Failed++
	t.r.Reasons[reason]++
	for _, g := range t.groups(c) {
		g.Failed++
	}
}

func (t *tally) point(now budget.Instant, queued [4]int, ratio float64) {
	p := t.last()
	p.Queued, p.Ratio = queued, ratio
	if now < t.to {
		t.r.Timeline = append(t.r.Timeline, Point{At: now.Sub(start)})
	}
}

func (t *tally) result(w *world) *Result {
	r := t.r
	r.Wait = quantiles(t.waits)
	var shares []float64
	for _, m := range []map[string]*GroupResult{r.Classes, r.Clients} {
		for _, g := range m {
			g.Wait = quantiles(g.waits)
		}
	}
	for _, g := range r.Clients {
		shares = append(shares, float64(g.Tokens))
	}
	r.Jain = jain(shares)
	for _, a := range w.order {
		s := a.stats
		s.Used = a.used(r.Measured)
		r.Accounts = append(r.Accounts, s)
		r.Attempts += s.Attempts
		r.Upstream429 += s.Refused
		for _, at := range s.refusedAt {
			i := min(int(at/t.interval), len(r.Timeline)-1)
			r.Timeline[i].Upstream429++
		}
	}
	return r
}

// used is the share of the account's tightest limit that we used of what others left.
func (a *account) used(over time.Duration) float64 {
	minutes := over.Minutes()
	if minutes <= 0 {
		return 0
	}
	first := a.first
	share := func(n, foreign, perMinute int64) float64 {
		left := float64(perMinute)*minutes*a.scale(over) - float64(foreign)
		if perMinute <= 0 || left <= 0 {
			return 0
		}
		return float64(n) / left
	}
	return max(share(a.stats.Tokens, a.stats.foreign, first.TPM), share(a.stats.Requests, a.stats.foreignCalls, first.RPM), share(a.stats.Requests, a.stats.foreignCalls, first.RPS*60))
}

// scale is the mean factor of the limit's changes over the measured time.
func (a *account) scale(over time.Duration) float64 {
	sum, factor, at := 0.0, 1.0, a.from
	for _, ch := range a.u.Changes {
		t := min(max(start.Add(ch.At), a.from), a.to)
		sum += factor * t.Sub(at).Seconds()
		factor, at = factor*ch.Factor, t
	}
	sum += factor * a.to.Sub(at).Seconds()
	return sum / over.Seconds()
}
