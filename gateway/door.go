package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/prices"
	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/gateway/protection"
	"github.com/sluice-gateway/sluice/gateway/request"
	"github.com/sluice-gateway/sluice/providers"
)

// credential reads the client key of a request.
func credential(h http.Header) (string, *apiError) {
	c, err := auth.FromRequest(h)
	if err != nil {
		return "", errUnauthorized("You didn't provide a usable API key. Send it as `Authorization: Bearer <key>`.")
	}
	return c, nil
}

// knock takes the limits of the client's address, before anything else is read.
func (x *exchange) knock() *apiError {
	if x.rt.addresses == nil {
		return nil
	}
	now := x.g.clock.now()
	a := budget.Reserve(now, &x.address, budget.Demand{budget.Requests: 1, budget.Concurrency: 1}, x.rt.addresses.scope(now, x.r))
	if a.State == budget.Granted {
		return nil
	}
	return x.refusedAtDoor(now, a)
}

// decode reads the body, bounded, and what the gateway needs of it.
func (x *exchange) decode() *apiError {
	limit := x.rt.cfg.Server.MaxBody
	if x.r.ContentLength > limit {
		return errBodyTooLarge(limit)
	}
	if err := x.holdBody(); err != nil {
		return err
	}
	body, err := readBody(x.r.Body, x.r.ContentLength, limit)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errBodyTooLarge(limit)
		}
		return invalidRequest(http.StatusBadRequest, "invalid_body", "", "The request body could not be read.")
	}
	x.req, err = request.Read(formOf(x.endpoint), body)
	if err == nil {
		x.record.Model, x.record.Stream = clip(x.req.Model, 200), x.req.Stream
		return nil
	}
	var bad *request.Error
	if errors.As(err, &bad) {
		return invalidRequest(http.StatusBadRequest, bad.Code, bad.Param, bad.Message)
	}
	return invalidRequest(http.StatusBadRequest, "invalid_json", "", "The request body is not valid JSON.")
}

// unknownBody is what a body of unknown length is taken for.
const unknownBody = 1 << 20

// holdBody takes room for the body in memory, until the request has ended.
func (x *exchange) holdBody() *apiError {
	n := x.r.ContentLength
	if n < 0 {
		n = unknownBody
	}
	if !x.g.guard.Hold(n) {
		x.record.ShedReason = string(protection.BodyBytes)
		return errProtected(protection.BodyBytes)
	}
	x.bodyHeld = n
	return nil
}

// readBody reads at most limit bytes; a declared length saves growing.
func readBody(r io.Reader, declared, limit int64) ([]byte, error) {
	r = http.MaxBytesReader(nil, io.NopCloser(r), limit)
	if declared <= 0 || declared > 1<<20 {
		return io.ReadAll(r)
	}
	body := make([]byte, declared)
	_, err := io.ReadFull(r, body)
	return body, err
}

func formOf(e providers.Endpoint) tokens.Form {
	switch e {
	case providers.Embeddings:
		return tokens.Embedding
	case providers.Completions:
		return tokens.Completion
	default:
		return tokens.Chat
	}
}

// doorScopes are the caller's own budgets that this call needs.
func (x *exchange) doorScopes() []*budget.Scope {
	scopes := x.client.scopes
	if x.route.scope != nil {
		scopes = append(scopes[:len(scopes):len(scopes)], x.route.scope)
	}
	return scopes
}

func doorDemand(e budget.Estimate) budget.Demand { return plan.DoorDemand(e) }

func doorActual(u budget.Usage) budget.Demand { return plan.DoorActual(u) }

// refusedAtDoor answers for a caller's own limit.
func (x *exchange) refusedAtDoor(now budget.Instant, a budget.Answer) *apiError {
	kind, name := "the limit", ""
	if a.Scope != nil {
		kind, name = a.Scope.Kind().String(), x.holder(a.Scope)
	}
	x.record.LimitedBy = kind
	e := &apiError{status: http.StatusTooManyRequests, kind: limitType(a.Dimension), code: "rate_limit_exceeded",
		limitedBy: kind, outcome: "limited"}
	where := fmt.Sprintf("the %s limit of this %s (%s)", a.Dimension, words(kind), name)
	switch {
	case a.Dimension == budget.Cost:
		e.kind, e.code, e.noRetry = "insufficient_quota", "insufficient_quota", true
		e.message = x.overspent(a, words(kind)+" ("+name+")")
	case a.State == budget.TooLarge:
		e.status, e.kind, e.code, e.noRetry = http.StatusBadRequest, "invalid_request_error", "tokens_exceed_limit", true
		e.message = "This request is larger than " + where + " allows at all."
	case a.At == budget.Never:
		e.retryAfter = time.Second
		e.message = "Rate limit reached: " + where + ". Try again when a call in flight has ended."
	default:
		e.retryAfter = max(a.At.Sub(now), time.Millisecond)
		e.message = "Rate limit reached: " + where + ". Please try again in " + human(e.retryAfter) + "."
	}
	return e
}

// overspent tells why a call does not fit into a spend limit, and what to do about it.
func (x *exchange) overspent(a budget.Answer, whose string) string {
	cost := dollars(doorDemand(x.ticket.Estimates[0])[budget.Cost])
	if a.State == budget.TooLarge {
		return "This request is expected to cost " + cost + ", more than the spend limit of this " + whose +
			" allows at all. Ask for a shorter answer (max_tokens)."
	}
	return "The spend limit of this " + whose + " is reached: this request is expected to cost " + cost + ", and less is left. It begins anew at " +
		x.g.clock.time(a.At).In(x.rt.cfg.TimeZone).Format(time.RFC3339) + "."
}

// dollars writes nano-dollars, with as many digits as it takes, and two at least.
func dollars(nano int64) string {
	cents := strings.TrimRight(fmt.Sprintf("%09d", nano%prices.NanoUSD), "0")
	return fmt.Sprintf("$%d.%s", nano/prices.NanoUSD, cents+strings.Repeat("0", max(2-len(cents), 0)))
}

// limitType is OpenAI's error type for a limit: requests or tokens.
func limitType(d budget.Dimension) string {
	switch d {
	case budget.Tokens, budget.InputTokens, budget.OutputTokens:
		return "tokens"
	}
	return "requests"
}

func words(kind string) string {
	if kind == "client_key" {
		return "API key"
	}
	return kind
}

// human writes a wait as OpenAI does: 20ms, 8.64s, 6m0s.
func human(d time.Duration) string {
	switch {
	case d < time.Second:
		return max(d, time.Millisecond).Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
