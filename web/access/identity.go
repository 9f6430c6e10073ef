package access

import (
	"context"
	"fmt"
)

// Role is what somebody may do at the admin API.
type Role string

// The roles. An admin may do everything; an operator acts on traffic (keys, upstreams,
// routes, limits) and not on people and configuration; a viewer sees what they see, and
// changes nothing; a key-owner sees and manages nothing but the own keys and usage.
const (
	Admin    Role = "admin"
	Operator Role = "operator"
	Viewer   Role = "viewer"
	KeyOwner Role = "key-owner"
)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Admin, Operator, Viewer, KeyOwner:
		return r, nil
	}
	return "", fmt.Errorf("%.40q is not a role: admin, operator, viewer or key-owner", s)
}

// Identity is who asks.
type Identity struct {
	// Name is the person's or the token's.
	Name string
	Role Role
	// Owner is whose keys and usage a key-owner sees; empty for the others.
	Owner string
	// AccountID is the person's; empty for tokens.
	AccountID string
	// From is the address it comes from.
	From string
}

type contextKey struct{}

// With puts an identity into a context.
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, who)
}

// Of takes the identity out of a context; without one, nobody.
func Of(ctx context.Context) Identity {
	who, _ := ctx.Value(contextKey{}).(Identity)
	return who
}
