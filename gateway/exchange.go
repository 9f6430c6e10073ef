package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/cache"
	"github.com/sluice-gateway/sluice/gateway/request"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/telemetry"
)

// exchange is one request's way through the gateway: authenticate, decode, resolve,
// consult the cache, estimate, admit, attempt, deliver, settle, record. It belongs to one
// goroutine.
type exchange struct {
	g  *Gateway
	rt *generation
	w  http.ResponseWriter
	r  *http.Request

	endpoint providers.Endpoint
	start    budget.Instant
	record   telemetry.Record

	client *client
	ring   *keyRing // of a stored key; nil: the file's, or nobody yet
	req    *request.Request
	route  *route
	class  shedding.Class

	address budget.Hold // of the client address
	door    budget.Hold
	ticket  *ticket
	usage   budget.Usage // of all attempts so far, for the door
	sent    bool         // an attempt reached an upstream
	capped  int64        // output that the key's cap has set; 0: the client's own word counts
	keep    int          // bytes of prompt and answer that are kept; 0: nothing

	place    *cache.Place // among the calls that ask the same; nil: none
	filtered bool         // the provider's filter has cut the answer

	wroteHeader  bool
	bodyHeld     int64          // of the guard's room for bodies
	streamOpen   bool           // comments have begun the stream
	queued       budget.Instant // when it last joined the queue
	attemptStart budget.Instant
	waited       time.Duration // for upstream attempts that failed
}

// serve makes the handler of one endpoint.
func (g *Gateway) serve(endpoint providers.Endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{g: g, rt: g.current.Load(), w: w, r: r, endpoint: endpoint, start: g.clock.now()}
		x.record.ID = newRequestID()
		x.record.Start = g.clock.time(x.start)
		x.record.Endpoint = endpoint.String()
		if t := r.Header["Traceparent"]; len(t) == 1 && len(t[0]) <= maxTraceParent {
			x.record.TraceParent = t[0]
		}
		if g.keep != nil {
			x.keep = max(g.keep(), 0)
		}
		defer x.finish()
		w.Header().Set("X-Request-Id", x.record.ID)
		if err := x.run(r.Context()); err != nil {
			x.fail(err)
		}
	}
}

// maxTraceParent bounds the header of that name: its first version has 55 bytes.
const maxTraceParent = 128

// run takes the request through every station; an error is what the client is told.
func (x *exchange) run(ctx context.Context) *apiError {
	if err := x.knock(); err != nil {
		return err
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	if err := x.decode(); err != nil {
		return err
	}
	if err := x.resolve(); err != nil {
		return err
	}
	if err := x.capOutput(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, x.route.timeout, errTotalTimeout)
	defer cancel()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	defer context.AfterFunc(x.g.life, func() { abort(errShutdown) })()
	if answered, err := x.consult(ctx); answered || err != nil {
		return err
	}
	x.estimate(false)
	if err := x.enter(); err != nil {
		return err
	}
	return x.admit(ctx)
}

// finish settles what is still held, whatever happened, and hands the record on.
func (x *exchange) finish() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			x.settleAll()
			panic(p)
		}
		x.g.log.Error("panic while serving", "request_id", x.record.ID, "panic", telemetry.Panicked(p), "stack", string(debug.Stack()))
		x.fail(errInternal(nil))
	}
	x.settleAll()
	now := x.g.clock.now()
	x.record.Duration = now.Sub(x.start)
	x.record.Fault = telemetry.FaultOf(x.record.Outcome, x.record.ErrorCode, x.record.ShedReason)
	x.keepPrompt()
	x.g.sink.Record(&x.record)
}

// settleAll ends the two holds; a second call does nothing.
func (x *exchange) settleAll() {
	x.forgo()
	if x.ticket != nil {
		x.ticket.leave()
	}
	x.g.guard.Release(x.bodyHeld)
	x.bodyHeld = 0
	defer x.leaveKey()
	now := x.g.clock.now()
	x.address.Settle(now, budget.Demand{budget.Requests: 1}, budget.Used)
	if !x.sent {
		x.door.Cancel(now)
		return
	}
	x.door.Settle(now, doorActual(x.usage), budget.Used)
}

// fail answers with an error, if the answer has not begun.
func (x *exchange) fail(e *apiError) {
	x.record.Outcome, x.record.ErrorCode = e.outcome, e.code
	switch {
	case e.cause != nil:
		x.record.Error = e.cause.Error()
	case e.limitedBy != "": // which limit, in words that hold nothing of the request
		x.record.Error = e.message
	}
	x.record.Status = e.status
	if x.streamOpen {
		x.deadline()
		_, _ = x.w.Write(e.frame()) // a client that has gone is found by its context
		return
	}
	if x.wroteHeader {
		return
	}
	x.wroteHeader = true
	x.limitHeaders()
	x.outcomeHeaders()
	x.deadline()
	e.write(x.w, x.g.random)
}

// authenticate finds out who is calling.
func (x *exchange) authenticate() *apiError {
	if tried, err := x.tryAs(); tried {
		return err
	}
	presented, err := credential(x.r.Header)
	if err != nil {
		return err
	}
	if err := x.identify(presented); err != nil {
		return err
	}
	key := x.client.key
	x.record.KeyID, x.record.Key, x.record.Owner = key.ID, key.Name, key.Owner
	x.record.ClientID = clip(x.r.Header.Get("X-Client-Request-Id"), 128)
	return x.from()
}

