package config

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// written is a secret that stands in a text: not, or not only, a reference.
type written struct {
	place string // see placeOf
	extent
	raw string // as YAML reads it, references not replaced
}

// A placeholder stands for a secret: its beginning, digits of its digest, its end.
const (
	holderBegin  = "[secret "
	holderEnd    = "]"
	holderDigits = 12
)

// placeholder names a secret without telling it. The digits are those of an upstream
// key's fingerprint.
func placeholder(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return holderBegin + hex.EncodeToString(sum[:])[:holderDigits] + holderEnd
}

func isPlaceholder(s string) bool {
	digits, ok := strings.CutPrefix(s, holderBegin)
	digits, closed := strings.CutSuffix(digits, holderEnd)
	return ok && closed && len(digits) == holderDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

// secret reads a text that must not be printed. A placeholder is replaced by the secret
// that it stands for.
func (d *decoder) secret(path string, n *node, into *Secret) {
	if n.kind == scalarNode && isPlaceholder(n.text) {
		raw, ok := d.restore(placeOf(path), n.text)
		if !ok {
			d.problem(path, n.at, "%s stands for no secret that is in force at this place: give the secret itself", n.text)
			return
		}
		d.restored = append(d.restored, written{extent: n.extent, raw: raw})
		known := *n
		known.text = raw
		n = &known
	}
	d.scalar(path, n, func(s string) error { *into = Secret(s); return nil })
	if n.kind == scalarNode && n.text != "" && !onlyReference(n.text) && !plainAddress(placeOf(path), n.text) {
		d.secrets = append(d.secrets, written{placeOf(path), n.extent, n.text})
	}
}

// restore finds the secret of a placeholder among those that known configurations have
// at the same place.
func (d *decoder) restore(place, holder string) (string, bool) {
	for _, c := range d.Known {
		if c == nil || c.text == nil {
			continue
		}
		for _, s := range c.text.secrets {
			if s.place == place && placeholder(s.raw) == holder {
				return s.raw, true
			}
		}
	}
	return "", false
}

// onlyReference says that a text is one reference and nothing else.
func onlyReference(s string) bool {
	return strings.HasPrefix(s, "${") && strings.IndexByte(s, '}') == len(s)-1
}

// plainAddress says that a database's or a proxy's address holds no credential.
func plainAddress(place, text string) bool {
	return (place == "store.dsn" || strings.HasSuffix(place, ".proxy")) && !strings.ContainsAny(text, "@?=")
}

// Source is the text that the configuration was read from, with secrets in the place of
// their placeholders.
func (c *Config) Source() []byte {
	if c.text == nil {
		return nil
	}
	return c.text.source
}

// HasSecrets says that secrets stand in the source itself.
func (c *Config) HasSecrets() bool { return c.text != nil && len(c.text.secrets) > 0 }

// Redacted is the source with a placeholder such as "[secret 0123456789ab]" for each
// secret that stands in it; references stay. The same secret has the same placeholder, in
// every configuration. It answers false where the secrets cannot all be found in the text.
func (c *Config) Redacted() ([]byte, bool) {
	if c.text == nil {
		return nil, true
	}
	all, ok := replace(string(c.text.source), c.text.secrets, func(w written) string { return strconv.Quote(placeholder(w.raw)) })
	if !ok {
		return nil, false
	}
	for _, w := range c.text.secrets { // in comments, for instance
		if raw := strings.TrimSpace(w.raw); len(raw) >= 8 {
			all = strings.ReplaceAll(all, raw, placeholder(w.raw))
		}
	}
	return []byte(all), true
}

// Redact is Redacted for a text that need not be valid: references are not followed and
// nothing is checked. It answers false where the text is no YAML, or where the secrets
// cannot all be found in it.
func Redact(data []byte) ([]byte, bool) {
	root, problems := readNodes(data)
	if root == nil || len(problems) > 0 {
		return nil, false
	}
	c := &Config{text: &text{source: data, secrets: secretsOf(root)}}
	return c.Redacted()
}

// secretsOf are the secrets that stand in a text.
func secretsOf(root *node) []written {
	d := newDecoder("", Options{})
	d.blind = true
	d.value("", root, reflect.ValueOf(&Config{}).Elem(), "")
	return d.secrets
}

// replace puts something else where pieces of a text stand. It answers false where the
// place of one is not known.
func replace(text string, pieces []written, by func(written) string) (string, bool) {
	pieces = slices.Clone(pieces)
	slices.SortStableFunc(pieces, func(a, b written) int { return a.from - b.from })
	var b strings.Builder
	pos := 0
	for i, p := range pieces {
		if i > 0 && p.extent == pieces[i-1].extent { // an alias' secret is written once
			continue
		}
		if p.from < pos || p.from >= p.to || p.to > len(text) {
			return "", false
		}
		b.WriteString(text[pos:p.from])
		b.WriteString(by(p))
		pos = p.to
	}
	b.WriteString(text[pos:])
	return b.String(), true
}
