package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Key is a client key as the gateway knows it: never the credential itself.
type Key struct {
	ID, Name, Owner string
	// Priority is the class of the key's calls and the highest it may ask for.
	Priority string
	// Models are the routes it may use; a * stands for any text. Empty: none.
	Models []string
	// MaxTokens caps what one call may ask for as output; zero: no cap.
	MaxTokens int64
	// AllowedIPs are the networks it may be used from; none: everywhere.
	AllowedIPs []netip.Prefix
	// ExpiresAt is when the key ends; zero: never.
	ExpiresAt time.Time
	// Disabled keys are not found.
	Disabled bool
	// Hash is the SHA-256 of the credential.
	Hash [sha256.Size]byte
	// Ref is the holder's own number for the key.
	Ref int
}

// Allows says whether the key may use a model.
func (k *Key) Allows(model string) bool { return allows(k.Models, model) }

func allows(models []string, model string) bool {
	for _, p := range models {
		if matches(p, model) {
			return true
		}
	}
	return false
}

// AllowsIP says whether the key may be used from an address.
func (k *Key) AllowsIP(ip netip.Addr) bool { return within(k.AllowedIPs, ip) }

func within(nets []netip.Prefix, ip netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(ip) {
			return true
		}
	}
	return len(nets) == 0
}

// matches says whether a pattern stands for a name: a * in it stands for any text.
func matches(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	for ok {
		part, more, another := strings.Cut(rest, "*")
		if !another {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
		rest = more
	}
	return false
}

// Index finds keys by credential. It is immutable and safe for concurrent use.
type Index struct{ byHash map[[sha256.Size]byte]*Key }

// NewIndex indexes keys; the slice must not be changed afterwards. Two keys with one
// credential are an error.
func NewIndex(keys []Key) (*Index, error) {
	x := &Index{byHash: make(map[[sha256.Size]byte]*Key, len(keys))}
	for i := range keys {
		if other := x.byHash[keys[i].Hash]; other != nil {
			return nil, fmt.Errorf("client keys %s and %s have the same credential", other.Name, keys[i].Name)
		}
		x.byHash[keys[i].Hash] = &keys[i]
	}
	return x, nil
}

// Lookup finds the key of a credential; disabled keys are not found.
func (x *Index) Lookup(credential string) (*Key, bool) {
	k, ok := x.Find(Digest(credential))
	if !ok {
		return nil, false
	}
	return k, true
}

// Find finds the key of a credential's digest. A disabled one is answered with false.
func (x *Index) Find(sum [sha256.Size]byte) (*Key, bool) {
	k := x.byHash[sum]
	return k, k != nil && !k.Disabled
}

// Len is the number of keys.
func (x *Index) Len() int { return len(x.byHash) }

// maxCredential bounds a presented credential, in bytes.
const maxCredential = 512

// Reasons why a request carries no usable credential. None repeats what was sent.
var (
	ErrMissing     = errors.New("no credential")
	ErrMalformed   = errors.New("malformed credential")
	ErrConflicting = errors.New("several different credentials")
)

// FromRequest reads the credential of a request: Authorization: Bearer, api-key or
// x-api-key. Different credentials in one request are refused.
func FromRequest(h http.Header) (string, error) {
	found := ""
	for _, v := range h["Authorization"] {
		scheme, rest, ok := strings.Cut(v, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return "", ErrMalformed
		}
		if err := join(&found, strings.TrimSpace(rest)); err != nil {
			return "", err
		}
	}
	for _, name := range [...]string{"Api-Key", "X-Api-Key"} {
		for _, v := range h[name] {
			if err := join(&found, strings.TrimSpace(v)); err != nil {
				return "", err
			}
		}
	}
	if found == "" {
		return "", ErrMissing
	}
	return found, nil
}

func join(found *string, c string) error {
	switch {
	case c == "" || len(c) > maxCredential:
		return ErrMalformed
	case *found != "" && *found != c:
		return ErrConflicting
	}
	for i := range len(c) {
		if c[i] <= ' ' || c[i] >= 0x7f {
			return ErrMalformed
		}
	}
	*found = c
	return nil
}

// prefix begins every credential that Generate makes.
const prefix = "sk-sluice-"

// randomBytes are 192 random bits, behind which a checksum follows.
const randomBytes = 24

// Generate makes a credential with 192 random bits and a checksum, by which a
// mistyped one can be told from an unknown one.
func Generate() string {
	var b [randomBytes + 4]byte
	_, _ = rand.Read(b[:randomBytes]) // never fails
	binary.BigEndian.PutUint32(b[randomBytes:], crc32.ChecksumIEEE(b[:randomBytes]))
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// WellFormed says whether Generate could have made a credential.
func WellFormed(c string) bool {
	rest, ok := strings.CutPrefix(c, prefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return ok && err == nil && len(b) == randomBytes+4 &&
		binary.BigEndian.Uint32(b[randomBytes:]) == crc32.ChecksumIEEE(b[:randomBytes])
}
