package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/gateway/request"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Question is a request to explain: what would become of it now.
type Question struct {
	// Body is the request as a client would send it to Endpoint (chat_completions,
	// completions or embeddings; empty: chat_completions).
	Body     []byte
	Endpoint string
	// Key names the client key that asks. Empty: nobody's limits count, and every route
	// is allowed.
	Key string
	// Priority is the class; empty: the key's own, or normal.
	Priority string
}

// ErrQuestion is what is wrong with a question; its text is for whoever asked.
var ErrQuestion = errors.New("the request cannot be explained")

// Explain tells what would become of a request now, and changes nothing.
func (g *Gateway) Explain(_ context.Context, q Question) (*telemetry.Explanation, error) {
	rt := g.current.Load()
	endpoint, ok := endpointOf(q.Endpoint)
	if !ok {
		return nil, fmt.Errorf("%w: there is no endpoint %q: use chat_completions, completions or embeddings", ErrQuestion, clip(q.Endpoint, 60))
	}
	req, err := request.Read(formOf(endpoint), q.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	x := &exchange{g: g, rt: rt, endpoint: endpoint, req: req, start: g.clock.now()}
	defer x.leaveKey()
	if err := x.ask(q); err != nil {
		return nil, err
	}
	if x.client.key != nil {
		if err := x.capOutput(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuestion, err)
		}
	}
	x.estimate(true)
	return x.explanation(), nil
}

// ask finds whose question it is and where it leads.
func (x *exchange) ask(q Question) error {
	x.class = shedding.Normal
	x.client = &client{weight: 1}
	if q.Key != "" {
		if err := x.askAs(q.Key); err != nil {
			return err
		}
	}
	if q.Priority != "" {
		class, err := shedding.ParseClass(q.Priority)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrQuestion, err)
		}
		x.class = max(x.class, class)
		if q.Key == "" {
			x.class = class
		}
	}
	x.route = x.rt.routes[x.req.Model]
	if x.route == nil {
		return fmt.Errorf("%w: there is no route for the model %q", ErrQuestion, clip(x.req.Model, 100))
	}
	if q.Key != "" && !x.client.key.Allows(x.req.Model) {
		return fmt.Errorf("%w: the key %q may not use the model %q", ErrQuestion, clip(q.Key, 60), clip(x.req.Model, 100))
	}
	return nil
}

// askAs takes the place of a client key: one of the file, or a stored one by its name or
// ID.
func (x *exchange) askAs(name string) error {
	x.client = nil
	for _, c := range x.rt.clients {
		if c.key.Name == name {
			x.client = c
		}
	}
	if x.client == nil {
		k := x.g.storedKey(name)
		if k == nil {
			return fmt.Errorf("%w: there is no client key named %q", ErrQuestion, clip(name, 60))
		}
		var err error
		if x.ring, x.client, err = x.g.keyring.enter(x.rt, k); err != nil {
			return fmt.Errorf("%w: the client key %q is not usable: %w", ErrQuestion, clip(name, 60), err)
		}
	}
	x.class = x.client.class
	return nil
}

func (x *exchange) explanation() *telemetry.Explanation {
	t, now := x.ticket, x.g.clock.now()
	t.Route, t.Class, t.Deadline = x.route.admission, x.class, now.Add(x.route.maxWait)
	if x.client.key != nil {
		t.Client, t.Weight = x.client.key.ID, x.client.weight
	}
	d := x.route.dispatcher
	d.mu.Lock()
	o := d.pool.Explain(now, &t.Call)
	d.mu.Unlock()
	e := &telemetry.Explanation{
		Route: x.route.name, Priority: x.class.String(), Candidates: x.candidates(now, &o), Door: []telemetry.DoorAnswer{},
		Estimated: map[string]int64{"input_tokens": t.Estimates[0].Input, "output_tokens": t.Estimates[0].Output, "max_tokens": t.Estimates[0].MaxOutput,
			"cost_nano_usd": t.Estimates[0].Cost},
		WaitMS: millisUntil(now, o.At), Queued: o.Queued, PredictedWaitMS: time.Duration(o.Wait).Milliseconds(),
	}
	blocked := x.askDoor(now, e)
	x.conclude(e, &o, blocked)
	return e
}

// askDoor asks the caller's own limits, and answers the first that says no.
func (x *exchange) askDoor(now budget.Instant, e *telemetry.Explanation) *telemetry.DoorAnswer {
	var no *telemetry.DoorAnswer
	for _, s := range x.doorScopes() {
		a := s.Peek(now, doorDemand(x.ticket.Estimates[0]))
		e.Door = append(e.Door, telemetry.DoorAnswer{Scope: s.Kind().String(), Name: x.holder(s), Says: says(a.State), WaitMS: millisUntil(now, a.At)})
		if a.State != budget.Granted {
			last := &e.Door[len(e.Door)-1]
			last.Short = a.Dimension.String()
			if no == nil {
				no = last
			}
		}
	}
	return no
}

