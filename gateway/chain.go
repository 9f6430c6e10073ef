package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/providers"
)

// chain follows one request through its failed attempts.
type chain struct {
	x        *exchange
	state    fallback.State
	failures []*failedAttempt
}

func (x *exchange) newChain() *chain { return &chain{x: x} }

// failed asks fallback what a failure means. The error is what the client is told
// when the chain ends here.
func (c *chain) failed(f *failedAttempt) (admission.Verdict, *apiError) {
	x := c.x
	c.failures = append(c.failures, f)
	if f.Kind == providers.Cancelled {
		return admission.Verdict{}, x.gone(x.r.Context())
	}
	c.state.Attempts++
	c.count(f)
	c.state.Elapsed = x.g.clock.now().Sub(x.start)
	cause := causeOf(f.Kind)
	v := x.route.policy.Decide(c.state, fallback.Failure{Cause: cause, RetryAfter: f.RetryAfter, Sent: f.sent}, x.g.random)
	out := plan.Verdict(v, cause)
	out.Why = f.Kind.String()
	target := f.target
	if v.DisableKey {
		c.takeOut(f)
	}
	if v.Action == fallback.GiveUp {
		if v.BlockAccountFor > 0 {
			block(f.grant, out)
		}
		return out, c.exhausted()
	}
	x.record.Decide(v.Reason, target.name, "")
	return out, nil
}

// count keeps how often in a row this target failed for reasons other than budget.
func (c *chain) count(f *failedAttempt) {
	switch n := len(c.failures); {
	case f.Kind.RateLimit():
		c.state.SameTarget = 0
	case n > 1 && c.failures[n-2].grant.Target == f.grant.Target:
		c.state.SameTarget++
	default:
		c.state.SameTarget = 1
	}
}

// takeOut keeps everybody off the key of a failed attempt.
func (c *chain) takeOut(f *failedAttempt) {
	health, model := HealthInvalid, ""
	switch f.Kind {
	case providers.QuotaExhausted:
		health, model = HealthExhausted, f.target.model
	case providers.Forbidden: // perhaps of this model alone
		model = f.target.model
	}
	why := f.Kind.String()
	if f.Message != "" {
		why += ": " + clip(f.Message, 200)
	}
	c.x.g.report(keyOf(f.grant.Key), health, why, model)
}

// block applies what a last failure says about its lane for other calls.
func block(g admission.Grant, v admission.Verdict) {
	d := lockLane(g.Lane)
	defer d.mu.Unlock()
	d.pool.Block(d.clock.now(), g.Lane, v.BlockLane)
}

// exhausted is the one clear error after every candidate has failed.
func (c *chain) exhausted() *apiError {
	last := c.failures[len(c.failures)-1]
	e := upstreamError(last.Failure)
	e.noRetry = true
	if len(c.failures) == 1 && e.status < 500 && e.status != http.StatusTooManyRequests {
		return e // the request itself is at fault: the provider's word is the clearest
	}
	e.message = c.story()
	if c.allRateLimits() {
		at, dim := c.x.ticket.forecast()
		e = c.x.noRoom(at, dim)
		e.noRetry = true
		e.message = c.story() + e.message
	}
	return e
}

func (c *chain) allRateLimits() bool {
	for _, f := range c.failures {
		if !f.Kind.RateLimit() {
			return false
		}
	}
	return len(c.failures) > 0
}

// story tells every attempt's cause, without anything of the upstreams' secrets.
func (c *chain) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "All upstream attempts failed (%d):", len(c.failures))
	for i, f := range c.failures {
		if i == 8 {
			fmt.Fprintf(&b, " and %d more.", len(c.failures)-i)
			break
		}
		fmt.Fprintf(&b, " %s: %s", f.target.name, f.Kind)
		if f.Status > 0 {
			fmt.Fprintf(&b, " (HTTP %d)", f.Status)
		}
		b.WriteByte(';')
	}
	return strings.TrimSuffix(b.String(), ";") + ". "
}

