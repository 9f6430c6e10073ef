package fallback

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const everything = OnRateLimit | OnOverloaded | OnTimeout | OnServerError | OnConnection | OnContextLength

func half() float64 { return 0.5 }

func standard() Policy {
	return Policy{On: everything, MaxAttempts: 6, Total: time.Minute, Backoff: Backoff{Base: 200 * time.Millisecond, Max: 5 * time.Second}}
}

func TestDecide(t *testing.T) {
	first := State{Attempts: 1, SameTarget: 1}
	again := State{Attempts: 2, SameTarget: 2}
	cases := []struct {
		name  string
		on    Trigger
		state State
		f     Failure
		want  Verdict
	}{
		{"requests, with a wait", everything, first, Failure{Cause: RateRequests, RetryAfter: 3 * time.Second}, Verdict{Action: Rotate, BlockAccountFor: 3 * time.Second}},
		{"tokens, no wait told", everything, first, Failure{Cause: RateTokens}, Verdict{Action: Rotate, BlockAccountFor: 500 * time.Millisecond}},
		{"a rate of minutes that asks for weeks", everything, first, Failure{Cause: RateUnknown, RetryAfter: 1000 * time.Hour}, Verdict{Action: Rotate, BlockAccountFor: time.Hour}},
		{"a negative wait", everything, first, Failure{Cause: RateTokens, RetryAfter: -time.Second}, Verdict{Action: Rotate, BlockAccountFor: 500 * time.Millisecond}},
		{"tokens, no wait told, again", everything, again, Failure{Cause: RateTokens}, Verdict{Action: Rotate, BlockAccountFor: time.Second}},
		{"rate limit, route stays", 0, first, Failure{Cause: RateRequests}, Verdict{Action: Rotate, Stay: true, BlockAccountFor: 500 * time.Millisecond}},
		{"burst", everything, first, Failure{Cause: BurstRamp}, Verdict{Action: Rotate, BlockAccountFor: 5 * time.Second}},
		{"burst, shorter word", everything, first, Failure{Cause: BurstRamp, RetryAfter: time.Second}, Verdict{Action: Rotate, BlockAccountFor: 5 * time.Second}},
		{"burst, longer word", everything, first, Failure{Cause: BurstRamp, RetryAfter: 9 * time.Second}, Verdict{Action: Rotate, BlockAccountFor: 9 * time.Second}},
		{"day, no word", everything, first, Failure{Cause: Daily}, Verdict{Action: Rotate, BlockAccountFor: time.Hour}},
		{"day, until midnight", everything, first, Failure{Cause: Daily, RetryAfter: 7 * time.Hour}, Verdict{Action: Rotate, BlockAccountFor: 7 * time.Hour}},
		{"no credit", everything, first, Failure{Cause: QuotaExhausted}, Verdict{Action: Rotate, DisableKey: true}},
		{"bad key", everything, first, Failure{Cause: InvalidKey}, Verdict{Action: Rotate, DisableKey: true}},
		{"forbidden", everything, first, Failure{Cause: Forbidden}, Verdict{Action: Rotate, DisableKey: true}},
		{"larger than the account", everything, first, Failure{Cause: TooLarge}, Verdict{Action: Rotate}},
		{"larger, route stays", 0, first, Failure{Cause: TooLarge}, Verdict{Action: Rotate, Stay: true}},
		{"overloaded", everything, first, Failure{Cause: Overloaded}, Verdict{Action: Rotate, BlockAccountFor: time.Second, After: 100 * time.Millisecond}},
		{"overloaded, with a wait", everything, first, Failure{Cause: Overloaded, RetryAfter: 8 * time.Second}, Verdict{Action: Rotate, BlockAccountFor: 8 * time.Second, After: 100 * time.Millisecond}},
		{"overloaded again", everything, again, Failure{Cause: Overloaded}, Verdict{Action: NextTarget, BlockAccountFor: time.Second, After: 200 * time.Millisecond}},
		{"server error", everything, first, Failure{Cause: ServerError}, Verdict{Action: Rotate, After: 100 * time.Millisecond}},
		{"server error again", everything, again, Failure{Cause: ServerError}, Verdict{Action: NextTarget, After: 200 * time.Millisecond}},
		{"server error again, route stays", OnRateLimit, again, Failure{Cause: ServerError}, Verdict{Action: Rotate, Stay: true, After: 200 * time.Millisecond}},
		{"timeout", everything, first, Failure{Cause: Timeout, Sent: true}, Verdict{Action: Rotate, After: 100 * time.Millisecond}},
		{"timeout again", everything, again, Failure{Cause: Timeout, Sent: true}, Verdict{Action: NextTarget, After: 200 * time.Millisecond}},
		{"connection", everything, first, Failure{Cause: Connection}, Verdict{Action: Rotate, After: 100 * time.Millisecond}},
		{"garbage", everything, again, Failure{Cause: Malformed, Sent: true}, Verdict{Action: NextTarget, After: 200 * time.Millisecond}},
		{"context length", everything, first, Failure{Cause: ContextLength}, Verdict{Action: NextTarget}},
		{"context length, not a trigger", OnRateLimit, first, Failure{Cause: ContextLength}, Verdict{Action: GiveUp, Stay: true}},
		{"not found", everything, first, Failure{Cause: NotFound}, Verdict{Action: NextTarget}},
		{"not found, not a trigger", OnTimeout, first, Failure{Cause: NotFound}, Verdict{Action: GiveUp, Stay: true}},
		{"content filter", everything, first, Failure{Cause: ContentFilter}, Verdict{Action: GiveUp, Stay: true}},
		{"bad request", everything, first, Failure{Cause: BadRequest}, Verdict{Action: GiveUp, Stay: true}},
		{"client gone", everything, first, Failure{Cause: Cancelled}, Verdict{Action: GiveUp, Stay: true}},
		{"attempts exhausted", everything, State{Attempts: 6}, Failure{Cause: RateTokens}, Verdict{Action: GiveUp, BlockAccountFor: 16 * time.Second}},
		{"attempts exhausted, key still goes", everything, State{Attempts: 6}, Failure{Cause: InvalidKey}, Verdict{Action: GiveUp, DisableKey: true}},
		{"attempts exhausted, account still rests", everything, State{Attempts: 6}, Failure{Cause: BurstRamp}, Verdict{Action: GiveUp, BlockAccountFor: 5 * time.Second}},
		{"time exhausted", everything, State{Attempts: 1, Elapsed: time.Minute}, Failure{Cause: RateTokens}, Verdict{Action: GiveUp, BlockAccountFor: 500 * time.Millisecond}},
		{"time exhausted by the backoff", everything, State{Attempts: 1, Elapsed: time.Minute - 50*time.Millisecond}, Failure{Cause: ServerError}, Verdict{Action: GiveUp, After: 100 * time.Millisecond}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := standard()
			p.On = c.on
			got := p.Decide(c.state, c.f, half)
			if got.Reason == "" {
				t.Error("no reason")
			}
			got.Reason = ""
			if got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestZeroPolicyTriesOnce(t *testing.T) {
	if v := (Policy{}).Decide(State{Attempts: 1}, Failure{Cause: ServerError}, half); v.Action != GiveUp {
		t.Errorf("a zero policy goes on after one attempt: %+v", v)
	}
}

func TestDecideEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := standard()
		p.On = Trigger(rapid.IntRange(0, int(everything)).Draw(t, "on"))
		p.MaxAttempts = rapid.IntRange(-1, 10).Draw(t, "attempts")
		s := State{}
		for range 20 {
			s.Attempts++
			s.SameTarget++
			s.Elapsed += time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "took"))
			f := Failure{
				Cause:      Cause(rapid.IntRange(0, int(Cancelled)).Draw(t, "cause")),
				RetryAfter: time.Duration(rapid.Int64().Draw(t, "retry after")),
			}
			v := p.Decide(s, f, func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "rnd") })
			if v.BlockAccountFor < 0 || v.BlockAccountFor > longestDaily || v.After < 0 || v.After > p.Backoff.Max {
				t.Fatalf("out of bounds: %+v", v)
			}
			if v.Action == NextTarget && p.On&f.Cause.trigger() == 0 {
				t.Fatalf("left the target without a trigger: %+v", v)
			}
			if v.Action == GiveUp {
				return
			}
			if s.Elapsed >= p.Total {
				t.Fatalf("goes on after the total time: %+v", v)
			}
			s.Elapsed += v.After
		}
		t.Fatal("never gave up")
	})
}

