package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC signs people in through an OpenID Connect provider. All but OwnerClaim is
// required.
type OIDC struct {
	// Issuer is the provider. Nobody else's word counts.
	Issuer                 string
	ClientID, ClientSecret string
	// RedirectURL is where the provider sends people back to: the callback's address.
	RedirectURL string
	// RoleClaim is the claim, a text or a list of texts, whose values give roles. A dot
	// leads into an object where no claim has the whole name.
	RoleClaim string
	// Roles are looked at in their order; the first whose Value somebody has counts.
	Roles []ClaimRole
	// OwnerClaim names a key-owner's owner. Empty: no key-owner is let in.
	OwnerClaim string
	// Client calls the provider. Nil: one with bounds of its own.
	Client *http.Client
}

// ClaimRole gives a role to a claim's value.
type ClaimRole struct {
	Value string
	Role  Role
}

// Bounds of the calls to the provider.
const (
	providerTimeout = 10 * time.Second // one whole sign-in
	providerAnswer  = 1 << 20          // bytes of one answer
	providerPause   = 5 * time.Second  // after a discovery that failed
	providerAtOnce  = 8                // sign-ins that wait for it
)

// relyingParty is the gateway in the provider's eyes. It is safe for concurrent use.
type relyingParty struct {
	o      OIDC
	client *http.Client
	slots  chan struct{}

	mu       sync.Mutex
	provider *oidc.Provider // nil: not found yet
	failed   error          // why it was not
	failedAt time.Time
}

func newRelyingParty(o OIDC) *relyingParty {
	p := &relyingParty{o: o, client: o.Client, slots: make(chan struct{}, providerAtOnce)}
	if p.client == nil {
		p.client = &http.Client{
			Timeout: providerTimeout, Transport: bounded{http.DefaultTransport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the provider is where it was configured
		}
	}
	return p
}

// bounded cuts answers that are too long to be meant.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, providerAnswer), resp.Body}
	}
	return resp, err
}

// enter bounds how many wait for the provider, and for how long.
func (p *relyingParty) enter(ctx context.Context) (context.Context, func(), error) {
	select {
	case p.slots <- struct{}{}:
	default:
		return nil, nil, busy()
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerTimeout)
	return ctx, func() { cancel(); <-p.slots }, nil
}

// discover finds out the provider's addresses: when they are first needed, and again
// after it failed.
func (p *relyingParty) discover(ctx context.Context, now time.Time) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider != nil {
		return p.provider, nil
	}
	if p.failed != nil && now.Sub(p.failedAt) < providerPause {
		return nil, silent(p.failed)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout) // one who leaves fails nobody else
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err == nil {
		err = p.checkEndpoints(found)
	}
	if err != nil {
		p.failed, p.failedAt = err, now
		return nil, silent(err)
	}
	p.provider, p.failed = found, nil
	return found, nil
}

// checkEndpoints refuses a provider that would have secrets sent in the clear.
func (p *relyingParty) checkEndpoints(found *oidc.Provider) error {
	e := found.Endpoint()
	for _, address := range []string{e.AuthURL, e.TokenURL} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(p.o.Issuer, "https:")) {
			return fmt.Errorf("the provider's endpoint %.200q cannot be used", address)
		}
	}
	return nil
}

// silent is a provider that does not answer as it should.
func silent(cause error) *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Code: "provider_unavailable", RetryAfter: providerPause,
		Message: "the OpenID Connect provider cannot be reached now", Cause: fmt.Errorf("OpenID Connect: %.300s", cause.Error())}
}

func (p *relyingParty) config(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.o.RedirectURL,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// flowCookie keeps a sign-in that is at the provider; it is the browser's own copy of
// what must come back, so the gateway keeps nothing, and any node can go on.
const (
	flowCookie = "sluice_oidc"
	flowTime   = 10 * time.Minute
)

type flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // PKCE
	Return   string    `json:"r"` // the local path to end at
	Until    time.Time `json:"u"`
}

func readFlow(r *http.Request, now time.Time) (flow, bool) {
	var f flow
	cookies := r.CookiesNamed(flowCookie)
	if len(cookies) != 1 {
		return f, false
	}
	text, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil || json.Unmarshal(text, &f) != nil {
		return f, false
	}
	ok := f.State != "" && f.Nonce != "" && f.Verifier != "" && now.Before(f.Until)
	return f, ok
}

