package providers

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"none", nil, 0},
		{"seconds", map[string]string{"Retry-After": "56"}, 56 * time.Second},
		{"fractions", map[string]string{"Retry-After": "7.66"}, 7660 * time.Millisecond},
		{"milliseconds first", map[string]string{"Retry-After": "1", "Retry-After-Ms": "644"}, 644 * time.Millisecond},
		{"fractions of milliseconds", map[string]string{"Retry-After-Ms": "0.5"}, 500 * time.Microsecond},
		{"Azure's older name", map[string]string{"X-Ms-Retry-After-Ms": "250"}, 250 * time.Millisecond},
		{"zero milliseconds say nothing", map[string]string{"Retry-After-Ms": "0", "Retry-After": "3"}, 3 * time.Second},
		{"a date", map[string]string{"Retry-After": "Mon, 05 Oct 2026 12:00:20 GMT"}, 20 * time.Second},
		{"a date that has passed", map[string]string{"Retry-After": "Mon, 05 Oct 2026 11:00:20 GMT"}, 0},
		{"a date far away", map[string]string{"Retry-After": "Mon, 05 Oct 2099 11:00:20 GMT"}, MaxWait},
		{"negative", map[string]string{"Retry-After": "-1"}, 0},
		{"NaN", map[string]string{"Retry-After": "NaN", "Retry-After-Ms": "nan"}, 0},
		{"infinite", map[string]string{"Retry-After": "Inf"}, 0},
		{"too large to be a number", map[string]string{"Retry-After": "1e999"}, 0},
		{"very large", map[string]string{"Retry-After": "1e30"}, MaxWait},
		{"hexadecimal", map[string]string{"Retry-After": "0x10"}, 0},
		{"long", map[string]string{"Retry-After": strings.Repeat("1", 1000)}, 0},
		{"garbage", map[string]string{"Retry-After": "soon"}, 0},
	}
	for _, tt := range tests {
		h := http.Header{}
		for k, v := range tt.header {
			h.Set(k, v)
		}
		if got := RetryAfter(h, noon); got != tt.want {
			t.Errorf("%s: %v, not %v", tt.name, got, tt.want)
		}
	}
	if got := RetryAfter(nil, noon); got != 0 {
		t.Errorf("no headers: %v", got)
	}
}

func TestParseReset(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"1s", time.Second, true}, {"6m0s", 6 * time.Minute, true}, {"20ms", 20 * time.Millisecond, true},
		{"8.64s", 8640 * time.Millisecond, true}, {"1h30m0s", 90 * time.Minute, true}, {"1m30.5s", 90500 * time.Millisecond, true},
		{"2m59.56s", 2*time.Minute + 59560*time.Millisecond, true}, {"30", 30 * time.Second, true}, {"0", 0, true}, {"0.25", 250 * time.Millisecond, true},
		{"1791201630", 30 * time.Second, true}, {"1791201630000", 30 * time.Second, true}, {"1791201630.5", 30500 * time.Millisecond, true},
		{"1", time.Second, true}, {"2026-10-05T12:00:01Z", time.Second, true}, {"2026-10-05T14:00:01+02:00", time.Second, true},
		{"2026-10-05T11:00:00Z", 0, true}, {"Mon, 05 Oct 2026 12:00:20 GMT", 20 * time.Second, true}, {" 5s ", 5 * time.Second, true},
		{"9e18", MaxWait, true}, {"99999h", MaxWait, true},
		{"", 0, false}, {"-3s", 0, false}, {"-3", 0, false}, {"NaN", 0, false}, {"soon", 0, false}, {"1d", 0, false},
		{"9999999999999h", 0, false}, {strings.Repeat("1", 100), 0, false},
	}
	for _, tt := range tests {
		if got, ok := ParseReset(tt.in, noon); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v %v, not %v %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRetryHint(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
	}{
		{"Please try again in 9.816s. Visit", 9816 * time.Millisecond},
		{"Please try again in 644ms.", 644 * time.Millisecond},
		{"Please try again in 1m26.4s.", 86400 * time.Millisecond},
		{"Please try again in 6m0s", 6 * time.Minute},
		{"Please retry after 37 seconds. Please go here", 37 * time.Second},
		{"Please retry after 1 minute.", time.Minute},
		{"try again in 2 hours", 2 * time.Hour},
		{"try again in 2 days", 48 * time.Hour},
		{"try again in 250 ms", 250 * time.Millisecond},
		{"Please retry in 34.07s.", 34070 * time.Millisecond},
		{"Try again in 2 seconds.", 2 * time.Second},
		{"try again in a moment, try again in 4s", 4 * time.Second},
		{"You will regain access on 2026-11-01 at 00:00 UTC.", 26*24*time.Hour + 12*time.Hour},
		{"You will regain access on 2026-10-06.", 12 * time.Hour},
		{"You will regain access on Monday", 0},
		{"please try again later", 0}, {"try again in -5s", 0}, {"try again in ", 0}, {"", 0},
		{"retry after " + strings.Repeat("9", 100), 0},
	}
	for _, tt := range tests {
		if got := RetryHint(tt.in, noon); got != tt.want {
			t.Errorf("%q: %v, not %v", tt.in, got, tt.want)
		}
	}
}

func FuzzWaits(f *testing.F) {
	for _, s := range []string{
		"1m30.5s", "7.66", "-1", "NaN", "1791201630000", "2026-10-05T12:00:01Z", "Mon, 05 Oct 2026 12:00:20 GMT", "0x1p-2", "1e400",
		"try again in 9.816s", "retry after 37 seconds", "regain access on 2026-11-01 at 00:00 utc", "100;w=60", "9223372036854775807h",
	} {
		f.Add(s)
	}
	presets := Presets()
	f.Fuzz(func(t *testing.T, s string) {
		h := http.Header{"Retry-After": {s}}
		for _, p := range presets {
			for _, r := range p.Headers {
				h[r.Limit], h[r.Remaining], h[r.Reset], h[r.WindowHeader] = []string{s}, []string{s}, []string{s}, []string{s}
			}
		}
		reset, _ := ParseReset(s, noon)
		for what, d := range map[string]time.Duration{"retry-after": RetryAfter(h, noon), "reset": reset, "hint": RetryHint(s, noon)} {
			if d < 0 || d > MaxWait {
				t.Errorf("%s of %q is %v", what, s, d)
			}
		}
		for _, p := range presets {
			for _, o := range ObserveHeaders(p.Headers, h, noon) {
				if o.Limit < -1 || o.Remaining < -1 || o.Window < 0 || o.Window > MaxWait || o.Reset < 0 || o.Reset > MaxWait {
					t.Errorf("%s: %q is observed as %+v", p.Name, s, o)
				}
			}
		}
	})
}
