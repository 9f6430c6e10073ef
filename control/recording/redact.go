package recording

import (
	"bytes"
	"regexp"
)

// mask stands in a credential's place.
const mask = "***"

// redactor masks credentials. It is safe for concurrent use.
type redactor struct {
	secret *regexp.Regexp
	marks  [][]byte // one of them stands in whatever secret matches
}

// Groups of a redactor's expression: what stays of a match, so that a reader sees what
// was there.
const (
	groupScheme = 1 // bearer, basic
	groups      = 4
)

func newRedactor() *redactor {
	r := &redactor{secret: regexp.MustCompile(
		`(?i:\b(bearer|basic)(?:\s|\\[nrt]|%20)+[A-Za-z0-9._~+/=-]{6,})` +
			`|\b(sk-|sk_live_|sk_test_|rk_live_|gsk_|AIza|AKIA|ASIA|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|xox[abprs]-|hf_|sluice-admin-)[A-Za-z0-9._~+/=-]{6,}` +
			`|\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?` +
			`|(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^"]*`)}
	for _, m := range []string{"earer", "EARER", "asic", "ASIC", "sk-", "sk_", "rk_live_", "gsk_", "AIza", "AKIA", "ASIA",
		"gh", "glpat-", "xox", "hf_", "sluice-admin-", "eyJ", "PRIVATE KEY"} {
		r.marks = append(r.marks, []byte(m))
	}
	return r
}

// redact copies a body with its credentials masked.
func (r *redactor) redact(body []byte) []byte {
	if body == nil || !r.mayHold(body) {
		return bytes.Clone(body)
	}
	out := make([]byte, 0, len(body))
	last := 0
	for _, at := range r.secret.FindAllSubmatchIndex(body, -1) {
		group := 1
		for group < groups && at[2*group] < 0 {
			group++
		}
		kept := body[at[2*group]:at[2*group+1]]
		if group == groupScheme && !credible(body[at[3]:at[1]]) {
			continue // the word in a sentence
		}
		out = append(out, body[last:at[0]]...)
		out = append(out, kept...)
		if group == groupScheme {
			out = append(out, ' ')
		}
		out = append(out, mask...)
		last = at[1]
	}
	return append(out, body[last:]...)
}

func (r *redactor) mayHold(body []byte) bool {
	for _, m := range r.marks {
		if bytes.Contains(body, m) {
			return true
		}
	}
	return false
}

// credible tells a credential from a word that follows "bearer".
func credible(value []byte) bool {
	return len(value) >= 32 || bytes.ContainsAny(value, "0123456789")
}
