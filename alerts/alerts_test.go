package alerts

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(seconds int) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds) * time.Second)
}

func TestConditions(t *testing.T) {
	for text, want := range map[string]Condition{
		"queue_depth > 100":        {QueueDepth, Above, 100},
		"queue_wait>10s":           {QueueWait, Above, 10},
		"queue_wait > 1m30s":       {QueueWait, Above, 90},
		"queue_wait >= 2":          {QueueWait, AtLeast, 2},
		"spend >= 80%":             {Spend, AtLeast, 0.8},
		"spend >= 0.8":             {Spend, AtLeast, 0.8},
		" key_expires  <  14d ":    {KeyExpires, Below, 14},
		"key_expires <= 36h":       {KeyExpires, AtMost, 1.5},
		"key_expires < 3":          {KeyExpires, Below, 3},
		"heap > 400MiB":            {Heap, Above, 400 << 20},
		"heap > 1.5 GiB":           {Heap, Above, 1.5 * (1 << 30)},
		"keys_down > 0":            {KeysDown, Above, 0},
		"ledger_lag > 250ms":       {LedgerLag, Above, 0.25},
		"error_rate > 5%":          {ErrorRate, Above, 0.05},
		"config_conflict >= 1":     {ConfigConflict, AtLeast, 1},
		"shed_rate > 1e-3":         {ShedRate, Above, 0.001},
		"upstream_429 >0":          {Upstream429, Above, 0},
		"key_error_rate >= 50 %":   {KeyErrorRate, AtLeast, 0.5},
		"queue_oldest > 1000000us": {QueueOldest, Above, 1},
	} {
		c, err := ParseCondition(text)
		if err != nil || c != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
		again, err := ParseCondition(c.String())
		if err != nil || again != c {
			t.Errorf("%q is written %q: %+v, %v", text, c, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                  "compares nothing",
		"queue_depth":       "compares nothing",
		"queue_depth 100":   "compares nothing",
		"depth > 100":       `"depth" is no metric; there are queue_depth, `,
		"> 100":             `"" is no metric`,
		"queue_depth = 100": `"=" is no comparison: use > >= < or <=`,
		"queue_depth => 1":  `"=>" is no comparison`,
		"queue_depth >> 1":  `">>" is no comparison`,
		"queue_depth >":     `"" is no value of queue_depth: write a number, such as 100`,
		"queue_depth > 10s": "write a number, such as 100",
		"queue_depth > -1":  "is no value",
		"queue_depth > NaN": "is no value",
		"queue_depth > Inf": "is no value",
		"queue_wait > 80%":  "a number of seconds or a duration, such as 10s",
		"spend > 80s":       "a percentage, such as 80%",
		"heap > 4MB":        "a size, such as 400MiB",
		"key_expires < 2w":  "a duration, such as 14d",
		"queue_depth > 1 2": "is no value",
		"queue_depth > " + strings.Repeat("1", 300): "at most 200 characters",
	} {
		if c, err := ParseCondition(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %s", text, c, err, want)
		}
	}
}

func FuzzParseCondition(f *testing.F) {
	for _, s := range []string{"queue_depth > 100", "queue_wait>=10s", "spend < 80%", "heap > 4MiB", "key_expires <= 1d", "a = b", "spend > 1e308%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("nothing is said")
			}
			return
		}
		if math.IsNaN(c.Value) || math.IsInf(c.Value, 0) || c.Value < 0 {
			t.Fatalf("%q: %v", text, c.Value)
		}
		again, err := ParseCondition(c.String())
		if err != nil || again.Metric != c.Metric || again.Op != c.Op || math.Abs(again.Value-c.Value) > 1e-9*max(c.Value, 1) {
			t.Fatalf("%q is written %q: %+v, %v", text, c, again, err)
		}
		r := Rule{Name: "x", When: c}
		if err := r.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func depth(v float64) []Reading { return []Reading{{Metric: QueueDepth, Value: v}} }

func value(v float64) *float64 { return &v }

// A rule is followed over explicit time: each step is a reading and the change it brings.
func TestAnAlertFiresAndResolves(t *testing.T) {
	type step struct {
		at    int
		value float64
		want  State // "": no change
	}
	above := Condition{QueueDepth, Above, 100}
	for name, c := range map[string]struct {
		rule  Rule
		steps []step
	}{
		"at once, with the default band": {Rule{When: above}, []step{
			{0, 100, ""}, {1, 101, Firing}, {2, 150, ""}, {3, 100, ""}, {4, 81, ""}, {5, 101, ""}, {6, 80, Resolved}, {7, 100, ""}, {8, 101, Firing},
		}},
		"after a while": {Rule{When: above, For: 10 * time.Second}, []step{
			{0, 101, Pending}, {5, 200, ""}, {9, 101, ""}, {10, 101, Firing}, {11, 0, Resolved},
		}},
		"not, when it does not hold all the while": {Rule{When: above, For: 10 * time.Second}, []step{
			{0, 101, Pending}, {9, 100, ""}, {10, 101, Pending}, {19, 101, ""}, {20, 101, Firing},
		}},
		"with a band of its own": {Rule{When: above, Clear: value(50)}, []step{{0, 101, Firing}, {1, 51, ""}, {2, 50, Resolved}}},
		"without a band":         {Rule{When: above, Clear: value(100)}, []step{{0, 101, Firing}, {1, 100, Resolved}}},
		"at least, without one":  {Rule{When: Condition{QueueDepth, AtLeast, 100}, Clear: value(100)}, []step{{0, 100, Firing}, {1, 100, ""}, {2, 99, Resolved}}},
		"above nothing":          {Rule{When: Condition{QueueDepth, Above, 0}}, []step{{0, 0, ""}, {1, 1, Firing}, {2, 2, ""}, {3, 0, Resolved}}},
		"below":                  {Rule{When: Condition{QueueDepth, Below, 8}}, []step{{0, 8, ""}, {1, 7, Firing}, {2, 8, ""}, {3, 9, ""}, {4, 10, Resolved}, {5, 8, ""}}},
		"at most nothing":        {Rule{When: Condition{QueueDepth, AtMost, 0}}, []step{{0, 1, ""}, {1, 0, Firing}, {2, 1, Resolved}}},
		"what nobody knows":      {Rule{When: above}, []step{{0, math.NaN(), ""}, {1, 101, Firing}, {2, math.NaN(), ""}, {3, 0, Resolved}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Name = "queue"
			e := New([]Rule{c.rule})
			for _, s := range c.steps {
				changes := e.Observe(at(s.at), depth(s.value))
				var got State
				if len(changes) > 0 {
					got = changes[0].State
					if changes[0].Value != s.value || !changes[0].At.Equal(at(s.at)) || changes[0].Rule != "queue" {
						t.Errorf("%+v", changes[0])
					}
				}
				if got != s.want || len(changes) > 1 {
					t.Fatalf("%v after %d s: %q, want %q", s.value, s.at, got, s.want)
				}
			}
		})
	}
}

func key(n int) map[string]string { return map[string]string{"provider": "p", "key": fmt.Sprint(n)} }

func TestEachSetOfLabelsHasItsAlert(t *testing.T) {
	e := New([]Rule{{Name: "key-down", When: Condition{KeysDown, Above, 0}}})
	read := func(values ...float64) (out []Reading) {
		for n, v := range values {
			out = append(out, Reading{KeysDown, key(n), v})
		}
		return out
	}
	changes := e.Observe(at(0), read(0, 1, 1))
	if len(changes) != 2 || changes[0].Labels["key"] != "1" || changes[1].Labels["key"] != "2" {
		t.Fatalf("%+v", changes)
	}
	if changes = e.Observe(at(1), read(1, 0, 1)); len(changes) != 2 || changes[0].State != Firing || changes[1].State != Resolved {
		t.Fatalf("%+v", changes)
	}
	// The third key is taken out of the configuration: nobody reads it any more.
	if changes = e.Observe(at(2), read(1, 0)); len(changes) != 1 || changes[0].State != Resolved || !changes[0].Gone || changes[0].Labels["key"] != "2" {
		t.Fatalf("%+v", changes)
	}
	if s := e.Status(); len(s) != 1 || len(s[0].Alerts) != 1 || s[0].Alerts[0].State != Firing {
		t.Fatalf("%+v", s)
	}
}

func TestAlertsAreBounded(t *testing.T) {
	e := New([]Rule{{Name: "key-down", When: Condition{KeysDown, Above, 0}}})
	for i := range 10 {
		var readings []Reading
		for n := range 1000 {
			readings = append(readings, Reading{KeysDown, key(n), float64((i + 1) % 2)})
		}
		e.Observe(at(i), readings)
		if s := e.Status()[0]; len(s.Alerts) > MaxAlerts || i%2 == 0 && (len(s.Alerts) != MaxAlerts || s.More != 1000-MaxAlerts) {
			t.Fatalf("%d alerts and %d more", len(s.Alerts), s.More)
		}
	}
}

func TestMuting(t *testing.T) {
	e := New([]Rule{{Name: "queue", When: Condition{QueueDepth, Above, 100}}})
	if e.Mute(at(0), "nothing", at(60)) {
		t.Error("a rule that is not there was muted")
	}
	e.Mute(at(0), "queue", at(60))
	if c := e.Observe(at(1), depth(200)); len(c) != 1 || !c[0].Muted || c[0].State != Firing {
		t.Fatalf("%+v", c)
	}
	if c := e.Observe(at(59), depth(200)); len(c) != 0 {
		t.Fatalf("%+v", c)
	}
	if s := e.Status()[0]; !s.MutedUntil.Equal(at(60)) {
		t.Errorf("%+v", s)
	}
	// It fires still when the mute is over, and is told then, once.
	if c := e.Observe(at(60), depth(200)); len(c) != 1 || c[0].Muted || c[0].State != Firing || !c[0].Fired.Equal(at(1)) {
		t.Fatalf("%+v", c)
	}
	if c := e.Observe(at(61), depth(200)); len(c) != 0 {
		t.Fatalf("%+v", c)
	}
	// So it is when somebody ends the mute.
	e.Mute(at(62), "queue", at(100))
	e.Mute(at(63), "queue", at(63))
	if c := e.Observe(at(64), depth(200)); len(c) != 1 || c[0].Muted {
		t.Fatalf("%+v", c)
	}
	e.Mute(at(65), "queue", at(65)) // it is not muted: nothing to tell
	if c := e.Observe(at(66), depth(200)); len(c) != 0 {
		t.Fatalf("%+v", c)
	}
}

func TestConfigureKeepsWhatStays(t *testing.T) {
	queue := Rule{Name: "queue", When: Condition{QueueDepth, Above, 100}}
	wait := Rule{Name: "wait", When: Condition{QueueWait, Above, 10}}
	e := New([]Rule{queue, wait})
	e.Observe(at(0), append(depth(200), Reading{Metric: QueueWait, Value: 20}))
	e.Mute(at(0), "queue", at(100))
	queue.For = time.Minute // it fires already
	wait.When.Value = 15
	changes := e.Configure(at(1), []Rule{wait, queue})
	if len(changes) != 1 || changes[0].Rule != "wait" || changes[0].State != Resolved || !changes[0].Gone {
		t.Fatalf("%+v", changes)
	}
	if s := e.Status(); len(s[1].Alerts) != 1 || s[1].MutedUntil.IsZero() || len(s[0].Alerts) != 0 {
		t.Fatalf("%+v", s)
	}
	if c := e.Observe(at(2), append(depth(200), Reading{Metric: QueueWait, Value: 20})); len(c) != 1 || c[0].Rule != "wait" {
		t.Fatalf("%+v", c)
	}
}

// Whatever a reading does, an alert changes only where the whole band was crossed: it
// fires only when its condition holds, for long enough and without a pause, and resolves
// only beyond the clear value. Inside the band nothing happens.
func TestNothingFluttersInsideTheBand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]Op{Above, AtLeast, Below, AtMost}).Draw(t, "op")
		threshold := float64(rapid.IntRange(0, 20).Draw(t, "threshold"))
		band := float64(rapid.IntRange(0, 10).Draw(t, "band"))
		rule := Rule{Name: "r", When: Condition{QueueDepth, op, threshold}, For: time.Duration(rapid.IntRange(0, 5).Draw(t, "for")) * time.Second}
		clear := max(threshold-band, 0)
		if !op.up() {
			clear = threshold + band
		}
		rule.Clear = &clear
		if err := rule.Check(); err != nil {
			t.Fatal(err)
		}
		e := New([]Rule{rule})
		now, firing, held := 0, false, -1 // since when it holds without a pause
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now += rapid.IntRange(0, 3).Draw(t, "seconds")
			v := float64(rapid.IntRange(0, 35).Draw(t, "value"))
			changes := e.Observe(at(now), depth(v))
			holds := rule.When.Holds(v)
			switch {
			case !holds:
				held = -1
			case held < 0:
				held = now
			}
			fires := !firing && holds && time.Duration(now-held)*time.Second >= rule.For
			resolves := firing && !holds && (op.up() && v <= clear || !op.up() && v >= clear)
			var want State
			switch {
			case fires:
				want, firing = Firing, true
			case resolves:
				want, firing = Resolved, false
			}
			var got State
			for _, c := range changes {
				if c.State != Pending {
					got = c.State
				}
			}
			if got != want || len(changes) > 1 {
				t.Fatalf("%v %v %v (clear %v): at %d %v brings %q, want %q", op, threshold, rule.For, clear, now, v, got, want)
			}
		}
	})
}

func TestDefaultsAreRules(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Defaults() {
		if err := r.Check(); err != nil || names[r.Name] {
			t.Errorf("%s: %v", r.Name, err)
		}
		names[r.Name] = true
	}
	for _, m := range Metrics() {
		if m.About == "" || m.Unit.forms() == "" {
			t.Errorf("%s says nothing of itself", m.Name)
		}
	}
	bad := Rule{When: Condition{"x", "=", 1}, For: -1, Clear: value(0)}
	for _, want := range []string{"name", "no metric", "no comparison", "for must", "clear"} {
		if err := bad.Check(); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
}

func TestLabelsAreToldApart(t *testing.T) {
	sets := []map[string]string{nil, {"a": ""}, {"a": "b"}, {"ab": ""}, {"a": "", "b": ""}, {"a": `"b`}, {"a": "b", "c": "d"}, {"a": "b\x00c\x00d"}}
	for i, x := range sets {
		for j, y := range sets {
			if (labelID(x) == labelID(y)) != maps.Equal(x, y) {
				t.Errorf("%d and %d: %v %v", i, j, x, y)
			}
		}
	}
}
