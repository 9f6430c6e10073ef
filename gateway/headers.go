package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/gateway/admission"
)

// begin sets the headers of a successful answer, just before its first byte.
func (x *exchange) begin(g admission.Grant, contentType string) {
	x.wroteHeader = true
	x.record.FirstByte = x.g.clock.now().Sub(x.start)
	x.record.Overhead = max(x.record.FirstByte-x.record.QueueWait-x.waited-x.upstreamTime(), 0)
	target := &x.route.targets[g.Target]
	x.record.Provider, x.record.Account = target.upstream.name, g.Lane.Account.Name
	x.record.ServedModel = target.model
	if x.streamOpen {
		x.streamOpen = false // from now on the stream is the upstream's
		return
	}
	h := x.w.Header()
	h["Content-Type"] = []string{contentType}
	h["X-Sluice-Model"] = []string{target.model}
	h["X-Sluice-Provider"] = []string{target.upstream.name}
	x.limitHeaders()
	x.outcomeHeaders()
}

// deadline bounds the client's taking of a whole answer.
func (x *exchange) deadline() {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(x.rt.writeTimeout)) // where it is supported
}

// outcomeHeaders say what happened to the call, on answers and refusals alike.
func (x *exchange) outcomeHeaders() {
	cached := x.record.Cache
	if x.ticket == nil && cached == "" {
		return
	}
	if cached == "" {
		cached = cacheBypass
	}
	h := x.w.Header()
	h["X-Sluice-Attempts"] = []string{itoa(len(x.record.Attempts))}
	h["X-Sluice-Queue-Ms"] = []string{strconv.FormatInt(x.record.QueueWait.Milliseconds(), 10)}
	h["X-Sluice-Estimated-Tokens"] = []string{strconv.FormatInt(x.record.EstimatedInput+x.record.EstimatedOutput, 10)}
	h["X-Sluice-Cache"] = []string{cached}
}

// limitHeaders tell the caller's own limits in OpenAI's formats: the tightest of the
// tiers speaks for requests and for tokens; what nobody limits is left out.
func (x *exchange) limitHeaders() {
	if x.client == nil {
		return
	}
	scopes := x.client.scopes
	if x.route != nil {
		scopes = x.doorScopes()
	}
	if len(scopes) == 0 {
		return
	}
	now := x.g.clock.now()
	var requests, tokens tightest
	var views [16]budget.BucketView
	for _, s := range scopes {
		for _, v := range s.View(now, views[:0]) {
			switch v.Limit.Dimension {
			case budget.Requests:
				requests.meet(v)
			case budget.Tokens:
				tokens.meet(v)
			}
		}
	}
	x.limitHeader("Requests", &requests, now)
	x.limitHeader("Tokens", &tokens, now)
}

// tightest keeps the bucket with the smallest share left.
type tightest struct {
	view budget.BucketView
	any  bool
}

func (t *tightest) meet(v budget.BucketView) {
	share := func(v budget.BucketView) float64 { return float64(v.Level) / float64(max(v.Capacity, 1)) }
	if !t.any || share(v) < share(t.view) {
		t.view, t.any = v, true
	}
}

func (x *exchange) limitHeader(what string, t *tightest, now budget.Instant) {
	if !t.any {
		return
	}
	h := x.w.Header()
	v := &t.view
	h["X-Ratelimit-Limit-"+what] = []string{strconv.FormatInt(v.Limit.Amount, 10)}
	h["X-Ratelimit-Remaining-"+what] = []string{strconv.FormatInt(max(v.Level, 0), 10)}
	h["X-Ratelimit-Burst-"+what] = []string{strconv.FormatInt(v.Capacity, 10)}
	h["X-Ratelimit-Reset-"+what] = []string{resetString(v.Full.Sub(now))}
}

// resetString is OpenAI's: a Go duration, 0s when nothing is used.
func resetString(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	return human(d)
}
