package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (v *validator) providers() {
	if len(v.c.Providers) == 0 {
		v.problem("providers", "there are no providers: where should calls go?")
	}
	for i := range v.c.Providers {
		p := &v.c.Providers[i]
		v.provider(join("providers", p.Name), p)
	}
}

func (v *validator) provider(path string, p *Provider) {
	if p.Name == "" || len(p.Name) > 64 || strings.Contains(p.Name, "/") || strings.ContainsFunc(p.Name, notInName) {
		v.problem(path, "a provider's name has 1 to 64 characters, no spaces and no slashes")
	}
	switch p.Dialect {
	case "azure", "anthropic", "gemini", "bedrock":
		v.problem(path+".dialect", "%s is not available in this version; use openai with an OpenAI-compatible endpoint", p.Dialect)
	default:
		v.word(path+".dialect", p.Dialect, "openai", "simulated", "azure", "anthropic", "gemini", "bedrock")
	}
	v.word(path+".preset", p.Preset, PresetNames()...)
	v.baseURL(path+".base_url", p)
	v.proxy(path+".proxy", p)
	v.positive(path+".timeouts.connect", p.Timeouts.Connect, 10*time.Minute)
	v.positive(path+".timeouts.first_byte", p.Timeouts.FirstByte, time.Hour)
	v.positive(path+".timeouts.idle", p.Timeouts.Idle, time.Hour)
	v.positive(path+".timeouts.total", p.Timeouts.Total, 24*time.Hour)
	if v.given(path + ".charging") {
		v.word(path+".charging", p.Charging, chargings()...)
	}
	if v.given(path + ".window") {
		v.word(path+".window", p.Window, "continuous", "fixed", "sliding", "slices")
	}
	if r := &p.Ramp; r.Start < 0 || r.Start > 1 {
		v.problem(path+".ramp.start", "must be between 0 and 1")
	}
	v.positive(path+".ramp.idle", p.Ramp.Idle, day)
	v.positive(path+".ramp.double", p.Ramp.Double, time.Hour)
	if p.Retries.Ratio < 0 || p.Retries.Ratio > 10 {
		v.problem(path+".retries.ratio", "must be between 0 and 10")
	}
	if p.Retries.Floor > 1_000_000 {
		v.problem(path+".retries.floor", "must be at most 1000000")
	}
	if b := &p.Breaker; b.Failures < 1 || b.Failures > 1_000_000 {
		v.problem(path+".breaker.failures", "must be between 1 and 1000000")
	}
	if p.Breaker.Ratio <= 0 || p.Breaker.Ratio > 1 {
		v.problem(path+".breaker.ratio", "must be above 0 and at most 1")
	}
	v.positive(path+".breaker.window", p.Breaker.Window, time.Hour)
	v.positive(path+".breaker.open_for", p.Breaker.OpenFor, time.Minute)
	if e := p.Probe.Every; e != 0 && (e < time.Second || e > day) {
		v.problem(path+".probe.every", "must be 0, or between 1s and 24h")
	}
	if p.Probe.Retry < time.Second || p.Probe.Retry > time.Hour {
		v.problem(path+".probe.retry", "must be between 1s and 1h")
	}
	if p.Slice < 100*time.Millisecond || p.Slice > 30*time.Second {
		v.problem(path+".slice", "must be between 100ms and 30s")
	}
	if p.Straddle > 30*time.Second {
		v.problem(path+".straddle", "must be at most 30s")
	}
	v.simulated(path+".simulated", p)
	v.accounts(path+".accounts", p)
	if !slices.ContainsFunc(v.c.Routes, func(r Route) bool {
		return slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Provider == p.Name })
	}) {
		v.warn(path, "no route uses this provider")
	}
}

func chargings() []string {
	return []string{"reserve_sum", "reserve_max", "expected", "input_only", "slot_only"}
}

func (v *validator) baseURL(path string, p *Provider) {
	if p.BaseURL == "" {
		if p.Dialect != "simulated" {
			v.problem(path, "is needed: where the API begins, such as https://api.openai.com/v1")
		}
		return
	}
	u, err := url.Parse(p.BaseURL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		v.problem(path, "must begin with https:// or http://")
	case u.User != nil:
		v.problem(path, "must not hold a user or a password; credentials are an account's keys")
	case u.Hostname() == "":
		v.problem(path, "names no host")
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(p.BaseURL, "?#"):
		v.problem(path, "must not hold a query or a fragment")
	case u.Scheme == "http" && !private(u.Hostname()):
		v.warn(path, "keys travel unencrypted over http")
	}
}

// private says that a host is of this machine or of a local network.
func private(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.Contains(host, ".") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal")
	}
	return ip.IsLoopback() || ip.IsPrivate()
}

