package alerting

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/web/api"
)

// Alerts answers rules, past changes and receivers.
func (a *Alerting) Alerts() api.Alerts {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := api.Alerts{Data: []api.AlertRule{}, History: []api.AlertChange{}, Webhooks: []api.Webhook{}}
	for _, s := range a.engine.Status() {
		r := a.rules[s.Name]
		row := api.AlertRule{Name: s.Name, Condition: s.When.String(), About: about(s.When.Metric), ForMS: s.For.Milliseconds(),
			ClearsAt: alerts.FormatValue(s.When.Metric, s.ClearsAt()), Do: []string{}, Shipped: r.Shipped, State: "ok",
			Alerts: []api.Alert{}, More: s.More}
		for _, do := range r.Do {
			word := do.Kind
			switch do.Kind {
			case "webhook":
				word += " " + destination{do.URL, do.Secret}.host()
			case "shed":
				word += " " + do.Class
			}
			row.Do = append(row.Do, word)
		}
		if time.Now().Before(s.MutedUntil) {
			row.MutedUntil = &s.MutedUntil
		}
		for i := range s.Alerts {
			row.Alerts = append(row.Alerts, alertOf(&s.Alerts[i], &r))
			if row.State != string(alerts.Firing) {
				row.State = string(s.Alerts[i].State)
			}
		}
		out.Data = append(out.Data, row)
	}
	out.History = append(out.History, a.history...)
	slices.Reverse(out.History)
	for _, to := range a.receivers {
		out.Webhooks = append(out.Webhooks, to.view())
	}
	slices.SortFunc(out.Webhooks, func(a, b api.Webhook) int { return strings.Compare(a.Host, b.Host) })
	return out
}

// Firing answers the alerts that fire and are not muted, by their names, each as an
// api.Alert.
func (a *Alerting) Firing() map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]any{}
	now := time.Now()
	for _, s := range a.engine.Status() {
		r := a.rules[s.Name]
		for i := range s.Alerts {
			if x := &s.Alerts[i]; x.State == alerts.Firing && !now.Before(s.MutedUntil) {
				row := alertOf(x, &r)
				out[row.ID] = row
			}
		}
	}
	return out
}

func (r *receiver) view() api.Webhook {
	r.mu.Lock()
	defer r.mu.Unlock()
	return api.Webhook{Host: r.to.host(), Delivered: r.delivered, Failed: r.gaveUp, Dropped: r.dropped, Waiting: len(r.waiting), LastError: r.last}
}

func changeOf(c *alerts.Change, r *Rule) api.AlertChange {
	return api.AlertChange{At: c.At, Muted: c.Muted, Alert: alertOf(&c.Alert, r)}
}

func alertOf(x *alerts.Alert, r *Rule) api.Alert {
	row := api.Alert{ID: x.Rule, Name: x.Rule, Metric: r.When.Metric, Labels: x.Labels, State: string(x.State), Value: x.Value, Message: says(x, r), Since: x.Since}
	if len(x.Labels) > 0 {
		row.ID += "{" + labels(x) + "}"
	} else {
		row.Labels = map[string]string{}
	}
	if !x.Fired.IsZero() {
		row.Fired = &x.Fired
	}
	return row
}

// says tells an alert in a sentence, as in: spend of client_key web-app is 81.3%, at
// least 80%.
func says(x *alerts.Alert, r *Rule) string {
	metric := r.When.Metric
	who := ""
	if len(x.Labels) > 0 {
		who = " of " + labels(x)
	}
	value := alerts.FormatValue(metric, round(x.Value))
	if x.Gone {
		return fmt.Sprintf("%s%s is not read any more; it was %s", metric, who, value)
	}
	if x.State == alerts.Resolved {
		return fmt.Sprintf("%s%s is %s again", metric, who, value)
	}
	words := map[alerts.Op]string{alerts.Above: "above", alerts.AtLeast: "at least", alerts.Below: "below", alerts.AtMost: "at most"}
	return fmt.Sprintf("%s%s is %s, %s %s", metric, who, value, words[r.When.Op], alerts.FormatValue(metric, r.When.Value))
}

// round keeps three digits or so: nobody reads more.
func round(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	if unit >= 1 {
		return math.Round(v)
	}
	return math.Round(v/unit) / math.Round(1/unit)
}

func about(metric string) string {
	for _, m := range alerts.Metrics() {
		if m.Name == metric {
			return m.About
		}
	}
	return ""
}

// labels are an alert's labels in the order in which their metric has them.
func labels(x *alerts.Alert) string {
	if x.Labels["scope"] != "" {
		return x.Labels["scope"] + " " + x.Labels["name"]
	}
	var parts []string
	for _, name := range sortedKeys(x.Labels) {
		parts = append(parts, name+" "+x.Labels[name])
	}
	return strings.Join(parts, ", ")
}

func sortedKeys(m map[string]string) []string {
	order := map[string]int{"provider": 1, "account": 2, "key": 3, "scope": 4, "name": 5}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if d := order[a] - order[b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

func fires(all []alerts.Alert) bool {
	return slices.ContainsFunc(all, func(a alerts.Alert) bool { return a.State == alerts.Firing })
}
