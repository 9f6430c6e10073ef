package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/ledger"
)

func group(pairs ...string) map[string]string {
	g := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		g[pairs[i]] = pairs[i+1]
	}
	return g
}

func testUsage(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	web, renamed := attempt("r1", 0), attempt("r2", 0)
	renamed.Key, renamed.At, renamed.Provider, renamed.Model = "web 2", begin().Add(time.Hour), "q", "n"
	static := attempt("r3", 0) // a key that has a name only
	static.KeyID, static.Key, static.Owner = "", "static", ""
	answered := request("r1")
	answered.Route = "route"
	refused2 := &ledger.Request{ID: "r4", At: begin().Add(2 * time.Hour), KeyID: "k1", Key: "web 2", Owner: "acme", Route: "route", Outcome: "shed"}
	failed := attempt("r5", 0)
	failed.Kind, failed.Input, failed.Output, failed.Cached, failed.Cost = "timeout", 0, 0, 0, 0
	ok(t, s.Append(ctx, []ledger.Entry{{Request: answered, Attempts: []ledger.Attempt{web, renamed, static}}, {Request: refused2}, {Attempts: []ledger.Attempt{failed}}}))
	// What is brought late does not bring an old name back.
	late := attempt("r6", 0)
	late.At, late.Key = begin().Add(-time.Hour), "old name"
	ok(t, s.Append(ctx, []ledger.Entry{{Attempts: []ledger.Attempt{late}}}))

	one := ledger.Usage{Attempts: 1, Input: 10, Output: 20, Cached: 5, Cost: 100}
	line := func(g map[string]string, more ...ledger.Usage) ledger.Usage {
		sum := ledger.Usage{Group: g}
		for _, u := range more {
			add(&sum, u)
		}
		return sum
	}
	req, ref, bad := ledger.Usage{Requests: 1}, ledger.Usage{Requests: 1, Refused: 1}, ledger.Usage{Attempts: 1, FailedAttempts: 1}
	hour := func(n int) string {
		return begin().Truncate(time.Hour).Add(time.Duration(n) * time.Hour).Format(time.RFC3339)
	}
	for _, c := range []struct {
		q    ledger.UsageQuery
		want []ledger.Usage
	}{
		{ledger.UsageQuery{}, []ledger.Usage{line(group(), one, one, one, one, req, ref, bad)}},
		{ledger.UsageQuery{GroupBy: []string{"key"}}, []ledger.Usage{
			line(group("key", "static", "key_id", ""), one), line(group("key", "web 2", "key_id", "k1"), one, one, one, req, ref, bad)}},
		{ledger.UsageQuery{GroupBy: []string{"provider", "model"}}, []ledger.Usage{
			line(group("provider", "", "model", ""), ref), line(group("provider", "p", "model", "m"), one, one, one, req, bad), line(group("provider", "q", "model", "n"), one)}},
		{ledger.UsageQuery{GroupBy: []string{"model", "owner", "route"}, Provider: "p"}, []ledger.Usage{
			line(group("model", "m", "owner", "", "route", "route"), one), line(group("model", "m", "owner", "acme", "route", "route"), one, one, req, bad)}},
		{ledger.UsageQuery{GroupBy: []string{"hour"}, KeyID: "k1"}, []ledger.Usage{
			line(group("hour", hour(-1)), one), line(group("hour", hour(0)), one, req, bad), line(group("hour", hour(1)), one), line(group("hour", hour(2)), ref)}},
		{ledger.UsageQuery{GroupBy: []string{"day"}, Owner: "acme"}, []ledger.Usage{line(group("day", "2026-03-10"), one, one, one, req, ref, bad)}},
		{ledger.UsageQuery{From: begin(), To: begin()}, []ledger.Usage{line(group(), one, one, req, bad)}}, // the hour that they lie in
		{ledger.UsageQuery{From: begin().Truncate(time.Hour), To: begin().Truncate(time.Hour)}, []ledger.Usage{line(group())}},
		{ledger.UsageQuery{From: begin().Add(time.Hour), GroupBy: []string{"model"}, Model: "n", Route: "route"}, []ledger.Usage{line(group("model", "n"), one)}},
		{ledger.UsageQuery{KeyID: "k1' OR ''='", GroupBy: []string{"day"}}, nil},
	} {
		got, err := s.Usage(ctx, c.q)
		ok(t, err)
		if d := diff(got, c.want); d != "" {
			t.Errorf("%+v:%s", c.q, d)
		}
	}
	for _, by := range [][]string{{"minute"}, {""}, {"key", "key"}, {"u.hour); DROP TABLE requests; --"}} {
		_, err := s.Usage(ctx, ledger.UsageQuery{GroupBy: by})
		refused(t, e, err, ledger.ErrInvalid)
	}
}

