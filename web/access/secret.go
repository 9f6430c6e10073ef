package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"strings"
)

// Digest is the SHA-256 of a credential, which is all that is kept of it.
type Digest = [sha256.Size]byte

const (
	// CookieName is the session's cookie.
	CookieName = "sluice_session"
	// TokenPrefix begins every token that the gateway makes for the admin API.
	TokenPrefix = "sluice-admin-"

	secretBytes = 32
	maxBearer   = 512
)

// NewToken makes a token of 256 random bits, and its digest.
func NewToken() (token string, hash Digest) {
	token = TokenPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random()))
	return token, sha256.Sum256([]byte(token))
}

// newCookie makes the value of a session's cookie, and its digest.
func newCookie() (value string, hash Digest) {
	value = base64.RawURLEncoding.EncodeToString(random())
	return value, sha256.Sum256([]byte(value))
}

func random() []byte {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return b
}

// madeHere says whether a bearer token has the form of those that are stored, so that
// nothing else is ever looked up.
func madeHere(token string) bool {
	rest, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok || rest != strings.ToLower(rest) {
		return false
	}
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(rest))
	return err == nil && len(b) == secretBytes
}

// bearerOf reads the bearer token of a request. given is false where it shows none at
// all; a header that is there and cannot be read is an empty token.
func bearerOf(h http.Header) (token string, given bool) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || len(token) > maxBearer || !visible(token) {
		return "", true
	}
	return token, true
}

// visible says whether a text has no spaces, control characters or bytes beyond ASCII.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// cookieOf reads the session of a request. given is false where it has none; several of
// the name, or one of another form, are nobody's.
func cookieOf(r *http.Request) (hash Digest, given, ok bool) {
	cookies := r.CookiesNamed(CookieName)
	if len(cookies) == 0 {
		return hash, false, false
	}
	value := cookies[0].Value
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if len(cookies) > 1 || err != nil || len(b) != secretBytes || strings.ContainsAny(value, "\r\n") {
		return hash, true, false
	}
	return sha256.Sum256([]byte(value)), true, true
}
