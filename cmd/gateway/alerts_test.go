package main

import (
	"slices"
	"testing"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/config"
)

// The configuration knows the metrics that there are, and reads conditions as the rules
// do.
func TestReadings(t *testing.T) {
	var names []string
	for _, m := range alerts.Metrics() {
		names = append(names, m.Name)
	}
	if !slices.Equal(names, config.Readings()) {
		t.Fatalf("%v\n%v", names, config.Readings())
	}
	values := []string{"1", "0.5", "80%", "10s", "2m", "14d", "36h", "400MiB", "1KiB", "x", "-1", ""}
	for _, name := range names {
		for _, v := range values {
			for _, op := range []string{" > ", ">=", "<", " <= ", " = "} {
				text := name + op + v
				want, wantErr := alerts.ParseCondition(text)
				cfg, err := config.Parse("", []byte(`
providers: {one: {base_url: https://example.com/v1, accounts: [{keys: [sk-upstream-0123456789]}]}}
routes: {gpt-4o: {targets: [one/gpt-4o]}}
alerts: [{name: a, when: "`+text+`"}]
`), nil)
				if (err == nil) != (wantErr == nil) {
					t.Errorf("%s: %v, and %v", text, err, wantErr)
					continue
				}
				if err != nil {
					continue
				}
				if c := cfg.Alerts[0].When; c.Reading != want.Metric || c.Op != string(want.Op) || c.Value != want.Value {
					t.Errorf("%s: %+v, and %+v", text, c, want)
				}
			}
		}
	}
}
