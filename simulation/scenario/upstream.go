package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
)

// upstreams are the providers' true behaviour by name: what all have in common, and for
// those that the option upstream names, what is different. Every bad value is told.
func (f *Scenario) upstreams(cfg *config.Config, common simulation.Upstream, bad *Problems) map[string]simulation.Upstream {
	all := map[string]simulation.Upstream{"": common}
	for _, text := range f.perProvider {
		name, settings, ok := strings.Cut(text, ":")
		if !ok || cfg.Provider(name) == nil {
			bad.add("upstream", "%q does not begin with a provider and a colon; there are %s", text, providerNames(cfg))
			continue
		}
		u, known := all[name]
		if !known {
			u = common
			u.Changes = slices.Clone(common.Changes)
		}
		for _, s := range strings.Split(settings, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(s), "=")
			if err := setUpstream(&u, key, value); err != nil {
				bad.add("upstream", "%s: %s: %v", name, key, err)
			}
		}
		sortChanges(u.Changes)
		all[name] = u
	}
	return all
}

func providerNames(cfg *config.Config) string {
	var names []string
	for i := range cfg.Providers {
		names = append(names, cfg.Providers[i].Name)
	}
	return strings.Join(names, ", ")
}

func sortChanges(c []simulation.Change) {
	slices.SortFunc(c, func(a, b simulation.Change) int { return int(a.At - b.At) })
}

// setUpstream takes one setting of the option upstream.
func setUpstream(u *simulation.Upstream, key, value string) (err error) {
	word := func(into *string, allowed []string) {
		if *into = value; !slices.Contains(allowed, value) {
			err = fmt.Errorf("%q is unknown: use %s", value, strings.Join(allowed, ", "))
		}
	}
	span := func(into *time.Duration) {
		if *into, err = time.ParseDuration(value); err != nil || *into < 0 {
			err = fmt.Errorf("%q is not a duration such as 500ms", value)
		}
	}
	count := func(into *int64) {
		if *into, err = strconv.ParseInt(value, 10, 64); err != nil || *into < 0 || *into > 1e12 {
			err = fmt.Errorf("%q is not a number such as 600", value)
		}
	}
	switch key {
	case "algorithm":
		word(&u.Algorithm, algorithms())
	case "charging":
		word(&u.Charging, chargings())
	case "retry-after":
		said := ""
		word(&said, retryAfters())
		u.RetryAfter = simulation.RetryAfter(said)
	case "slice":
		span(&u.Slice)
	case "phase":
		span(&u.Phase)
	case "burst":
		span(&u.Burst)
	case "first-token":
		span(&u.FirstToken)
	case "speed":
		count(&u.TokensPerSecond)
	case "rpm":
		count(&u.RPM)
	case "rps":
		count(&u.RPS)
	case "tpm":
		count(&u.TPM)
	case "headers":
		if u.Headers, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("%q is neither true nor false", value)
		}
	case "ramp":
		if u.Ramp, err = strconv.ParseFloat(value, 64); err != nil || !(u.Ramp == 0 || u.Ramp > 1 && u.Ramp <= 1e6) {
			err = fmt.Errorf("%q is not a factor above 1", value)
		}
	case "foreign":
		u.Foreign, err = parseShare(value)
	case "failures":
		u.Failures, err = parseShare(value)
	case "delay":
		err = parseDelay(u, value)
	case "limit-change":
		var c simulation.Change
		if c, err = parseChange(value); err == nil {
			u.Changes = append(u.Changes, c)
		}
	default:
		err = fmt.Errorf("there is no such setting: use algorithm, charging, slice, phase, burst, ramp, rpm, rps, tpm, headers, retry-after, foreign, failures, limit-change, delay, first-token or speed")
	}
	return err
}

// parseDelay reads 5ms..50ms: the network's, each way.
func parseDelay(u *simulation.Upstream, s string) error {
	low, high, ok := strings.Cut(s, "..")
	least, err := time.ParseDuration(low)
	most, err2 := time.ParseDuration(high)
	if !ok || err != nil || err2 != nil || least < 0 || most <= 0 || most < least || most > time.Minute {
		return fmt.Errorf("%q is not a range such as 5ms..50ms", s)
	}
	u.MinDelay, u.MaxDelay = least, most
	return nil
}

func algorithms() []string { return []string{"bucket", "fixed", "sliding", "slices"} }

func chargings() []string {
	return []string{"expected", "reserve_sum", "reserve_max", "input_only", "slot_only"}
}

func retryAfters() []string { return []string{"exact", "none", "lying"} }
