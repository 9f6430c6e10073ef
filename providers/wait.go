package providers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxWait bounds every wait that an upstream names: a little over a month, the
// longest quota there is.
const MaxWait = 32 * day

// maxNumber bounds the text of a number or a moment.
const maxNumber = 64

// RetryAfter reads how long the upstream wants to be left alone: retry-after-ms, then
// x-ms-retry-after-ms, then retry-after in seconds or as a date. Zero: it does not
// say, or nothing that makes sense.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, ok := number(h.Get(name)); ok && ms > 0 {
			return clampWait(ms * float64(time.Millisecond))
		}
	}
	s := strings.TrimSpace(h.Get("Retry-After"))
	if v, ok := number(s); ok {
		return clampWait(v * float64(time.Second))
	}
	if len(s) <= maxNumber {
		if at, err := http.ParseTime(s); err == nil {
			return until(at, now)
		}
	}
	return 0
}

// ParseReset reads a reset in any of the forms in use: a Go duration (6m0s, 20ms),
// seconds, the epoch in seconds or milliseconds, an RFC 3339 moment or an HTTP date.
// A moment that has passed is zero. False: it is none of these.
func ParseReset(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxNumber {
		return 0, false
	}
	if v, ok := number(s); ok {
		switch {
		case v >= 1e12:
			return until(epoch(v/1e3), now), true
		case v >= 1e9:
			return until(epoch(v), now), true
		}
		return clampWait(v * float64(time.Second)), true
	}
	if d, err := time.ParseDuration(s); err == nil {
		return min(max(d, 0), MaxWait), d >= 0
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return until(at, now), true
	}
	if at, err := http.ParseTime(s); err == nil {
		return until(at, now), true
	}
	return 0, false
}

// RetryHint reads the wait out of an error's message: "try again in 9.816s", "retry
// after 37 seconds", "regain access on 2026-09-01 at 00:00 UTC". Zero: there is none.
func RetryHint(message string, now time.Time) time.Duration {
	lower := strings.ToLower(message)
	for _, lead := range [...]string{"try again in ", "retry after ", "retry in ", "try again after "} {
		for rest := lower; ; {
			i := strings.Index(rest, lead)
			if i < 0 {
				break
			}
			rest = rest[i+len(lead):]
			if d := leadingDuration(rest); d > 0 {
				return d
			}
		}
	}
	const access = "regain access on "
	if i := strings.Index(lower, access); i >= 0 {
		return leadingMoment(lower[i+len(access):], now)
	}
	return 0
}

// leadingDuration reads the duration that a text begins with.
func leadingDuration(s string) time.Duration {
	word, rest := cutWord(s)
	word = strings.TrimRight(word, ".,;:!)")
	if d, err := time.ParseDuration(word); err == nil && word != "0" {
		return min(max(d, 0), MaxWait)
	}
	v, ok := number(word)
	if !ok {
		return 0
	}
	unit, _ := cutWord(rest)
	scale := time.Second
	switch strings.TrimRight(unit, ".,;:!)s") {
	case "millisecond", "m":
		scale = time.Millisecond
	case "minute", "min":
		scale = time.Minute
	case "hour":
		scale = time.Hour
	case "day":
		scale = day
	}
	return clampWait(v * float64(scale))
}

// leadingMoment reads "2026-09-01 at 00:00 UTC" or "2026-09-01".
func leadingMoment(s string, now time.Time) time.Duration {
	for _, layout := range [...]string{"2006-01-02 at 15:04 utc", time.DateOnly} {
		if len(s) < len(layout) {
			continue
		}
		if at, err := time.Parse(layout, s[:len(layout)]); err == nil {
			return until(at, now)
		}
	}
	return 0
}

func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " ")
	i := strings.IndexByte(s, ' ')
	if i < 0 {
		i = len(s)
	}
	if i > maxNumber {
		return "", ""
	}
	return s[:i], s[i:]
}

// number reads a plain decimal number that is not negative. NaN, infinities,
// hexadecimal and underscores are no numbers here.
func number(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxNumber || strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, false
	}
	return v, true
}

// clampWait turns nanoseconds into a wait between zero and MaxWait.
func clampWait(ns float64) time.Duration {
	if ns >= float64(MaxWait) {
		return MaxWait
	}
	return time.Duration(math.Round(ns))
}

func until(at, now time.Time) time.Duration {
	return min(max(at.Sub(now), 0), MaxWait)
}

// epoch is the moment of so many seconds since 1970, bounded far away.
func epoch(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Min(seconds*1e3, 1e14)))
}
