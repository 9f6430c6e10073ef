package providers

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxMessage bounds a sanitised message, in bytes.
	MaxMessage = 500
	maxCode    = 100
	masked     = "[redacted]"
	// longWord is the length from which a word of letters and digits is taken for a
	// credential.
	longWord = 32
)

// Sanitise makes an upstream's words fit for a client and a log: at most MaxMessage
// bytes of valid UTF-8 on one line, with everything masked that looks like a
// credential or names an account.
func Sanitise(message string) string { return sanitise(message, MaxMessage) }

func sanitise(s string, most int) string {
	if len(s) > 8*most {
		s = s[:8*most]
	}
	s = strings.ToValidUTF8(s, "�")
	var b strings.Builder
	label := false // the word before announced a credential
	for len(s) > 0 && b.Len() <= most {
		n := strings.IndexFunc(s, delimiter)
		if n < 0 {
			n = len(s)
		}
		word := s[:n]
		switch {
		case word == "":
		case secret(word, label):
			b.WriteString(masked)
		default:
			b.WriteString(word)
		}
		if n == len(s) {
			break
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		label = announces(word, r, label)
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			r = ' '
		}
		b.WriteRune(r)
		s = s[n+size:]
	}
	return clip(strings.TrimSpace(b.String()), most)
}

// delimiter ends a word. What credentials are made of does not.
func delimiter(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	case r == '-' || r == '_' || r == '*' || r == '.' || r == '+':
		return false
	}
	return true
}

// announces says that a credential follows a word and its delimiter: "key: ",
// "api_key=", "Bearer ". Spaces and quotes in between change nothing.
func announces(word string, next rune, before bool) bool {
	if word == "" {
		return before && strings.ContainsRune(` "'<:=`, next)
	}
	lower := strings.ToLower(word)
	if lower == "bearer" || lower == "basic" {
		return true
	}
	if next != ':' && next != '=' && next != '"' {
		return (lower == "provided" || lower == "key") && next == ' '
	}
	for _, name := range [...]string{"key", "token", "secret", "password", "authorization", "provided", "credential"} {
		if strings.HasSuffix(lower, name) {
			return true
		}
	}
	return false
}

// secret says that a word looks like a credential, or an account's identity.
func secret(word string, announced bool) bool {
	bare := strings.TrimRight(word, ".")
	digits := strings.ContainsAny(bare, "0123456789*")
	if announced && digits && len(bare) >= 6 {
		return true
	}
	for _, prefix := range [...]string{
		"sk-", "sk_", "pk-", "gsk_", "xai-", "AIza", "ya29.", "eyJ", "AKIA", "ASIA", "csk-", "nvapi-", "hf_", "pplx-", "tgp_",
		"fw_", "r8_", "ghp_", "org-", "proj_", "LTAI", "AQ.",
	} {
		if strings.HasPrefix(bare, prefix) && len(bare) >= len(prefix)+6 {
			return true
		}
	}
	return digits && len(bare) >= longWord && strings.ContainsFunc(bare, unicode.IsLetter) && !spaced(bare)
}

// spaced says that a long word is made of short ones, as names of models and quotas
// are.
func spaced(s string) bool {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if len(part) > 14 {
			return false
		}
	}
	return true
}

// clip bounds a text at a rune's boundary.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const more = "…"
	s = s[:most-len(more)]
	for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if r, _ := utf8.DecodeLastRuneInString(s); r == utf8.RuneError {
		s = s[:len(s)-1]
	}
	return s + more
}
