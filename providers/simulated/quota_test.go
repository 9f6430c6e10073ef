package simulated

import (
	"testing"
	"time"
)

const t0 = int64(1_700_000_040_000_000_000) // begins a minute

func TestAlgorithms(t *testing.T) {
	type step struct {
		at     time.Duration
		tokens int64
		wait   time.Duration // 0: admitted; below zero: too large
	}
	for _, c := range []struct {
		name  string
		l     Limit
		steps []step
	}{
		{"bucket", Limit{TPM: 6000}, []step{{0, 6000, 0}, {0, 100, time.Second}, {time.Second, 100, 0}, {time.Second, 6001, -1}}},
		{"bucket with a burst", Limit{TPM: 6000, Burst: 6 * time.Second}, []step{{0, 600, 0}, {0, 100, time.Second}, {time.Hour, 600, 0}, {time.Hour, 1, 10 * time.Millisecond}}},
		{"sliding", Limit{TPM: 1000, Algorithm: "sliding"}, []step{{0, 600, 0}, {10 * time.Second, 400, 0}, {20 * time.Second, 500, 40 * time.Second}, {time.Minute, 500, 0}, {time.Minute, 500, 10 * time.Second}}},
		{"fixed", Limit{TPM: 1000, Algorithm: "fixed"}, []step{{50 * time.Second, 1000, 0}, {50 * time.Second, 1, 10 * time.Second}, {time.Minute, 1000, 0}, {time.Minute, 1001, -1}}},
		{"slices", Limit{TPM: 6000, Algorithm: "slices"}, []step{{0, 100, 0}, {0, 1, time.Second}, {time.Second, 100, 0}, {time.Second, 101, time.Second}, {2 * time.Second, 250, 0}, {3 * time.Second, 100, 2 * time.Second}, {4 * time.Second, 50, 0}, {4 * time.Second, 6001, -1}}},
		{"six-second slices", Limit{TPM: 6000, Algorithm: "slices", Slice: 6 * time.Second}, []step{{0, 600, 0}, {time.Second, 1, 5 * time.Second}}},
		{"requests", Limit{RPM: 2, Algorithm: "fixed"}, []step{{0, 9, 0}, {0, 9, 0}, {0, 9, time.Minute}}},
		{"requests per second", Limit{RPS: 1}, []step{{0, 9, 0}, {0, 9, time.Second}, {time.Second, 9, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := NewQuota(c.l)
			for i, s := range c.steps {
				_, r := q.Admit(t0+int64(s.at), s.tokens, 0)
				switch {
				case s.wait == 0 && r != nil:
					t.Fatalf("step %d: refused: %+v", i, *r)
				case s.wait > 0 && (r == nil || r.RetryAfter != s.wait):
					t.Fatalf("step %d: %+v, want a wait of %v", i, r, s.wait)
				case s.wait < 0 && (r == nil || r.Kind != "too_large"):
					t.Fatalf("step %d: %+v, want too large", i, r)
				}
			}
		})
	}
}

func TestCharging(t *testing.T) {
	for charging, want := range map[string][2]int64{ // left of 1000 after admission, and after the end
		"": {900, 850}, "expected": {900, 850}, "reserve_sum": {600, 850}, "reserve_max": {700, 850}, "input_only": {900, 900}, "slot_only": {1000, 1000},
	} {
		q := NewQuota(Limit{TPM: 1000, Algorithm: "fixed", Charging: charging})
		ticket, r := q.Admit(t0, 100, 300)
		if r != nil {
			t.Fatalf("%s: %+v", charging, *r)
		}
		_, admitted := q.Left(t0)
		q.Settle(t0, ticket, 100, 50)
		if _, ended := q.Left(t0); admitted != want[0] || ended != want[1] {
			t.Errorf("%s: %d and %d left, want %v", charging, admitted, ended, want)
		}
	}
}

func TestConcurrency(t *testing.T) {
	q := NewQuota(Limit{Concurrency: 1})
	ticket, _ := q.Admit(t0, 1, 1)
	if _, r := q.Admit(t0, 1, 1); r == nil || r.Kind != "concurrency" {
		t.Fatalf("%+v", r)
	}
	q.Settle(t0, ticket, 1, 1)
	if _, r := q.Admit(t0, 1, 1); r != nil {
		t.Fatalf("%+v", *r)
	}
}
