package simulation

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// The limits of keys, owners and routes, weights and classes hold in a simulation as
// they hold in the gateway, for the clients that the configuration knows.
func TestTheDoorIsSimulated(t *testing.T) {
	c := configured(t, "expected", "continuous", `owners: {acme: {limits: {rpm: 60}}}`, `client_keys:
  - {name: a, key: sk-client-aaaaaaaaaaaa, limits: {rpm: 30}}
  - {name: b, key: sk-client-bbbbbbbbbbbb, owner: acme, priority: low}
  - {name: c, key: sk-client-cccccccccccc, owner: acme, priority: low}`)
	r := simulate(t, Options{Config: c, Calls: traffic(1, 5*time.Minute, 5), Warmup: time.Minute})
	within := func(n, want int) bool { return n > want*8/10 && n <= want*105/100 }
	if a := r.Clients["a"]; !within(a.Served, 4*30) || a.Refused == 0 {
		t.Errorf("key a of 30 a minute had %d calls in four, %d refused", a.Served, a.Refused)
	}
	if n := r.Clients["b"].Served + r.Clients["c"].Served; !within(n, 4*60) {
		t.Errorf("the owner of 60 a minute had %d calls in four", n)
	}
	if d := r.Clients["d"]; d.Served < d.Arrived*99/100 {
		t.Errorf("a client that is not in the file: %d of %d served", d.Served, d.Arrived)
	}
	if r.Reasons["limited_by_client_key"] == 0 || r.Reasons["limited_by_owner"] == 0 || r.Upstream429 > 0 {
		t.Errorf("%v, %d upstream 429s", r.Reasons, r.Upstream429)
	}
	if low := OwnClasses(c)["b"]; low != shedding.Low {
		t.Errorf("b is of class %v", low)
	}
}

func TestAKeysClassIsItsCallsAndTheirHighest(t *testing.T) {
	rec := &trace.Trace{Calls: []trace.Call{{Client: "b"}, {Client: "b", Priority: "critical"}, {Client: "free", Priority: "critical"}, {Client: "free"}}}
	calls := Traffic{Route: "m", Own: map[string]shedding.Class{"b": shedding.Low}}.Play(rec)
	want := []shedding.Class{shedding.Low, shedding.Low, shedding.Critical, shedding.Normal}
	for i, c := range calls {
		if c.Class != want[i] {
			t.Errorf("call %d is %v, want %v", i, c.Class, want[i])
		}
	}
}

// A weight is a share of the class's upstream room.
func TestWeightsAreSimulated(t *testing.T) {
	c := configured(t, "expected", "continuous", `client_keys: [{name: a, key: sk-client-aaaaaaaaaaaa, weight: 3}]`)
	calls := traffic(3, 8*time.Minute, 6)
	for i := range calls {
		calls[i].Class = shedding.Normal
	}
	r := simulate(t, Options{Config: c, Calls: calls, Warmup: 2 * time.Minute})
	a, b := float64(r.Clients["a"].Tokens), float64(r.Clients["b"].Tokens)
	if a < 1.6*b { // its offer is three quarters of a share of three
		t.Errorf("weight 3 got %v tokens, weight 1 %v", a, b)
	}
}

// Bulk work of class low takes what interactive work leaves, whatever that is: no 429, no
// call of the interactive ones lost or noticeably later, and the whole quota used.
func TestLowPriorityIsABatchLane(t *testing.T) {
	const quota = 60_000 * 0.99 // tokens a minute, less the margin
	for _, interactive := range []float64{0.2, 0.5, 0.8} {
		var calls []Call
		rnd := rand.New(rand.NewPCG(9, 9))
		for _, c := range traffic(interactive, 10*time.Minute, 7) {
			c.Class, c.Client = shedding.High, "chat"
			calls = append(calls, c)
		}
		alone := simulate(t, Options{Config: configured(t, "expected", "continuous"), Calls: calls, Warmup: 2 * time.Minute,
			Upstreams: map[string]Upstream{"": {Burst: 6 * time.Second}}})
		for _, c := range traffic(2, 10*time.Minute, 8) {
			c.Class, c.Client, c.At = shedding.Low, "batch", max(c.At-time.Duration(rnd.Int64N(int64(time.Second))), 0)
			calls = append(calls, c)
		}
		sortCalls(calls)
		r := simulate(t, Options{Config: configured(t, "expected", "continuous"), Calls: calls, Warmup: 2 * time.Minute,
			Upstreams: map[string]Upstream{"": {Burst: 6 * time.Second}}})
		chat, batch := r.Classes["high"], r.Classes["low"]
		minutes := r.Measured.Minutes()
		if r.Upstream429 > 0 {
			t.Errorf("interactive %v: %d upstream 429s", interactive, r.Upstream429)
		}
		if chat.Served < chat.Arrived || chat.Wait.P99 > alone.Classes["high"].Wait.P99+0.5 {
			t.Errorf("interactive %v: %d of %d served, p99 %.2f s, alone %.2f s", interactive, chat.Served, chat.Arrived, chat.Wait.P99, alone.Classes["high"].Wait.P99)
		}
		left := quota*minutes - float64(chat.Tokens)
		if got := float64(batch.Tokens); got < 0.97*left || r.Accounts[0].Used < 0.98 || r.Accounts[0].Used > 1.001 {
			t.Errorf("interactive %v: batch work took %.0f tokens of %.0f left, %.1f %% used", interactive, got, left, 100*r.Accounts[0].Used)
		}
		t.Logf("interactive %v: p99 %.2f s, alone %.2f s; batch took %.1f %% of what was left", interactive, chat.Wait.P99, alone.Classes["high"].Wait.P99, 100*float64(batch.Tokens)/left)
	}
}
