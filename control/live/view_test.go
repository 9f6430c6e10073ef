package live

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

// house is a state of so many accounts, in which everything moves with each turn.
func house(accounts, turn int) *api.State {
	s := &api.State{Budgets: map[string]api.Budget{}, Upstreams: map[string]api.Upstream{}}
	for i := range accounts {
		id := fmt.Sprintf("dashscope/team-%03d", i)
		for _, limit := range []string{"rpm", "tpm"} {
			b := bucket("upstream", id+"/qwen3-max", limit, "tokens", int64(100_001+(turn*7919*(i+1))%100_000))
			b.Capacity, b.Reserved, b.FullInMS, b.Debt = 200_000, int64(turn*i), int64(turn*100+1), int64(turn)
			b = readable(b)
			s.Budgets[b.Scope+"/"+b.Name+"/"+b.Limit] = b
		}
		s.Upstreams[id] = api.Upstream{Provider: "dashscope", Account: id[10:], State: "enabled", InFlight: (turn + i) % 9,
			Keys: []api.Key{{Fingerprint: "sk-…" + id, State: "enabled", Health: "works", InFlight: turn}}, Failures: []api.UpstreamFailure{}, Breakers: []api.UpstreamBreaker{},
			Latency: coarse(api.Latency{Attempts: 256, OK: 250, FirstByteP50: float64(200 + turn), WholeP95: float64(3000 + turn*10)})}
	}
	return s
}

func viewOfEverything(s *api.State) *view { return newView(access.Identity{Role: access.Viewer}, s) }

// However much moves, a patch keeps to its size, and nothing that moves stays untold for
// long.
func TestPatchesKeepToTheirSize(t *testing.T) {
	for _, accounts := range []int{50, 200} {
		v := viewOfEverything(house(accounts, 0))
		told := map[string]int{}
		rounds := 2 + accounts/12
		for turn := 1; turn <= rounds; turn++ {
			data, next := v.next(house(accounts, turn), patchBytes)
			if len(data) == 0 || len(data) > patchBytes+100 {
				t.Fatalf("%d accounts: a patch of %d bytes", accounts, len(data))
			}
			v.told = next
			var patch struct{ Budgets map[string]any }
			if err := json.Unmarshal(data, &patch); err != nil {
				t.Fatal(err)
			}
			for id := range patch.Budgets {
				told[id]++
			}
		}
		if len(told) != 2*accounts {
			t.Errorf("%d accounts: after %d s only %d of %d buckets were told", accounts, rounds, len(told), 2*accounts)
		}
	}
}

// Fifty accounts with everything in motion are told within two seconds.
func TestFiftyAccountsAreToldAtOnce(t *testing.T) {
	v := viewOfEverything(house(50, 0))
	_, v.told = v.next(house(50, 1), patchBytes)
	_, v.told = v.next(house(50, 1), patchBytes)
	if want := house(50, 1); !reflect.DeepEqual(v.told.Budgets, want.Budgets) {
		t.Error("a bucket is not told after two seconds")
	}
}

func TestWhatCannotWaitIsToldFirst(t *testing.T) {
	v := viewOfEverything(house(120, 0))
	to := house(120, 1)
	u := to.Upstreams["dashscope/team-099"]
	u.State = "draining"
	to.Upstreams["dashscope/team-099"] = u
	delete(to.Upstreams, "dashscope/team-007")
	cut := to.Budgets["upstream/dashscope/team-113/qwen3-max/rpm"]
	cut.Ratio = .5
	to.Budgets["upstream/dashscope/team-113/qwen3-max/rpm"] = cut
	_, told := v.next(to, 2000)
	if _, there := told.Upstreams["dashscope/team-007"]; there || told.Upstreams["dashscope/team-099"].State != "draining" ||
		told.Budgets["upstream/dashscope/team-113/qwen3-max/rpm"].Ratio != .5 {
		t.Error("states, limits and what has gone come before levels")
	}
	if reflect.DeepEqual(told.Budgets, to.Budgets) {
		t.Error("2000 bytes tell all of 120 accounts")
	}
}

// A page that applies every patch sees what was told, whatever happens; and once nothing
// happens any more, it sees what is.
func TestAPageSeesWhatWasTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func() *api.State {
			s := house(rapid.IntRange(0, 4).Draw(t, "accounts"), rapid.IntRange(0, 50).Draw(t, "turn"))
			s.Now.InFlight, s.Now.Node = rapid.Int64Range(0, 3).Draw(t, "in flight"), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "node")
			return s
		}
		v := viewOfEverything(some())
		page := plain(v.told)
		last := some()
		follow := func(room int) {
			data, next := v.next(last, room)
			if data == nil {
				return
			}
			v.told = next
			var patch any
			if err := json.Unmarshal(data, &patch); err != nil {
				t.Fatal(err)
			}
			page = merged(page, patch)
			if want := merged(plain(v.told), map[string]any{}); !reflect.DeepEqual(stripped(page), stripped(want)) {
				t.Fatalf("the page has\n%s\nbut was told\n%s", encoded(page), encoded(want))
			}
		}
		for range rapid.IntRange(1, 5).Draw(t, "turns") {
			last = some()
			follow(rapid.IntRange(0, 5000).Draw(t, "room"))
		}
		for range statisticsEvery + 2 {
			follow(1 << 20)
		}
		for id, b := range last.Budgets {
			if v.told.Budgets[id] != b {
				t.Fatalf("%s is never told", id)
			}
		}
		for id, u := range last.Upstreams {
			if got := v.told.Upstreams[id]; got.InFlight != u.InFlight || got.Latency != u.Latency {
				t.Fatalf("%s is never told", id)
			}
		}
	})
}

// stripped is a plain value without nulls, which a merge patch cannot tell.
func stripped(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, x := range m {
		if x != nil {
			out[k] = stripped(x)
		}
	}
	return out
}

func TestDigits(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 7: 7, 999: 999, 1000: 1000, 1234: 1230, 123_456: 123_000, -98_765: -98_700, 999_999: 999_000} {
		if got := digits(n, 3); got != want {
			t.Errorf("%d is shown as %d, want %d", n, got, want)
		}
	}
}

// BenchmarkNext is what a second costs the gateway while somebody watches 200 accounts.
func BenchmarkNext(b *testing.B) {
	states := []*api.State{house(200, 0), house(200, 1), house(200, 2)}
	v := viewOfEverything(states[2])
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, told := v.next(states[i%3], patchBytes); told != nil {
			v.told = told
		}
	}
}
