package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/fallback"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/gateway/request"
	"github.com/sluice-gateway/sluice/providers"
)

// maxErrorBody bounds what is read of an upstream's error.
const maxErrorBody = 64 << 10

// maxAnswer bounds a whole answer that is not a stream.
const maxAnswer = 64 << 20

var (
	errFirstByte = errors.New("no first byte in time")
	errIdle      = errors.New("no data in time")

	errAttemptTimeout = errors.New("the attempt's total time is over")
	errShutdown       = errors.New("the gateway is shutting down")
)

// failedAttempt is an attempt that gave the client nothing, so another may follow.
type failedAttempt struct {
	providers.Failure
	grant  admission.Grant
	target *target
	sent   bool // the upstream may have seen it
}

// attempt is one upstream call on one grant. It answers nil once the client has its
// answer, good or bad; the hold is settled in every case.
func (x *exchange) attempt(ctx context.Context, g admission.Grant) *failedAttempt {
	target := &x.route.targets[g.Target]
	up := target.upstream
	x.attemptStart = x.g.clock.now()
	x.noteAttempt(g, target)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if up.timeouts.Total > 0 {
		var done context.CancelFunc
		ctx, done = context.WithTimeoutCause(ctx, up.timeouts.Total, errAttemptTimeout)
		defer done()
	}
	watch := newWatchdog(cancel, up.timeouts.FirstByte)
	defer watch.stop()

	a := &try{x: x, grant: g, target: target, up: up, watch: watch}
	defer a.unsettled()
	failure := a.do(ctx)
	if failure == nil {
		keyOf(g.Key).accepted(x.g)
		keyOf(g.Key).home.recent.add(recentAttempt{firstByte: a.firstByte, whole: x.upstreamTime(), ok: true})
		return nil
	}
	if failure.Kind != providers.Cancelled {
		keyOf(g.Key).home.recent.add(recentAttempt{whole: x.upstreamTime()})
		keyOf(g.Key).home.recent.failed(failure.Kind.String(), a.status, failure.Message, time.Now())
	}
	x.waited += x.upstreamTime()
	a.kind = failure.Kind.String()
	a.settleFailure(failure)
	return failure
}

// try is the state of one attempt.
type try struct {
	x      *exchange
	grant  admission.Grant
	target *target
	up     *upstream
	watch  *watchdog
	status int
	kind   string // of the failure
	told   bool   // that it has been settled

	firstByte time.Duration // from sending to the answer's headers
}

func (a *try) fail(f providers.Failure, sent bool) *failedAttempt {
	return &failedAttempt{Failure: f, grant: a.grant, target: a.target, sent: sent}
}

func (a *try) do(ctx context.Context) *failedAttempt {
	x := a.x
	buf := x.g.buffers.Get().(*[]byte)
	defer x.g.buffers.Put(buf)
	edit := request.Edit{Model: a.target.model, IncludeUsage: x.req.Stream && !x.req.IncludeUsage}
	if x.capped > 0 {
		edit.MaxOutput, edit.MaxOutputName = x.capped, outputName(x.endpoint, a.up.counts.Preset.Name)
	}
	*buf = x.req.Upstream((*buf)[:0], edit)
	req, err := a.up.dialect.NewRequest(ctx, providers.Call{
		Endpoint: x.endpoint, Model: a.target.model, Body: *buf, Stream: x.req.Stream,
		Key: keyOf(a.grant.Key).secret,
	})
	if err != nil {
		return a.fail(providers.Failure{Kind: providers.Malformed, Message: "the upstream request could not be made"}, false)
	}
	defer providers.ReleaseBody(req) // the transport may read on after an answer
	x.sent = true
	if x.place != nil {
		x.place.Sent()
	}
	resp, err := a.up.client.Do(req)
	if err != nil {
		return a.fail(a.transportFailure(ctx, err), !dialFailed(err))
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	a.firstByte = x.upstreamTime()
	a.observe(resp)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // a cut error body is classified by its status
		return a.fail(a.up.dialect.Classify(resp.StatusCode, resp.Header, body), true)
	}
	if x.req.Stream && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return a.stream(ctx, resp)
	}
	return a.whole(ctx, resp)
}

// observe takes what an answer's headers say about the account's limits.
func (a *try) observe(resp *http.Response) {
	told := a.up.dialect.Observe(resp.StatusCode, resp.Header)
	if len(told) == 0 {
		if len(a.up.counts.Preset.Headers) > 0 {
			a.x.ticket.heard()
		}
		return
	}
	var buf [4]budget.Observation
	a.x.ticket.observe(observationsOf(told, buf[:0])...)
}

