package alerts

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Op compares a reading with a threshold.
type Op string

// The comparisons.
const (
	Above   Op = ">"
	AtLeast Op = ">="
	Below   Op = "<"
	AtMost  Op = "<="
)

// up says that the alert is on the upper side.
func (o Op) up() bool { return o == Above || o == AtLeast }

// Condition is a metric held against a threshold, in the metric's unit.
type Condition struct {
	Metric string
	Op     Op
	Value  float64
}

// Holds says whether a value is beyond the threshold.
func (c Condition) Holds(v float64) bool {
	switch c.Op {
	case Above:
		return v > c.Value
	case AtLeast:
		return v >= c.Value
	case Below:
		return v < c.Value
	case AtMost:
		return v <= c.Value
	}
	return false
}

// String is the condition as ParseCondition reads it.
func (c Condition) String() string {
	return c.Metric + " " + string(c.Op) + " " + FormatValue(c.Metric, c.Value)
}

// longest is the length of a condition's text.
const longest = 200

// ParseCondition reads a metric, a comparison and a value, such as queue_depth > 100,
// queue_wait > 10s, spend >= 80% or key_expires < 14d.
func ParseCondition(text string) (Condition, error) {
	if len(text) > longest {
		return Condition{}, fmt.Errorf("a condition has at most %d characters", longest)
	}
	at := strings.IndexAny(text, "<>=")
	if at < 0 {
		return Condition{}, fmt.Errorf("%q compares nothing: write a metric, one of > >= < <=, and a value, such as queue_depth > 100", text)
	}
	name, rest := strings.TrimSpace(text[:at]), text[at:]
	m, ok := metric(name)
	if !ok {
		return Condition{}, fmt.Errorf("%q is no metric; there are %s", name, names())
	}
	value := strings.TrimLeft(rest, "<>=")
	op := Op(rest[:len(rest)-len(value)])
	switch op {
	case Above, AtLeast, Below, AtMost:
	default:
		return Condition{}, fmt.Errorf("%q is no comparison: use > >= < or <=", op)
	}
	v, err := ParseValue(name, value)
	if err != nil {
		return Condition{}, err
	}
	return Condition{Metric: m.Name, Op: op, Value: v}, nil
}

// ParseValue reads a value of a metric: a number in its unit, or a form of the unit.
func ParseValue(name, text string) (float64, error) {
	m, ok := metric(name)
	if !ok {
		return 0, fmt.Errorf("%q is no metric; there are %s", name, names())
	}
	text = strings.TrimSpace(text)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		v, err = m.Unit.parse(text)
	}
	if err != nil || !(v >= 0) || v > 1e15 {
		return 0, fmt.Errorf("%q is no value of %s: %s", text, name, m.Unit.forms())
	}
	return v, nil
}

// forms says how values of a unit are written.
func (u Unit) forms() string {
	return map[Unit]string{
		Count:   "write a number, such as 100",
		Seconds: "write a number of seconds or a duration, such as 10s",
		Days:    "write a number of days or a duration, such as 14d",
		Share:   "write a number from 0 to 1 or a percentage, such as 80%",
		Bytes:   "write a number of bytes or a size, such as 400MiB",
	}[u]
}

func (u Unit) parse(text string) (float64, error) {
	switch u {
	case Seconds, Days:
		d, err := duration(text)
		if u == Days {
			return d.Hours() / 24, err
		}
		return d.Seconds(), err
	case Share:
		if number, ok := strings.CutSuffix(text, "%"); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			return v / 100, err
		}
	case Bytes:
		for i, suffix := range sizes() {
			if number, ok := strings.CutSuffix(text, suffix); ok {
				v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
				return v * math.Pow(1024, float64(i+1)), err
			}
		}
	}
	return 0, strconv.ErrSyntax
}

func sizes() []string { return []string{"KiB", "MiB", "GiB", "TiB"} }

// duration reads Go's durations, and days.
func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	return time.ParseDuration(text)
}

// FormatValue writes a value of a metric with its unit.
func FormatValue(name string, v float64) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	m, _ := metric(name)
	switch m.Unit {
	case Seconds:
		return number(v) + "s"
	case Days:
		return number(v) + "d"
	case Share:
		if p := number(math.Round(v*1e9) / 1e7); !strings.ContainsAny(p, "eN") {
			return p + "%"
		}
	case Bytes:
		for i := len(sizes()) - 1; i >= 0; i-- {
			if unit := math.Pow(1024, float64(i+1)); v >= unit && v == math.Trunc(v/unit*100)/100*unit {
				return number(v/unit) + sizes()[i]
			}
		}
	}
	return number(v)
}