// resolve finds the route, the class and whether this key may call it.
func (x *exchange) resolve() *apiError {
	route, ok := x.rt.routes[x.req.Model]
	if !ok || !x.client.key.Allows(x.req.Model) {
		return errModelNotFound(x.req.Model)
	}
	x.route = route
	x.record.Route = route.name
	x.class = x.client.class
	if asked := x.r.Header.Get("X-Priority"); asked != "" {
		class, err := shedding.ParseClass(asked)
		if err != nil {
			return invalidRequest(http.StatusBadRequest, "invalid_priority", "",
				"X-Priority must be one of critical, high, normal, low.")
		}
		x.class = max(x.class, class) // the key's own is the highest it may ask for
	}
	x.record.Priority = x.class.String()
	return nil
}

// estimate sets the demand: cheap bounds at first, exact counts when they matter.
func (x *exchange) estimate(exact bool) {
	e := x.g.tokens
	if x.ticket == nil {
		x.ticket = newTicket()
	}
	if len(x.ticket.Estimates) != len(x.route.targets) {
		x.ticket.Estimates = make([]budget.Estimate, len(x.route.targets))
	}
	for i := range x.route.targets {
		model := x.route.targets[i].model
		in := e.Input(x.route.name, model, &x.req.Prompt, exact)
		out, most := e.Output(x.route.name, model, x.req.MaxOutput, x.req.N)
		if x.req.Prompt.Form == tokens.Embedding {
			out, most = 0, 0
		}
		est := budget.Estimate{Input: in, Output: out, MaxOutput: most}
		est.Cost = x.route.targets[i].expectedCost(x.record.Start, est, len(x.req.Prompt.Images))
		x.ticket.Estimates[i] = est
	}
	x.ticket.Exact = exact
	first := x.ticket.Estimates[0]
	x.record.EstimatedInput, x.record.EstimatedOutput = first.Input, first.Output
}

// enter takes the caller's own budgets: client key, owner, route. They refuse at once.
func (x *exchange) enter() *apiError {
	scopes := x.doorScopes()
	now := x.g.clock.now()
	a := budget.Reserve(now, &x.door, doorDemand(x.ticket.Estimates[0]), scopes...)
	if a.State != budget.Granted && !x.ticket.Exact {
		x.estimate(true)
		a = budget.Reserve(now, &x.door, doorDemand(x.ticket.Estimates[0]), scopes...)
	}
	if a.State == budget.Granted {
		return nil
	}
	refusal := x.refusedAtDoor(now, a)
	if x.rt.cfg.Shadow {
		x.record.Shadow = append(x.record.Shadow, "limited by "+refusal.limitedBy)
		x.record.LimitedBy = ""
		return nil
	}
	return refusal
}

// admit brings the call to its pool and follows it until it is answered.
func (x *exchange) admit(ctx context.Context) *apiError {
	t := x.ticket
	t.Route, t.Class = x.route.admission, x.class
	t.Client, t.Weight = x.client.key.ID, x.client.weight
	if x.route.admission.Sticky {
		t.Affinity = affinity(x.client.key.ID, &x.req.Prompt)
	}
	t.Deadline, t.Bytes = x.start.Add(x.maxWait()), x.bodyHeld
	x.queued = x.g.clock.now()
	x.route.dispatcher.arrive(t)
	chain := x.newChain()
	for {
		e, err := x.await(ctx)
		if err != nil {
			return x.gone(ctx)
		}
		switch e.Kind {
		case admission.EffectRefine:
			x.estimate(true)
			t.refined()
		case admission.EffectRefuse:
			return x.refused(e.Refusal, chain)
		case admission.EffectGrant:
			x.granted(e.Grant)
			if pause(ctx, e.Grant.Delay) != nil {
				return x.gone(ctx)
			}
			failure := x.attempt(ctx, e.Grant)
			if failure == nil {
				return nil
			}
			verdict, giveUp := chain.failed(failure)
			if giveUp != nil {
				return giveUp
			}
			x.queued = x.g.clock.now()
			t.retry(verdict)
		}
	}
}

// granted notes where the call goes, before it is sent.
func (x *exchange) granted(g admission.Grant) {
	x.route = x.ticket.Route.Owner.(*route) // a reload may have moved the call to a new one
	x.record.QueueWait += max(g.At.Sub(x.queued), 0)
	r := &x.record
	r.Spared, r.Waited, r.Rotated, r.Moved = r.Spared || g.Spared(), r.Waited || g.Waited, r.Rotated || g.Rotated, r.Moved || g.Moved
	if g.Moved {
		x.record.Decide("no_room", x.route.targets[0].name, x.route.targets[g.Target].name)
	}
}

// gone answers for a request whose context has ended: the client left, or the time
// for all attempts together is over.
func (x *exchange) gone(ctx context.Context) *apiError {
	if errors.Is(context.Cause(ctx), errShutdown) {
		return &apiError{status: http.StatusServiceUnavailable, kind: "server_error", code: "shutting_down", outcome: "shutdown",
			retryAfter: time.Second, message: "The gateway is shutting down. Please try again."}
	}
	if errors.Is(context.Cause(ctx), errTotalTimeout) {
		return &apiError{status: http.StatusGatewayTimeout, kind: "server_error", code: "timeout", noRetry: true,
			message: "The request did not finish within the route's total time of " + x.route.timeout.String() + ".", outcome: "timeout"}
	}
	return &apiError{status: statusClientGone, kind: "server_error", code: "client_closed_request",
		message: "The client closed the request.", outcome: "client_gone"}
}

var errTotalTimeout = errors.New("the route's total time is over")

// statusClientGone is what the record says of a request whose client left before
// any answer (nginx's number; nobody receives it).
const statusClientGone = 499

// upstreamTime is how long the attempt that answers has been with its upstream.
func (x *exchange) upstreamTime() time.Duration {
	return x.g.clock.now().Sub(x.attemptStart)
}
