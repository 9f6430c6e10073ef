package budget

import (
	"testing"
	"time"
)

func TestARestartKeepsLevels(t *testing.T) {
	rate := limit(Tokens, 6000, 600)
	fixed := Limit{Name: "rpm", Dimension: Requests, Kind: FixedWindow, Amount: 10, Window: time.Minute}
	sliding := Limit{Name: "input_tpm", Dimension: InputTokens, Kind: SlidingWindow, Amount: 1000, Window: time.Minute}
	day := Limit{Name: "tpd", Dimension: Tokens, Kind: Calendar, Amount: 10_000}
	take := func(s *Scope) {
		if a := Reserve(t0, &Hold{}, Demand{Requests: 4, Tokens: 500, InputTokens: 300}, s); a.State != Granted {
			t.Fatalf("%+v", a)
		}
	}
	for _, c := range []struct {
		name  string
		after time.Duration
		clean bool
		want  [4]int64 // levels of tokens, requests, input tokens, tokens of the day
	}{
		{"at once", 0, true, [4]int64{100, 6, 700, 9500}},
		{"two seconds later", 2 * time.Second, true, [4]int64{300, 6, 700, 9500}},
		{"a minute later", time.Minute, true, [4]int64{600, 10, 700, 9500}},
		{"two minutes later", 2 * time.Minute, true, [4]int64{600, 10, 1000, 9500}},
		{"killed", 0, false, [4]int64{-150, 0, 0, 9499}},
		{"killed, a minute ago", time.Minute, false, [4]int64{600, 10, 0, 9499}},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := single(ScopeUpstream, rate, fixed, sliding, day)
			take(old)
			l := old.Levels(t0)
			now := at(c.after)
			s := NewScope(ScopeUpstream, "s", now, []Limit{rate, fixed, sliding, day})
			s.Restore(now, l, c.clean)
			v := s.View(now, nil)
			got := [4]int64{v[0].Level, v[1].Level, v[2].Level, v[3].Level}
			if got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestARestartKeepsWhatTheProviderTold(t *testing.T) {
	old := single(ScopeUpstream, limit(Tokens, 6000, 600))
	old.Observe(t0, Observation{Dimension: Tokens, Window: time.Minute, Limit: 3000, Remaining: -1})
	old.Observe(t0, Observation{Dimension: Requests, Window: time.Minute, Limit: 60, Remaining: 2})
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	s.Restore(t0, old.Levels(t0), true)
	v := s.View(t0, nil)
	if len(v) != 2 || v[0].Told != 3000 || !v[1].Limit.Learned || v[1].Limit.Amount != 60 || v[1].Level != 2 {
		t.Fatalf("%+v", v)
	}
}

func TestNonsenseLevelsAreBounded(t *testing.T) {
	s := single(ScopeUpstream, limit(Tokens, 6000, 600))
	for _, l := range []Levels{
		{At: Never, Blocked: Never, Buckets: []Level{{Name: "tokens", Dimension: Tokens, Taken: 1 << 62, Amount: 1 << 62}}},
		{At: -Never, Buckets: []Level{{Name: "tokens", Dimension: Tokens, Taken: -5, Amount: -5}}},
		{Buckets: []Level{{Dimension: 200, Window: time.Minute, Learned: true, Amount: 5}, {Dimension: Cost, Window: time.Minute, Learned: true, Amount: 5}}},
		{Buckets: []Level{{Name: "x", Dimension: Requests, Window: -1, Learned: true, Amount: 5}}},
	} {
		s.Restore(t0, l, false)
		if a := s.Peek(t0, tokens(1)); a.State == TooLarge || a.At < t0 {
			t.Fatalf("%+v", a)
		}
	}
}
