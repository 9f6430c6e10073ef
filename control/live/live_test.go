package live

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

type source struct {
	mu      sync.Mutex
	looked  int
	budgets []api.Budget
	queue   map[string]api.Lane
}

func (s *source) Budgets() []api.Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked++
	return slices.Clone(s.budgets)
}

func (s *source) level(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budgets[0].Level = n
}

func (s *source) Upstreams() []api.Upstream {
	return []api.Upstream{{Provider: "p", Account: "a", Keys: []api.Key{}}}
}
func (s *source) Queue() map[string]api.Lane { return s.queue }
func (s *source) InFlight() int64            { return 3 }

func bucket(scope, name, limit, dimension string, level int64) api.Budget {
	return api.Budget{Scope: scope, Name: name, Limit: limit, Dimension: dimension, Amount: 600, Effective: 600, WindowMS: 60_000, Capacity: 60, Level: level}
}

func at(s int) time.Time { return time.Unix(1_800_000_000+int64(s), 0).UTC() }

func request(end time.Time, more func(*telemetry.Record)) *telemetry.Record {
	r := &telemetry.Record{ID: "req_1", Start: end.Add(-time.Second), Duration: time.Second, Route: "m", Provider: "p", ServedModel: "m1",
		Outcome: "ok", Priority: "normal", Input: 100, Output: 50, Cost: 1000, FirstByte: 200 * time.Millisecond, Overhead: time.Millisecond}
	if more != nil {
		more(r)
	}
	return r
}

func TestFiguresForget(t *testing.T) {
	m := NewMeter()
	for i := range 20 {
		m.Record(request(at(i), nil))
	}
	m.Record(request(at(19), func(r *telemetry.Record) {
		r.Outcome, r.ShedReason, r.Priority, r.FirstByte = "shed", "shed", "low", 0
	}))
	m.Record(request(at(19), func(r *telemetry.Record) {
		r.Outcome, r.Attempts = "upstream_failed", []telemetry.Attempt{{Status: 429}, {Status: 429}}
		r.Decide("no_room", "p/m1", "p/m2")
	}))
	f := m.figures(at(20))
	n := f.now
	if n.RequestsPerSecond != 1.2 || n.TokensPerSecond != 180 || n.Refused429 != 2 || n.Failed != 1 || f.minute.shed["low"] != 1 || f.minute.moved["p/m2"] != 1 {
		t.Fatalf("%+v %+v", n, f.minute)
	}
	if n.FirstByteP50 < 180 || n.FirstByteP50 > 250 || n.OverheadP99 < .9 || n.OverheadP99 > 1.3 || n.CostPerHour != 22*1000*60 {
		t.Fatalf("%+v", n)
	}
	if n := m.figures(at(120)).now; n.RequestsPerSecond != 0 || n.Refused429 != 0 || n.FirstByteP99 != 0 {
		t.Fatalf("a minute later: %+v", n)
	}
	if h := m.history(at(20), time.Time{}); len(h) != 2 || h[0].Requests != 10 || h[1].Refused429 != 2 || h[1].Shed["low"] != 1 {
		t.Fatalf("%+v", h)
	}
	if h := m.history(at(20), at(10)); len(h) != 1 || h[0].Refused429 != 2 {
		t.Fatalf("the later half: %+v", h)
	}
	if h := m.history(at(4000), time.Time{}); len(h) != 0 {
		t.Fatalf("after an hour: %+v", h)
	}
	if s := m.shares(at(20))["m"]; s.Served["p/m1"] != 20 || s.Moved["no_room"] != 1 || s.Failed != 1 {
		t.Fatalf("%+v", s)
	}
	if s := m.shares(at(700))["m"]; len(s.Served) != 0 {
		t.Fatalf("after ten minutes: %+v", s)
	}
}

func TestHistogramIsWithinAQuarter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(5*time.Minute)).Draw(t, "d"))
		var h histogram
		h.add(d)
		if got := h.quantile(.99) * 1e6; got < float64(d)*.99-5e3 || got > float64(d)*1.26 {
			t.Fatalf("%v: %v ms", d, got/1e6)
		}
	})
}

