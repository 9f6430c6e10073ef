package alerting

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/config"
)

// Rule is a rule and what it does.
type Rule struct {
	alerts.Rule
	Do      []config.Action
	Shipped bool
}

// Rules are the shipped rules, each replaced or taken out by the configuration's of the
// same name, and the configuration's own. The error tells all that is wrong.
func Rules(own []config.Alert) ([]Rule, error) {
	var out []Rule
	for _, r := range alerts.Defaults() {
		if !slices.ContainsFunc(own, func(a config.Alert) bool { return a.Name == r.Name }) {
			out = append(out, Rule{Rule: r, Do: []config.Action{{Kind: "log"}}, Shipped: true})
		}
	}
	var bad []error
	for _, a := range own {
		if a.Disabled {
			continue
		}
		r, err := rule(&a)
		if err != nil {
			bad = append(bad, fmt.Errorf("alert %s: %w", a.Name, err))
			continue
		}
		out = append(out, r)
	}
	return out, errors.Join(bad...)
}

func rule(a *config.Alert) (Rule, error) {
	r := Rule{Rule: alerts.Rule{Name: a.Name, For: a.For}, Do: a.Do}
	var err error
	if r.When, err = alerts.ParseCondition(a.When.Text); err != nil {
		return r, err
	}
	if a.Clear.Given {
		v, err := alerts.ParseValue(r.When.Metric, a.Clear.Text)
		if err != nil {
			return r, fmt.Errorf("clear: %w", err)
		}
		r.Clear = &v
	}
	for _, do := range a.Do {
		switch {
		case do.Kind == "webhook" && do.Secret == "":
			err = errors.New("a webhook needs a secret: without one, anybody could forge an alert")
		case do.Kind == "disable_key" && !aboutKeys(r.When.Metric):
			err = fmt.Errorf("disable_key needs a condition about one key, such as key_error_rate; %s does not tell which key", r.When.Metric)
		}
		if err != nil {
			return r, err
		}
	}
	return r, r.Check()
}

// aboutKeys says that a metric is read key by key.
func aboutKeys(metric string) bool {
	return slices.ContainsFunc(alerts.Metrics(), func(m alerts.Metric) bool {
		return m.Name == metric && slices.Contains(m.Labels, "key")
	})
}