func add(sum *ledger.Usage, u ledger.Usage) {
	sum.Requests += u.Requests
	sum.Refused += u.Refused
	sum.Attempts += u.Attempts
	sum.FailedAttempts += u.FailedAttempts
	sum.Input += u.Input
	sum.Output += u.Output
	sum.Cached += u.Cached
	sum.Cost += u.Cost
}

// zoneDay is a day as a zone's clocks show it, and how many hours it has within 2026 and the
// hour of 1970.
type zoneDay struct {
	zone, day string
	hours     int64
}

func days() []zoneDay {
	return []zoneDay{
		{"UTC", "2026-03-29", 24}, {"UTC", "2026-01-01", 24}, {"UTC", "1970-01-01", 1},
		{"Europe/Berlin", "2026-03-29", 23}, {"Europe/Berlin", "2026-10-25", 25}, {"Europe/Berlin", "2026-07-01", 24}, {"Europe/Berlin", "2026-01-01", 23},
		{"America/New_York", "2026-03-08", 23}, {"America/New_York", "2026-11-01", 25}, {"America/New_York", "2025-12-31", 5}, {"America/New_York", "1969-12-31", 1},
		{"Asia/Seoul", "2026-03-29", 24}, {"Asia/Seoul", "2027-01-01", 9}, {"Asia/Kathmandu", "2026-06-01", 24},
		{"Australia/Lord_Howe", "2026-04-05", 25}, {"Pacific/Kiritimati", "2026-01-01", 10},
	}
}