func (v *validator) simulated(path string, p *Provider) {
	if p.Dialect != "simulated" {
		if v.given(path) {
			v.problem(path, "has a meaning only for the dialect simulated")
		}
		return
	}
	s := &p.Simulated
	v.word(path+".algorithm", s.Algorithm, "bucket", "sliding", "fixed", "slices")
	v.word(path+".charging", s.Charging, chargings()...)
	if s.FirstToken > 10*time.Minute {
		v.problem(path+".first_token", "must be at most 10m")
	}
	if s.TokensPerSecond > 1_000_000 {
		v.problem(path+".tokens_per_second", "must be at most 1000000")
	}
	if s.OutputTokens < 1 || s.OutputTokens > 1_000_000 {
		v.problem(path+".output_tokens", "must be between 1 and 1000000")
	}
}

func (v *validator) accounts(path string, p *Provider) {
	if len(p.Accounts) == 0 {
		v.problem(path, "there are no accounts: one holds the keys and the limits of one quota scope")
	}
	names := map[string]int{}
	keys := map[Secret]string{}
	for i := range p.Accounts {
		a := &p.Accounts[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		switch first, dup := names[a.Name]; {
		case a.Name == "":
			v.problem(at+".name", "is needed where there is more than one account")
		case len(a.Name) > 64 || strings.ContainsFunc(a.Name, notInName):
			v.problem(at+".name", "has 1 to 64 characters and no spaces")
		case dup:
			v.problem(at+".name", "%s is the name of accounts[%d] already", quote(a.Name), first)
		default:
			names[a.Name] = i
		}
		v.upstreamKeys(at+".keys", a, keys)
		v.accountLimits(at+".limits", a)
	}
}

func (v *validator) upstreamKeys(path string, a *Account, seen map[Secret]string) {
	if len(a.Keys) == 0 {
		v.problem(path, "the account has no keys")
	}
	for i, k := range a.Keys {
		at := fmt.Sprintf("%s[%d]", path, i)
		if k.Value == "" {
			if !v.broken[at] {
				v.problem(at+".value", "the key is empty")
			}
			continue
		}
		v.secret(at, k.Value, 0)
		if first, dup := seen[k.Value]; dup {
			v.problem(at, "is the same key as %s; a key belongs to one account", first)
			continue
		}
		seen[k.Value] = at
	}
}

func (v *validator) accountLimits(path string, a *Account) {
	var earlier []string
	for i := range a.Limits {
		l := &a.Limits[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		v.patterns(at+".models", l.Models)
		if i > 0 && len(l.Models) > 0 && !slices.ContainsFunc(l.Models, func(m string) bool { return !MatchAny(earlier, m) }) {
			v.warn(at, "is never used: earlier entries match all of its models")
		}
		earlier = append(earlier, l.Models...)
		if len(l.Entries) == 0 && !v.brokenUnder(at) {
			v.problem(at, "sets no limit; the names are %s", strings.Join((&Limits{}).names(), " "))
		}
		v.limits(at, &l.Limits, true)
		for _, e := range l.Entries {
			if e.Share > 0 {
				v.problem(at+"."+e.Name, "a share needs an owner; only client keys have one")
			}
		}
	}
}

// brokenUnder says that decoding failed at a path or anywhere below it.
func (v *validator) brokenUnder(path string) bool {
	for b := range v.broken {
		if strings.HasPrefix(b, path) {
			return true
		}
	}
	return false
}

// limits checks what is wrong with limits wherever they stand.
func (v *validator) limits(path string, l *Limits, upstream bool) {
	rates := 0
	for _, e := range l.Entries {
		if e.Window > 0 && e.Calendar == "" {
			rates++
		}
		if e.Dimension == "concurrency" && e.Amount > 10_000_000 {
			v.problem(path+".concurrency", "is absurdly large")
		}
		if e.Dimension == "cost" && upstream {
			v.warn(path+"."+e.Name, "a limit in dollars at an account is kept by this gateway alone; the provider's own is not known")
		}
	}
	switch b := l.Burst; {
	case b.Amount > 0 && rates > 1:
		v.problem(path+".burst", "an amount needs exactly one rate beside it; give a duration, such as 6s")
	case b != (Burst{}) && rates == 0 && !v.brokenUnder(path):
		v.problem(path+".burst", "there is no rate here that could burst")
	case b.Borrow && upstream:
		v.problem(path+".burst", "an upstream does not lend its next window")
	}
	if l.Margin < 0 || l.Margin > 0.5 {
		v.problem(path+".margin", "must be between 0 and 0.5")
	}
	if l.Jitter > 10*time.Second {
		v.problem(path+".jitter", "must be at most 10s")
	}
}

// patterns checks a list of model names.
func (v *validator) patterns(path string, models []string) {
	if len(models) == 0 {
		v.problem(path, `is empty and matches nothing; for everything, leave it out or write ["*"]`)
	}
	for i, m := range models {
		if m == "" || len(m) > 256 || strings.ContainsFunc(m, notInName) || strings.Count(m, "*") > 8 {
			v.problem(fmt.Sprintf("%s[%d]", path, i), "%s is not a model name or pattern", quote(m))
		}
	}
}
