package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/web/api"
)

// classes are the classes of calls, the most important first.
func classes() []string { return []string{"critical", "high", "normal", "low"} }

// limiting says what limits at a moment: the scarcest upstream bucket while calls wait or
// move, and who is being turned away.
func limiting(s *api.State, shed, moved map[string]int64) api.Limiting {
	l := api.Limiting{Kind: "free", Waiting: map[string]int64{}, Shed: shed, Moved: moved}
	for class, lane := range s.Queue {
		if lane.Depth > 0 {
			l.Waiting[class] = int64(lane.Depth)
		}
	}
	switch {
	case len(shed) > 0:
		l.Kind = "refused"
	case len(l.Waiting) > 0 || len(moved) > 0:
		l.Kind = "waiting"
	}
	if l.Kind == "free" {
		l.Sentence = "Nothing limits now."
		return l
	}
	scarcest(&l, s)
	l.Sentence = sentence(&l)
	return l
}

// scarcest finds the upstream bucket in which a typical call has to wait longest.
func scarcest(l *api.Limiting, s *api.State) {
	for _, id := range sortedKeys(s.Budgets) {
		b := s.Budgets[id]
		if b.Scope != "upstream" {
			continue
		}
		wait := waitFor(&b, max(s.Now.Typical[b.Dimension], 1))
		if wait == 0 || l.Group != "" && wait <= l.WaitMS {
			continue
		}
		parts := strings.SplitN(b.Name, "/", 3)
		if len(parts) < 3 {
			continue
		}
		l.Account, l.Group, l.Dimension, l.WaitMS = parts[1], parts[2], b.Dimension, wait
	}
}

// waitFor is how long until a demand fits a bucket, in milliseconds; zero: now, below
// zero: nobody knows.
func waitFor(b *api.Budget, demand int64) int64 {
	short := demand - b.Level
	switch {
	case short <= 0:
		return 0
	case b.WindowMS == 0 || b.Effective <= 0:
		return -1
	case demand > b.Capacity:
		return b.FullInMS
	}
	return max(int64(float64(short)*float64(b.WindowMS)/float64(b.Effective)), 1)
}

// sentence puts it as a person would say it.
func sentence(l *api.Limiting) string {
	var b strings.Builder
	if l.Group != "" {
		name := l.Group
		if name == "*" {
			name = "everything"
		}
		fmt.Fprintf(&b, "%s on %s is out of %s", name, l.Account, dimensionWords(l.Dimension))
		if l.WaitMS > 0 {
			fmt.Fprintf(&b, " for %s", short(l.WaitMS))
		}
	}
	add := func(text string) {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(text)
	}
	for _, class := range classes() {
		if n := l.Waiting[class]; n > 0 {
			add(fmt.Sprintf("%d %s %s", n, class, plural(n, "call waits", "calls wait")))
		}
	}
	for _, to := range sortedKeys(l.Moved) {
		n := l.Moved[to]
		add(fmt.Sprintf("%d went to %s", n, to))
	}
	for _, class := range classes() {
		if n := l.Shed[class]; n > 0 {
			add(fmt.Sprintf("%d %s %s shed in the last minute", n, class, plural(n, "call was", "calls were")))
		}
	}
	text := b.String()
	return strings.ToUpper(text[:1]) + text[1:] + "."
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
	d := time.Duration(ms) * time.Millisecond
	if d < time.Second {
		return d.String()
	}
	return d.Round(100 * time.Millisecond).String()
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
