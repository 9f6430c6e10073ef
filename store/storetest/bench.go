package storetest

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
)

// Load answers entries as a busy gateway brings them: a request with one attempt each, of
// 200 keys, 20 owners, 5 routes and 3 providers, 2 % of them refused.
func Load(from, n int) []ledger.Entry {
	all := make([]ledger.Entry, n)
	for i := range all {
		j := from + i
		r, a := request(fmt.Sprintf("req_%016x%08x", uint64(j)*0x9e3779b97f4a7c15, j)), attempt("", 0)
		r.At = begin().Add(time.Duration(j) * 5 * time.Millisecond)
		r.ClientID, r.Error, r.ErrorCode, r.Fault, r.LimitedBy, r.ShedReason, r.Trail = "", "", "", "", "", "", nil
		r.KeyID, r.Owner, r.Route = fmt.Sprintf("key_%012d", j%200), fmt.Sprintf("owner %d", j%20), fmt.Sprintf("route-%d", j%5)
		r.Key, r.Provider = "name of "+r.KeyID, fmt.Sprintf("provider-%d", j%3)
		if j%50 == 0 {
			r.Outcome, r.Status, r.ErrorCode, r.Fault, r.Provider = "limited", 429, "rate_limit_exceeded", "policy", ""
		} else {
			a.RequestID, a.At, a.KeyID, a.Key, a.Owner, a.Route, a.Provider = r.ID, r.At, r.KeyID, r.Key, r.Owner, r.Route, r.Provider
			all[i].Attempts = []ledger.Attempt{a}
		}
		all[i].Request = r
	}
	return all
}

// perAppend is how many entries one Append of the benchmarks brings.
const perAppend = 500

// BenchmarkAppend measures rows per second, requests and attempts together, each Append a
// transaction of 500 entries.
func BenchmarkAppend(b *testing.B, e Engine) {
	s := open(b, e)
	rows := 0
	for n := 0; b.Loop(); n += perAppend {
		b.StopTimer()
		entries := Load(n, perAppend)
		for _, e := range entries {
			rows += 1 + len(e.Attempts)
		}
		b.StartTimer()
		if err := s.Append(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSearch measures the common questions to a ledger of -store.requests requests.
func BenchmarkSearch(b *testing.B, e Engine) {
	n := 10_000
	if f := flag.Lookup("store.requests"); f != nil {
		n = f.Value.(flag.Getter).Get().(int)
	}
	s := open(b, e)
	began := time.Now()
	for i := 0; i < n; i += perAppend {
		if err := s.Append(b.Context(), Load(i, perAppend)); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d requests in %v", n, time.Since(began))
	middle := Load(n/2, 1)[0].Request
	for _, c := range []struct {
		name string
		f    ledger.Filter
	}{
		{"latest", ledger.Filter{}},
		{"by key", ledger.Filter{KeyID: "key_000000000007"}},
		{"by owner", ledger.Filter{Owner: "owner 7"}},
		{"by outcome", ledger.Filter{Outcome: "limited"}},
		{"by outcome that never was", ledger.Filter{Outcome: "internal_error"}},
		{"by client's ID that never was", ledger.Filter{ClientID: "x"}},
		{"by ID", ledger.Filter{ID: middle.ID}},
		{"by key in the middle", ledger.Filter{KeyID: "key_000000000007", To: middle.At}},
		{"by route and key", ledger.Filter{KeyID: "key_000000000007", Route: "route-2"}},
		{"by provider that never was", ledger.Filter{Provider: "none"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Requests(b.Context(), c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("usage by key", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Usage(b.Context(), ledger.UsageQuery{GroupBy: []string{ledger.ByKey, ledger.ByDay}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("purge 500", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Purge(b.Context(), middle.At, 500); err != nil {
				b.Fatal(err)
			}
		}
	})
}
