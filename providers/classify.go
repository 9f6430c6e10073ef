package providers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// longWait is the wait from which a rate limit is not one of minutes.
const longWait = time.Hour

// Classify names a refusal by the preset's rules, then by those that hold
// everywhere, then by the status alone. The header may be nil.
func Classify(p *Preset, status int, h http.Header, body []byte, now time.Time) Failure {
	e := ParseError(body)
	if t := h.Get("X-Amzn-Errortype"); t != "" {
		t, _, _ = strings.Cut(t, ":")
		e.label(t)
	}
	f := Failure{
		Status: status, Body: body, Remaining: -1,
		Message: Sanitise(e.Message), Code: sanitise(e.Code, maxCode), Type: sanitise(e.Type, maxCode),
	}
	if success(status) && e.Found {
		f.Status = e.claimedStatus()
	}
	if success(f.Status) || e.HTML {
		f.Kind = pageKind(f.Status)
		f.RetryAfter = RetryAfter(h, now)
		return f
	}
	f.Limit, f.Remaining, f.Requested = amounts(e.Message)
	if f.Limit > 0 {
		f.Window = windowIn(e.Message)
	}
	rule := matchRule(p, f.Status, &e)
	f.Kind = rule.Kind
	if f.Kind == RateUnknown {
		f.Kind = emptied(p, h, now)
	}
	f.RetryAfter = p.wait(&f, rule, &e, h, now)
	if f.Kind.brief() && f.RetryAfter >= longWait {
		f.Kind = Daily
	}
	return f
}

func success(status int) bool { return status >= 200 && status < 300 }

// pageKind is the kind of an answer that says nothing of itself, by its status: it
// comes from a proxy and tells nothing of the key.
func pageKind(status int) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
		return Malformed
	}
	if success(status) {
		return Malformed
	}
	return statusKind(status)
}

// statusKind is the kind of a status.
func statusKind(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return InvalidKey
	case http.StatusPaymentRequired:
		return QuotaExhausted
	case http.StatusForbidden:
		return Forbidden
	case http.StatusNotFound:
		return NotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, 522, 524:
		return Timeout
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusTooManyRequests:
		return RateUnknown
	case 498, http.StatusServiceUnavailable, 529:
		return Overloaded
	case http.StatusConflict, http.StatusTooEarly, 499:
		return ServerError
	}
	switch {
	case status >= 500:
		return ServerError
	case status >= 400:
		return BadRequest
	}
	return Malformed
}

// matchRule finds the rule of a refusal; the status alone is the last.
func matchRule(p *Preset, status int, e *ErrorBody) Rule {
	text := strings.ToLower(e.Message)
	if len(e.Details) > 0 {
		text += "\n" + strings.Join(e.Details, "\n")
	}
	for _, rules := range [...][]Rule{p.Refusals, commonRules()} {
		for _, r := range rules {
			if r.Status != 0 && r.Status != status || r.Code != "" && !slices.Contains(e.Labels, r.Code) {
				continue
			}
			if r.Message == "" || strings.Contains(text, r.Message) {
				return r
			}
		}
	}
	return Rule{Kind: statusKind(status)}
}

// emptied asks the headers which limit it was that refused.
func emptied(p *Preset, h http.Header, now time.Time) Kind {
	switch strings.ToLower(h.Get("X-Ratelimit-Type")) {
	case "tokens":
		return RateTokens
	case "requests":
		return RateRequests
	}
	kind := RateUnknown
	for _, o := range ObserveHeaders(p.Headers, h, now) {
		if o.Remaining != 0 {
			continue
		}
		of := RateTokens
		if o.Dimension == Requests {
			of = RateRequests
		}
		if kind != RateUnknown && kind != of {
			return RateUnknown
		}
		kind = of
	}
	return kind
}

// wait is how long the upstream wants to be left alone: its header's word, its
// body's, what its numbers imply, the rule's, and last the reset of the limit that
// is empty.
func (p *Preset) wait(f *Failure, r Rule, e *ErrorBody, h http.Header, now time.Time) time.Duration {
	var d time.Duration
	if !r.IgnoreWait {
		d = RetryAfter(h, now)
		if d <= time.Second && p.ShortWaitsLie && f.Kind.brief() {
			d = max(d, p.longestReset(f.Kind, h, now))
		}
		if d == 0 {
			d, _ = ParseReset(e.RetryDelay, now)
		}
		if d == 0 {
			d = RetryHint(e.Message, now)
		}
	}
	switch {
	case d > 0:
	case f.Kind == Daily:
		d = p.untilMidnight(now)
	case f.Kind.brief():
		if d = impliedWait(f, e.Message); d == 0 {
			d = r.Wait
		}
		if d == 0 {
			d = p.longestReset(f.Kind, h, now)
		}
	}
	return d
}

