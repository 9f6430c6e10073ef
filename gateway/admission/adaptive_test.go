package admission

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/budget"
)

// refuse tells a control of a refusal that is not explained.
func refuse(r *rateControl, now budget.Instant) bool {
	return r.refused(now, budget.Tokens, 1000, budget.Finding{Unexplained: true})
}

func TestPresetsCutHoldAndRestore(t *testing.T) {
	for _, c := range []struct {
		preset   string
		refusals int
		cut      float64
		hold     time.Duration
		steps    []float64 // after each interval
		every    time.Duration
		floor    float64
	}{
		{"conservative", 1, 0.8, 300 * time.Second, []float64{0.85, 0.9, 0.95, 1}, 30 * time.Second, 0.5},
		{"balanced", 3, 0.8, 180 * time.Second, []float64{0.9, 1}, 30 * time.Second, 0.5},
		{"aggressive", 3, 0.9, 30 * time.Second, []float64{1}, 10 * time.Second, 0.7},
	} {
		t.Run(c.preset, func(t *testing.T) {
			o, err := AdaptivePreset(c.preset)
			if err != nil {
				t.Fatal(err)
			}
			r := newRateControl(o)
			now := t0
			for i := range c.refusals {
				now += 1000
				if refuse(r, now) != (i == c.refusals-1) {
					t.Fatalf("refusal %d: ratio %v", i+1, r.ratio)
				}
			}
			if r.ratio != c.cut {
				t.Fatalf("cut to %v", r.ratio)
			}
			if r.grow(now.Add(c.hold - 1)); r.ratio != c.cut {
				t.Fatalf("grew to %v before its time", r.ratio)
			}
			now = now.Add(c.hold)
			for _, want := range c.steps {
				if r.grow(now); r.ratio < want-1e-9 || r.ratio > want+1e-9 {
					t.Fatalf("grew to %v, want %v", r.ratio, want)
				}
				now = now.Add(c.every)
			}
			if r.next != budget.Never {
				t.Fatal("goes on growing at full rate")
			}
			for range 200 { // bursts of refusals in no time: nothing can be measured
				now += 1000
				refuse(r, now)
			}
			if r.ratio < c.floor-1e-9 {
				t.Fatalf("below the floor: %v", r.ratio)
			}
		})
	}
	if _, err := AdaptivePreset("bold"); err == nil {
		t.Fatal("a preset that there is not")
	}
}

func TestExplainedRefusalsDoNotCut(t *testing.T) {
	o, _ := AdaptivePreset("balanced")
	r := newRateControl(o)
	now := t0
	for i := range 500 {
		now = now.Add(time.Second)
		r.attempt(now)
		if i%50 == 0 {
			r.refused(now, budget.Tokens, 1000, budget.Finding{})
		}
	}
	if r.share() != 1 {
		t.Fatalf("share %v", r.share())
	}
}

func TestManyExplainedRefusalsCut(t *testing.T) {
	o, _ := AdaptivePreset("balanced")
	r := newRateControl(o)
	now := t0
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		r.attempt(now)
		r.refused(now, budget.Tokens, 1000, budget.Finding{})
	}
	if r.ratio == 1 {
		t.Fatal("every call is refused, and nothing happens")
	}
}

func TestRefusalsOfWindowsTrimTheRateAndHeal(t *testing.T) {
	o, _ := AdaptivePreset("balanced")
	r := newRateControl(o)
	now := t0
	for i := range 2000 {
		now = now.Add(100 * time.Millisecond)
		r.attempt(now)
		if i%100 == 0 {
			r.refused(now, budget.Tokens, 1000, budget.Finding{Window: true})
		}
	}
	if s := r.share(); s >= 1 || s < 0.9 || r.ratio != 1 {
		t.Fatalf("share %v, ratio %v", s, r.ratio)
	}
	r.grow(now.Add(24 * time.Hour))
	if r.share() != 1 {
		t.Fatalf("did not heal: %v", r.share())
	}
}

