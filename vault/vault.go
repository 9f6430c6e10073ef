package vault

import (
	"context"
	"time"
)

// UpstreamKey is a provider's key that was given through the admin API, or what was said
// there about a key of the file.
type UpstreamKey struct {
	// Provider, Account and Fingerprint name the key. Without a fingerprint the row speaks
	// of a whole account, without an account of a whole provider; it has a State only.
	Provider, Account, Fingerprint string
	// Sealed is the encrypted key; nil: it is in the file.
	Sealed []byte
	// State is enabled, draining or disabled; empty: nobody has said.
	State     string
	ExpiresAt time.Time // zero: not known
	UpdatedAt time.Time
}

// Store keeps them. It is safe for concurrent use. Its errors are auth's.
type Store interface {
	// PutUpstreamKey writes or replaces one.
	PutUpstreamKey(ctx context.Context, k *UpstreamKey) error
	// DeleteUpstreamKey answers ErrNotFound where there is none.
	DeleteUpstreamKey(ctx context.Context, provider, account, fingerprint string) error
	UpstreamKeys(ctx context.Context) ([]UpstreamKey, error)
	// Canary is a sealed text that tells whether the right key is at hand; ErrNotFound:
	// nothing has been sealed yet.
	Canary(ctx context.Context) ([]byte, error)
	SetCanary(ctx context.Context, sealed []byte) error
}