func TestTheSentenceOfWhatLimits(t *testing.T) {
	busy := []api.Budget{
		bucket("upstream", "dashscope/team-a/qwen3-max", "tpm", "tokens", -31), bucket("upstream", "dashscope/team-b/qwen3-max", "tpm", "tokens", 20),
		bucket("owner", "acme", "rpm", "requests", -500),
	}
	slow := bucket("upstream", "far/one/m", "rpm", "requests", 0)
	slow.Amount, slow.Effective, slow.Capacity, slow.Ratio = 1, 0, 1, 1
	whole := []api.Budget{bucket("upstream", "dashscope/team-b/*", "tpm", "tokens", -20)}
	for _, c := range []struct {
		name, want, kind string
		budgets          []api.Budget
		queue            map[string]api.Lane
		minute           slot
	}{
		{"nothing", "Nothing limits now.", "free", busy, map[string]api.Lane{"normal": {}}, slot{}},
		{"waiting", "qwen3-max on team-a is out of tokens for 3.2 s; 14 normal calls wait; in the last minute 3 went to dashscope/qwen-plus.", "waiting", busy,
			map[string]api.Lane{"normal": {Depth: 14}}, slot{moved: map[string]int64{"dashscope/qwen-plus": 3}}},
		{"one waits for itself", "1 high call waits.", "waiting", nil, map[string]api.Lane{"high": {Depth: 1}}, slot{}},
		{"a large one waits", "team-b is out of tokens for 5.0 s; 2 low calls wait.", "waiting", whole,
			map[string]api.Lane{"low": {Depth: 2, Tokens: 60}}, slot{}},
		{"one a minute", "m on one is out of requests for 1m0s; 1 low call waits.", "waiting", []api.Budget{slow}, map[string]api.Lane{"low": {Depth: 1}}, slot{}},
		{"shed", "1 critical call waits; in the last minute 7 low calls were shed.", "refused", nil,
			map[string]api.Lane{"critical": {Depth: 1}}, slot{shed: map[string]int64{"low": 7}}},
		{"moved", "In the last minute 3 went to dashscope/qwen-plus.", "waiting", nil, nil, slot{moved: map[string]int64{"dashscope/qwen-plus": 3}}},
		{"own limits of the three that met most", "In the last minute 12 calls of a met limits of its own; 2 calls of b met limits of its own; 3 calls of c met limits of its own.", "waiting", busy,
			nil, slot{limited: map[string]int64{"a": 12, "b": 2, "c": 3, "d": 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := api.State{Queue: c.queue, Budgets: map[string]api.Budget{}}
			for _, b := range c.budgets {
				s.Budgets[b.Name+b.Limit] = b
			}
			if l := limiting(&s, &c.minute); l.Sentence != c.want || l.Kind != c.kind {
				t.Fatalf("%s %q, want %q", l.Kind, l.Sentence, c.want)
			}
		})
	}
}

// Why calls went on is told by the target that they left.
func TestWhyCallsLeftATarget(t *testing.T) {
	m := NewMeter()
	m.Record(request(at(1), func(r *telemetry.Record) {
		r.Spared, r.Moved, r.Waited = true, true, true
		r.Decide("no_room", "p/m1", "p/m2")
		r.Attempts = []telemetry.Attempt{{Provider: "p", Model: "m2", Kind: "server_error"}, {Provider: "p", Model: "m3"}}
	}))
	m.Record(request(at(1), func(r *telemetry.Record) { // failed where it ended: it left nothing
		r.Outcome, r.Attempts = "upstream_failed", []telemetry.Attempt{{Provider: "p", Model: "m1", Kind: "timeout"}}
	}))
	s := m.shares(at(2))["m"]
	want := map[string]map[string]int64{"p/m1": {"no_room": 1}, "p/m2": {"server_error": 1}}
	if !reflect.DeepEqual(s.From, want) || s.Moved["server_error"] != 1 || len(s.Moved) != 2 {
		t.Fatalf("%+v", s)
	}
	if n := m.figures(at(2)).now; n.Spared != 1 || n.Waited != 1 || n.Moved != 1 || n.Rotated != 0 {
		t.Fatalf("%+v", n)
	}
}

// What was shed because the queue was full is told apart, and keys beyond the bound are
// not.
func TestDroppedAndLimited(t *testing.T) {
	m := NewMeter()
	for i := range 2 * mostKeys {
		m.Record(request(at(1), func(r *telemetry.Record) { r.Outcome, r.Key = "limited", fmt.Sprint("key", i) }))
	}
	for _, reason := range []string{"shed", "queue_full"} {
		m.Record(request(at(1), func(r *telemetry.Record) { r.Outcome, r.ShedReason, r.Priority = "shed", reason, "low" }))
	}
	if f := m.figures(at(2)).minute; f.shed["low"] != 2 || f.dropped["low"] != 1 || len(f.limited) != mostKeys {
		t.Fatalf("%v %v %d", f.shed, f.dropped, len(f.limited))
	}
}

// A patch leads from one state to the other, whatever they are.
func TestPatches(t *testing.T) {
	leaf := rapid.OneOf(rapid.Map(rapid.IntRange(0, 3), func(n int) any { return float64(n) }), rapid.Just(any("text")), rapid.Just(any([]any{1.0})))
	var tree func(depth int) *rapid.Generator[any]
	tree = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return leaf
		}
		inner := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), tree(depth-1), 0, 3)
		return rapid.OneOf(leaf, rapid.Map(inner, func(m map[string]any) any { return m }))
	}
	top := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c"}), tree(3))
	rapid.Check(t, func(t *rapid.T) {
		from, to := top.Draw(t, "from"), top.Draw(t, "to")
		patch, differs := difference(from, to)
		got := any(from)
		if differs {
			got = merged(from, patch)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(to)
		if string(a) != string(b) {
			t.Fatalf("%s, want %s", a, b)
		}
	})
}