// refused answers for a call that its pool turned away.
func (x *exchange) refused(r admission.Refusal, c *chain) *apiError {
	x.record.LimitedBy = "upstream"
	now := x.g.clock.now()
	switch r.Reason {
	case admission.TooLarge:
		return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", code: "tokens_exceed_limit", noRetry: true,
			limitedBy: "upstream", outcome: "too_large",
			message: fmt.Sprintf("This request needs about %d tokens, more than the whole limit of every upstream that could serve it.",
				x.record.EstimatedInput+x.record.EstimatedOutput)}
	case admission.Shed, admission.QueueFull:
		e := &apiError{status: http.StatusServiceUnavailable, kind: "overloaded", code: r.Reason.String(), limitedBy: "upstream",
			outcome: "shed", retryAfter: waitUntil(now, r.At)}
		e.message = "The gateway is overloaded and serves more important requests first. Please try again in " + human(e.retryAfter) + "."
		x.record.ShedReason = r.Reason.String()
		return e
	case admission.NoRoom:
		if len(c.failures) > 0 {
			return c.exhausted()
		}
		return x.noRoom(r.At, r.Dimension)
	case admission.NoKeys, admission.Exhausted, admission.NoRetries, admission.Resting:
		if len(c.failures) > 0 {
			return c.exhausted()
		}
	}
	switch r.Reason {
	case admission.Resting:
		return unavailable(waitUntil(now, r.At), "Every upstream of this model has been failing and is left alone for a while; the next try is in %s.")
	case admission.Exhausted, admission.NoRetries: // the throttle keeps calls off, or every target is paused
		return unavailable(time.Second, "No upstream takes calls for this model at present: those it has fail too often, or are paused. Please try again in %s.")
	}
	return &apiError{status: http.StatusServiceUnavailable, kind: "server_error", code: "no_upstream_available", noRetry: true,
		outcome: "upstream_failed", message: "No upstream key is usable for this model at present; the operator has been told in the log."}
}

// unavailable is the answer where upstreams are left alone because they fail; the
// message takes the wait.
func unavailable(wait time.Duration, message string) *apiError {
	return &apiError{status: http.StatusServiceUnavailable, kind: "server_error", code: "no_upstream_available", retryAfter: wait,
		limitedBy: "upstream", outcome: "upstream_failed", message: fmt.Sprintf(message, human(wait))}
}

// noRoom is the 429 after waiting in vain for upstream budget.
func (x *exchange) noRoom(at budget.Instant, dim budget.Dimension) *apiError {
	e := &apiError{status: http.StatusTooManyRequests, kind: limitType(dim), code: "rate_limit_exceeded", limitedBy: "upstream",
		outcome: "no_room", retryAfter: waitUntil(x.g.clock.now(), at)}
	e.message = fmt.Sprintf("No upstream has room for this request (%s) within the time it may wait. Please try again in %s.", dim, human(e.retryAfter))
	return e
}

// waitUntil is a wait to tell: one second when nobody can know.
func waitUntil(now, at budget.Instant) time.Duration {
	if at == budget.Never {
		return time.Second
	}
	return max(at.Sub(now), time.Millisecond)
}

// upstreamError is what a client is told of one upstream failure.
func upstreamError(f providers.Failure) *apiError {
	e := &apiError{status: http.StatusBadGateway, kind: "server_error", code: "upstream_error",
		outcome: "upstream_failed", message: "The upstream failed: " + f.Kind.String() + "."}
	switch f.Kind {
	case providers.Timeout:
		e.status, e.code = http.StatusGatewayTimeout, "upstream_timeout"
	case providers.BadRequest, providers.ContextLength, providers.ContentFilter, providers.TooLarge, providers.NotFound:
		e.status, e.kind, e.code, e.message = http.StatusBadRequest, "invalid_request_error", f.Code, f.Message
		if f.Status == http.StatusUnprocessableEntity || f.Status == http.StatusRequestEntityTooLarge || f.Status == http.StatusNotFound {
			e.status = f.Status
		}
		if f.Kind == providers.ContextLength {
			e.code = "context_length_exceeded"
		}
		if e.message == "" {
			e.message = "The upstream refused the request: " + f.Kind.String() + "."
		}
		e.outcome = "upstream_rejected"
	case providers.RateRequests, providers.RateTokens, providers.RateUnknown, providers.BurstRamp, providers.Daily:
		e.status, e.kind, e.code = http.StatusTooManyRequests, "requests", "rate_limit_exceeded"
		e.retryAfter = f.RetryAfter
	}
	return e
}
