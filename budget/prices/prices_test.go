package prices

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func table(t *testing.T, text string) Table {
	t.Helper()
	out, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestShipped(t *testing.T) {
	all := Shipped()
	if len(all) < 100 {
		t.Fatalf("%d prices", len(all))
	}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for model, want := range map[string]int64{"gpt-4o-mini": 150_000_000, "gpt-4o-2024-08-06": 2_500_000_000, "gpt-5-mini": 250_000_000} {
		if p, ok := all.Find("openai", model, now, 100); !ok || p.Input != want {
			t.Errorf("%s: %+v %v", model, p, ok)
		}
	}
	if _, ok := all.Find("openai", "gpt-99", now, 0); ok {
		t.Error("a price for a model that nobody knows")
	}
	if _, ok := all.Find("openai", "gpt-5", now.AddDate(-2, 0, 0), 0); ok {
		t.Error("a price before its day")
	}
}

func TestTheMostExactAndLatestCounts(t *testing.T) {
	all := table(t, `
,, a*, 1, , , 1,
2026-01-01, p, a*, 2, , , 2,
2026-06-01, p, a*, 3, , , 3,
, p, ab, 4, , , 4,
, p, ab, 5, , , 5,
, q, abc*, 6, , , 6,
`)
	for _, c := range []struct {
		provider, model, day string
		want                 int64
	}{
		{"x", "a1", "2026-03-01", 1}, {"p", "a1", "2025-03-01", 1}, {"p", "a1", "2026-03-01", 2}, {"p", "a1", "2026-07-01", 3},
		{"p", "ab", "2026-07-01", 5}, {"q", "abcd", "2026-07-01", 6}, {"q", "abc", "2026-07-01", 6},
	} {
		day, _ := time.Parse(time.DateOnly, c.day)
		if p, ok := all.Find(c.provider, c.model, day, 0); !ok || p.Input != c.want*NanoUSD {
			t.Errorf("%+v: %+v %v", c, p, ok)
		}
	}
}

func TestALongPromptCostsMoreWhereTheProviderSaysSo(t *testing.T) {
	all := table(t, `
, p, m*, 1, , , 1
2026-01-01, p q, m*, 2, , , 2
2026-01-01, p q, m*, 4, , , 4, , , 1000
2026-01-01, p q, m*, 3, , , 3, , , 500
2026-06-01, q, m*, 5
`)
	for _, c := range []struct {
		provider, day string
		input, want   int64
	}{
		{"p", "2025-03-01", 5000, 1}, {"p", "2026-03-01", 0, 2}, {"p", "2026-03-01", 500, 2}, {"p", "2026-03-01", 501, 3},
		{"p", "2026-03-01", 1000, 3}, {"p", "2026-03-01", 1001, 4}, {"q", "2026-05-31", 1001, 4}, {"q", "2026-06-01", 1001, 5},
	} {
		day, _ := time.Parse(time.DateOnly, c.day)
		if p, ok := all.For(c.provider, "m1").Find("", "m1", day, c.input); !ok || p.Input != c.want*NanoUSD {
			t.Errorf("%+v: %+v %v", c, p, ok)
		}
	}
	if _, ok := table(t, ", p, m, 1, , , , , , 10").Find("p", "m", time.Now(), 10); ok {
		t.Error("a price for long prompts alone counts for short ones")
	}
}

func TestCost(t *testing.T) {
	p := table(t, ", , m, 2.50, 1.25, 3, 10, 0.001, 0.0025")[0]
	for _, c := range []struct {
		u    Usage
		want int64
	}{
		{Usage{}, 1_000_000},
		{Usage{Input: 1000}, 2_500_000 + 1_000_000},
		{Usage{Input: 1000, CachedInput: 400, CacheWrite: 100, Output: 10}, 500*2500 + 400*1250 + 100*3000 + 10*10_000 + 1_000_000},
		{Usage{Input: 1000, CachedInput: 5000, Output: -3}, 1000*1250 + 1_000_000},
		{Usage{Input: -5}, 1_000_000},
		{Usage{Input: 1000, Images: 3}, 2_500_000 + 1_000_000 + 3*2_500_000},
		{Usage{Images: -1}, 1_000_000},
	} {
		if got := p.Cost(c.u); got != c.want {
			t.Errorf("%+v: %d, want %d", c.u, got, c.want)
		}
	}
	small := table(t, ", , m, 0.00001, , , , ")[0]
	if got := small.Cost(Usage{Input: 1}); got != 1 {
		t.Errorf("a token below a nano-dollar costs %d", got)
	}
}

func TestCostNeverOverflowsAndNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64()
		p := Price{Input: amount.Draw(t, "in"), CachedInput: amount.Draw(t, "cached"), CacheWrite: amount.Draw(t, "write"), Output: amount.Draw(t, "out"), Request: amount.Draw(t, "request"), Image: amount.Draw(t, "image")}
		u := Usage{Input: amount.Draw(t, "i"), Output: amount.Draw(t, "o"), Images: amount.Draw(t, "images")}
		c := p.Cost(u)
		if c < 0 {
			t.Fatalf("%+v %+v: %d", p, u, c)
		}
		more := u
		more.Output = max(u.Output, u.Output+rapid.Int64Range(0, 1<<40).Draw(t, "more"))
		if p.Cost(more) < c {
			t.Fatalf("more costs less: %+v %+v", p, u)
		}
		more = u
		more.Images = max(u.Images, u.Images+rapid.Int64Range(0, 1<<40).Draw(t, "more images"))
		if p.Cost(more) < c {
			t.Fatalf("more pictures cost less: %+v %+v", p, u)
		}
	})
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, bad := range []string{"x", ",,m", ",,m,1,,,1,,,,", ",,m,1,,,,,,0", ",,m,1,,,,,,1k", ",,m,1,,,,,-1", ",,,1,,,1,", "soon,,m,1,,,1,", ",,m,-1,,,1,", ",,m,1.0000000001,,,1,", ",,m,1e9,,,1,", ",,m,99999999999999,,,1,"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(shipped)
	f.Add(",,m,1,,,1,")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse(text)
		if err != nil {
			return
		}
		for i := range all {
			if all[i].Cost(Usage{Input: 1 << 40, Output: 1 << 40, Images: 1 << 40}) < 0 {
				t.Fatalf("%+v", all[i])
			}
		}
	})
}