// merged applies a merge patch, as a page does.
func merged(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if m, ok := target.(map[string]any); ok {
		for k, v := range m {
			out[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = merged(out[k], v)
		}
	}
	return out
}

type heard struct {
	name string
	data string
}

func viewer() access.Identity { return access.Identity{Role: access.Viewer} }

func TestWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{budgets: []api.Budget{bucket("upstream", "p/a/*", "rpm", "requests", 60)}, queue: map[string]api.Lane{}}
		h := NewHub(Options{Source: src, Meter: NewMeter()})
		ctx, stop := context.WithCancel(t.Context())
		var got []heard
		done := make(chan error, 1)
		go func() {
			done <- h.Watch(ctx, viewer(), func(name string, data []byte) error {
				got = append(got, heard{name, string(data)})
				return nil
			})
		}()
		synctest.Wait()
		if len(got) != 1 || got[0].name != "snapshot" || !strings.Contains(got[0].data, `"upstream/p/a/*/rpm"`) {
			t.Fatalf("%+v", got)
		}
		src.level(10)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if len(got) != 2 || got[1].name != "patch" || !strings.Contains(got[1].data, `"level":10`) || strings.Contains(got[1].data, "capacity") {
			t.Fatalf("%+v", got[1:])
		}
		h.Record(request(time.Now(), nil))
		h.Tell("alert", map[string]string{"name": "queue"}, nil)
		synctest.Wait()
		if len(got) != 4 || got[2].name != "request" || got[3].name != "alert" {
			t.Fatalf("%+v", got[2:])
		}
		stop()
		if err := <-done; err != context.Canceled {
			t.Fatal(err)
		}
		synctest.Wait() // the looking ends with the last watcher, or the bubble would not
	})
}

