package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"
)

// What is known of credentials is remembered for freshFor; maxSeen bounds how many.
const (
	freshFor = time.Second
	maxSeen  = 1024
)

// credential is a bearer token's or a session's digest.
type credential struct {
	session bool
	hash    Digest
}

// sighting is whose a credential was at a moment.
type sighting struct {
	at   time.Time
	who  Identity
	ends time.Time // zero: never
}

// Authenticate finds out who asks and puts it into the request's context: an [Identity]
// with a role, or one that has only From, and then [WhyNobody]. Only a request from
// another site that would use a browser's cookies is answered here, with 403.
func (g *Guard) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := ""
		if ip := clientAddress(r, g.settings.Load().TrustedProxies); ip.IsValid() {
			from = ip.String()
		}
		token, given := bearerOf(r.Header)
		if !given {
			if err := g.origin.Check(r); err != nil {
				crossOrigin().write(w)
				return
			}
		}
		who, why := g.identify(r, token, given, true)
		ctx, leave := context.WithCancel(r.Context())
		defer leave()
		if why != nil {
			ctx = context.WithValue(ctx, refusalKey{}, why)
		} else {
			defer g.watch(who, leave, func() (Identity, *Refusal) { return g.identify(r, token, given, false) })()
		}
		who.From = from
		next.ServeHTTP(w, r.WithContext(With(ctx, who)))
	})
}

func crossOrigin() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "cross_origin",
		Message: "a browser sent this from another site: changes with a session must come from the gateway's own pages"}
}

// identify answers who shows a credential, or why it is nobody's. used says whether a
// session lives longer by it.
func (g *Guard) identify(r *http.Request, token string, given, used bool) (Identity, *Refusal) {
	if given {
		return g.bearer(r.Context(), token)
	}
	hash, given, ok := cookieOf(r)
	switch {
	case !given:
		return Identity{}, unauthorized("sign in, or send a token of the admin API as Authorization: Bearer TOKEN")
	case !ok || g.store == nil:
		return Identity{}, sessionOver()
	}
	return g.remembered(credential{session: true, hash: hash}, func() (sighting, *Refusal) { return g.session(r.Context(), hash, used) })
}

func sessionOver() *Refusal { return unauthorized("the session has ended: sign in again") }

func wrongToken() *Refusal {
	return unauthorized("the token is unknown or has ended: send one of the admin API as Authorization: Bearer TOKEN")
}

// bearer answers whose a token is. The tokens of the options are compared whatever the
// store does, in the same time for every wrong one.
func (g *Guard) bearer(ctx context.Context, token string) (Identity, *Refusal) {
	if token == "" {
		return Identity{}, wrongToken()
	}
	hash := sha256.Sum256([]byte(token))
	configured := g.settings.Load().token
	if subtle.ConstantTimeCompare(hash[:], configured[:]) == 1 {
		return Identity{Name: "admin token", Role: Admin}, nil
	}
	if subtle.ConstantTimeCompare(hash[:], g.bootstrap[:]) == 1 {
		return Identity{Name: "bootstrap token", Role: Admin}, nil
	}
	if g.store == nil || !madeHere(token) {
		return Identity{}, wrongToken()
	}
	return g.remembered(credential{hash: hash}, func() (sighting, *Refusal) {
		t, err := g.store.TokenByHash(ctx, hash)
		switch {
		case missing(err):
			return sighting{}, wrongToken()
		case err != nil:
			return sighting{}, unchecked(err)
		}
		return sighting{who: Identity{Name: t.Name, Role: t.Role, Owner: t.Owner}, ends: t.ExpiresAt}, nil
	})
}

// remembered answers from memory what is fresh, and looks up the rest. Only what is good
// is remembered, so that garbage pushes nobody out.
func (g *Guard) remembered(c credential, look func() (sighting, *Refusal)) (Identity, *Refusal) {
	now := g.now()
	g.mu.Lock()
	s, ok := g.seen.Get(c)
	g.mu.Unlock()
	if age := now.Sub(s.at); !ok || age < 0 || age >= freshFor {
		var why *Refusal
		if s, why = look(); why != nil {
			return Identity{}, why
		}
		s.at = now // before the look: its answer is no older
		g.mu.Lock()
		g.seen.Add(c, s)
		g.mu.Unlock()
	}
	if !s.ends.IsZero() && !now.Before(s.ends) {
		if c.session {
			return Identity{}, sessionOver()
		}
		return Identity{}, wrongToken()
	}
	return s.who, nil
}

// forget makes changes count at once.
func (g *Guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen.Purge()
}

// session answers whose a session is, and where it is used lets it end later.
func (g *Guard) session(ctx context.Context, hash Digest, used bool) (sighting, *Refusal) {
	kept, err := g.store.SessionByHash(ctx, hash)
	switch {
	case missing(err):
		return sighting{}, sessionOver()
	case err != nil:
		return sighting{}, unchecked(err)
	}
	now, set := g.now(), g.settings.Load()
	last := kept.CreatedAt.Add(set.Session)
	ends := earlier(kept.ExpiresAt, last)
	if !now.Before(ends) {
		return sighting{}, sessionOver()
	}
	a, err := g.store.Account(ctx, kept.AccountID)
	switch {
	case missing(err), err == nil && a.Disabled:
		return sighting{}, sessionOver()
	case err != nil:
		return sighting{}, unchecked(err)
	}
	if later := earlier(now.Add(set.Idle), last); used && later.Sub(ends) >= set.Idle/16 {
		// Where this fails the session ends sooner, or the next use succeeds.
		if g.store.ExtendSession(ctx, hash, later) == nil {
			ends = later
		}
	}
	return sighting{who: identityOf(&a), ends: ends}, nil
}

func identityOf(a *Account) Identity {
	return Identity{Name: a.Name, Role: a.Role, Owner: a.Owner, AccountID: a.ID}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
