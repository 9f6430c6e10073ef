package api

import (
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/web/access"
)

// Account is a person who may sign in.
type Account struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Role  access.Role `json:"role"`
	Owner string      `json:"owner,omitempty"` // a key-owner's
	// SignIn is password or oidc.
	SignIn    string    `json:"sign_in"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

func accountOf(a *access.Account) Account {
	signIn := "password"
	if a.External() {
		signIn = "oidc"
	}
	return Account{
		ID: a.ID, Name: a.Name, Role: a.Role, Owner: a.Owner, SignIn: signIn, Disabled: a.Disabled,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Version: a.Version,
	}
}

// NewAccount is what a person's account is made of.
type NewAccount struct {
	Name     string      `json:"name"`
	Role     access.Role `json:"role"`
	Owner    string      `json:"owner,omitempty"`
	Password string      `json:"password"`
}

// AccountEdit is what to change of an account; what is left out stays.
type AccountEdit struct {
	// Version, where it is given, must still be the account's.
	Version  int64        `json:"version,omitempty"`
	Role     *access.Role `json:"role,omitempty"`
	Owner    *string      `json:"owner,omitempty"`
	Disabled *bool        `json:"disabled,omitempty"`
	Password *string      `json:"password,omitempty"`
}

// note is an edit as the audit log has it: of a password only that it changed.
func (e AccountEdit) note() any {
	return struct {
		Role     *access.Role `json:"role,omitempty"`
		Owner    *string      `json:"owner,omitempty"`
		Disabled *bool        `json:"disabled,omitempty"`
		Password bool         `json:"password,omitempty"`
	}{e.Role, e.Owner, e.Disabled, e.Password != nil}
}

const passwordRules = "A password has at least 12 characters and at most 512 bytes, and is not the name."

// AccountEndpoints are the people who may sign in.
func AccountEndpoints(g *access.Guard) []Endpoint {
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/accounts", ID: "accounts.list", Summary: "Everybody who may sign in", Answer: List[Account]{},
			Handle: func(c *Call) (any, error) {
				all, err := g.Accounts(c.Context())
				if err != nil {
					return nil, err
				}
				out := make([]Account, len(all))
				for i := range all {
					out[i] = accountOf(&all[i])
				}
				return Page(out, ""), nil
			},
		},
		{
			Method: http.MethodGet, Path: "/accounts/{id}", ID: "accounts.show", Summary: "One account", Answer: Account{},
			Handle: func(c *Call) (any, error) {
				a, err := g.Account(c.Context(), c.Param("id"))
				if err != nil {
					return nil, err
				}
				return accountOf(&a), nil
			},
		},
		{
			Method: http.MethodPost, Path: "/accounts", ID: "accounts.create", Summary: "Let somebody in",
			Description: passwordRules + " A key-owner needs an owner. The name is kept in lower case.",
			Body:        NewAccount{}, Answer: Account{}, Status: http.StatusCreated,
			Handle: func(c *Call) (any, error) { return createAccount(g, c) },
		},
		{
			Method: http.MethodPatch, Path: "/accounts/{id}", ID: "accounts.update", Summary: "Change a role or a password, or disable an account",
			Description: passwordRules + " Counts at once: whoever is disabled or gets another password is signed out everywhere. The last admin who could sign in stays one (409), unless a token is an admin. What an OpenID Connect account may do comes from its provider at each sign-in.",
			Body:        AccountEdit{}, Answer: Account{},
			Handle: func(c *Call) (any, error) { return editAccount(g, c) },
		},
		{
			Method: http.MethodDelete, Path: "/accounts/{id}", ID: "accounts.delete", Summary: "Let somebody in no more",
			Description: "Its sessions end at once. The last admin who could sign in stays (409), unless a token is an admin. An OpenID Connect account comes back with its next sign-in: disable it instead.",
			Handle:      func(c *Call) (any, error) { return nil, g.DeleteAccount(c.Context(), c.Param("id")) },
		},
	}
	for i := range e {
		e[i].Tag, e[i].Roles = "access", Admins()
	}
	return e
}

func createAccount(g *access.Guard, c *Call) (any, error) {
	var n NewAccount
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	a, err := g.CreateAccount(c.Context(), access.NewAccount{Name: n.Name, Role: n.Role, Owner: n.Owner, Password: n.Password})
	if err != nil {
		return nil, err
	}
	c.Note(a.ID, map[string]any{"name": a.Name, "role": a.Role, "owner": a.Owner})
	return accountOf(&a), nil
}

func editAccount(g *access.Guard, c *Call) (any, error) {
	var e AccountEdit
	if err := c.Decode(&e); err != nil {
		return nil, err
	}
	c.Note("", e.note())
	a, err := g.EditAccount(c.Context(), c.Param("id"), access.AccountEdit{
		Version: e.Version, Role: e.Role, Owner: e.Owner, Disabled: e.Disabled, Password: e.Password,
	})
	if err != nil {
		return nil, err
	}
	return accountOf(&a), nil
}
