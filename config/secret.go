package config

import (
	"log/slog"
	"strings"
)

// Secret is a text that must not be printed. Every way of formatting, logging and
// marshalling it gives a placeholder; Reveal gives the text. Empty: none was given.
type Secret string

const redacted = "[redacted]"

// Reveal is the secret text itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String is a placeholder, empty for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is the placeholder that %#v prints.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// MarshalText is the placeholder; JSON and other encoders of texts use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is the placeholder as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML is the placeholder as a YAML string.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue is the placeholder that slog writes.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// wrong says why a credential cannot be sent, empty if it can.
func (s Secret) wrong() string {
	switch {
	case strings.ContainsFunc(string(s), func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "holds characters that cannot stand in a header: spaces, line breaks or letters beyond ASCII"
	case len(s) > 4096:
		return "is longer than 4096 characters"
	}
	return ""
}
