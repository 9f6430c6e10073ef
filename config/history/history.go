// Package history keeps the configurations that were applied through the admin API: a
// versioned overlay on the file. It is data and a contract; who applies a version, and
// what counts when the file changes meanwhile, is control/settings' business.
package history

import (
	"context"
	"time"
)

// Version is a configuration that was applied through the admin API.
type Version struct {
	N         int64
	At        time.Time
	Who, Note string
	// Text is the YAML, sealed whole by the vault where it holds literal secrets.
	Text   []byte
	Sealed bool
	// Base is the SHA-256, in hex, of the file that it was made from; empty: no file.
	Base string
	// Active: this version is in force, not the file. At most one is.
	Active bool
}

// Store keeps versions. It is safe for concurrent use. Its errors are auth's:
// ErrNotFound, ErrConflict, ErrInvalid.
type Store interface {
	// AppendConfig adds a version, makes it the active one and sets its number, if the
	// latest version's number still is the given one; else auth.ErrConflict.
	AppendConfig(ctx context.Context, v *Version, latest int64) error
	// ActivateConfig makes a version the active one; 0: none, the file counts again.
	ActivateConfig(ctx context.Context, n int64) error
	// ActiveConfig answers the version in force; ErrNotFound: the file is.
	ActiveConfig(ctx context.Context) (Version, error)
	ConfigVersion(ctx context.Context, n int64) (Version, error)
	// ReplaceConfigText puts the same text, sealed with another key, in a version's place.
	// Nothing else of a version ever changes.
	ReplaceConfigText(ctx context.Context, n int64, sealed []byte) error
	// ConfigHistory answers versions without their text, latest first, at most 1,000.
	ConfigHistory(ctx context.Context, limit int) ([]Version, error)
}
