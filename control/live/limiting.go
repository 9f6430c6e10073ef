package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/web/api"
)

// classes are the classes of calls, the most important first.
func classes() []string { return []string{"critical", "high", "normal", "low"} }

// limiting says what limits at a moment: the scarcest upstream bucket while calls wait or
// move, who is being turned away, and who meets limits of their own.
func limiting(s *api.State, minute *slot) api.Limiting {
	l := api.Limiting{Kind: "free", Waiting: map[string]int64{}, Shed: minute.shed, Moved: minute.moved, Limited: most(minute.limited, 3)}
	var waiting int64
	var tokens int64
	for class, lane := range s.Queue {
		if lane.Depth > 0 {
			l.Waiting[class] = int64(lane.Depth)
			waiting += int64(lane.Depth)
			tokens += lane.Tokens
		}
	}
	switch {
	case len(l.Shed) > 0:
		l.Kind = "refused"
	case waiting > 0 || len(l.Moved) > 0 || len(l.Limited) > 0:
		l.Kind = "waiting"
	}
	if waiting > 0 || len(l.Moved) > 0 || len(l.Shed) > 0 {
		scarcest(&l, s, tokens/max(waiting, 1))
	}
	l.Sentence = sentence(&l)
	return l
}

// scarcest finds the upstream bucket in which a call has to wait longest: a typical one,
// or one of those that wait where they are larger.
func scarcest(l *api.Limiting, s *api.State, tokens int64) {
	for _, id := range sortedKeys(s.Budgets) {
		b := s.Budgets[id]
		if b.Scope != "upstream" {
			continue
		}
		demand := max(s.Now.Typical[b.Dimension], 1)
		if b.Dimension == "tokens" {
			demand = max(demand, tokens)
		}
		wait := waitFor(&b, demand)
		if wait == 0 || l.Group != "" && wait <= l.WaitMS {
			continue
		}
		parts := strings.SplitN(b.Name, "/", 3)
		if len(parts) < 3 {
			continue
		}
		l.Provider, l.Account, l.Group, l.Dimension, l.WaitMS = parts[0], parts[1], parts[2], b.Dimension, wait
	}
}

// most keeps the n largest counts.
func most(counts map[string]int64, n int) map[string]int64 {
	if len(counts) <= n {
		return counts
	}
	names := sortedKeys(counts)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	out := make(map[string]int64, n)
	for _, name := range names[:n] {
		out[name] = counts[name]
	}
	return out
}

// waitFor is how long until a demand fits a bucket, in milliseconds; zero: now, below
// zero: nobody knows.
func waitFor(b *api.Budget, demand int64) int64 {
	short, rate := demand-b.Level, float64(b.Effective)
	if rate == 0 {
		rate = float64(b.Amount) * b.Ratio // one a minute, less the margin, is none in whole numbers
	}
	switch {
	case short <= 0:
		return 0
	case b.WindowMS == 0 || rate <= 0:
		return -1
	case demand > b.Capacity || b.Kind == "calendar":
		return b.FullInMS
	}
	return max(int64(float64(short)*float64(b.WindowMS)/rate), 1)
}

// sentence puts it as a person would say it.
func sentence(l *api.Limiting) string {
	var parts []string
	say := func(form string, values ...any) { parts = append(parts, fmt.Sprintf(form, values...)) }
	if l.Group != "" {
		where := l.Group + " on " + l.Account
		if l.Group == "*" {
			where = l.Account
		}
		if l.WaitMS > 0 {
			say("%s is out of %s for %s", where, dimensionWords(l.Dimension), short(l.WaitMS))
		} else {
			say("%s is out of %s", where, dimensionWords(l.Dimension))
		}
	}
	for _, class := range classes() {
		if n := l.Waiting[class]; n > 0 {
			say("%d %s %s", n, class, plural(n, "call waits", "calls wait"))
		}
	}
	now := len(parts)
	for _, to := range sortedKeys(l.Moved) {
		say("%d went to %s", l.Moved[to], to)
	}
	for _, class := range classes() {
		if n := l.Shed[class]; n > 0 {
			say("%d %s %s shed", n, class, plural(n, "call was", "calls were"))
		}
	}
	for _, key := range sortedKeys(l.Limited) {
		n := l.Limited[key]
		say("%d %s of %s met limits of its own", n, plural(n, "call", "calls"), key)
	}
	if len(parts) == 0 {
		return "Nothing limits now."
	}
	switch {
	case now == 0:
		parts[0] = "In the last minute " + parts[0]
	case now < len(parts):
		parts[now] = "in the last minute " + parts[now]
	}
	return strings.Join(parts, "; ") + "." // a name at the beginning stays as it is written
}

func dimensionWords(d string) string {
	switch d {
	case "input_tokens":
		return "input tokens"
	case "output_tokens":
		return "output tokens"
	case "concurrency":
		return "calls in flight"
	case "cost":
		return "money"
	}
	return d
}

func short(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
