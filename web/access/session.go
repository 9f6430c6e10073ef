package access

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// SignedIn is a session that has just begun.
type SignedIn struct {
	Who Identity
	// Cookie carries it.
	Cookie *http.Cookie
	// EndsAt is when it ends at the latest.
	EndsAt time.Time
}

// SignIn begins a session for whoever knows a password. Its refusals are 401 for a name
// or a password that is wrong, whichever it is; 429 after too many of them; 503 where too
// many sign in at once. known says whether there is an account of the name, for the audit
// log only.
func (g *Guard) SignIn(r *http.Request, name, password string) (in *SignedIn, known bool, err error) {
	if err := g.needStore(); err != nil {
		return nil, false, err
	}
	name = foldName(name)
	a, err := g.store.AccountByName(r.Context(), name)
	if err != nil && !missing(err) && checkName(name) == "" {
		return nil, false, unchecked(err)
	}
	known = err == nil
	if !known || a.Disabled {
		a.PasswordHash = "" // checked against nothing, in the same time
	}
	if err := g.checkTry(r, name, password, a.PasswordHash); err != nil {
		return nil, known, err
	}
	g.rehash(r.Context(), &a, password)
	in, err = g.begin(r, &a)
	return in, known, err
}

// checkTry checks a password within the throttle.
func (g *Guard) checkTry(r *http.Request, name, password, hash string) error {
	try, wait := g.throttle.enter(g.now(), name, clientAddress(r, g.settings.Load().TrustedProxies))
	if wait > 0 {
		return &Refusal{Status: http.StatusTooManyRequests, Code: "too_many_tries", RetryAfter: wait,
			Message: "too many wrong passwords: try again in " + RetrySeconds(wait) + " s"}
	}
	right, err := g.passwords.verify(r.Context(), password, hash)
	switch {
	case err != nil:
		try.undecided()
		return err
	case !right:
		try.wrong(g.now())
		return &Refusal{Status: http.StatusUnauthorized, Code: "wrong_credentials", Message: "the name or the password is wrong"}
	}
	try.right()
	return nil
}

// rehash brings the hash of a password that was just right to the present cost. Where
// that fails the old one stays good.
func (g *Guard) rehash(ctx context.Context, a *Account, password string) {
	if !g.passwords.stale(a.PasswordHash) {
		return
	}
	hash, err := g.passwords.hash(ctx, password)
	if err != nil {
		return
	}
	next := *a
	next.PasswordHash, next.UpdatedAt = hash, g.now()
	if g.store.UpdateAccount(ctx, &next, nil) == nil {
		*a = next
	}
}

// begin makes a session and its cookie; the one that the browser had before ends.
func (g *Guard) begin(r *http.Request, a *Account) (*SignedIn, error) {
	ctx, set, now := r.Context(), g.settings.Load(), g.now()
	if hash, _, ok := cookieOf(r); ok {
		if err := g.end(ctx, hash); err != nil {
			return nil, err
		}
	}
	value, hash := newCookie()
	s := &Session{Hash: hash, AccountID: a.ID, CreatedAt: now, ExpiresAt: now.Add(set.Idle)}
	if err := g.store.CreateSession(ctx, s); err != nil {
		return nil, err
	}
	c := cookie(r, set, CookieName, value)
	c.MaxAge = int(set.Session / time.Second)
	return &SignedIn{Who: identityOf(a), Cookie: c, EndsAt: now.Add(set.Session)}, nil
}

func cookie(r *http.Request, set *settings, name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: encrypted(r, set.TrustedProxies),
	}
}

func (g *Guard) end(ctx context.Context, hash Digest) error {
	if err := g.store.DeleteSession(ctx, hash); err != nil {
		return err
	}
	g.forget()
	return nil
}

// SignOut ends the request's session, if it has one, and answers the cookie that takes
// the browser's away.
func (g *Guard) SignOut(r *http.Request) (*http.Cookie, error) {
	if hash, _, ok := cookieOf(r); ok && g.store != nil {
		if err := g.end(r.Context(), hash); err != nil {
			return nil, err
		}
	}
	c := cookie(r, g.settings.Load(), CookieName, "")
	c.MaxAge = -1
	return c, nil
}

// ChangePassword sets the password of whoever asks. All sessions of the account end, and
// a new one begins.
func (g *Guard) ChangePassword(r *http.Request, current, next string) (*SignedIn, error) {
	ctx, who := r.Context(), Of(r.Context())
	if err := g.needStore(); err != nil {
		return nil, err
	}
	if who.AccountID == "" {
		return nil, conflict("no_password", "a token has no password: sign in with an account to change its password")
	}
	a, err := g.store.Account(ctx, who.AccountID)
	if err != nil {
		return nil, err
	}
	if a.PasswordHash == "" {
		return nil, conflict("no_password", "this account signs in through OpenID Connect and has no password")
	}
	if problem := checkPassword(next, a.Name); problem != "" {
		return nil, invalid("the new password cannot be used", map[string]string{"password": problem})
	}
	if err := g.checkTry(r, a.Name, current, a.PasswordHash); err != nil {
		return nil, err
	}
	if a.PasswordHash, err = g.passwords.hash(ctx, next); err != nil {
		return nil, err
	}
	a.UpdatedAt = g.now()
	if err := g.store.UpdateAccount(ctx, &a, nil); err != nil {
		return nil, err
	}
	if err := g.store.DeleteSessions(ctx, a.ID); err != nil {
		return nil, err
	}
	g.forget()
	return g.begin(r, &a)
}

// SetUp says whether there is an account to sign in with.
func (g *Guard) SetUp(ctx context.Context) (bool, error) {
	if g.store == nil {
		return false, nil
	}
	all, err := g.store.Accounts(ctx)
	return len(all) > 0, err
}

// foldName is a name as it is kept: people do not remember its capitals.
func foldName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