// A limit that was halved: what is accepted while refusals go on is the new limit.
func TestALoweredLimitIsMeasuredAndSearched(t *testing.T) {
	o, _ := AdaptivePreset("balanced")
	r := newRateControl(o)
	now, end := t0, after(40*time.Minute)
	limit, level := 400.0, 0.0 // tokens per second; the upstream's bucket
	refused, sent := 0, 0
	var late float64
	for owed := 0.0; now < end; now = now.Add(10 * time.Millisecond) {
		level = min(level+limit/100, 6*limit)
		owed += 1000 * r.share() / 100
		for owed >= 100 {
			owed -= 100
			sent++
			r.attempt(now)
			r.flow.try(budget.Demand{budget.Tokens: 100})
			if level < 100 {
				if now > after(2*time.Minute) {
					refused++
				}
				r.refused(now, budget.Tokens, 1000, budget.Finding{Unexplained: true})
				continue
			}
			level -= 100
			r.flow.add(budget.Demand{budget.Tokens: 100}, 1)
		}
		r.grow(now)
		if now > after(30*time.Minute) {
			late = max(late, r.share())
		}
	}
	if late < 0.37 || late > 0.55 {
		t.Fatalf("ends at %v of the rate, the limit is at 0.4", late)
	}
	if share := float64(refused) / float64(sent); share > 0.01 {
		t.Fatalf("%.2f %% refused", 100*share)
	}
}

func TestRamp(t *testing.T) {
	r := newRampControl(Ramp{Start: 0.1})
	now := t0
	r.granted(now)
	if r.share != 0.1 {
		t.Fatalf("begins at %v", r.share)
	}
	for range 10 {
		now = now.Add(time.Second)
		r.granted(now)
		r.grow(now)
	}
	if r.share < 0.19 || r.share > 0.27 {
		t.Fatalf("%v after the time in which it doubles", r.share)
	}
	before := r.share
	r.refused(now)
	r.refused(now) // of the same wave
	if r.share != before/2 {
		t.Fatalf("%v after a refusal, from %v", r.share, before)
	}
	r.grow(now.Add(10 * time.Minute))
	if r.share != 1 {
		t.Fatalf("%v after a long time", r.share)
	}
	if !r.granted(now.Add(time.Hour)) || r.share != 0.1 {
		t.Fatalf("%v after idleness", r.share)
	}
}

func TestWithoutAStartOnlyRefusalsRamp(t *testing.T) {
	r := newRampControl(Ramp{})
	r.granted(t0)
	if r.granted(after(time.Hour)) || r.share != 1 {
		t.Fatal("slow after idleness, unasked")
	}
	for i := range 20 {
		r.refused(after(time.Hour + time.Duration(i)*time.Minute))
	}
	if r.share != rampFloor {
		t.Fatalf("%v", r.share)
	}
}

func TestACutLaneGrantsLess(t *testing.T) {
	l := lane("a", rate("tpm", budget.Tokens, 60_000, 1000))
	l.TokensPerSecond = 1000
	l.Adaptive, _ = AdaptivePreset("conservative")
	p := New(Options{MaxQueue: 100}, []*Lane{l})
	r := route([]*Lane{l})
	for i := range 2 { // the second refusal finds the level put right
		now := after(time.Duration(i) * time.Second)
		c := call(r, 100, 0)
		c.Deadline = now
		wantGrant(t, drive(p, now, c), l)
		p.Settle(now, c, budget.Demand{}, budget.Refused, Report{})
		p.Observe(now, l, c, budget.Observation{Dimension: budget.Tokens, Limit: -1, Remaining: -1, Refused: true, BlockedFor: 100 * time.Millisecond, Demand: c.Grant().Demand})
	}
	if l.Ratio() != 0.8 {
		t.Fatalf("ratio %v", l.Ratio())
	}
	if v := l.Budget.View(after(time.Minute), nil)[0]; v.Capacity != 800 || v.Amount != 48_000 {
		t.Fatalf("the burst was not scaled along: %+v", v)
	}
}

func TestAQuietLaneIsNotMeasured(t *testing.T) {
	o, _ := AdaptivePreset("balanced")
	r := newRateControl(o)
	for i := range 16 { // a twentieth of the rate, a quarter of it refused
		now := after(time.Duration(2*i) * time.Second)
		r.attempt(now)
		r.flow.try(budget.Demand{budget.Tokens: 100})
		if i%4 == 3 {
			refuse(r, now)
			continue
		}
		r.flow.add(budget.Demand{budget.Tokens: 100}, 1)
	}
	if r.ratio != 0.8 {
		t.Fatalf("ratio %v: what was asked for was taken for the limit", r.ratio)
	}
	r.grow(after(24 * time.Hour))
	if r.ratio != 1 {
		t.Fatalf("ratio %v after a day", r.ratio)
	}
}
