package config

import (
	"fmt"
	"testing"
	"time"
)

func TestHumanAmounts(t *testing.T) {
	show := func(v any, err error) string {
		if err != nil {
			return "error"
		}
		return fmt.Sprint(v)
	}
	readers := map[string]func(string) string{
		"count":    func(s string) string { return show(parseCount(s)) },
		"size":     func(s string) string { return show(parseSize(s)) },
		"usd":      func(s string) string { return show(parseUSD(s)) },
		"ratio":    func(s string) string { return show(parseRatio(s)) },
		"duration": func(s string) string { return show(parseDuration(s)) },
		"burst":    func(s string) string { return show(parseBurst(s)) },
		"prefix":   func(s string) string { return show(parsePrefix(s)) },
	}
	for _, c := range []struct{ reader, in, want string }{
		{"count", "600", "600"}, {"count", "1_000_000", "1000000"}, {"count", "100k", "100000"},
		{"count", "1.5M", "1500000"}, {"count", "0.5k", "500"}, {"count", "0", "0"},
		{"count", "1.5", "error"}, {"count", "", "error"}, {"count", "k", "error"}, {"count", "-1", "error"},
		{"count", "1e3", "error"}, {"count", "0x10", "error"}, {"count", "_1", "error"}, {"count", "1.", "error"},
		{"count", "99999999999999999999999", "error"}, {"count", "9000000000G", "error"}, {"count", "１", "error"},
		{"size", "20MiB", "20971520"}, {"size", "512 KiB", "524288"}, {"size", "1.5GiB", "error"},
		{"size", "20MB", "20000000"}, {"size", "4096", "4096"}, {"size", "7B", "7"}, {"size", "MiB", "error"},
		{"size", "20mb", "error"}, {"size", "0.3B", "error"}, {"size", "900000GiB", "error"},
		{"usd", "200", "200000000000"}, {"usd", "0.000000001", "1"}, {"usd", "$0.50", "500000000"},
		{"usd", "0.0000000001", "error"}, {"usd", "2000000000", "error"}, {"usd", "free", "error"},
		{"ratio", "0.95", "0.95"}, {"ratio", "95%", "0.95"}, {"ratio", "1", "1"}, {"ratio", "NaN", "error"},
		{"ratio", "Inf", "error"}, {"ratio", "0x1p-2", "error"}, {"ratio", "%", "error"},
		{"duration", "5s", "5s"}, {"duration", "7d", "168h0m0s"}, {"duration", "1m30s", "1m30s"}, {"duration", "0s", "0s"},
		{"duration", "30", "error"}, {"duration", "-5s", "error"}, {"duration", "400d", "error"}, {"duration", "d", "error"},
		{"burst", "6s", "6s"}, {"burst", "50", "50"}, {"burst", "borrow", "borrow"}, {"burst", "0", "error"},
		{"burst", "0s", "error"}, {"burst", "2h", "error"}, {"burst", "lend", "error"},
		{"prefix", "10.0.0.0/8", "10.0.0.0/8"}, {"prefix", "::1", "::1/128"}, {"prefix", "10.0.0.1/8", "error"}, {"prefix", "x", "error"},
	} {
		if got := readers[c.reader](c.in); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.reader, c.in, got, c.want)
		}
	}
}

func TestMatchAny(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "anything/at:all", true}, {"qwen*", "qwen3-max", true}, {"qwen*", "gpt", false},
		{"*-max", "qwen3-max", true}, {"*-max", "qwen3-max-2", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false},
		{"a*a", "a", false}, {"gpt-4o", "gpt-4o", true}, {"gpt-4o", "gpt-4o-mini", false}, {"", "", true}, {"", "x", false},
		{"**", "x", true}, {"a.c", "abc", false},
	} {
		if got := MatchAny([]string{c.pattern}, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
	if MatchAny(nil, "x") {
		t.Error("no pattern matches something")
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"rpm", "rpm", 0}, {"rotes", "routes", 1}, {"prot", "port", 1}, {"lisetn", "listen", 1}, {"abc", "", 3}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Hour: "1h", 24 * time.Hour: "24h", 5 * time.Second: "5s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", 20 * time.Minute: "20m", 0: "0s"} {
		if got := span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestPathParent(t *testing.T) {
	for path, want := range map[string]string{
		"a": "", "a.b": "a", "a.b[0]": "a.b", `a["x.y"]`: "a", `a["x.y"].b`: `a["x.y"]`, `a["x[\"0"].b[3].c`: `a["x[\"0"].b[3]`, "": "",
		`a["x[\"0"]`: "a",
	} {
		if got := parent(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
