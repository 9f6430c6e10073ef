package alerts

import (
	"errors"
	"fmt"
	"time"
)

// Rule says when there is an alert.
type Rule struct {
	// Name is the rule's own.
	Name string
	When Condition
	// For is how long the condition has to hold. Zero: not at all.
	For time.Duration
	// Clear is where a firing alert resolves, on the threshold's harmless side. Nil: 80 %
	// of the threshold, or for < and <= a quarter above it.
	Clear *float64
}

// clear is where the rule's alerts resolve.
func (r *Rule) clear() float64 {
	switch {
	case r.Clear != nil:
		return *r.Clear
	case r.When.Op.up():
		return r.When.Value * 0.8
	}
	return r.When.Value * 1.25
}

// ClearsAt is where the rule's alerts resolve, in the metric's unit.
func (r *Rule) ClearsAt() float64 { return r.clear() }

// over says that a value is beyond the band and on the harmless side of the threshold.
func (r *Rule) over(v float64) bool {
	if r.When.Holds(v) {
		return false
	}
	if r.When.Op.up() {
		return v <= r.clear()
	}
	return v >= r.clear()
}

// Check says what is wrong with a rule.
func (r *Rule) Check() error {
	var bad []error
	if r.Name == "" || len(r.Name) > 64 {
		bad = append(bad, errors.New("a rule needs a name of 1 to 64 characters"))
	}
	if _, ok := metric(r.When.Metric); !ok {
		bad = append(bad, fmt.Errorf("%q is no metric; there are %s", r.When.Metric, names()))
	}
	switch r.When.Op {
	case Above, AtLeast, Below, AtMost:
	default:
		bad = append(bad, fmt.Errorf("%q is no comparison: use > >= < or <=", r.When.Op))
	}
	if r.For < 0 || r.For > 24*time.Hour {
		bad = append(bad, errors.New("for must be between 0 and 24h"))
	}
	if r.Clear != nil && (r.When.Op.up() && !(*r.Clear <= r.When.Value) || !r.When.Op.up() && !(*r.Clear >= r.When.Value)) {
		bad = append(bad, fmt.Errorf("clear (%s) lies on the side of the threshold where the alert fires", FormatValue(r.When.Metric, *r.Clear)))
	}
	return errors.Join(bad...)
}

// Defaults are the rules of a gateway whose operator has said nothing.
func Defaults() []Rule {
	rule := func(name, metric string, op Op, v float64) Rule {
		return Rule{Name: name, When: Condition{metric, op, v}}
	}
	return []Rule{
		rule("queue", QueueDepth, Above, 100),
		rule("wait", QueueWait, Above, 10),
		rule("key-down", KeysDown, Above, 0),
		rule("spend-80", Spend, AtLeast, 0.8),
		rule("spend-100", Spend, AtLeast, 1),
		rule("upstream-429", Upstream429, Above, 0),
		rule("key-expires", KeyExpires, Below, 14),
	}
}