// While nobody watches, nothing is looked at and no event is made; a new watcher begins
// anew.
func TestAClosedPageCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{budgets: []api.Budget{bucket("upstream", "p/a/*", "rpm", "requests", 60)}}
		h := NewHub(Options{Source: src, Meter: NewMeter()})
		looked := func() int {
			src.mu.Lock()
			defer src.mu.Unlock()
			return src.looked
		}
		for visit := range 3 {
			before := looked()
			ctx, stop := context.WithCancel(t.Context())
			left := make(chan error, 2)
			for range 2 {
				go func() { left <- h.Watch(ctx, viewer(), func(string, []byte) error { return nil }) }()
			}
			time.Sleep(10*time.Second + time.Millisecond)
			if n := looked() - before; n < 10 || n > 12 {
				t.Fatalf("visit %d: looked %d times in ten seconds for two pages", visit, n)
			}
			stop()
			<-left
			<-left
			synctest.Wait()
			before = looked()
			h.Record(request(time.Now(), nil))
			time.Sleep(time.Hour)
			if n := looked() - before; n != 0 || len(h.views) != 0 || len(h.watchers) != 0 || h.watching.Load() != 0 {
				t.Fatalf("visit %d: after the last page was closed it looked %d times; %d views are kept", visit, n, len(h.views))
			}
		}
	})
}

func TestASlowWatcherIsLeftBehindAndCostsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{Source: &source{}, Meter: NewMeter()})
		stuck := make(chan struct{})
		slow, quick := make(chan error, 1), make(chan error, 1)
		go func() {
			slow <- h.Watch(t.Context(), viewer(), func(string, []byte) error { <-stuck; return nil })
		}()
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		go func() { quick <- h.Watch(ctx, viewer(), func(string, []byte) error { n++; return nil }) }()
		synctest.Wait()
		for range 2 * waitingEvents {
			h.Tell("alert", 1, nil)
			synctest.Wait()
		}
		if n < 2*waitingEvents {
			t.Fatalf("the quick one heard %d", n)
		}
		close(stuck)
		if err := <-slow; err != errSlow {
			t.Fatal(err)
		}
		stop()
		<-quick
	})
}

func TestKeyOwnersHearOnlyOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{budgets: []api.Budget{bucket("upstream", "p/a/*", "rpm", "requests", 60), bucket("owner", "acme", "rpm", "requests", 5), bucket("owner", "other", "rpm", "requests", 5)}}
		h := NewHub(Options{Source: src, Meter: NewMeter()})
		ctx, stop := context.WithCancel(t.Context())
		var got []heard
		done := make(chan error, 1)
		go func() {
			done <- h.Watch(ctx, access.Identity{Role: access.KeyOwner, Owner: "acme"}, func(name string, data []byte) error {
				got = append(got, heard{name, string(data)})
				return nil
			})
		}()
		synctest.Wait()
		h.Record(request(time.Now(), func(r *telemetry.Record) { r.Owner = "other" }))
		h.Record(request(time.Now(), func(r *telemetry.Record) { r.Owner = "acme" }))
		h.Tell("key", "p/a", nil)
		synctest.Wait()
		stop()
		<-done
		if len(got) != 2 || got[1].name != "request" || !strings.Contains(got[1].data, `"acme"`) {
			t.Fatalf("%+v", got)
		}
		if s := got[0].data; strings.Contains(s, "other") || strings.Contains(s, "p/a") || !strings.Contains(s, "acme") {
			t.Fatalf("%s", s)
		}
	})
}

func TestRequestEventsAreBounded(t *testing.T) {
	var w watcher
	n := 0
	for range 100 {
		if w.mayHear(7) {
			n++
		}
	}
	if n != requestsPerSecond || !w.mayHear(8) {
		t.Fatal(n)
	}
}

func BenchmarkRecord(b *testing.B) {
	m := NewMeter()
	r := request(at(0), nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Record(r)
		}
	})
}

func TestAnswersOfTheCacheAreNobodysUpstream(t *testing.T) {
	m := NewMeter()
	m.Record(request(at(0), func(r *telemetry.Record) { r.Provider, r.Cache = "", "hit" }))
	if s := m.shares(at(0))["m"]; s.Served["cache"] != 1 || len(s.Served) != 1 {
		t.Fatalf("%+v", s)
	}
}
