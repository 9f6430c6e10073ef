package gateway

import (
	"context"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

// maxWait is how long this call may queue: the route's word, or the client's if it is
// shorter. A client that says how long it waits for the whole answer leaves room for
// the answer itself.
func (x *exchange) maxWait() time.Duration {
	wait := x.route.maxWait
	h := x.r.Header
	if d, ok := patience(h.Get("X-Max-Wait")); ok {
		wait = min(wait, d)
	}
	for _, name := range [...]string{"X-Stainless-Timeout", "X-Stainless-Read-Timeout", "X-Request-Timeout"} {
		if d, ok := patience(h.Get(name)); ok && d > 0 {
			wait = min(wait, d*answerShare/100)
		}
	}
	return wait
}

// answerShare is the part of a client's timeout, in percent, that a call may spend
// waiting; the rest is the upstream's.
const answerShare = 75

// patience reads a duration, or a number of seconds as the OpenAI and Anthropic SDKs
// send it. What is neither counts as not said.
func patience(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return min(d, 24*time.Hour), true
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0) {
		return 0, false
	}
	return time.Duration(min(n, 86400) * float64(time.Second)), true
}

// pause waits for the moment that the pool has chosen for a call.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await waits for the pool's word. What is not granted at once leaves a trail; in
// shadow it is sent nevertheless; and a stream gets comments where its route wants them.
func (x *exchange) await(ctx context.Context) (admission.Effect, error) {
	t := x.ticket
	select {
	case e := <-t.answer:
		if e.Kind == admission.EffectRefuse && x.rt.cfg.Shadow {
			return x.overrule(ctx, "refused: "+e.Refusal.Reason.String(), e)
		}
		if e.Kind == admission.EffectRefuse {
			x.remember()
		}
		return e, nil
	default:
	}
	if x.rt.cfg.Shadow {
		return x.overrule(ctx, "waits for room", admission.Effect{Kind: admission.EffectRefuse, Call: &t.Call,
			Refusal: admission.Refusal{Reason: admission.NoKeys, At: Never}})
	}
	x.remember()
	x.record.Queued = true
	var e admission.Effect
	var err error
	if !x.req.Stream || x.route.comments <= 0 {
		e, err = t.wait(ctx)
	} else {
		e, err = x.awaitWithComments(ctx)
	}
	switch {
	case err != nil:
		x.record.LeftQueue = "gone"
	case e.Kind == admission.EffectRefuse:
		x.record.LeftQueue = "refused"
	default:
		x.record.LeftQueue = "granted"
	}
	return e, err
}

// overrule sends a call that would not have been sent now.
func (x *exchange) overrule(ctx context.Context, what string, otherwise admission.Effect) (admission.Effect, error) {
	x.record.Shadow = append(x.record.Shadow, what)
	if !x.ticket.force() {
		return otherwise, nil
	}
	return x.ticket.wait(ctx)
}

// awaitWithComments waits and sends an SSE comment now and then. The first one commits
// the answer to status 200.
func (x *exchange) awaitWithComments(ctx context.Context) (admission.Effect, error) {
	tick := x.commentTicks()
	defer tick.Stop()
	for {
		select {
		case e := <-x.ticket.answer:
			return e, nil
		case <-ctx.Done():
			return x.ticket.wait(ctx)
		case <-tick.C:
			x.comment()
		}
	}
}

// commentTicks says when a stream that waits gets a comment; never where its route wants
// none.
func (x *exchange) commentTicks() *time.Ticker {
	if x.req.Stream && x.route.comments > 0 {
		return time.NewTicker(x.route.comments)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// comment tells a stream's client that it is not forgotten.
func (x *exchange) comment() {
	x.openStream()
	x.deadline()
	if _, err := x.w.Write([]byte(": waiting\n\n")); err == nil {
		_ = http.NewResponseController(x.w).Flush() // a client that has gone is found by its context
	}
}

// openStream begins the answer to a stream before any upstream has.
func (x *exchange) openStream() {
	if x.wroteHeader {
		return
	}
	x.wroteHeader, x.streamOpen = true, true
	h := x.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"}
	x.limitHeaders()
	x.outcomeHeaders()
	x.w.WriteHeader(http.StatusOK)
}

// affinity tells conversations apart: who asks, and how the conversation begins, which
// is what a prompt cache keeps.
func affinity(client string, p *tokens.Prompt) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(client)) // never fails
	left := affinityBytes
	for i := 0; i < len(p.Messages) && i < 2; i++ {
		for _, c := range p.Messages[i].Contents {
			n := min(len(c.JSON), left)
			_, _ = h.Write(c.JSON[:n])
			left -= n
		}
	}
	return h.Sum64() | 1 // zero means none
}

// affinityBytes is how much of a conversation's beginning names it.
const affinityBytes = 4 << 10
