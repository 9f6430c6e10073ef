package config

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// Owner is whom client keys belong to: a team, a customer.
type Owner struct {
	// Name is unique.
	Name string `yaml:"-"`
	// Kind is team or user. Default team.
	Kind string `yaml:"kind"`
	// Limits are shared by all keys of the owner. Default none.
	Limits Limits `yaml:"limits"`
	// Tags are for people. Default none.
	Tags []string `yaml:"tags"`
}

// ClientKey is what an application presents.
type ClientKey struct {
	// Name is unique; logs and metrics show it.
	Name string `yaml:"name"`
	// Key is the credential itself. Either Key or Hash is given.
	Key Secret `yaml:"key"`
	// Hash is sha256: and 64 hexadecimal digits, for a file without secrets.
	Hash Secret `yaml:"hash"`
	// SHA256 is the digest of the credential, whichever of the two was given.
	SHA256 [32]byte `yaml:"-"`
	// Owner names an entry of owners. Default empty: the key stands for itself.
	Owner string `yaml:"owner"`
	// Priority is the class of its calls and the highest it may ask for: critical,
	// high, normal or low. Default normal.
	Priority string `yaml:"priority"`
	// Weight is its share of its class's upstream room against other keys' while there
	// is not enough for all. Default 1.
	Weight int64 `yaml:"weight,count"`
	// Models are the route names it may use; * stands for any text. Default ["*"].
	Models []string `yaml:"models"`
	// Limits are the key's own; shares of the owner's are resolved. Default none.
	Limits Limits `yaml:"limits"`
	// MaxTokens caps what one call may ask for as output. Default and zero: no cap.
	MaxTokens int64 `yaml:"max_tokens,count"`
	// AllowedIPs are the networks it may be used from. Default none given: all.
	AllowedIPs []netip.Prefix `yaml:"allowed_ips"`
	// Tags are for people. Default none.
	Tags []string `yaml:"tags"`
	// ExpiresAt is when the key ends. Default zero: never.
	ExpiresAt time.Time `yaml:"expires_at"`
	// Disabled refuses the key without forgetting it. Default false.
	Disabled bool `yaml:"disabled"`
}

// digest fills SHA256 from Key.
func (k *ClientKey) digest() { k.SHA256 = sha256.Sum256([]byte(k.Key.Reveal())) }
