package providers

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Preset is what is known of an upstream: how it charges, reports and refuses. It is
// data; what an operator configures outranks it.
type Preset struct {
	// Name is the preset's name in configurations.
	Name string
	// BaseURL is where the API is. Empty: it has to be configured.
	BaseURL string
	// Hosts are the host names, or ends of host names after a dot, that give the
	// upstream away.
	Hosts []string
	// Charging names how tokens are counted: reserve_sum (input + max_tokens up
	// front), reserve_max (the larger of both), expected (input + output, as
	// used), input_only, slot_only (no tokens).
	Charging string
	// CachedFree says that cached input is not counted.
	CachedFree bool
	// NoRefund says that what was reserved stays charged, whatever was used.
	NoRefund bool
	// Window names how limits recover: continuous, sliding, fixed, or slices (a
	// sixtieth of the minute's limit each second).
	Window string
	// DayZone is the time zone in which the upstream's day begins. Empty: unknown.
	DayZone string
	// Headers say what the upstream's rate-limit headers mean.
	Headers []HeaderRule
	// Refusals say what its errors mean; the first that matches counts. They go
	// before the rules that hold everywhere.
	Refusals []Rule
	// ShortWaitsLie says that a retry-after of up to a second is not to be believed.
	ShortWaitsLie bool
	// KeepAlive says that it sends blank lines or comments while a call is queued, so
	// that only the first data is the first byte.
	KeepAlive bool
	// Keyless says that an account without keys is usual.
	Keyless bool
	// KeyEnv is the environment variable that usually holds the key. Empty: none.
	KeyEnv string
	// HealthPath is a path below BaseURL that answers 200 to a working key and costs
	// nothing.
	HealthPath string
	// HealthSure says that HealthPath is known to check keys. Else it answers everybody,
	// or refuses keys that work, as far as anybody knows.
	HealthSure bool
}

// HeaderRule says which headers tell of one limit. Names are in canonical form.
type HeaderRule struct {
	Dimension               Dimension
	Limit, Remaining, Reset string // empty: there is no such header
	// Window is the limit's window. Zero: unknown.
	Window time.Duration
	// WindowHeader holds the window in seconds. Empty: there is none.
	WindowHeader string
	// Infer derives an unknown window from the other three, which a limit that
	// refills continuously allows.
	Infer bool
}

// Rule says what a refusal means. Empty fields match everything.
type Rule struct {
	// Status is the HTTP status.
	Status int
	// Code equals the error's code, type, status or reason, compared in lower case
	// without punctuation (see NormalCode).
	Code string
	// Message is part of the error's message or of its quota's name, in lower case.
	Message string
	// Kind is what it is.
	Kind Kind
	// Wait is the wait when the upstream names none. Zero: unknown.
	Wait time.Duration
	// IgnoreWait says that a wait the upstream names means nothing here.
	IgnoreWait bool
}

// PresetFor finds a preset by its name; without one by the dialect and the base URL's
// host, and then it is at least the generic one. It answers false only for a name
// that there is not.
func PresetFor(name, dialect, baseURL string) (Preset, bool) {
	all := Presets()
	if name == "" {
		name = presetName(all, dialect, baseURL)
	}
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

func presetName(all []Preset, dialect, baseURL string) string {
	if dialect == "simulated" {
		return "simulated"
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return "generic"
	}
	host := strings.ToLower(u.Hostname())
	for _, p := range all {
		for _, h := range p.Hosts {
			if host == h || strings.HasSuffix(host, "."+h) {
				return p.Name
			}
		}
	}
	if u.Port() == "11434" {
		return "ollama"
	}
	return "generic"
}
