package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Account is a named person at the admin API.
type Account struct {
	ID, Name string
	Role     Role
	// Owner is whose keys and usage a key-owner sees.
	Owner string
	// PasswordHash is argon2id's, in its usual encoding; empty: only OIDC signs it in.
	PasswordHash         string
	Disabled             bool
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Token is a bearer token for programs at the admin API. The token itself is not in it.
type Token struct {
	ID, Name  string
	Role      Role
	Owner     string
	Hash      [sha256.Size]byte
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
}

// Session is somebody signed in.
type Session struct {
	Hash      [sha256.Size]byte // of the cookie
	AccountID string
	CreatedAt time.Time
	// ExpiresAt moves on while the session is used.
	ExpiresAt time.Time
}

// Audit is one thing that somebody did.
type Audit struct {
	ID              int64
	At              time.Time
	Who, Role, From string
	// Action is a verb and a noun, as in key.create; Target what it was done to.
	Action, Target string
	// Detail is what changed, without secrets; nil: nothing to tell.
	Detail json.RawMessage
}

// Keep looks at who is left after a change, before it is made; its error keeps it from
// being made. It must not use the store.
type Keep func(accounts []Account, tokens []Token) error

// Store keeps who may do what, and what was done. It is safe for concurrent use. Its
// errors are auth's: ErrNotFound, ErrConflict, ErrExists, ErrInvalid. Names are unique
// among accounts, and among tokens. Times are kept to the microsecond and come back in
// UTC.
type Store interface {
	// CreateAccount sets Version to 1.
	CreateAccount(ctx context.Context, a *Account) error
	// UpdateAccount writes everything if the version still is the given one, and sets
	// the new version. Where keep is not nil, this change and all others that have one
	// follow one another, whoever makes them on whatever node: what it sees is so, and
	// stays so until the change is made.
	UpdateAccount(ctx context.Context, a *Account, keep Keep) error
	DeleteAccount(ctx context.Context, id string, keep Keep) error // and its sessions
	Account(ctx context.Context, id string) (Account, error)
	AccountByName(ctx context.Context, name string) (Account, error)
	Accounts(ctx context.Context) ([]Account, error)

	CreateToken(ctx context.Context, t *Token) error
	DeleteToken(ctx context.Context, id string, keep Keep) error
	Tokens(ctx context.Context) ([]Token, error)
	TokenByHash(ctx context.Context, hash [sha256.Size]byte) (Token, error)

	// CreateSession answers ErrNotFound where there is no such account.
	CreateSession(ctx context.Context, s *Session) error
	SessionByHash(ctx context.Context, hash [sha256.Size]byte) (Session, error)
	// ExtendSession sets when one ends; that there is none is no error.
	ExtendSession(ctx context.Context, hash [sha256.Size]byte, until time.Time) error
	// DeleteSession ends one; that there is none is no error.
	DeleteSession(ctx context.Context, hash [sha256.Size]byte) error
	// DeleteSessions ends all of an account.
	DeleteSessions(ctx context.Context, accountID string) error
	// PurgeSessions removes those that ended before a moment.
	PurgeSessions(ctx context.Context, before time.Time) error

	AppendAudit(ctx context.Context, a *Audit) error // sets ID
	// Audits answers entries below an ID (0: the latest), latest first, at most 1,000.
	Audits(ctx context.Context, below int64, limit int) ([]Audit, error)
}
