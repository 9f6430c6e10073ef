package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits are the limits that one entry of the file sets, and what stands beside
// them. The zero value limits nothing.
type Limits struct {
	// Entries are the limits in a fixed order: rps rpm rpd tps tpm tpd input_tpm
	// output_tpm concurrency usd_per_day usd_per_month.
	Entries []Limit `yaml:"-"`
	// Burst is what was written: how much may go at once. Entries hold it resolved.
	Burst Burst `yaml:"-"`
	// Margin is the share of each limit that is left unused, 0 to 0.5. Default 0.01
	// for accounts, 0 for routes, owners and client keys.
	Margin float64 `yaml:"-"`
	// Jitter spreads calls that become free together over up to this time. Default
	// 10 ms for accounts, 0 elsewhere.
	Jitter time.Duration `yaml:"-"`
}

// Find is the limit of a name, nil if it is not set.
func (l *Limits) Find(name string) *Limit {
	for i := range l.Entries {
		if l.Entries[i].Name == name {
			return &l.Entries[i]
		}
	}
	return nil
}

// Limit is an amount of a dimension per window.
type Limit struct {
	// Name is the limit's name in the file, for instance tpm.
	Name string
	// Dimension is requests, tokens, input_tokens, output_tokens, concurrency or
	// cost.
	Dimension string
	// Amount is requests, tokens, calls in flight or nano-dollars. Above zero.
	Amount int64
	// Share is the share of the owner's limit that Amount was resolved from, 0 to
	// 1. Zero: it was given as an amount.
	Share float64
	// Window is a second, a minute or a day (a month counts 31 days). Zero for
	// concurrency.
	Window time.Duration
	// Calendar is day or month for limits that begin anew with it; else empty.
	Calendar string
	// Burst is what may go at once, in units of Amount. Zero: by default, which is 6
	// seconds' worth for accounts and the whole window elsewhere. Calendar limits
	// and concurrency have none.
	Burst int64
	// Borrow lets the next window's amount be used too, once and not twice in a row.
	Borrow bool
}

// Text is the limit's value as the file writes it: a number, dollars, or a share.
func (l *Limit) Text() string {
	switch {
	case l.Share > 0:
		return strconv.FormatFloat(math.Round(l.Share*1e10)/1e8, 'f', -1, 64) + "%"
	case l.Dimension == "cost":
		return strconv.FormatFloat(float64(l.Amount)/nanoUSD, 'f', -1, 64)
	}
	return strconv.FormatInt(l.Amount, 10)
}

// Burst is how much may go at once: a duration's worth, an amount, or borrow. The
// zero value is the default of its place.
type Burst struct {
	Duration time.Duration
	Amount   int64
	Borrow   bool
}

// MatchAny says whether one of the patterns matches a model name. In a pattern, *
// stands for any text, also none; everything else stands for itself.
func MatchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if match(p, name) {
			return true
		}
	}
	return false
}

func match(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, p := range parts[:len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, last)
}

// limitKind is what a limit's name stands for.
type limitKind struct {
	name, dimension string
	window          time.Duration
	calendar        string
}

const (
	day   = 24 * time.Hour
	month = 31 * day
)

// limitKinds lists the limit names in their fixed order.
func limitKinds() []limitKind {
	return []limitKind{
		{"rps", "requests", time.Second, ""},
		{"rpm", "requests", time.Minute, ""},
		{"rpd", "requests", day, "day"},
		{"tps", "tokens", time.Second, ""},
		{"tpm", "tokens", time.Minute, ""},
		{"tpd", "tokens", day, "day"},
		{"input_tpm", "input_tokens", time.Minute, ""},
		{"output_tpm", "output_tokens", time.Minute, ""},
		{"concurrency", "concurrency", 0, ""},
		{"usd_per_day", "cost", day, "day"},
		{"usd_per_month", "cost", month, "month"},
	}
}
