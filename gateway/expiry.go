package gateway

import (
	"context"
	"time"
)

// longestNap bounds how late a moment of the wall clock is noticed after that clock was
// set, or the machine has slept.
const longestNap = time.Minute

// warnAhead is how long before its end a key is warned of.
func warnAhead() [2]time.Duration { return [2]time.Duration{7 * 24 * time.Hour, 24 * time.Hour} }

// watchExpiry takes keys out at their moments, and warns ahead, until the context ends.
func (g *Gateway) watchExpiry(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.keys.expireSoon:
		case <-t.C:
		}
		t.Reset(min(max(g.expire(time.Now()), time.Millisecond), longestNap))
	}
}

// expire does what the moment brings, and answers in how long to come back.
func (g *Gateway) expire(now time.Time) time.Duration {
	next := longestNap
	var ended []*upstreamKey
	var soon []KeyEvent
	r := g.keys
	r.mu.Lock()
	for _, h := range r.homes {
		for _, c := range h.keys {
			left := c.expiresAt.Sub(now)
			switch {
			case c.expiresAt.IsZero() || c.health == HealthExpired:
				continue
			case left <= 0:
				ended = append(ended, c)
				continue
			}
			next = min(next, left)
			for _, ahead := range warnAhead() {
				if left > ahead {
					next = min(next, left-ahead)
				} else if c.warned == 0 || c.warned > ahead {
					c.warned = ahead
					e := c.event(now)
					e.Kind = KeyExpiresSoon
					soon = append(soon, e)
				}
			}
		}
	}
	r.mu.Unlock()
	for _, c := range ended {
		g.report(c, HealthExpired, "its expires_at has come", "")
	}
	for i := range soon {
		e := &soon[i]
		if i+1 < len(soon) && soon[i+1].Fingerprint == e.Fingerprint && soon[i+1].Account == e.Account && soon[i+1].Provider == e.Provider {
			continue // a key that is in both warnings' time is warned of once
		}
		g.log.Warn("upstream key expires soon", "provider", e.Provider, "account", e.Account, "key", e.Fingerprint,
			"expires_at", e.ExpiresAt.UTC().Format(time.RFC3339), "left", e.ExpiresAt.Sub(now).Round(time.Minute).String())
		g.keyEvents(*e)
	}
	return next
}