// testUsageByDaysOfZones counts the hours of days around changes of summer time, and of
// zones that are far from UTC or not whole hours off.
func testUsageByDaysOfZones(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	// One attempt in each hour of 2026 that is near a day of the table, and one long before.
	near := map[time.Time]bool{}
	for _, d := range days() {
		day, err := time.Parse(time.DateOnly, d.day)
		ok(t, err)
		for h := -28; h < 52; h++ {
			if at := day.Add(time.Duration(h) * time.Hour); at.Year() == 2026 {
				near[at] = true
			}
		}
	}
	var entries []ledger.Entry
	for at := range near {
		a := attempt("r "+at.String(), 0)
		a.At = at.Add(59 * time.Minute)
		entries = append(entries, ledger.Entry{Attempts: []ledger.Attempt{a}})
	}
	old := attempt("old", 0)
	old.At = time.Unix(0, 0)
	entries = append(entries, ledger.Entry{Attempts: []ledger.Attempt{old}})
	ok(t, s.Append(ctx, entries))
	for _, c := range days() {
		zone, err := time.LoadLocation(c.zone)
		ok(t, err)
		lines, err := s.Usage(ctx, ledger.UsageQuery{GroupBy: []string{ledger.ByDay}, Zone: zone})
		ok(t, err)
		i := slices.IndexFunc(lines, func(u ledger.Usage) bool { return u.Group["day"] == c.day })
		if i < 0 || lines[i].Attempts != c.hours {
			t.Errorf("%s in %s: want %d hours, got %+v", c.day, c.zone, c.hours, lines[max(i, 0)])
		}
		if !slices.IsSortedFunc(lines, func(a, b ledger.Usage) int { return cmp.Compare(a.Group["day"], b.Group["day"]) }) {
			t.Errorf("the days of %s are not in order", c.zone)
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	ok(t, err)
	lines, err := s.Usage(ctx, ledger.UsageQuery{GroupBy: []string{ledger.ByHour}, Zone: berlin,
		From: time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC)})
	ok(t, err)
	equal(t, len(lines), 2, "hours")
	equal(t, lines[0].Group["hour"], "2026-10-25T02:00:00+02:00", "the hour that comes twice")
	equal(t, lines[1].Group["hour"], "2026-10-25T02:00:00+01:00", "the hour that comes twice")
}

func testUsageStaysAtItsBound(t *testing.T, e Engine) {
	s, ctx := open(t, e), t.Context()
	for i := range 3 {
		a, b := attempt(fmt.Sprint("r", i), 0), attempt(fmt.Sprint("r", i), 1)
		a.Cost, a.Input, b.Provider, b.Cost = math.MaxInt64, math.MaxInt64-1, "q", math.MaxInt64/2
		ok(t, s.Append(ctx, []ledger.Entry{{Attempts: []ledger.Attempt{a, b}}}))
	}
	sum := total(t, s, ledger.UsageQuery{})
	equal(t, sum.Cost, math.MaxInt64, "cost")
	equal(t, sum.Input, math.MaxInt64, "input")
	equal(t, sum.Output, 120, "output")
	lines, err := s.Usage(ctx, ledger.UsageQuery{GroupBy: []string{"provider"}, From: begin(), To: begin()})
	ok(t, err)
	equal(t, lines[0].Cost, math.MaxInt64, "cost")
	equal(t, lines[1].Input, 30, "input")
	ok(t, s.Append(ctx, []ledger.Entry{{Attempts: []ledger.Attempt{{RequestID: "exact", At: begin().Add(24 * time.Hour), Cost: math.MaxInt64 - 1}}}}))
	equal(t, total(t, s, ledger.UsageQuery{From: begin().Add(time.Hour)}).Cost, math.MaxInt64-1, "a cost just below the bound")
}

// usageModel is the ledger's sums as anyone would write them down.
type usageModel struct {
	requests map[string]ledger.Request
	attempts map[string]ledger.Attempt
}

// testUsageAgainstAModel appends at random, with repetitions, and asks in all ways.
func testUsageAgainstAModel(t *testing.T, e Engine) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York"}
	s := open(t, e)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		route := fmt.Sprint("run ", runs) // each run sees its own
		m := usageModel{map[string]ledger.Request{}, map[string]ledger.Attempt{}}
		for range rapid.IntRange(1, 4).Draw(t, "appends") {
			var entries []ledger.Entry
			for range rapid.IntRange(1, 12).Draw(t, "entries") {
				entries = append(entries, m.entry(t, route))
			}
			ok(t, s.Append(t.Context(), entries))
			for _, e := range entries {
				m.note(e)
			}
		}
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		ok(t, err)
		all := []string{ledger.ByKey, ledger.ByOwner, ledger.ByRoute, ledger.ByModel, ledger.ByProvider, ledger.ByHour, ledger.ByDay}
		q := ledger.UsageQuery{Route: route, Zone: zone, GroupBy: rapid.SliceOfDistinct(rapid.SampledFrom(all), rapid.ID).Draw(t, "group by")}
		if rapid.Bool().Draw(t, "bounded") {
			q.From = begin().Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "from")) * time.Hour)
			q.To = q.From.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "hours")) * 37 * time.Minute)
		}
		q.KeyID = rapid.SampledFrom([]string{"", "k1", "k2"}).Draw(t, "key")
		q.Owner = rapid.SampledFrom([]string{"", "acme"}).Draw(t, "owner")
		got, err := s.Usage(t.Context(), q)
		ok(t, err)
		same(t, got, m.usage(q), fmt.Sprintf("usage by %v", q.GroupBy))
	})
}

