package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// accountName is what a name may look like, folded: short words and mail addresses.
var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,127}$`)

func checkName(name string) string {
	if !accountName.MatchString(name) {
		return "must be 1 to 128 letters, digits and . _ @ + -, and begin with a letter or a digit"
	}
	return ""
}

// checkRole says by field what is wrong with a role and its owner.
func checkRole(role Role, owner string, fields map[string]string) {
	if _, err := ParseRole(string(role)); err != nil {
		fields["role"] = "must be admin, operator, viewer or key-owner"
		return
	}
	switch {
	case role == KeyOwner && owner == "":
		fields["owner"] = "is needed: whose keys and usage a key-owner sees"
	case role != KeyOwner && owner != "":
		fields["owner"] = "is for key-owners only"
	case len(owner) > 256:
		fields["owner"] = "must have at most 256 bytes"
	}
}

// External says that OpenID Connect signs an account in, and nothing else does.
func (a *Account) External() bool { return strings.HasPrefix(a.ID, externalID) }

// externalID begins the IDs of accounts that a provider has told of.
const externalID = "oidc_"

func newID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}

// NewAccount is a person to let in.
type NewAccount struct {
	Name     string
	Role     Role
	Owner    string
	Password string
}

// Accounts answers everybody.
func (g *Guard) Accounts(ctx context.Context) ([]Account, error) {
	if err := g.needStore(); err != nil {
		return nil, err
	}
	return g.store.Accounts(ctx)
}

// Account answers one.
func (g *Guard) Account(ctx context.Context, id string) (Account, error) {
	if err := g.needStore(); err != nil {
		return Account{}, err
	}
	return g.store.Account(ctx, id)
}

// CreateAccount lets somebody in.
func (g *Guard) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	if err := g.needStore(); err != nil {
		return Account{}, err
	}
	n.Name = foldName(n.Name)
	fields := map[string]string{}
	if problem := checkName(n.Name); problem != "" {
		fields["name"] = problem
	}
	if problem := checkPassword(n.Password, n.Name); problem != "" {
		fields["password"] = problem
	}
	checkRole(n.Role, n.Owner, fields)
	if len(fields) > 0 {
		return Account{}, invalid("the account cannot be used", fields)
	}
	hash, err := g.passwords.hash(ctx, n.Password)
	if err != nil {
		return Account{}, err
	}
	now := g.now()
	a := Account{ID: newID("acct_"), Name: n.Name, Role: n.Role, Owner: n.Owner, PasswordHash: hash, CreatedAt: now, UpdatedAt: now}
	err = g.store.CreateAccount(ctx, &a)
	return a, err
}

// AccountEdit is what to change of an account; nil leaves a thing as it is.
type AccountEdit struct {
	// Version, unless zero, must still be the account's.
	Version  int64
	Role     *Role
	Owner    *string
	Disabled *bool
	Password *string
}

// EditAccount changes an account. Who is disabled or gets another password is signed out
// everywhere. The last admin that could sign in stays one, unless a token is an admin.
func (g *Guard) EditAccount(ctx context.Context, id string, e AccountEdit) (Account, error) {
	if err := g.needStore(); err != nil {
		return Account{}, err
	}
	was, err := g.store.Account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	if e.Version != 0 && e.Version != was.Version {
		return Account{}, conflict("changed_meanwhile", fmt.Sprintf("it was changed by somebody else meanwhile and is at version %d: read it again", was.Version))
	}
	a, err := g.edited(ctx, was, e)
	if err != nil {
		return Account{}, err
	}
	var keep Keep
	if was.Role == Admin && !was.Disabled && (a.Role != Admin || a.Disabled) {
		keep = g.adminRemains("this is the last admin that can sign in: make another one, or a token of the role admin, first")
	}
	if err := g.store.UpdateAccount(ctx, &a, keep); err != nil {
		return Account{}, err
	}
	defer g.forget()
	if a.Disabled || e.Password != nil {
		err = g.store.DeleteSessions(ctx, id)
	}
	return a, err
}

// edited is an account after an edit.
func (g *Guard) edited(ctx context.Context, a Account, e AccountEdit) (Account, error) {
	fields := map[string]string{}
	if e.Role != nil {
		a.Role = *e.Role
		if a.Role != KeyOwner && e.Owner == nil {
			a.Owner = "" // nobody else has one
		}
	}
	if e.Owner != nil {
		a.Owner = *e.Owner
	}
	checkRole(a.Role, a.Owner, fields)
	if e.Password != nil {
		if problem := checkPassword(*e.Password, a.Name); a.External() {
			fields["password"] = "this account signs in through OpenID Connect, and has none"
		} else if problem != "" {
			fields["password"] = problem
		}
	}
	if len(fields) > 0 {
		return a, invalid("the account cannot be used", fields)
	}
	if e.Disabled != nil {
		a.Disabled = *e.Disabled
	}
	if e.Password != nil {
		hash, err := g.passwords.hash(ctx, *e.Password)
		if err != nil {
			return a, err
		}
		a.PasswordHash = hash
	}
	a.UpdatedAt = g.now()
	return a, nil
}

// DeleteAccount lets somebody in no more; their sessions end. Of the last admin it says
// the same as EditAccount.
func (g *Guard) DeleteAccount(ctx context.Context, id string) error {
	if err := g.needStore(); err != nil {
		return err
	}
	a, err := g.store.Account(ctx, id)
	if err != nil {
		return err
	}
	var keep Keep
	if a.Role == Admin && !a.Disabled {
		keep = g.adminRemains("this is the last admin that can sign in: make another one, or a token of the role admin, first")
	}
	defer g.forget()
	return g.store.DeleteAccount(ctx, id, keep)
}

// adminRemains keeps the last admin from being taken away. With a configured token there
// always is one.
func (g *Guard) adminRemains(otherwise string) Keep {
	set, now := g.settings.Load(), g.now()
	if set.Token != "" {
		return nil
	}
	return func(accounts []Account, tokens []Token) error {
		if anAdmin(accounts, tokens, set.oidc != nil, now) {
			return nil
		}
		return conflict("last_admin", otherwise)
	}
}
