package access

import (
	"context"
	"slices"
	"time"
)

// NewTokenOptions are what a token is made of.
type NewTokenOptions struct {
	Name      string
	Role      Role
	Owner     string
	ExpiresAt time.Time // zero: never
}

// CreateToken makes a bearer token. The token itself is answered here and never again.
func (g *Guard) CreateToken(ctx context.Context, n NewTokenOptions) (Token, string, error) {
	if err := g.needStore(); err != nil {
		return Token{}, "", err
	}
	fields := map[string]string{}
	n.Name = foldName(n.Name)
	if problem := checkName(n.Name); problem != "" {
		fields["name"] = problem
	}
	checkRole(n.Role, n.Owner, fields)
	now := g.now()
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now) {
		fields["expires_at"] = "has passed"
	}
	if len(fields) > 0 {
		return Token{}, "", invalid("the token cannot be made", fields)
	}
	secret, hash := NewToken()
	t := Token{ID: newID("tok_"), Name: n.Name, Role: n.Role, Owner: n.Owner, Hash: hash, CreatedAt: now, ExpiresAt: n.ExpiresAt}
	if err := g.store.CreateToken(ctx, &t); err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// Tokens answers all, ended ones included.
func (g *Guard) Tokens(ctx context.Context) ([]Token, error) {
	if err := g.needStore(); err != nil {
		return nil, err
	}
	return g.store.Tokens(ctx)
}

// DeleteToken ends a token at once. Where it is what stands for the last admin, it stays.
func (g *Guard) DeleteToken(ctx context.Context, id string) error {
	if err := g.needStore(); err != nil {
		return err
	}
	tokens, err := g.store.Tokens(ctx)
	if err != nil {
		return err
	}
	var keep Keep
	now := g.now()
	if slices.ContainsFunc(tokens, func(t Token) bool { return t.ID == id && t.admits(now) }) {
		keep = g.adminRemains("this token is the last admin: make an account of the role admin, or another token, first")
	}
	defer g.forget()
	return g.store.DeleteToken(ctx, id, keep)
}

// Audits answers what was done, latest first, as Store.Audits does.
func (g *Guard) Audits(ctx context.Context, below int64, limit int) ([]Audit, error) {
	if err := g.needStore(); err != nil {
		return nil, err
	}
	return g.store.Audits(ctx, below, limit)
}

// Ways are how people can sign in.
type Ways struct{ Password, OIDC bool }

// Ways answers how people can sign in.
func (g *Guard) Ways() Ways {
	return Ways{Password: g.store != nil, OIDC: g.settings.Load().oidc != nil && g.store != nil}
}
