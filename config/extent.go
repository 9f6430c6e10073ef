package config

import (
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/token"
)

// spansOf finds where in a text its tokens are written, without the white space around
// them. Tokens that cannot be found are left out; what depends on them says so.
func spansOf(text string, tokens token.Tokens) map[*token.Token]extent {
	spans := make(map[*token.Token]extent, len(tokens))
	pos := 0
	for _, t := range tokens {
		gap := strings.Index(text[pos:], t.Origin)
		if gap < 0 || strings.TrimSpace(text[pos:pos+gap]) != "" {
			return spans
		}
		from, to := pos+gap, pos+gap+len(t.Origin)
		pos = to
		from += len(t.Origin) - len(strings.TrimLeftFunc(t.Origin, unicode.IsSpace))
		to -= len(t.Origin) - len(strings.TrimRightFunc(t.Origin, unicode.IsSpace))
		if from < to {
			spans[t] = extent{from, to}
		}
	}
	return spans
}