// conclude says what would become of the call.
func (x *exchange) conclude(e *telemetry.Explanation, o *admission.Outlook, no *telemetry.DoorAnswer) {
	switch {
	case no != nil:
		e.Verdict, e.Reason = "refuse", "limited by "+no.Scope
		e.Sentence = fmt.Sprintf("It would be refused at once: the %s limit of the %s %q has no room (%s).", no.Short, no.Scope, no.Name, inWords(no.WaitMS))
	case o.Refuse:
		e.Verdict, e.Reason = "refuse", o.Refused.String()
		e.Sentence = fmt.Sprintf("It would be refused: %s. Room for it: %s.", o.Refused, inWords(e.WaitMS))
	case o.Chosen >= 0:
		c := &e.Candidates[o.Chosen]
		e.Verdict, e.WaitMS, e.Target, e.Account = "send", 0, c.Target, c.Account
		e.Sentence = fmt.Sprintf("It would be sent at once to %s on account %s.", c.Target, c.Account)
	case slices.ContainsFunc(o.Candidates, func(c admission.Candidate) bool { return c.Kept }):
		e.Verdict = "wait"
		e.Sentence = fmt.Sprintf("It would wait behind %d calls: what is free is kept for more important ones. Room for it: %s.", o.Queued, inWords(e.WaitMS))
	default:
		e.Verdict = "wait"
		e.Sentence = fmt.Sprintf("It would wait behind %d calls; the first candidate has room for it %s.", o.Queued, inWords(e.WaitMS))
	}
}

func inWords(ms int64) string {
	if ms < 0 {
		return "at a moment that nobody can know"
	}
	return "in " + human(time.Duration(ms)*time.Millisecond)
}

// candidates puts what the pool says in words.
func (x *exchange) candidates(now budget.Instant, o *admission.Outlook) []telemetry.Candidate {
	out := make([]telemetry.Candidate, 0, len(o.Candidates))
	for i := range o.Candidates {
		c := &o.Candidates[i]
		t := telemetry.Candidate{
			Target: x.route.targets[c.Target].name, Account: c.Lane.Account.Name, Says: says(c.Now.State),
			WaitMS: millisUntil(now, max(c.Now.At, c.Blocked)), BehindMS: millisUntil(now, max(c.Behind.At, c.Blocked)),
			Demand: map[string]int64{}, Breaker: c.Breaker.String(), Ratio: c.Ratio, InFlight: c.InFlight,
		}
		if c.Now.State != budget.Granted {
			t.Short = c.Now.Dimension.String()
		}
		switch {
		case c.Paused:
			t.Says = "paused"
		case c.NoKey:
			t.Says = "no_key"
		case c.Excluded:
			t.Says = "failed_before"
		case c.Blocked > now:
			t.Says = "blocked"
		case c.Unknown:
			t.Says = "unknown_limits"
		case c.Kept:
			t.Says = "kept_back"
		}
		for d, n := range c.Demand {
			if n > 0 {
				t.Demand[budget.Dimension(d).String()] = n
			}
		}
		for _, b := range c.Buckets {
			t.Buckets = append(t.Buckets, telemetry.Levels{
				Limit: b.Limit.Name, Dimension: b.Limit.Dimension.String(), Amount: b.Amount, Capacity: b.Capacity, Level: b.Level, Reserved: b.Reserved,
				Learned: b.Limit.Learned || b.Told > 0, FullInMS: millisUntil(now, b.Full),
			})
		}
		out = append(out, t)
	}
	return out
}

func says(s budget.State) string {
	switch s {
	case budget.Granted:
		return "room"
	case budget.TooLarge:
		return "too_large"
	}
	return "wait"
}

func millisUntil(now, at budget.Instant) int64 {
	if at == budget.Never {
		return -1
	}
	return max(at.Sub(now), 0).Milliseconds()
}

func endpointOf(name string) (providers.Endpoint, bool) {
	switch name {
	case "", "chat_completions", providers.ChatCompletions.String():
		return providers.ChatCompletions, true
	case providers.Completions.String():
		return providers.Completions, true
	case providers.Embeddings.String():
		return providers.Embeddings, true
	}
	return 0, false
}

// remember keeps what the candidates say for the request's trail, the first time it
// cannot go at once.
func (x *exchange) remember() {
	if x.rt.cfg.Server.Trails == 0 || x.record.Candidates != nil || !x.g.trails.mayLook(x.g.clock.now()) {
		return
	}
	o := x.ticket.explain()
	x.record.Candidates = x.candidates(x.g.clock.now(), &o)
}
