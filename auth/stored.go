package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Stored is a client key as the store keeps it. The credential itself is not in it.
type Stored struct {
	// ID is made by the gateway and never changes; Name is unique among live keys.
	ID, Name string
	// Owner is an owner's name; empty: nobody's.
	Owner string
	// Priority is the class of its calls and the highest it may ask for.
	Priority string
	// Weight is its share of its class's turns. Zero: 1.
	Weight int
	// Models are the routes it may use; a * at the end stands for any rest.
	Models []string
	// Limits are by the names of the configuration, each value as it is written there:
	// "60", "25%", "0.5".
	Limits map[string]string
	// MaxTokens caps what one call may ask for as output. Zero: no cap.
	MaxTokens int64
	// AllowedIPs are the networks it may be used from, as CIDR. Empty: all.
	AllowedIPs []string
	// Tags are for people.
	Tags []string
	// ExpiresAt is when it ends; zero: never.
	ExpiresAt time.Time
	// Disabled keys are refused, and may be enabled again.
	Disabled bool
	// Hash is the SHA-256 of the credential, Hint its last characters.
	Hash [sha256.Size]byte
	Hint string
	// OldHash is the credential before the last rotation, which works until OldUntil;
	// zero: none does.
	OldHash  [sha256.Size]byte
	OldUntil time.Time

	CreatedAt, UpdatedAt time.Time
	// RevokedAt: the key is gone for good, and its row tells who it was. Zero: it lives.
	RevokedAt time.Time
	// Version grows with each change. It guards edits against each other.
	Version int64
}

// StoredOwner is a user or a team that keys belong to.
type StoredOwner struct {
	Name string
	Kind string // user or team
	// Limits are as in Stored.
	Limits map[string]string
	Tags   []string

	CreatedAt, UpdatedAt time.Time
	// DeletedAt: the owner is gone. Zero: it lives.
	DeletedAt time.Time
	Version   int64
}

// MaxName is how long an ID or a name may be, in bytes.
const MaxName = 256

// What a KeyStore refuses.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else has changed it meanwhile.
	ErrConflict = errors.New("changed by somebody else meanwhile")
	// ErrExists: the name is taken.
	ErrExists = errors.New("the name is taken")
	// ErrInvalid: no store can hold it: a text with a NUL or that is not UTF-8, or a
	// name that is empty or longer than MaxName.
	ErrInvalid = errors.New("cannot be stored")
)

// Changes are what a store has seen since a revision, each list in the order in which it
// happened; of what changed several times, the last state.
type Changes struct {
	Keys   []Stored      // revoked ones included
	Owners []StoredOwner // deleted ones included
	// Revision is what to ask with next.
	Revision int64
}

// KeyStore keeps client keys and owners for all nodes of one gateway. It is safe for
// concurrent use. Times are kept to the microsecond and come back in UTC.
type KeyStore interface {
	// CreateKey and CreateOwner set Version to 1, or answer ErrExists: a living one has
	// the name, or a key the ID or the credential. The name of one that is gone is free
	// again; who takes it begins anew.
	CreateKey(ctx context.Context, k *Stored) error
	CreateOwner(ctx context.Context, o *StoredOwner) error
	// UpdateKey and UpdateOwner write everything if the stored version still is the
	// given one, and set the new version; else ErrConflict, or ErrNotFound, or ErrExists.
	// A key is revoked and an owner deleted by setting RevokedAt and DeletedAt; neither
	// comes back: an update of one that is gone is ErrNotFound.
	UpdateKey(ctx context.Context, k *Stored) error
	UpdateOwner(ctx context.Context, o *StoredOwner) error
	// Key and Owner answer one, gone ones included, or ErrNotFound. Of owners that had
	// the same name it is the living one, or else the last.
	Key(ctx context.Context, id string) (Stored, error)
	Owner(ctx context.Context, name string) (StoredOwner, error)
	// Changes answers what has changed after a revision (0: all that lives). No change
	// is missed, whoever commits first. A revision that the store has not reached, since
	// a backup was put back, answers everything, gone ones included.
	Changes(ctx context.Context, after int64) (Changes, error)
}