// longestReset is the longest reset or window that the headers name for the limits
// which may have refused.
func (p *Preset) longestReset(k Kind, h http.Header, now time.Time) time.Duration {
	var d time.Duration
	for i := range p.Headers {
		rule := &p.Headers[i]
		if (rule.Dimension == Requests) == (k == RateTokens) || k != RateTokens && k != RateRequests {
			continue
		}
		o, ok := rule.observe(h, now)
		if !ok || o.Remaining > 0 && !p.ShortWaitsLie {
			continue
		}
		d = max(d, o.Reset)
		if p.ShortWaitsLie && rule.WindowHeader != "" {
			d = max(d, o.Window)
		}
	}
	return d
}

// untilMidnight is the time until the upstream's day ends; zero if its zone is
// unknown here.
func (p *Preset) untilMidnight(now time.Time) time.Duration {
	if p.DayZone == "" {
		return 0
	}
	zone, err := time.LoadLocation(p.DayZone)
	if err != nil {
		return 0
	}
	y, m, d := now.In(zone).Date()
	return until(time.Date(y, m, d+1, 0, 0, 0, 0, zone), now)
}

// amounts reads "Limit 30000, Used 14567, Requested 24754".
func amounts(message string) (limit, remaining, requested int64) {
	limit, remaining = amountAfter(message, "Limit"), -1
	requested = max(amountAfter(message, "Requested"), 0)
	if used := amountAfter(message, "Used"); limit > 0 && used >= 0 {
		remaining = max(limit-used, 0)
	}
	return max(limit, 0), remaining, requested
}

func amountAfter(message, word string) int64 {
	for {
		_, rest, ok := strings.Cut(message, word)
		if !ok {
			return -1
		}
		message = rest
		rest = strings.TrimLeft(rest, ": ")
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789,"))
		digits := strings.ReplaceAll(rest[:n], ",", "")
		if v, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return v
		}
	}
}

// windowIn is the window that a message names: "on tokens per min (TPM): Limit 30000".
func windowIn(message string) time.Duration {
	for _, w := range [...]struct {
		words  string
		window time.Duration
	}{{"per min", minute}, {"(tpm)", minute}, {"(rpm)", minute}, {"per day", day}, {"(tpd)", day}, {"(rpd)", day}, {"per second", time.Second}} {
		if strings.Contains(strings.ToLower(message), w.words) {
			return w.window
		}
	}
	return 0
}

// impliedWait is when a bucket that refills continuously can take the call.
func impliedWait(f *Failure, message string) time.Duration {
	if f.Limit <= 0 || f.Remaining < 0 || f.Requested <= f.Remaining || f.Requested > f.Limit ||
		!strings.Contains(message, "per min") {
		return 0
	}
	return clampWait(float64(f.Requested-f.Remaining) / float64(f.Limit) * float64(minute))
}

// claimedStatus is the status that the body of a 2xx should have had.
func (e *ErrorBody) claimedStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	claims := [...]struct {
		status int
		labels []string
	}{
		{429, []string{"throttling", "ratelimit", "limitrequests", "limitburstrate", "resourceexhausted", "insufficientquota", "requests", "tokens"}},
		{503, []string{"overloaded", "unavailable", "insufficientsystemresource"}},
		{401, []string{"authentication", "invalidapikey", "unauthenticated"}},
		{403, []string{"permission"}},
		{404, []string{"notfound", "modelnotfound"}},
		{400, []string{"invalidrequest", "badrequest", "invalidargument", "contextlengthexceeded", "contentfilter", "datainspectionfailed"}},
	}
	for _, c := range claims {
		for _, prefix := range c.labels {
			if slices.ContainsFunc(e.Labels, func(l string) bool { return strings.HasPrefix(l, prefix) }) {
				return c.status
			}
		}
	}
	if strings.Contains(strings.ToLower(e.Message), "rate limit") {
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}
