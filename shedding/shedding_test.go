package shedding

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseClass(t *testing.T) {
	for c := Critical; c <= Low; c++ {
		if got, err := ParseClass(c.String()); err != nil || got != c {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	if c, err := ParseClass(""); err != nil || c != Normal {
		t.Errorf("empty: %v, %v", c, err)
	}
	for _, s := range []string{"urgent", "Critical", " low", "critical\n"} {
		if _, err := ParseClass(s); err == nil {
			t.Errorf("%q was taken for a class", s)
		}
	}
	if Class(200).String() != "low" {
		t.Error("a class out of range is not low")
	}
}

func TestUtilisation(t *testing.T) {
	cases := []struct {
		name string
		load Load
		want float64
	}{
		{"nothing", Load{}, 0},
		{"idle with every bound set", Load{InFlightCap: 10, MaxQueue: 10, DrainPerSecond: 10, MaxWait: time.Second}, 0},
		{"in flight", Load{InFlight: 5, InFlightCap: 10}, 0.5},
		{"in flight without a cap", Load{InFlight: 5_000_000}, 0},
		{"queue", Load{Queued: 3, MaxQueue: 4}, 0.75},
		{"queue without a bound", Load{Queued: 3}, 0},
		{"backlog of 5 s against 20 s", Load{QueuedTokens: 5000, DrainPerSecond: 1000, MaxWait: 20 * time.Second}, 0.25},
		{"backlog of 30 s against 20 s", Load{QueuedTokens: 30_000, DrainPerSecond: 1000, MaxWait: 20 * time.Second}, 1.5},
		{"the largest of three", Load{InFlight: 1, InFlightCap: 10, Queued: 9, MaxQueue: 10, QueuedTokens: 1, DrainPerSecond: 2, MaxWait: time.Second}, 0.9},
		{"drain not known", Load{QueuedTokens: 5000, MaxWait: time.Second}, 0},
		{"no time to wait", Load{QueuedTokens: 1, DrainPerSecond: 1000}, 1},
		{"negative everything", Load{InFlight: -1, InFlightCap: 5, Queued: -7, MaxQueue: 5, QueuedTokens: -5, DrainPerSecond: 5, MaxWait: -5}, 0},
		{"not numbers", Load{QueuedTokens: math.NaN(), DrainPerSecond: math.Inf(1), MaxWait: time.Second}, 0},
		{"endless backlog, endless drain", Load{QueuedTokens: math.Inf(1), DrainPerSecond: math.Inf(1), MaxWait: time.Second}, 0},
	}
	for _, c := range cases {
		if got := c.load.Utilisation(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAdmitShedsLowFirst(t *testing.T) {
	cases := []struct {
		queued int // of 100
		want   [Classes]bool
	}{
		{0, [Classes]bool{true, true, true, true}},
		{89, [Classes]bool{true, true, true, true}},
		{90, [Classes]bool{true, true, true, false}},
		{95, [Classes]bool{true, true, false, false}},
		{98, [Classes]bool{true, false, false, false}},
		{100, [Classes]bool{true, false, false, false}}, // the queue's own bound decides for critical
		{500, [Classes]bool{true, false, false, false}},
	}
	for _, c := range cases {
		for class := Critical; class <= Low; class++ {
			if got := DefaultThresholds().Admit(class, Load{Queued: c.queued, MaxQueue: 100}); got != c.want[class] {
				t.Errorf("%d %% full, %v: %v", c.queued, class, got)
			}
		}
	}
	if (Thresholds{}).Admit(Critical, Load{}) {
		t.Error("zero thresholds admit")
	}
	if got := DefaultThresholds().Admit(Class(77), Load{Queued: 92, MaxQueue: 100}); got {
		t.Error("a class out of range is not treated as low")
	}
}

func loads() *rapid.Generator[Load] {
	return rapid.Custom(func(t *rapid.T) Load {
		return Load{
			InFlight: rapid.IntRange(0, 200).Draw(t, "in flight"), InFlightCap: rapid.IntRange(0, 100).Draw(t, "cap"),
			Queued: rapid.IntRange(0, 200).Draw(t, "queued"), MaxQueue: rapid.IntRange(0, 100).Draw(t, "max queue"),
			QueuedTokens: rapid.Float64().Draw(t, "tokens"), DrainPerSecond: rapid.Float64().Draw(t, "drain"),
			MaxWait: time.Duration(rapid.Int64().Draw(t, "max wait")),
		}
	})
}

func TestAdmitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := loads().Draw(t, "load")
		u := l.Utilisation()
		if !(u >= 0) {
			t.Fatalf("utilisation %v", u)
		}
		more := l
		more.Queued++
		more.InFlight++
		if more.Utilisation() < u {
			t.Fatal("more work, less utilisation")
		}
		th := DefaultThresholds()
		for c := High; c <= Low; c++ {
			if th.Admit(c, l) && !th.Admit(c-1, l) {
				t.Fatalf("%v goes in where %v does not", c, c-1)
			}
			if th.Admit(c, more) && !th.Admit(c, l) {
				t.Fatal("more load admits more")
			}
		}
		idle := Load{InFlightCap: l.InFlightCap, MaxQueue: l.MaxQueue, DrainPerSecond: l.DrainPerSecond, MaxWait: l.MaxWait}
		if !th.Admit(Low, idle) {
			t.Fatal("an idle gateway sheds")
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	th := DefaultThresholds()
	l := Load{InFlight: 3, InFlightCap: 100, Queued: 5, MaxQueue: 1000, QueuedTokens: 5000, DrainPerSecond: 10_000, MaxWait: time.Second}
	b.ReportAllocs()
	for b.Loop() {
		if !th.Admit(Normal, l) {
			b.Fatal("shed")
		}
	}
}