// whole delivers an answer that is not a stream.
func (a *try) whole(ctx context.Context, resp *http.Response) *failedAttempt {
	x := a.x
	body, err := io.ReadAll(io.LimitReader(a.watch.reader(resp.Body, a.up.timeouts.Idle), maxAnswer+1))
	if err != nil {
		return a.fail(a.transportFailure(ctx, err), true)
	}
	if len(body) > maxAnswer {
		return a.fail(providers.Failure{Kind: providers.Malformed, Status: a.status, Message: "the answer is too large"}, true)
	}
	answer, err := a.up.dialect.Answer(x.endpoint, body)
	if err != nil || x.req.Stream {
		f := a.up.dialect.Classify(resp.StatusCode, resp.Header, body)
		return a.fail(f, true)
	}
	if x.endpoint == providers.Embeddings {
		if answer.Body, err = x.g.embeddings(answer.Body, x.req.EncodingFormat); err != nil {
			return a.fail(providers.Failure{Kind: providers.Malformed, Status: a.status, Message: "the embeddings are not readable"}, true)
		}
	}
	a.watch.stop()
	usage := answer.Usage
	if !usage.Known {
		usage = a.estimatedUsage(answer.Body)
	}
	a.settle(usage)
	x.begin(a.grant, "application/json")
	x.record.Outcome, x.record.Status = "ok", http.StatusOK
	x.keepAnswer(answer.Body)
	if x.place != nil {
		x.offer(answer.Body)
		x.filtered = filteredOut(answer.Body)
		x.offered(a.target)
	}
	x.w.Header().Set("Content-Length", itoa(len(answer.Body)))
	x.w.WriteHeader(http.StatusOK)
	x.deadline()
	if _, err := x.w.Write(answer.Body); err != nil {
		x.record.Outcome = "client_gone"
	}
	x.record.Bytes = int64(len(answer.Body))
	return nil
}

// transportFailure names what went wrong below HTTP.
func (a *try) transportFailure(ctx context.Context, err error) providers.Failure {
	cause := context.Cause(ctx)
	f := providers.Failure{Kind: providers.Connection, Message: "the connection to the upstream failed"}
	var timeout net.Error
	switch {
	case errors.Is(cause, errFirstByte), errors.Is(cause, errIdle), errors.Is(cause, errTotalTimeout), errors.Is(cause, errAttemptTimeout):
		f.Kind, f.Message = providers.Timeout, "the upstream did not answer in time"
	case errors.Is(cause, errShutdown):
		f.Message = "the gateway is shutting down"
	case cause != nil:
		f.Kind, f.Message = providers.Cancelled, "the client closed the request"
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Kind, f.Message = providers.Timeout, "the upstream did not answer in time"
	}
	return f
}

// dialFailed says that the request surely never reached the upstream.
func dialFailed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// settle ends the attempt's hold with what was used and remembers it for the door.
func (a *try) settle(u providers.Usage) {
	x := a.x
	used := a.spend(u)
	x.record.Known = u.Known
	defer a.settled()
	x.ticket.settle(a.up.counts.Charging.Actual(a.grant.Demand, used), budget.Used,
		admission.Report{Health: fallback.Healthy, FirstByte: a.firstByte})
	if u.Known {
		est := x.ticket.Estimates[min(a.grant.Target, len(x.ticket.Estimates)-1)]
		if x.ticket.Exact {
			x.g.tokens.Learn(x.route.name, a.target.model, est.Input, u.Input, x.req.N, u.Output)
		} else {
			x.g.tokens.Learn(x.route.name, a.target.model, 0, 0, x.req.N, u.Output)
		}
	}
}

// settleFailure ends the hold of an attempt that gave nothing, and tells the lane
// what the provider said.
func (a *try) settleFailure(f *failedAttempt) {
	x := a.x
	report := admission.Report{Health: fallback.OutcomeOf(causeOf(f.Kind))}
	defer a.settled()
	if !f.sent {
		x.ticket.settle(budget.Demand{}, budget.Unsent, report)
		return
	}
	if f.Kind == providers.Cancelled || f.Kind == providers.Timeout {
		// The upstream has read the prompt and may have charged it.
		used := a.spend(providers.Usage{Input: a.countedInput()})
		x.ticket.settle(a.up.counts.Charging.Actual(a.grant.Demand, used), budget.Used, report)
		return
	}
	x.ticket.settle(budget.Demand{}, budget.Refused, report)
	if o, ok := plan.Refusal(causeOf(f.Kind), f.RetryAfter, f.grant.Demand, f.Limit, f.Window); ok {
		x.ticket.observe(o)
	}
	if f.Kind == providers.BurstRamp {
		x.ticket.ramped()
	}
}

// estimatedUsage stands in where an upstream did not report any.
func (a *try) estimatedUsage(body []byte) providers.Usage {
	u := providers.Usage{Input: a.countedInput()}
	if a.x.endpoint != providers.Embeddings {
		u.Output = a.x.g.tokens.CountOutput(a.target.model, generated(body))
	}
	return u
}

// generated is the text that an answer holds, of every choice.
func generated(body []byte) (text []byte) {
	var a struct {
		Choices []struct {
			Text    string
			Message openai.ChatCompletionMessage
		}
	}
	if json.Unmarshal(body, &a) != nil {
		return body // counts too much rather than nothing
	}
	for _, c := range a.Choices {
		text = append(text, c.Text+c.Message.Content+c.Message.ReasoningContent+c.Message.Refusal...)
		for _, t := range c.Message.ToolCalls {
			text = append(text, t.Function.Name+t.Function.Arguments...)
		}
	}
	return text
}

// countedInput is the exact estimate of the prompt, for calls whose usage nobody
// reports: a bound would be charged for good.
func (a *try) countedInput() int64 {
	return a.x.g.tokens.Input(a.x.route.name, a.target.model, &a.x.req.Prompt, true)
}
