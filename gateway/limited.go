package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/budget/prices"
)

// refusedAtDoor answers for a caller's own limit: whose it is, which one, and when there
// is room again.
func (x *exchange) refusedAtDoor(now budget.Instant, a budget.Answer) *apiError {
	kind, name := "the limit", ""
	if a.Scope != nil {
		kind, name = a.Scope.Kind().String(), x.holder(a.Scope)
	}
	x.record.LimitedBy = kind
	e := &apiError{status: http.StatusTooManyRequests, kind: limitType(a.Dimension), code: "rate_limit_exceeded",
		limitedBy: kind, outcome: "limited"}
	where := limitOf(now, a) + " of this " + words(kind) + " (" + name + ")"
	switch {
	case a.Dimension == budget.Cost:
		e.kind, e.code, e.noRetry = "insufficient_quota", "insufficient_quota", true
		e.message = x.overspent(now, a, words(kind)+" ("+name+")")
	case a.State == budget.TooLarge:
		e.status, e.kind, e.code, e.noRetry = http.StatusBadRequest, "invalid_request_error", "tokens_exceed_limit", true
		e.message = "This request " + x.needs(a.Dimension) + "is larger than " + where + " allows at all."
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
func (x *exchange) overspent(now budget.Instant, a budget.Answer, whose string) string {
	cost := dollars(doorDemand(x.ticket.Estimates[0])[budget.Cost])
	limit := strings.TrimPrefix(limitOf(now, a), "the limit of ")
	if a.State == budget.TooLarge {
		return "This request is expected to cost " + cost + ", more than the spend limit of this " + whose + ", " + limit +
			", allows at all. Ask for a shorter answer (max_tokens)."
	}
	return "The spend limit of this " + whose + ", " + limit + ", is reached: this request is expected to cost " + cost +
		", and less is left. It begins anew at " + x.g.clock.time(a.At).In(x.rt.cfg.TimeZone).Format(time.RFC3339) + "."
}

// needs tells what the call is counted as, where that is known.
func (x *exchange) needs(d budget.Dimension) string {
	if x.ticket == nil || len(x.ticket.Estimates) == 0 {
		return ""
	}
	n := doorDemand(x.ticket.Estimates[0])[d]
	switch d {
	case budget.Tokens, budget.InputTokens, budget.OutputTokens:
		return fmt.Sprintf("(up to %d %s) ", n, unit(d))
	}
	return ""
}

// shortOf is the bucket that a refusal is about.
func shortOf(now budget.Instant, a budget.Answer) (budget.BucketView, bool) {
	if a.Scope != nil {
		for _, v := range a.Scope.View(now, nil) {
			if v.Limit.Name == a.Limit && v.Limit.Dimension == a.Dimension {
				return v, true
			}
		}
	}
	return budget.BucketView{}, false
}

// limitOf names the limit that a refusal is about as its holder has written it: the limit
// of 60 requests per minute (rpm).
func limitOf(now budget.Instant, a budget.Answer) string {
	v, ok := shortOf(now, a)
	if !ok {
		return "the " + a.Dimension.String() + " limit"
	}
	l := &v.Limit
	amount := strconv.FormatInt(l.Amount, 10) + " " + unit(l.Dimension)
	switch {
	case l.Dimension == budget.Cost:
		amount = dollars(l.Amount) + period(l)
	case l.Kind == budget.Gauge:
		amount = strconv.FormatInt(l.Amount, 10) + " calls at a time"
	default:
		amount += period(l)
	}
	if l.Name == "" {
		return "the limit of " + amount
	}
	return "the limit of " + amount + " (" + l.Name + ")"
}

// unit is what a dimension counts.
func unit(d budget.Dimension) string {
	switch d {
	case budget.InputTokens:
		return "input tokens"
	case budget.OutputTokens:
		return "output tokens"
	}
	return d.String()
}

// period is the window of a limit as people say it.
func period(l *budget.Limit) string {
	switch {
	case l.Kind == budget.Calendar && l.Period == budget.Month:
		return " per month"
	case l.Kind == budget.Calendar:
		return " per day"
	}
	switch l.Window {
	case time.Second:
		return " per second"
	case time.Minute:
		return " per minute"
	case 24 * time.Hour:
		return " per day"
	}
	return " per " + l.Window.String()
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
