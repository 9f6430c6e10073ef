package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/web/access"
)

// Session says who somebody is, and how to become somebody.
type Session struct {
	SignedIn bool `json:"signed_in"`
	// Identity is null for nobody.
	Identity *WhoIs `json:"identity"`
	SignIn   SignIn `json:"sign_in"`
	// CSRF is what a page must know of it.
	CSRF CSRF `json:"csrf"`
}

// WhoIs is an identity.
type WhoIs struct {
	Name  string      `json:"name"`
	Role  access.Role `json:"role"`
	Owner string      `json:"owner,omitempty"`
	// AccountID is empty for a token.
	AccountID string `json:"account_id,omitempty"`
	// Via is session or token.
	Via string `json:"via"`
	// EndsAt is when a session that has just begun ends at the latest; it ends sooner
	// when it is not used.
	EndsAt *time.Time `json:"ends_at,omitempty"`
}

// SignIn is how people can sign in.
type SignIn struct {
	// Password is false where the gateway keeps no accounts.
	Password bool `json:"password"`
	// Accounts is false as long as there is none: the first is made with a token.
	Accounts bool `json:"accounts"`
	OIDC     bool `json:"oidc"`
	// OIDCURL is where to send a browser, with ?return= for the path to end at.
	OIDCURL string `json:"oidc_url,omitempty"`
}

// CSRF says what is asked of a browser's requests.
type CSRF struct {
	// SameOrigin: what changes something with a session must come from a page of this
	// origin. No token of a page is needed, nor a header.
	SameOrigin bool `json:"same_origin"`
}

// Credentials sign somebody in.
type Credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// PasswordChange is a new password for whoever asks.
type PasswordChange struct {
	Current string `json:"current"`
	New     string `json:"new"`
}

// SessionEndpoints sign people in and out.
func SessionEndpoints(g *access.Guard) []Endpoint {
	e := []Endpoint{
		{
			Method: http.MethodGet, Path: "/session", ID: "session.show", Summary: "Who am I, and how can I sign in", Open: true, Answer: Session{},
			Handle: func(c *Call) (any, error) { return sessionOf(g, c, c.Who, nil) },
		},
		{
			Method: http.MethodPost, Path: "/session", ID: "session.create", Summary: "Sign in with a name and a password", Open: true,
			Description: "Sets the cookie sluice_session. 401 wrong_credentials tells not whether the name or the password is wrong; 429 too_many_tries tells in Retry-After when to try again.",
			Body:        Credentials{}, Answer: Session{}, Status: http.StatusCreated, MaxBody: 16 << 10,
			Handle: func(c *Call) (any, error) { return signIn(g, c) },
		},
		{
			Method: http.MethodDelete, Path: "/session", ID: "session.delete", Summary: "Sign out", Open: true,
			Handle: func(c *Call) (any, error) { return nil, signOut(g, c) },
		},
		{
			Method: http.MethodPut, Path: "/session/password", ID: "session.password", Summary: "Change the own password", Roles: Everybody(),
			Description: passwordRules + " All other sessions of the account end, and this one goes on with a new cookie.",
			Body:        PasswordChange{}, Answer: Session{}, MaxBody: 16 << 10,
			Handle: func(c *Call) (any, error) { return changePassword(g, c) },
		},
		{
			Method: http.MethodGet, Path: "/oidc/login", ID: "oidc.login", Summary: "Send a browser to the OpenID Connect provider", Open: true,
			Query:  []Param{{Name: "return", About: "the local path to end at; default /"}},
			Status: http.StatusFound, Media: "text/html",
			Stream: func(c *Call, w http.ResponseWriter) error { return oidcLogin(g, c, w) },
		},
		{
			Method: http.MethodGet, Path: "/oidc/callback", ID: "oidc.callback", Summary: "Where the OpenID Connect provider sends a browser back to", Open: true,
			OtherQuery: true, Audited: true, Status: http.StatusSeeOther, Media: "text/html",
			Stream: func(c *Call, w http.ResponseWriter) error { return oidcCallback(g, c, w) },
		},
	}
	for i := range e {
		e[i].Tag = "session"
	}
	return e
}

func sessionOf(g *access.Guard, c *Call, who access.Identity, endsAt *time.Time) (any, error) {
	accounts, err := g.SetUp(c.Context())
	if err != nil {
		return nil, err
	}
	ways := g.Ways()
	s := Session{SignIn: SignIn{Password: ways.Password, Accounts: accounts, OIDC: ways.OIDC}, CSRF: CSRF{SameOrigin: true}}
	if ways.OIDC {
		s.SignIn.OIDCURL = Prefix + "/oidc/login"
	}
	if who.Role == "" {
		return s, nil
	}
	s.SignedIn = true
	s.Identity = &WhoIs{Name: who.Name, Role: who.Role, Owner: who.Owner, AccountID: who.AccountID, Via: "token", EndsAt: endsAt}
	if who.AccountID != "" {
		s.Identity.Via = "session"
	}
	return s, nil
}

// begun answers for a session that has just begun.
func begun(g *access.Guard, c *Call, in *access.SignedIn) (any, error) {
	c.Header().Add("Set-Cookie", in.Cookie.String())
	c.Became(in.Who)
	return sessionOf(g, c, in.Who, &in.EndsAt)
}

func signIn(g *access.Guard, c *Call) (any, error) {
	var n Credentials
	if err := c.Decode(&n); err != nil {
		c.Unkept()
		return nil, err
	}
	in, known, err := g.SignIn(c.Request, n.Name, n.Password)
	if err != nil {
		told, _ := asError(err)
		if told.Status != http.StatusUnauthorized {
			c.Unkept() // nothing was tried, and anybody could fill the log
		}
		target := "unknown name" // people type passwords into the wrong field
		if known {
			target = clip(strings.ToLower(strings.TrimSpace(n.Name)))
		}
		c.Note(target, nil)
		return nil, err
	}
	c.Note(in.Who.Name, nil)
	return begun(g, c, in)
}

func signOut(g *access.Guard, c *Call) error {
	if c.Who.AccountID == "" {
		c.Unkept() // nobody's session ended
	}
	cookie, err := g.SignOut(c.Request)
	if err != nil {
		return err
	}
	c.Header().Add("Set-Cookie", cookie.String())
	return nil
}

func changePassword(g *access.Guard, c *Call) (any, error) {
	var n PasswordChange
	if err := c.Decode(&n); err != nil {
		return nil, err
	}
	c.Note(c.Who.Name, nil)
	in, err := g.ChangePassword(c.Request, n.Current, n.New)
	if err != nil {
		return nil, err
	}
	return begun(g, c, in)
}
