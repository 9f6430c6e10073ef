package alerts

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// MaxAlerts is how many sets of labels of one rule are followed at once; more are only
// counted.
const MaxAlerts = 200

// Reading is one number.
type Reading struct {
	Metric string
	Labels map[string]string // nil: none
	Value  float64
}

// State is what has become of a condition.
type State string

// The states. Of a condition that does not hold nothing is kept.
const (
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Alert is a rule's condition for one set of labels.
type Alert struct {
	Rule   string
	Labels map[string]string
	State  State
	// Value is the last reading; of a resolved one, that which resolved it.
	Value float64
	// Since is when the condition began to hold, Fired when the alert did. Zero: it has
	// not.
	Since, Fired time.Time
	// Gone: it was resolved because nobody reads it any more.
	Gone bool
}

// Change is a step of an alert.
type Change struct {
	Alert
	At time.Time
	// Muted: nobody wants to know. An alert that fires still when its rule is not muted
	// any more changes from Firing to Firing.
	Muted bool
}

// Status is a rule with its alerts.
type Status struct {
	Rule
	// MutedUntil is when its changes are told again; zero: they are told.
	MutedUntil time.Time
	Alerts     []Alert // pending and firing, in the order of their labels
	// More counts sets of labels beyond MaxAlerts.
	More int
}

// Engine follows rules. It is not safe for concurrent use.
type Engine struct {
	rules []*followed
}

type followed struct {
	Rule
	muted  time.Time
	alerts map[string]*Alert // by labels
	more   int
}

// New makes an engine. The rules have to be right; see Rule.Check.
func New(rules []Rule) *Engine {
	e := &Engine{}
	e.Configure(time.Time{}, rules)
	return e
}

// Configure replaces the rules. What is known of a rule whose name and condition stay is
// kept; what fired of others is resolved, which the answer tells.
func (e *Engine) Configure(now time.Time, rules []Rule) []Change {
	old := e.rules
	e.rules = make([]*followed, 0, len(rules))
	for _, r := range rules {
		f := &followed{Rule: r, alerts: map[string]*Alert{}}
		for i, o := range old {
			if o != nil && o.Name == r.Name {
				f.muted = o.muted
				if o.When == r.When {
					f.alerts, f.more, old[i] = o.alerts, o.more, nil
				}
			}
		}
		e.rules = append(e.rules, f)
	}
	var out []Change
	for _, o := range old {
		if o != nil {
			out = o.sweep(now, nil, out)
		}
	}
	return out
}

// Observe takes all readings of a moment and answers what has changed, in the order of
// the rules. An alert whose labels are not read any more is resolved.
func (e *Engine) Observe(now time.Time, readings []Reading) []Change {
	byMetric := map[string][]Reading{}
	for _, r := range readings {
		byMetric[r.Metric] = append(byMetric[r.Metric], r)
	}
	var out []Change
	for _, f := range e.rules {
		unmuted := !f.muted.IsZero() && !now.Before(f.muted)
		if unmuted {
			f.muted = time.Time{}
		}
		f.more = 0
		seen := map[string]bool{}
		for _, r := range byMetric[f.When.Metric] {
			id := labelID(r.Labels)
			if seen[id] {
				continue // said twice: the first counts
			}
			seen[id] = true
			if math.IsNaN(r.Value) {
				continue // nobody knows: it stays as it is
			}
			if c, changed := f.step(now, id, r, unmuted); changed {
				out = append(out, f.change(now, c))
			}
		}
		out = f.sweep(now, seen, out)
	}
	return out
}

// step brings one alert up to a reading.
func (f *followed) step(now time.Time, id string, r Reading, unmuted bool) (Alert, bool) {
	a := f.alerts[id]
	holds := f.When.Holds(r.Value)
	switch {
	case a == nil && !holds:
		return Alert{}, false
	case a == nil && len(f.alerts) >= MaxAlerts:
		f.more++
		return Alert{}, false
	case a == nil:
		a = &Alert{Rule: f.Name, Labels: maps.Clone(r.Labels), State: Pending, Value: r.Value, Since: now}
		f.alerts[id] = a
		if f.For > 0 {
			return *a, true
		}
	}
	a.Value = r.Value
	switch a.State {
	case Pending:
		if !holds {
			delete(f.alerts, id)
			return Alert{}, false
		}
		if now.Sub(a.Since) < f.For {
			return Alert{}, false
		}
		a.State, a.Fired = Firing, now
		return *a, true
	case Firing:
		if !f.over(r.Value) {
			return *a, unmuted
		}
		delete(f.alerts, id)
		a.State = Resolved
		return *a, true
	}
	return Alert{}, false
}

// sweep resolves what fires and was not seen, and forgets what was pending.
func (f *followed) sweep(now time.Time, seen map[string]bool, out []Change) []Change {
	for _, id := range slices.Sorted(maps.Keys(f.alerts)) {
		if seen[id] {
			continue
		}
		a := f.alerts[id]
		delete(f.alerts, id)
		if a.State == Firing {
			a.State, a.Gone = Resolved, true
			out = append(out, f.change(now, *a))
		}
	}
	return out
}

func (f *followed) change(now time.Time, a Alert) Change {
	return Change{Alert: a, At: now, Muted: now.Before(f.muted)}
}

// Mute keeps a rule's changes from being told until a moment; a moment that is over ends
// that. False: there is no such rule.
func (e *Engine) Mute(now time.Time, rule string, until time.Time) bool {
	for _, f := range e.rules {
		if f.Name == rule {
			if f.muted.IsZero() && !until.After(now) {
				return true
			}
			f.muted = until // what fires is told again by the next Observe, once it is over
			return true
		}
	}
	return false
}

// Status answers every rule with its alerts, in the order of the rules.
func (e *Engine) Status() []Status {
	out := make([]Status, 0, len(e.rules))
	for _, f := range e.rules {
		s := Status{Rule: f.Rule, MutedUntil: f.muted, More: f.more, Alerts: make([]Alert, 0, len(f.alerts))}
		for _, id := range slices.Sorted(maps.Keys(f.alerts)) {
			s.Alerts = append(s.Alerts, *f.alerts[id])
		}
		out = append(out, s)
	}
	return out
}

// labelID is the same for equal sets of labels, and for no others.
func labelID(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b = strconv.AppendQuote(strconv.AppendQuote(b, name), labels[name])
	}
	return string(b)
}
