package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sluice-gateway/sluice/auth"
)

// Settings are what a reload may change.
type Settings struct {
	// Token is the configured bearer token, an admin's. Empty: there is none.
	Token string
	// Session is how long a sign-in lasts at most. Zero: 12 hours.
	Session time.Duration
	// Idle is how long it lasts without being used. Zero: 2 hours.
	Idle time.Duration
	// TrustedProxies are the networks whose X-Forwarded-For and -Proto count.
	TrustedProxies []netip.Prefix
	// OIDC signs people in through a provider. Nil: only passwords do.
	OIDC *OIDC
}

// Options are what a Guard is made of.
type Options struct {
	Settings
	// Store keeps accounts, tokens and sessions. Nil: only the tokens of these options
	// let anybody in.
	Store Store
	// Bootstrap is a bearer token of this run, an admin's, where nobody else could sign
	// in. Empty: there is none.
	Bootstrap string
	// Cost is what one hash of a password costs. Zero: what Cost says.
	Cost argon2id.Params
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Guard knows who may use the admin listener. It is safe for concurrent use.
type Guard struct {
	store     Store
	bootstrap Digest
	now       func() time.Time
	passwords *hasher
	throttle  *throttle
	settings  atomic.Pointer[settings]
	origin    *http.CrossOriginProtection

	mu   sync.Mutex
	seen *simplelru.LRU[credential, sighting]
}

// settings are Settings, and what is made of them once.
type settings struct {
	Settings
	token Digest
	oidc  *relyingParty
}

// New makes a Guard.
func New(o Options) (*Guard, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cost == (argon2id.Params{}) {
		o.Cost = Cost()
	}
	passwords, err := newHasher(o.Cost)
	if err != nil {
		return nil, err
	}
	g := &Guard{
		store: o.Store, now: o.Now, passwords: passwords, throttle: newThrottle(), origin: http.NewCrossOriginProtection(),
		bootstrap: digestOf(o.Bootstrap),
	}
	g.seen, _ = simplelru.NewLRU[credential, sighting](maxSeen, nil) // fails only for sizes below one
	g.Apply(o.Settings)
	return g, nil
}

// Apply changes the settings; sessions go on.
func (g *Guard) Apply(s Settings) {
	if s.Session <= 0 {
		s.Session = 12 * time.Hour
	}
	if s.Idle <= 0 {
		s.Idle = 2 * time.Hour
	}
	s.Idle = min(s.Idle, s.Session)
	next := &settings{Settings: s, token: digestOf(s.Token)}
	if s.OIDC != nil {
		next.oidc = newRelyingParty(*s.OIDC)
	}
	g.settings.Store(next)
}

// digestOf is a token's digest; none's is zero, which nothing hashes to.
func digestOf(token string) Digest {
	if token == "" {
		return Digest{}
	}
	return sha256.Sum256([]byte(token))
}

// purgeEvery is how often sessions that have ended are removed.
const purgeEvery = 10 * time.Minute

// Run removes sessions that have ended until the context does. What fails is told and
// tried again the next time: nobody is let in by a session that has ended.
func (g *Guard) Run(ctx context.Context, failed func(error)) {
	if g.store == nil {
		return
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		if err := g.store.PurgeSessions(ctx, g.now()); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// HasAdmin says whether a stored account or token could act as an admin: whether anybody
// could get in without a token in the configuration.
func HasAdmin(ctx context.Context, s Store, oidc bool, now time.Time) (bool, error) {
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return false, err
	}
	tokens, err := s.Tokens(ctx)
	if err != nil {
		return false, err
	}
	return anAdmin(accounts, tokens, oidc, now), nil
}

// anAdmin says whether somebody of these can get in and is an admin.
func anAdmin(accounts []Account, tokens []Token, oidc bool, now time.Time) bool {
	return slices.ContainsFunc(accounts, func(a Account) bool { return a.Role == Admin && !a.Disabled && (oidc || !a.External()) }) ||
		slices.ContainsFunc(tokens, func(t Token) bool { return t.admits(now) })
}

// admits says that a token lets an admin in.
func (t *Token) admits(now time.Time) bool { return t.Role == Admin && !t.ended(now) }

func (t *Token) ended(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// needStore refuses what only a store can do.
func (g *Guard) needStore() error {
	if g.store == nil {
		return &Refusal{Status: http.StatusServiceUnavailable, Code: "no_store", Message: "there is no store for accounts and tokens"}
	}
	return nil
}

func missing(err error) bool { return errors.Is(err, auth.ErrNotFound) }