// LocalPath is where a sign-in may end: a path of this listener, and nothing that a
// browser would take for another's. Anything else is the root.
func LocalPath(p string) string {
	u, err := url.Parse(p)
	if err != nil || len(p) > 512 || !visible(p) || strings.ContainsAny(p, `\`) || u.IsAbs() || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") {
		return "/"
	}
	return p
}

// noProvider refuses where none is configured.
func noProvider() *Refusal {
	return &Refusal{Status: http.StatusNotFound, Code: "no_oidc", Message: "OpenID Connect is not configured: see admin.oidc"}
}

// BeginOIDC answers where to send a browser to sign in, and the cookie that it must bring
// back. back is the local path to end at.
func (g *Guard) BeginOIDC(r *http.Request, back string) (string, *http.Cookie, error) {
	set := g.settings.Load()
	if set.oidc == nil || g.store == nil {
		return "", nil, noProvider()
	}
	ctx, done, err := set.oidc.enter(r.Context())
	if err != nil {
		return "", nil, err
	}
	defer done()
	found, err := set.oidc.discover(ctx, g.now())
	if err != nil {
		return "", nil, err
	}
	state, _ := newCookie()
	nonce, _ := newCookie()
	f := flow{State: state, Nonce: nonce, Verifier: oauth2.GenerateVerifier(), Return: LocalPath(back), Until: g.now().Add(flowTime)}
	text, err := json.Marshal(f)
	if err != nil {
		return "", nil, err
	}
	c := cookie(r, set, flowCookie, base64.RawURLEncoding.EncodeToString(text))
	c.SameSite, c.MaxAge = http.SameSiteLaxMode, int(flowTime/time.Second) // the provider's page leads back here
	return set.oidc.config(found).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), c, nil
}

// EndOIDC takes a browser back from the provider: it answers the session, the local path
// to end at, and the cookie that takes the flow's away, which is to be set in any case.
func (g *Guard) EndOIDC(r *http.Request) (in *SignedIn, back string, clear *http.Cookie, err error) {
	set, now := g.settings.Load(), g.now()
	clear = cookie(r, set, flowCookie, "")
	clear.SameSite, clear.MaxAge = http.SameSiteLaxMode, -1
	if set.oidc == nil || g.store == nil {
		return nil, "/", clear, noProvider()
	}
	f, ok := readFlow(r, now)
	back = LocalPath(f.Return)
	q := r.URL.Query()
	switch {
	case !ok || subtle.ConstantTimeCompare([]byte(f.State), []byte(q.Get("state"))) != 1:
		return nil, back, clear, badFlow("this sign-in was not begun here, or took more than ten minutes: begin again")
	case q.Has("iss") && q.Get("iss") != set.oidc.o.Issuer:
		return nil, back, clear, badFlow("the answer is not from the configured provider")
	case q.Has("error"):
		return nil, back, clear, badFlow(fmt.Sprintf("the provider did not sign you in: %.100q", q.Get("error")))
	case q.Get("code") == "":
		return nil, back, clear, badFlow("the provider sent no code")
	}
	person, err := set.oidc.person(r.Context(), now, f, q.Get("code"))
	if err != nil {
		return nil, back, clear, err
	}
	a, err := g.admit(r.Context(), person)
	if err != nil {
		return nil, back, clear, err
	}
	in, err = g.begin(r, &a)
	return in, back, clear, err
}

func badFlow(message string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "sign_in_failed", Message: message}
}

// person exchanges a code and reads who the provider says it is.
func (p *relyingParty) person(ctx context.Context, now time.Time, f flow, code string) (person, error) {
	ctx, done, err := p.enter(ctx)
	if err != nil {
		return person{}, err
	}
	defer done()
	found, err := p.discover(ctx, now)
	if err != nil {
		return person{}, err
	}
	token, err := p.config(found).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	var answered *oauth2.RetrieveError
	switch {
	case errors.As(err, &answered):
		// The provider's body may repeat what it was sent.
		return person{}, distrust(fmt.Errorf("the token endpoint answered %d %.40q", answered.Response.StatusCode, answered.ErrorCode))
	case err != nil:
		return person{}, silent(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.o.ClientID, Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		return person{}, distrust(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return person{}, distrust(errors.New("the nonce is another sign-in's"))
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return person{}, distrust(err)
	}
	return p.read(id.Subject, claims)
}

// distrust is an answer of the provider that does not prove who somebody is.
func distrust(cause error) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "sign_in_failed", Message: "the provider's answer does not prove who you are: begin again",
		Cause: fmt.Errorf("OpenID Connect: %.300s", cause.Error())}
}
