package api

import (
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/web/access"
)

// Token is a bearer token for programs, without the token itself.
type Token struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	Owner     string      `json:"owner,omitempty"` // a key-owner's
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at"` // null: never
}

// MadeToken is a token that was just made.
type MadeToken struct {
	Token
	// Secret is the token itself. It is shown here and never again.
	Secret string `json:"token"`
}

// NewToken is what a token is made of.
type NewToken struct {
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	Owner     string      `json:"owner,omitempty"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
}

func tokenOf(t *access.Token) Token {
	out := Token{ID: t.ID, Name: t.Name, Role: t.Role, Owner: t.Owner, CreatedAt: t.CreatedAt}
	if !t.ExpiresAt.IsZero() {
		out.ExpiresAt = &t.ExpiresAt
	}
	return out
}

// TokenEndpoints are the bearer tokens for programs.
func TokenEndpoints(g *access.Guard) []Endpoint {
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/tokens", ID: "tokens.list", Summary: "Every token, without its secret", Answer: List[Token]{},
			Handle: func(c *Call) (any, error) {
				all, err := g.Tokens(c.Context())
				if err != nil {
					return nil, err
				}
				out := make([]Token, len(all))
				for i := range all {
					out[i] = tokenOf(&all[i])
				}
				return Page(out, ""), nil
			},
		},
		{
			Method: http.MethodPost, Path: "/tokens", ID: "tokens.create", Summary: "Make a token; it is shown once",
			Description: "A key-owner's token needs an owner. Without expires_at it never ends.",
			Body:        NewToken{}, Answer: MadeToken{}, Status: http.StatusCreated,
			Handle: func(c *Call) (any, error) { return createToken(g, c) },
		},
		{
			Method: http.MethodDelete, Path: "/tokens/{id}", ID: "tokens.delete", Summary: "End a token at once",
			Description: "The token that is the last admin stays (409).",
			Handle:      func(c *Call) (any, error) { return nil, g.DeleteToken(c.Context(), c.Param("id")) },
		},
	}
	for i := range e {
		e[i].Tag, e[i].Roles = "access", Admins()
	}
	return e
}

func createToken(g *access.Guard, c *Call) (any, error) {
	var n NewToken
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	o := access.NewTokenOptions{Name: n.Name, Role: n.Role, Owner: n.Owner}
	if n.ExpiresAt != nil {
		o.ExpiresAt = *n.ExpiresAt
	}
	t, secret, err := g.CreateToken(c.Context(), o)
	if err != nil {
		return nil, err
	}
	c.Note(t.ID, map[string]any{"name": t.Name, "role": t.Role, "owner": t.Owner, "expires_at": n.ExpiresAt})
	return MadeToken{tokenOf(&t), secret}, nil
}
