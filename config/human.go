package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const (
	maxDuration = 366 * day
	maxCount    = 1_000_000_000_000 // requests, tokens
	maxUSD      = 1_000_000_000
	maxSize     = 1 << 40
	nanoUSD     = 1_000_000_000 // nano-dollars in a dollar
)

// readerOf is how a type is read from text, nil if it is not a single value. The
// errors complete a sentence that begins with the text.
func readerOf(t reflect.Type, how string) func(string, reflect.Value) error {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return readInto(parseDuration)
	case reflect.TypeFor[time.Time]():
		return readInto(parseTime)
	case reflect.TypeFor[*time.Location]():
		return readInto(parseZone)
	case reflect.TypeFor[netip.Prefix]():
		return readInto(parsePrefix)
	case reflect.TypeFor[Secret]():
		return readInto(func(s string) (Secret, error) { return Secret(s), nil })
	case reflect.TypeFor[Condition]():
		return readInto(parseCondition)
	case reflect.TypeFor[Bound]():
		return readInto(func(s string) (Bound, error) { return Bound{Given: true, Text: s}, nil })
	case reflect.TypeFor[bool]():
		return readInto(parseBool)
	case reflect.TypeFor[string]():
		return readInto(func(s string) (string, error) { return s, nil })
	case reflect.TypeFor[float64]():
		return readInto(parseRatio)
	case reflect.TypeFor[int]():
		return readInto(func(s string) (int, error) {
			n, err := parseCount(s)
			if n > math.MaxInt32 {
				return 0, errors.New("is too large")
			}
			return int(n), err
		})
	case reflect.TypeFor[int64]():
		if how == "usd" {
			return readInto(parseUSD)
		}
		if how == "size" {
			return readInto(parseSize)
		}
		return readInto(parseCount)
	}
	return nil
}

func readInto[T any](parse func(string) (T, error)) func(string, reflect.Value) error {
	return func(s string, v reflect.Value) error {
		x, err := parse(s)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	}
}

// parseDuration reads Go's durations, and days as 7d.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, ok := strings.CutSuffix(s, "d"); err != nil && ok {
		var days uint64
		if days, err = strconv.ParseUint(n, 10, 32); err == nil {
			d = time.Duration(min(days, 1<<16)) * day
		}
	}
	switch {
	case err != nil:
		return 0, errors.New("is not a duration such as 500ms, 30s or 10m")
	case d < 0:
		return 0, errors.New("is negative")
	case d > maxDuration:
		return 0, errors.New("is longer than a year")
	}
	return d, nil
}

// parseTime reads a date, which is its first moment in UTC, or a full time.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("is not a date such as 2027-01-31 or a time such as 2027-01-31T18:00:00Z")
}

func parseZone(s string) (*time.Location, error) {
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" {
		return nil, errors.New("is not a time zone such as UTC, Europe/Berlin or Asia/Seoul")
	}
	return loc, nil
}

// parsePrefix reads a network, or an address that stands for itself alone.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p != p.Masked() {
			return netip.Prefix{}, fmt.Errorf("has address bits beyond its prefix; the network is %s", p.Masked())
		}
		return p, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.Prefix{}, errors.New("is not an address or a network such as 10.0.0.0/8")
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("is neither true nor false")
}

// parseRatio reads 0.95 or 95%.
func parseRatio(s string) (float64, error) {
	text, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "xXpP_") {
		return 0, errors.New("is not a number such as 0.95 or 95%")
	}
	if percent {
		f /= 100
	}
	return f, nil
}

// parseCount reads whole numbers: 600, 1_000_000, 100k, 1.5M.
func parseCount(s string) (int64, error) {
	text, unit := s, int64(1)
	if n := len(s); n > 1 {
		switch s[n-1] {
		case 'k', 'K':
			text, unit = s[:n-1], 1_000
		case 'M':
			text, unit = s[:n-1], 1_000_000
		case 'G':
			text, unit = s[:n-1], 1_000_000_000
		}
	}
	n, exact, err := parseDecimal(text, unit)
	switch {
	case err != nil:
		return 0, errors.New("is not a whole number such as 600, 1_000_000, 100k or 1M")
	case !exact:
		return 0, errors.New("is not a whole number")
	case n < 0:
		return 0, errors.New("is negative")
	case n > maxCount:
		return 0, errors.New("is absurdly large")
	}
	return n, nil
}

// parseSize reads bytes: 20MiB, 512KiB, 1GB, 4096.
func parseSize(s string) (int64, error) {
	units := []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		text, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, exact, err := parseDecimal(strings.TrimSpace(text), u.bytes)
		switch {
		case err != nil || !exact:
			return 0, errors.New("is not a size such as 20MiB, 512KiB or 4096")
		case n < 0:
			return 0, errors.New("is negative")
		case n > maxSize:
			return 0, errors.New("is absurdly large")
		}
		return n, nil
	}
	return 0, nil
}

// parseUSD reads dollars into nano-dollars.
func parseUSD(s string) (int64, error) {
	n, exact, err := parseDecimal(strings.TrimPrefix(s, "$"), nanoUSD)
	switch {
	case err != nil || !exact:
		return 0, errors.New("is not an amount of dollars such as 200 or 0.50")
	case n < 0:
		return 0, errors.New("is negative")
	case n > maxUSD*nanoUSD:
		return 0, errors.New("is absurdly large")
	}
	return n, nil
}

// parseDecimal is a decimal number times unit, without floating point. Exact is
// false where digits are left below one. Too large numbers saturate.
func parseDecimal(s string, unit int64) (n int64, exact bool, err error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	clean := strings.ReplaceAll(whole, "_", "")
	if clean == "" || whole[0] == '_' || point && fraction == "" || strings.Trim(clean+fraction, "0123456789") != "" {
		return 0, false, errors.New("not a decimal number")
	}
	n, err = strconv.ParseInt(clean, 10, 64)
	if err != nil || n > math.MaxInt64/2/unit {
		n, exact = math.MaxInt64, true
	} else {
		n *= unit
		exact = true
		for _, c := range fraction {
			exact = exact && (unit%10 == 0 || c == '0')
			unit /= 10
			n += int64(c-'0') * unit
		}
	}
	if negative {
		n = -n
	}
	return n, exact, nil
}
