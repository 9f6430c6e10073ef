package alerting

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/telemetry"
)

// Over a month of spending, each of the shipped rules fires once and resolves once, also where
// the last cents are never spent because no call fits into them.
func TestSpendAlertsFireOnceAndClear(t *testing.T) {
	for name, c := range map[string]struct {
		spent   []float64 // of 100, a minute each
		refused map[int]bool
		want    string
	}{
		"to the last cent": {spent: []float64{0, 50, 79.9, 80, 85, 99, 100, 104, 104, 0, 0}, want: "spend-80 spend-100 -spend-80 -spend-100"},
		"no call fits":     {spent: []float64{70, 80, 95, 99.9, 99.9, 99.9, 99.9, 0}, refused: map[int]bool{3: true, 5: true}, want: "spend-80 spend-100 -spend-80 -spend-100"},
		"a large call":     {spent: []float64{50, 50, 60, 60}, refused: map[int]bool{1: true, 2: true}, want: ""},
		"it trembles":      {spent: []float64{81, 79, 82, 75, 80, 79, 60}, want: "spend-80 -spend-80"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, meter := &hooks{}, NewMeter()
				_, p := start(t, Options{Transport: h, Sources: Sources{Meter: meter}},
					`[{name: spend-80, when: spend >= 80%, do: [`+hook+`]}, {name: spend-100, when: spend >= 100%, do: [`+hook+`]}]`)
				for i, spent := range c.spent {
					p.set(func(p *plane) {
						p.buckets = []telemetry.Bucket{{Scope: "client_key", Name: "web", Dimension: "cost", Amount: 100e9, Level: (100 - spent) * 1e9}}
					})
					if c.refused[i] {
						meter.Record(&telemetry.Record{Start: time.Now(), Key: "web", LimitedBy: "client_key", ErrorCode: "insufficient_quota", Outcome: "limited"})
					}
					time.Sleep(time.Minute)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				var got []string
				for _, body := range h.bodies {
					var told struct{ Name, State string }
					if err := json.Unmarshal([]byte(body), &told); err != nil {
						t.Fatal(err)
					}
					if told.State == "resolved" {
						told.Name = "-" + told.Name
					}
					got = append(got, told.Name)
				}
				slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(b[:1], a[:1]) }) // of two at one moment either may come first
				if strings.Join(got, " ") != c.want && strings.Join(got, " ") != strings.Replace(c.want, "-spend-80 -spend-100", "-spend-100 -spend-80", 1) {
					t.Errorf("told %v, want %s", got, c.want)
				}
			})
		})
	}
}
