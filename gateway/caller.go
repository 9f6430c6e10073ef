package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/providers"
)

// identify finds the client of a credential: a key of the file, or else a stored one.
// Only the credential's digest is looked up.
func (x *exchange) identify(presented string) *apiError {
	sum := auth.Digest(presented)
	if key, ok := x.rt.keys.Find(sum); key != nil {
		switch {
		case !ok:
			return errUnauthorized("This API key is disabled.")
		case !key.ExpiresAt.IsZero() && x.record.Start.After(key.ExpiresAt):
			return errUnauthorized("This API key has expired.")
		}
		x.client = x.rt.clients[key.Ref]
		return nil
	}
	key, err := x.g.keyring.directory.Find(sum, x.record.Start)
	switch {
	case errors.Is(err, auth.ErrExpired):
		return errUnauthorized("This API key has expired.")
	case errors.Is(err, auth.ErrDisabled):
		return errUnauthorized("This API key is disabled.")
	case err != nil:
		return errUnauthorized("Incorrect API key provided.")
	}
	if x.ring, x.client, err = x.g.keyring.enter(x.rt, key); err != nil {
		return errInternal(fmt.Errorf("client key %s: %w", key.ID(), err))
	}
	return nil
}

// leaveKey lets go of a stored key; a second call does nothing.
func (x *exchange) leaveKey() {
	if x.ring != nil {
		x.g.keyring.leave(x.ring)
		x.ring = nil
	}
}

// from checks where the key is used from.
func (x *exchange) from() *apiError {
	key := x.client.key
	if len(key.AllowedIPs) == 0 || key.AllowsIP(clientAddress(x.r, x.rt.cfg.Server.TrustedProxies)) {
		return nil
	}
	return invalidRequest(http.StatusForbidden, "ip_not_allowed", "", "This API key may not be used from this address.")
}

// capOutput holds the call to what the key lets one call ask for as output; a call that
// asks for nothing gets that.
func (x *exchange) capOutput() *apiError {
	most := x.client.key.MaxTokens
	if most == 0 || x.endpoint == providers.Embeddings {
		return nil
	}
	switch asked := x.req.MaxOutput; {
	case asked > most:
		return invalidRequest(http.StatusBadRequest, "invalid_value", x.req.MaxOutputName,
			x.req.MaxOutputName+" is too large: "+strconv.FormatInt(asked, 10)+". This API key allows at most "+strconv.FormatInt(most, 10)+" per call.")
	case asked == 0:
		x.req.MaxOutput, x.capped = most, most
	}
	return nil
}

// outputName is what an upstream calls the bound of an answer's length. OpenAI's own
// reasoning models take nothing but the newer name, most others nothing but the older.
func outputName(e providers.Endpoint, preset string) string {
	if e == providers.ChatCompletions && (preset == "openai" || preset == "azure") {
		return "max_completion_tokens"
	}
	return "max_tokens"
}

// holder is what people call the holder of a scope.
func (x *exchange) holder(s *budget.Scope) string {
	if s.Kind() == budget.ScopeClientKey && x.client != nil && x.client.key != nil {
		return x.client.key.Name // a stored key's scope bears its ID
	}
	return s.Name()
}

// sayTwice logs what is both in the file and stored, for the file's counts.
func (g *Gateway) sayTwice(n *generation) {
	d := g.keyring.directory
	for i := range n.cfg.ClientKeys {
		k := &n.cfg.ClientKeys[i]
		if other, _ := d.Find(k.SHA256, time.Time{}); other != nil {
			g.log.Warn("a client key of the file has the credential of a stored one: the file's counts", "key", k.Name, "stored", other.ID())
		}
	}
	for i := range n.cfg.Owners {
		if name := n.cfg.Owners[i].Name; d.Owner(name) != nil {
			g.log.Warn("an owner of the file has the name of a stored one: the file's counts", "owner", name)
		}
	}
}

// storedKey finds a stored key by its ID or name, for people; nil: there is none.
func (g *Gateway) storedKey(name string) *auth.Live {
	if k := g.keyring.directory.Key(name); k != nil {
		return k
	}
	var found *auth.Live
	g.keyring.directory.Each(func(k *auth.Live) bool {
		if k.Name() == name {
			found = k
		}
		return found == nil
	})
	return found
}

// bucketsOf answers the buckets of scopes, a key's under the name that people know.
func (g *Gateway) bucketsOf(scopes []*budget.Scope, key string) []BucketState {
	var out []BucketState
	for _, s := range scopes {
		name := s.Name()
		if s.Kind() == budget.ScopeClientKey {
			name = key
		}
		for _, v := range s.View(g.clock.now(), nil) {
			out = append(out, BucketState{s.Kind().String(), name, v})
		}
	}
	return out
}

// FiledKeyBuckets answers the buckets of a key of the configuration and its owner's, by
// the key's name.
func (g *Gateway) FiledKeyBuckets(name string) []BucketState {
	for _, c := range g.current.Load().clients {
		if c.key.Name == name {
			return g.bucketsOf(c.scopes, name)
		}
	}
	return nil
}

// OwnerBuckets answers an owner's buckets as they are now: the file's, or else a stored
// one's.
func (g *Gateway) OwnerBuckets(name string) []BucketState {
	_, scope, ring, err := g.keyring.ownerOf(g.current.Load(), name)
	defer g.keyring.let(ring)
	if err != nil || scope == nil {
		return nil
	}
	return g.bucketsOf([]*budget.Scope{scope}, "")
}

// KeyBuckets answers a stored key's own buckets and its owner's as they are now; false:
// there is no such key.
func (g *Gateway) KeyBuckets(id string) ([]BucketState, bool) {
	k := g.keyring.directory.Key(id)
	if k == nil {
		return nil, false
	}
	ring, c, err := g.keyring.enter(g.current.Load(), k)
	if err != nil {
		return nil, true
	}
	defer g.keyring.leave(ring)
	return g.bucketsOf(c.scopes, c.key.Name), true
}
