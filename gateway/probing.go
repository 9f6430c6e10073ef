package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// probesAtOnce bounds how many keys are probed at the same time.
	probesAtOnce = 4
	// longestRetry is the longest pause between calls of one token to a key that was
	// taken out.
	longestRetry = 15 * time.Minute
	// longestDoubt is how long an exhausted key stays out that nothing tells anything of.
	longestDoubt = time.Hour
)

// probeJob is a key whose turn it is.
type probeJob struct {
	c      *upstreamKey
	health Health
	model  string
}

// watchKeys probes all keys at the start, and again when their turns come, until the
// context ends.
func (g *Gateway) watchKeys(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.keys.probeSoon:
		case <-t.C:
		}
		jobs, next := g.keys.dueProbes(time.Now())
		g.probeAll(ctx, jobs)
		if len(jobs) > 0 {
			_, next = g.keys.dueProbes(time.Now())
		}
		t.Reset(max(next, time.Millisecond))
	}
}

// probeAll probes some keys, a few at a time.
func (g *Gateway) probeAll(ctx context.Context, jobs []probeJob) {
	var all sync.WaitGroup
	room := make(chan struct{}, probesAtOnce)
	for _, j := range jobs {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-room }()
			f := g.probe(ctx, g.current.Load(), j.c, j.health, j.model)
			if ctx.Err() == nil {
				g.found(j, f)
			}
		})
	}
	all.Wait()
}

// dueProbes answers the keys whose turn it is, and in how long the next one's comes.
// Keys that an operator has switched off, and those that have expired, have none.
func (r *upstreamKeys) dueProbes(now time.Time) (jobs []probeJob, next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = time.Hour
	for _, h := range r.homes {
		every := r.probes[h.provider].Every
		for _, c := range h.keys {
			quiet := every <= 0 && !c.health.down() // nobody wants to know
			if quiet || c.health == HealthExpired || max(c.wish.State, h.wish.State) != 0 {
				continue
			}
			if c.due.After(now) {
				next = min(next, c.due.Sub(now))
				continue
			}
			jobs = append(jobs, probeJob{c, c.health, c.model})
		}
	}
	return jobs, next
}

// found takes in what a probe has shown, and plans the next.
func (g *Gateway) found(j probeJob, f Finding) {
	switch {
	case f.Told:
		g.report(j.c, f.Health, f.Why, f.Model)
	case j.health == HealthExhausted:
		g.tryAgain(j.c)
	}
	r := g.keys
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if f.Told {
		j.c.checked = now
	}
	p := r.probes[j.c.home.provider]
	pause := p.Every
	if j.c.health.down() {
		pause = p.Retry
		if f.Model != "" {
			pause = min(pause<<min(j.c.tries, 10), max(longestRetry, p.Retry))
		}
		j.c.tries++
	}
	j.c.due = now.Add(time.Duration(float64(pause) * (0.9 + 0.2*r.random())))
}

// tryAgain lets calls find out about an exhausted key that probes tell nothing of.
func (g *Gateway) tryAgain(c *upstreamKey) {
	g.keys.mu.Lock()
	long := c.health == HealthExhausted && time.Since(c.since) > longestDoubt
	g.keys.mu.Unlock()
	if long {
		g.report(c, HealthUnknown, "", "")
	}
}

// ErrNoSuchKey says that the configuration and the store have no such upstream key.
var ErrNoSuchKey = errors.New("no such upstream key")

// TestKey probes a key now: in the cheapest way that tells, or with a call of one token.
// What it shows counts at once, for everybody.
func (g *Gateway) TestKey(ctx context.Context, provider, account, fingerprint string, call bool) (Finding, error) {
	r := g.keys
	r.mu.Lock()
	var j probeJob
	if h := r.homes[provider+"/"+account]; h != nil {
		for _, c := range h.keys {
			if c.fingerprint == fingerprint {
				j = probeJob{c, c.health, c.model}
			}
		}
	}
	r.mu.Unlock()
	if j.c == nil {
		return Finding{}, ErrNoSuchKey
	}
	n := g.current.Load()
	var f Finding
	if call {
		f = g.probeReal(ctx, n, j.c, j.health, j.model)
	} else {
		f = g.probe(ctx, n, j.c, j.health, j.model)
	}
	if ctx.Err() == nil {
		g.found(j, f)
	}
	return f, nil
}