func TestParseTriggers(t *testing.T) {
	all, err := ParseTriggers([]string{"rate_limit", "overloaded", "timeout", "server_error", "connection", "context_length"})
	if err != nil || all != everything {
		t.Errorf("all: %b, %v", all, err)
	}
	if none, err := ParseTriggers(nil); err != nil || none != 0 {
		t.Errorf("none: %b, %v", none, err)
	}
	if _, err := ParseTriggers([]string{"timeout", "full_moon"}); err == nil || !strings.Contains(err.Error(), `"full_moon"`) {
		t.Errorf("unknown: %v", err)
	}
}

func TestSickCauses(t *testing.T) {
	sick := map[Cause]bool{Overloaded: true, ServerError: true, Timeout: true, Connection: true}
	for c := RateRequests; c <= Cancelled; c++ {
		if c.Sick() != sick[c] {
			t.Errorf("cause %d: sick %v", c, c.Sick())
		}
		if (OutcomeOf(c) == Sick) != sick[c] || OutcomeOf(c) == Healthy {
			t.Errorf("cause %d: outcome %v", c, OutcomeOf(c))
		}
	}
}

func TestNames(t *testing.T) {
	if Rotate.String() != "rotate" || NextTarget.String() != "next_target" || GiveUp.String() != "give_up" || Action(9).String() != "give_up" {
		t.Error("actions")
	}
	if Closed.String() != "closed" || Open.String() != "open" || HalfOpen.String() != "half_open" {
		t.Error("conditions")
	}
}
