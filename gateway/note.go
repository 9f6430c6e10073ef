package gateway

import (
	"bytes"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/telemetry"
)

// noteAttempt begins the record of an attempt.
func (x *exchange) noteAttempt(g admission.Grant, t *target) {
	est := x.ticket.Estimates[min(g.Target, len(x.ticket.Estimates)-1)]
	x.record.Attempts = append(x.record.Attempts, telemetry.Attempt{
		N: len(x.record.Attempts), Start: x.g.clock.time(x.attemptStart),
		Provider: t.upstream.name, Account: g.Lane.Account.Name, Model: t.model,
		Key: keyOf(g.Key).fingerprint, EstimatedInput: est.Input, EstimatedOutput: est.Output, EstimatedCost: est.Cost,
	})
}

// note is the record of this attempt, which is the request's last.
func (a *try) note() *telemetry.Attempt { return &a.x.record.Attempts[len(a.x.record.Attempts)-1] }

// spend adds what the attempt used to the request and notes it.
func (a *try) spend(u providers.Usage) budget.Usage {
	x, n := a.x, a.note()
	used := budget.Usage{Input: u.Input, Output: u.Output, Cached: u.Cached, Cost: a.target.spent(x.record.Start, u, len(x.req.Prompt.Images))}
	n.Input, n.Output, n.Cached, n.CacheWrite = u.Input, u.Output, u.Cached, u.CacheWrite
	n.Cost, n.Known = used.Cost, u.Known
	x.usage.Input += used.Input
	x.usage.Output += used.Output
	x.usage.Cached += used.Cached
	x.usage.Cost += used.Cost
	x.record.Input, x.record.Output, x.record.Cached = x.usage.Input, x.usage.Output, x.usage.Cached
	x.record.CacheWrite += u.CacheWrite
	x.record.Cost = x.usage.Cost
	return used
}

// settled tells of the attempt at once: its request may go on for long, and a kill
// would lose it.
func (a *try) settled() {
	if a.told {
		return
	}
	a.told = true
	n := a.note()
	n.Status, n.Kind, n.FirstByte, n.Duration = a.status, a.kind, a.firstByte, a.x.upstreamTime()
	a.x.g.attempts.Attempt(&a.x.record, n)
}

// unsettled tells of an attempt that ended in a panic; its hold ends with the exchange.
func (a *try) unsettled() {
	if !a.told {
		a.kind = "internal_error"
		a.settled()
	}
}

// keepAnswer keeps what the client is sent, up to the size that is kept.
func (x *exchange) keepAnswer(data []byte) {
	if x.keep == 0 {
		return
	}
	c := x.content()
	n := min(len(data), x.keep-len(c.Answer))
	c.Answer = append(c.Answer, data[:n]...)
	c.Cut = c.Cut || n < len(data)
}

// keepReplayed keeps an answer of the cache in the form in which keepAnswer has kept it
// when it came: of a stream, the events' data without their frames.
func (x *exchange) keepReplayed(body []byte) {
	if x.keep == 0 {
		return
	}
	if !x.req.Stream {
		x.keepAnswer(body)
		return
	}
	for frame := range bytes.SplitSeq(body, []byte("\n\n")) {
		if data, ok := bytes.CutPrefix(frame, []byte("data: ")); ok && string(data) != "[DONE]" {
			x.keepAnswer(data)
		}
	}
}

// keepPrompt keeps what the client has sent, up to the size that is kept.
func (x *exchange) keepPrompt() {
	if x.keep == 0 || x.req == nil {
		return
	}
	c, body := x.content(), x.req.Body
	n := min(len(body), x.keep)
	c.Prompt = body[:n:n]
	c.Cut = c.Cut || n < len(body)
}

func (x *exchange) content() *telemetry.Content {
	if x.record.Content == nil {
		x.record.Content = &telemetry.Content{}
	}
	return x.record.Content
}
