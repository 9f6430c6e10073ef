package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// An envelope is: version (1 byte), key ID (8), nonce (12), ciphertext with its tag. What
// is authenticated beside the text is the version, the key ID and the place.
const (
	envelopeVersion = 1
	headSize        = 1 + len(keyID{})
	nonceSize       = 12
	tagSize         = 16
	envelopeSize    = headSize + nonceSize + tagSize
)

// What opening a sealed value can end in.
var (
	// ErrUnknownKey: the value was sealed with a key that is not at hand.
	ErrUnknownKey = errors.New("sealed with an encryption key that is not at hand")
	// ErrTampered: the value was changed, or belongs to another place.
	ErrTampered = errors.New("the sealed value was changed, or belongs elsewhere")
	// ErrNotSealed: the value is no envelope.
	ErrNotSealed = errors.New("not a sealed value")
)

// Place says what a sealed value is and where it belongs: Place("upstream_key", provider,
// account, fingerprint). A value opens only at the place that it was sealed for, so
// nobody who can write to the database can pass one secret off as another.
func Place(kind string, names ...string) string {
	parts := []string{url.PathEscape(kind)}
	for _, n := range names {
		parts = append(parts, url.PathEscape(n))
	}
	return strings.Join(parts, "/")
}

// Sealer seals and opens with AES-256-GCM. Its nonces are random, which is safe for some
// four thousand million values per key. It is safe for concurrent use.
type Sealer struct {
	current keyID
	ciphers map[keyID]cipher.AEAD
}

// NewSealer makes a Sealer that seals with current and opens with it and with old keys.
func NewSealer(current Key, old ...Key) (*Sealer, error) {
	s := &Sealer{current: current.id(), ciphers: map[keyID]cipher.AEAD{}}
	for _, k := range append([]Key{current}, old...) {
		if k == (Key{}) {
			return nil, errors.New("vault: NewSealer needs keys, and was given an empty one")
		}
		block, err := aes.NewCipher(k.bytes[:])
		if err != nil {
			return nil, err
		}
		if s.ciphers[k.id()], err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// KeyID names the key that Seal uses.
func (s *Sealer) KeyID() string { return s.current.String() }

// Seal encrypts a text for a place; see Place.
func (s *Sealer) Seal(plain []byte, place string) []byte {
	out := make([]byte, headSize+nonceSize, envelopeSize+len(plain))
	out[0] = envelopeVersion
	copy(out[1:], s.current[:])
	nonce := out[headSize:]
	_, _ = rand.Read(nonce) // never fails
	return s.ciphers[s.current].Seal(out, nonce, plain, bound(out[:headSize], place))
}

// Open decrypts what was sealed for a place. It answers ErrUnknownKey, ErrTampered or
// ErrNotSealed.
func (s *Sealer) Open(sealed []byte, place string) ([]byte, error) {
	id, err := sealedWith(sealed)
	if err != nil {
		return nil, err
	}
	c := s.ciphers[id]
	if c == nil {
		return nil, fmt.Errorf("%w (key %s)", ErrUnknownKey, id)
	}
	plain, err := c.Open(nil, sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:], bound(sealed[:headSize], place))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Reseal seals a value anew if it was sealed with another key than the current one;
// changed says so.
func (s *Sealer) Reseal(sealed []byte, place string) (out []byte, changed bool, err error) {
	plain, err := s.Open(sealed, place)
	if err != nil {
		return nil, false, err
	}
	if id, err := sealedWith(sealed); err == nil && id == s.current {
		return sealed, false, nil
	}
	return s.Seal(plain, place), true, nil
}

// SealedWith names the key that a value was sealed with, or answers ErrNotSealed.
func SealedWith(sealed []byte) (string, error) {
	id, err := sealedWith(sealed)
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

func sealedWith(sealed []byte) (keyID, error) {
	if len(sealed) < envelopeSize || sealed[0] != envelopeVersion {
		return keyID{}, ErrNotSealed
	}
	return keyID(sealed[1:headSize]), nil
}

// bound is what a text is bound to. The head's length is fixed, so no head and place
// read like another's.
func bound(head []byte, place string) []byte {
	return append(append([]byte("sluice sealed "), head...), place...)
}
