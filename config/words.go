package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// clip shortens a text for a message.
func clip(s string) string {
	r := []rune(s)
	if len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// quote is a text for a message: quoted, shortened, on one line.
func quote(s string) string {
	if credential(s) {
		return "what seems to be a secret"
	}
	return strconv.Quote(clip(s))
}

// credential says that a word that stands where no secret belongs looks like one: somebody
// has put a key into the wrong place, and a problem must not repeat it.
func credential(s string) bool {
	for _, begin := range []string{"sk-", "sk_", "gsk_", "xai-", "AIza", "AKIA", "Bearer "} {
		if strings.HasPrefix(s, begin) && len(s) >= 16 {
			return true
		}
	}
	return false
}

// suggest names the known word that an unknown one was probably meant to be, or
// all of them where they are few.
func suggest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3+1)
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + quote(best) + "?"
	case len(known) == 0:
		return "there are none"
	case len(known) > 20:
		return "it is none of the " + strconv.Itoa(len(known)) + " there are"
	}
	return "there are " + strings.Join(known, ", ")
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between two words. Long words are far from everything.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	var rows [3][]int
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// oneOf says what is wrong with a word that has to be one of several; empty if
// nothing is.
func oneOf(word string, known ...string) string {
	if slices.Contains(known, word) {
		return ""
	}
	if word == "" {
		return "is empty; " + suggest(word, known)
	}
	return "is unknown; " + suggest(word, known)
}

// span is a duration without the zeros that its String ends in: 24h, not 24h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
