package simulation

import (
	"math"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

func recording() *trace.Trace {
	t := &trace.Trace{}
	for i := range 2000 {
		t.Calls = append(t.Calls, trace.Call{At: time.Duration(i) * 100 * time.Millisecond, Input: 100, Output: 50})
	}
	return t
}

func TestLoad(t *testing.T) {
	for _, load := range []float64{0.3, 1, 1.5, 4} {
		calls := Traffic{Load: load, Route: "m", Seed: 1}.Play(recording())
		if got := float64(len(calls)) / 2000; math.Abs(got-load) > 0.1*load {
			t.Errorf("load %v: %v", load, got)
		}
		for i := range calls {
			if i > 0 && calls[i].At < calls[i-1].At || calls[i].At < 0 || calls[i].Route != "m" {
				t.Fatalf("load %v: call %d: %+v", load, i, calls[i])
			}
		}
	}
}

func TestMix(t *testing.T) {
	tr := Traffic{Route: "m", Routes: []string{"m", "n"}, Clients: 4, Heavy: 3, MaxTokens: 40, Seed: 2}
	tr.Classes[shedding.Critical] = 0.25
	rec := recording()
	rec.Calls[0] = trace.Call{Input: 7, Output: 90, Model: "n", Priority: "low", Client: "me", MaxTokens: 60, Session: "s"}
	rec.Calls[1].Model = "unknown"
	calls := tr.Play(rec)
	if c := calls[0]; c.Route != "n" || c.Class != shedding.Low || c.Client != "me" || c.Output != 60 || c.Affinity == 0 {
		t.Fatalf("%+v", c)
	}
	if c := calls[1]; c.Route != "m" || c.Output != 40 || c.MaxTokens != 40 {
		t.Fatalf("%+v", c)
	}
	critical, clients := 0, map[string]int{}
	for _, c := range calls {
		if c.Class == shedding.Critical {
			critical++
		}
		clients[c.Client]++
	}
	if critical < 430 || critical > 570 || len(clients) != 5 || clients["client-a"] < 2*clients["client-b"] {
		t.Fatalf("%d critical, %v", critical, clients)
	}
}

func TestBurstyMoments(t *testing.T) {
	calls := Traffic{Route: "m", Bursty: 4, Load: 5, Seed: 3}.Play(recording())
	var sum, squares float64
	for i := 1; i < len(calls); i++ {
		gap := (calls[i].At - calls[i-1].At).Seconds()
		sum += gap
		squares += gap * gap
	}
	n := float64(len(calls) - 1)
	mean := sum / n
	if cv2 := squares/n/mean/mean - 1; cv2 < 3 || cv2 > 5 {
		t.Fatalf("squared coefficient of variation %v", cv2)
	}
	if calls[len(calls)-1].At < 150*time.Second || calls[len(calls)-1].At > 250*time.Second {
		t.Fatalf("lasts %v", calls[len(calls)-1].At)
	}
}
