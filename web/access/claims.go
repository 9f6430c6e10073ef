package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/auth"
)

// person is somebody of whom the provider has told.
type person struct {
	id    string // of the account: from issuer and subject, which never change
	name  string
	role  Role
	owner string
}

// read makes a person of claims, or says why nobody is let in.
func (p *relyingParty) read(subject string, claims map[string]any) (person, error) {
	sum := sha256.Sum256([]byte(p.o.Issuer + "\x00" + subject))
	who := person{id: externalID + hex.EncodeToString(sum[:16])}
	who.name = who.id
	for _, claim := range []string{"preferred_username", "email", "sub"} {
		if name, ok := claims[claim].(string); ok && checkName(foldName(name)) == "" {
			who.name = foldName(name)
			break
		}
	}
	has := texts(claimAt(claims, p.o.RoleClaim))
	i := slices.IndexFunc(p.o.Roles, func(r ClaimRole) bool { return slices.Contains(has, r.Value) })
	if i < 0 {
		return who, &Refusal{Status: http.StatusForbidden, Code: "no_role", Who: who.name,
			Message: fmt.Sprintf("%s is signed in at the provider, but no value of the claim %s gives a role here: see admin.oidc.roles", who.name, p.o.RoleClaim)}
	}
	who.role = p.o.Roles[i].Role
	if who.role != KeyOwner {
		return who, nil
	}
	owner := texts(claimAt(claims, p.o.OwnerClaim))
	if p.o.OwnerClaim == "" || len(owner) != 1 || owner[0] == "" || len(owner[0]) > auth.MaxName {
		return who, &Refusal{Status: http.StatusForbidden, Code: "no_owner", Who: who.name,
			Message: fmt.Sprintf("%s would be a key-owner here, but the claim %q names no owner: see admin.oidc.owner_claim", who.name, p.o.OwnerClaim)}
	}
	who.owner = owner[0]
	return who, nil
}

// claimAt is a claim by its whole name, or by the way into objects.
func claimAt(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, dotted := strings.Cut(name, ".")
	inside, ok := claims[first].(map[string]any)
	if !dotted || !ok {
		return nil
	}
	return claimAt(inside, rest)
}

// texts are a claim's values: a text, or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// admit makes or updates the account of a person: role and owner are what the provider
// says now. An account that was disabled here stays so.
func (g *Guard) admit(ctx context.Context, p person) (Account, error) {
	const tries = 3 // somebody may sign in twice at once
	var err error
	for range tries {
		var a Account
		a, err = g.admitOnce(ctx, p)
		if !errors.Is(err, auth.ErrConflict) && !errors.Is(err, auth.ErrExists) {
			return a, err
		}
	}
	return Account{}, err
}

func (g *Guard) admitOnce(ctx context.Context, p person) (Account, error) {
	a, err := g.store.Account(ctx, p.id)
	switch {
	case missing(err):
		return g.welcome(ctx, p)
	case err != nil:
		return a, unchecked(err)
	case a.Disabled:
		return a, &Refusal{Status: http.StatusForbidden, Code: "disabled", Who: a.Name, Message: "the account " + a.Name + " is disabled here"}
	case a.Role == p.role && a.Owner == p.owner:
		return a, nil
	}
	a.Role, a.Owner, a.UpdatedAt = p.role, p.owner, g.now()
	defer g.forget()
	err = g.store.UpdateAccount(ctx, &a, nil)
	return a, err
}

// welcome makes the account of somebody who was never here. A name that somebody else
// has is never shared: the newcomer's gets an end.
func (g *Guard) welcome(ctx context.Context, p person) (Account, error) {
	now := g.now()
	a := Account{ID: p.id, Name: p.name, Role: p.role, Owner: p.owner, CreatedAt: now, UpdatedAt: now}
	err := g.store.CreateAccount(ctx, &a)
	if errors.Is(err, auth.ErrExists) && p.name != p.id {
		a.Name = p.name[:min(len(p.name), 100)] + "+" + strings.TrimPrefix(p.id, externalID)[:12]
		err = g.store.CreateAccount(ctx, &a)
	}
	return a, err
}