func (m usageModel) entry(t *rapid.T, route string) ledger.Entry {
	id := fmt.Sprintf("%s request %d", route, rapid.IntRange(1, 9).Draw(t, "id"))
	at := begin().Add(time.Duration(rapid.IntRange(-3000, 3000).Draw(t, "minutes")) * time.Minute)
	word := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	key, owner := word("key", "", "k1", "k2"), word("owner", "", "acme", "b")
	var e ledger.Entry
	if rapid.Bool().Draw(t, "request") {
		e.Request = &ledger.Request{ID: id, At: at, KeyID: key, Key: "name" + key, Owner: owner, Route: route,
			ServedModel: word("model", "", "m"), Provider: word("provider", "", "p"), Outcome: word("outcome", "ok", "shed", "timeout", "limited")}
	}
	for range rapid.IntRange(0, 3).Draw(t, "attempts") {
		n := rapid.Int64Range(0, 1<<40)
		e.Attempts = append(e.Attempts, ledger.Attempt{RequestID: id, N: rapid.IntRange(0, 3).Draw(t, "n"), At: at, KeyID: key, Key: "name" + key,
			Owner: owner, Route: route, Model: word("model", "m", "n"), Provider: word("provider", "p", "q"), Kind: word("kind", "", "timeout"),
			Input: n.Draw(t, "input"), Output: n.Draw(t, "output"), Cached: n.Draw(t, "cached"), Cost: n.Draw(t, "cost")})
	}
	return e
}

// note keeps what comes first of each identity.
func (m usageModel) note(e ledger.Entry) {
	if r := e.Request; r != nil {
		if _, there := m.requests[r.ID]; !there {
			m.requests[r.ID] = *r
		}
	}
	for _, a := range e.Attempts {
		id := fmt.Sprint(a.RequestID, " ", a.N)
		if _, there := m.attempts[id]; !there {
			m.attempts[id] = a
		}
	}
}

func (m usageModel) usage(q ledger.UsageQuery) []ledger.Usage {
	lines := map[string]ledger.Usage{}
	if len(q.GroupBy) == 0 {
		lines[""] = ledger.Usage{Group: group()}
	}
	count := func(at time.Time, keyID, key, owner, route, model, provider string, u ledger.Usage) {
		hour := at.Truncate(time.Hour)
		if !q.From.IsZero() && hour.Before(q.From.Truncate(time.Hour)) || !q.To.IsZero() && !hour.Before(q.To) ||
			q.KeyID != "" && q.KeyID != keyID || q.Owner != "" && q.Owner != owner {
			return
		}
		values := map[string]string{ledger.ByKey: key, ledger.ByOwner: owner, ledger.ByRoute: route, ledger.ByModel: model, ledger.ByProvider: provider,
			ledger.ByHour: hour.In(q.Zone).Format(time.RFC3339), ledger.ByDay: hour.In(q.Zone).Format(time.DateOnly)}
		u.Group = group()
		order := ""
		for _, by := range q.GroupBy {
			u.Group[by] = values[by]
			sorted := values[by]
			switch by {
			case ledger.ByKey:
				u.Group["key_id"] = keyID
				sorted += "\x00" + keyID
			case ledger.ByHour:
				sorted = hour.UTC().Format(time.RFC3339)
			}
			order += sorted + "\x00\x00"
		}
		sum := u
		if before, there := lines[order]; there {
			add(&sum, before)
		}
		lines[order] = sum
	}
	for _, r := range m.requests {
		u := ledger.Usage{Requests: 1}
		if r.Outcome == "shed" || r.Outcome == "limited" {
			u.Refused = 1
		}
		count(r.At, r.KeyID, r.Key, r.Owner, r.Route, r.ServedModel, r.Provider, u)
	}
	for _, a := range m.attempts {
		u := ledger.Usage{Attempts: 1, Input: a.Input, Output: a.Output, Cached: a.Cached, Cost: a.Cost}
		if a.Kind != "" {
			u.FailedAttempts = 1
		}
		count(a.At, a.KeyID, a.Key, a.Owner, a.Route, a.Model, a.Provider, u)
	}
	var all []ledger.Usage
	for _, order := range slices.Sorted(maps.Keys(lines)) {
		all = append(all, lines[order])
	}
	return all
}
