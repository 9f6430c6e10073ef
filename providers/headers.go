package providers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ObserveHeaders reads what an answer's headers say about limits, by the rules of a
// preset. Negative and unreadable values count as absent; a rule of which neither
// limit nor remaining is there says nothing.
func ObserveHeaders(rules []HeaderRule, h http.Header, now time.Time) []Observation {
	var out []Observation
	for i := range rules {
		if o, ok := rules[i].observe(h, now); ok {
			if out == nil {
				out = make([]Observation, 0, len(rules))
			}
			out = append(out, o)
		}
	}
	return out
}

func (r *HeaderRule) observe(h http.Header, now time.Time) (Observation, bool) {
	o := Observation{
		Dimension: r.Dimension, Window: r.Window,
		Limit: amount(first(h, r.Limit)), Remaining: amount(first(h, r.Remaining)),
	}
	if o.Limit < 0 && o.Remaining < 0 {
		return o, false
	}
	o.Reset, _ = ParseReset(first(h, r.Reset), now)
	if v, ok := number(first(h, r.WindowHeader)); ok && v > 0 {
		o.Window = clampWait(v * float64(time.Second))
	}
	if r.Infer && o.Window == 0 {
		o.Window = inferWindow(o)
	}
	return o, true
}

// first is the first value of a header whose name is in canonical form already.
func first(h http.Header, name string) string {
	if v := h[name]; name != "" && len(v) > 0 {
		return v[0]
	}
	return ""
}

// amount reads an amount of requests or tokens; -1 if there is none. What follows a
// comma or semicolon (the quota policies of an RFC draft) is not read.
func amount(s string) int64 {
	if i := strings.IndexAny(s, ",;"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimSpace(s)
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return max(v, -1)
	}
	v, ok := number(s)
	if !ok {
		return -1
	}
	return int64(math.Min(v, 1<<53))
}

// inferWindow tells a minute from a day: a limit that refills continuously is whole
// again after window × used ÷ limit.
func inferWindow(o Observation) time.Duration {
	used := o.Limit - o.Remaining
	if o.Limit <= 0 || o.Remaining < 0 || used <= 0 || o.Reset <= 0 {
		return 0
	}
	w := float64(o.Reset) * float64(o.Limit) / float64(used)
	for _, guess := range [...]time.Duration{minute, day} {
		if math.Abs(w-float64(guess)) < 0.2*float64(guess) {
			return guess
		}
	}
	return 0
}
