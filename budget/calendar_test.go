package budget

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Zones whose clocks have changed at every hour of the day, midnight among them, that are
// off by fractions of an hour, and that have left out a whole day.
func zones(t *testing.T) map[string]*time.Location {
	all := map[string]*time.Location{}
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "America/Sao_Paulo", "Asia/Beirut",
		"Asia/Tehran", "Africa/Cairo", "Asia/Kolkata", "Asia/Seoul", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = zone
	}
	return all
}

// A period begins where the local date becomes its first day, ends where it becomes the
// next one's, and is the same for every moment in it.
func TestPeriodsAreThoseOfTheLocalCalendar(t *testing.T) {
	all := zones(t)
	names := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(t *rapid.T) {
		zone := all[rapid.SampledFrom(names).Draw(t, "zone")]
		b := &bucket{limit: Limit{Kind: Calendar, Location: zone, Period: rapid.SampledFrom([]Period{Day, Month}).Draw(t, "period")}}
		now := Instant(rapid.Int64Range(1.2e9, 1.9e9).Draw(t, "second")) * Instant(time.Second)
		if rapid.Bool().Draw(t, "at a change") { // just around a change of the clocks
			if _, end := time.Unix(0, int64(now)).In(zone).ZoneBounds(); !end.IsZero() {
				now = Instant(end.UnixNano()) + Instant(rapid.Int64Range(-7200, 7200).Draw(t, "off"))*Instant(time.Second)
			}
		}
		start, end := b.period(now)
		local := func(i Instant) (y int, m time.Month, d int) { return time.Unix(0, int64(i)).In(zone).Date() }
		same := func(i, j Instant) bool {
			y1, m1, d1 := local(i)
			y2, m2, d2 := local(j)
			return y1 == y2 && m1 == m2 && (d1 == d2 || b.limit.Period == Month)
		}
		if start > now || end <= now || !same(start, now) || !same(end-1, now) || same(start-1, now) || same(end, now) {
			t.Fatalf("%v is in the period from %v to %v", time.Unix(0, int64(now)).In(zone), time.Unix(0, int64(start)).In(zone), time.Unix(0, int64(end)).In(zone))
		}
		for _, i := range []Instant{start, end - 1} {
			if s, e := b.period(i); s != start || e != end {
				t.Fatalf("at %v the period is another", time.Unix(0, int64(i)).In(zone))
			}
		}
	})
}

// What is spent counts until the local day or month is over, and no moment longer.
func TestSpendLimitsAtTheEndsOfDaysAndMonths(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		period     Period
		at, again  string // spent at the first, room again at the second
	}{
		{"a plain day", "UTC", Day, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"the zone's day", "Asia/Seoul", Day, "2026-11-25T14:59:59Z", "2026-11-25T15:00:00Z"},
		{"half an hour off", "Asia/Kolkata", Day, "2026-11-25T18:29:59Z", "2026-11-25T18:30:00Z"},
		{"23 hours", "Europe/Berlin", Day, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"25 hours", "Europe/Berlin", Day, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"no midnight", "America/Santiago", Day, "2026-09-06T03:30:00Z", "2026-09-06T04:00:00Z"},
		{"two midnights", "America/Havana", Day, "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"31 days", "UTC", Month, "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"},
		{"28 days", "UTC", Month, "2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"},
		{"29 days", "UTC", Month, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"},
		{"the year's end", "America/New_York", Month, "2026-12-15T00:00:00Z", "2027-01-01T05:00:00Z"},
		{"a month with a change", "Europe/Berlin", Month, "2026-03-01T00:00:00Z", "2026-03-31T22:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			moment := func(s string) Instant {
				at, err := time.Parse(time.RFC3339, s)
				if err != nil {
					t.Fatal(err)
				}
				return Instant(at.UnixNano())
			}
			at, again := moment(c.at), moment(c.again)
			s := NewScope(ScopeClientKey, "k", at, []Limit{{Name: "usd", Dimension: Cost, Kind: Calendar, Period: c.period, Amount: 100, Location: zone}})
			call := Demand{Cost: 60}
			h := &Hold{}
			if a := Reserve(at, h, call, s); a.State != Granted {
				t.Fatalf("%+v", a)
			}
			h.Settle(at, call, Used)
			for _, now := range []Instant{at, (at + again) / 2, again - 1} {
				if a := Reserve(now, &Hold{}, call, s); a.State != Later || a.At != again || a.Dimension != Cost {
					t.Fatalf("at %v: %+v, again at %v", time.Unix(0, int64(now)).UTC(), a, time.Unix(0, int64(a.At)).UTC())
				}
			}
			if a := Reserve(again, &Hold{}, call, s); a.State != Granted {
				t.Fatalf("%+v", a)
			}
		})
	}
}
