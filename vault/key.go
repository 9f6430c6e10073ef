package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// leastDistinct is how many different bytes a key has at least. Thirty-two random bytes
// have fewer once in more than 10^20 keys.
const leastDistinct = 8

// MakeLine is the shell line that makes a key, for messages.
const MakeLine = "openssl rand -base64 32"

// Key is a key of AES-256. However it is printed, logged or marshalled, it gives its ID;
// Reveal gives the key. The zero Key is none.
type Key struct{ bytes [KeySize]byte }

// keyID is the first bytes of a key's SHA-256. It lies in every envelope.
type keyID [8]byte

// NewKey makes a random key.
func NewKey() (k Key) {
	_, _ = rand.Read(k.bytes[:]) // never fails
	return k
}

// ParseKey reads a key written in hex or in base64 of any kind. It is refused if it does
// not have exactly 32 bytes, or if they cannot be random. The error tells nothing of it.
func ParseKey(text string) (Key, error) {
	raw, ok := decode(strings.TrimSpace(text))
	switch {
	case !ok:
		return Key{}, errors.New("an encryption key is 32 bytes in base64 or hex; make one with: " + MakeLine)
	case len(raw) != KeySize:
		return Key{}, fmt.Errorf("an encryption key has exactly %d bytes, this one has %d; make one with: %s", KeySize, len(raw), MakeLine)
	}
	seen := map[byte]bool{}
	for _, b := range raw {
		seen[b] = true
	}
	if len(seen) < leastDistinct {
		return Key{}, errors.New("this encryption key is weak: hardly any of its bytes differ; make one with: " + MakeLine)
	}
	return Key{bytes: [KeySize]byte(raw)}, nil
}

func decode(text string) ([]byte, bool) {
	if len(text) == 2*KeySize {
		if raw, err := hex.DecodeString(text); err == nil {
			return raw, true
		}
	}
	text = strings.TrimRight(text, "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding.Strict(), base64.RawURLEncoding.Strict()} {
		if raw, err := e.DecodeString(text); err == nil && text != "" {
			return raw, true
		}
	}
	raw, err := hex.DecodeString(text)
	return raw, err == nil && text != ""
}

func (k Key) id() keyID {
	sum := sha256.Sum256(k.bytes[:])
	return keyID(sum[:len(keyID{})])
}

// ID names the key without telling it: the first bytes of its SHA-256 in hex.
func (k Key) ID() string { return k.id().String() }

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// Reveal is the key in base64, for the file that keeps it.
func (k Key) Reveal() string { return base64.StdEncoding.EncodeToString(k.bytes[:]) }

// Format prints the key's ID, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.ID()) }

// MarshalText is the key's ID; JSON and other encoders of texts use it.
func (k Key) MarshalText() ([]byte, error) { return []byte("key " + k.ID()), nil }

// LogValue is the key's ID.
func (k Key) LogValue() slog.Value { return slog.StringValue("key " + k.ID()) }
