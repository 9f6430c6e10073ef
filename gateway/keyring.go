package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/plan"
	"github.com/sluice-gateway/sluice/shedding"
)

// keyring is what hangs on stored keys that are in use: their buckets, and their owners'.
// It lives across configurations. Something is made when a key first calls, made again
// in place when the key, its owner or the configuration has changed, and forgotten when
// nothing is in flight and the buckets are full again, so memory follows the keys that
// carry something, not those that exist. Safe for concurrent use.
type keyring struct {
	clock     clock
	directory *auth.Directory
	shards    [keyringShards]ringShard

	mu     sync.Mutex
	owners map[string]*ownerRing
	kept   map[string]keptLevels // saved levels whose scope has not been made yet
}

const keyringShards = 32

type ringShard struct {
	mu   sync.Mutex
	keys map[string]*keyRing
}

// keyRing is one stored key in use. Its shard's lock guards all but the client's values.
type keyRing struct {
	id     string
	users  int     // exchanges that hold on to it
	client *client // nil: not made yet
	from   madeFrom
	limits []budget.Limit
	scope  *budget.Scope // nil: it has no limits
	owner  *ownerRing    // nil: none, or the file's
}

// madeFrom says what a client was made of.
type madeFrom struct {
	key        *auth.Live
	generation int64
	owners     int64 // OwnerChanges
}

// ownerRing is a stored owner's buckets. The keyring's lock guards it.
type ownerRing struct {
	name   string
	users  int // keyRings that hold on to it
	from   *auth.StoredOwner
	limits []budget.Limit
	scope  *budget.Scope
}

func newKeyring(c clock, d *auth.Directory) *keyring {
	k := &keyring{clock: c, directory: d, owners: map[string]*ownerRing{}, kept: map[string]keptLevels{}}
	for i := range k.shards {
		k.shards[i].keys = map[string]*keyRing{}
	}
	return k
}

// shard spreads keys by their IDs' ends, which are random.
func (r *keyring) shard(id string) *ringShard {
	h := uint32(2166136261)
	for i := max(len(id)-8, 0); i < len(id); i++ {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return &r.shards[h%keyringShards]
}

// enter answers the client of a stored key, up to date, and holds on to it until leave.
func (r *keyring) enter(rt *generation, k *auth.Live) (*keyRing, *client, error) {
	s := r.shard(k.ID())
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys[k.ID()]
	if e == nil {
		e = &keyRing{id: k.ID()}
		s.keys[e.id] = e
	}
	now := madeFrom{k, rt.number, r.directory.OwnerChanges()}
	if e.client == nil || e.from != now {
		if current := r.directory.Key(k.ID()); current != nil { // the call may have begun before an edit
			k, now.key = current, current
		}
		if e.client == nil || e.from.key != k || e.from.owners != now.owners || e.from.generation < now.generation {
			c, err := r.make(rt, k, e)
			if err != nil {
				return nil, nil, err
			}
			e.client, e.from = c, now
		}
	}
	e.users++
	return e, e.client, nil
}

// refresh brings keys that were edited since their last call up to date, so that their
// buckets are shown, and watched, with the limits that the next call meets.
func (r *keyring) refresh(rt *generation) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for id, e := range s.keys {
			k := r.directory.Key(id)
			now := madeFrom{k, rt.number, r.directory.OwnerChanges()}
			if k == nil || e.client == nil || e.from == now || e.from.generation > now.generation {
				continue
			}
			if c, err := r.make(rt, k, e); err == nil { // otherwise the next call tells
				e.client, e.from = c, now
			}
		}
		s.mu.Unlock()
	}
}

// leave lets go of a key.
func (r *keyring) leave(e *keyRing) {
	s := r.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.users--
}

// make makes the client of a key; the shard's lock is held. Buckets that are there keep
// their levels.
func (r *keyring) make(rt *generation, k *auth.Live, e *keyRing) (*client, error) {
	p := k.Profile()
	class, err := shedding.ParseClass(p.Priority)
	if err != nil {
		return nil, err
	}
	limits, scope, ring, err := r.ownerOf(rt, k.Owner())
	if err != nil {
		return nil, err
	}
	own, err := config.ParseLimits(p.Limits, limits)
	if err != nil {
		r.let(ring)
		return nil, err
	}
	r.let(e.owner)
	e.owner = ring
	c := &client{
		key: &auth.Key{
			ID: k.ID(), Name: k.Name(), Owner: k.Owner(), Priority: p.Priority, Models: p.Models, Hash: k.Hash(),
			MaxTokens: p.MaxTokens, AllowedIPs: p.AllowedIPs, // when it ends is asked at each look-up
		},
		class: class, weight: float64(p.Weight),
	}
	e.fit(r, plan.Door(&own, rt.cfg.TimeZone))
	if e.scope != nil {
		c.scopes = append(c.scopes, e.scope)
	}
	if scope != nil {
		c.scopes = append(c.scopes, scope)
	}
	return c, nil
}

// fit gives the key's buckets their limits.
func (e *keyRing) fit(r *keyring, limits []budget.Limit) {
	switch {
	case len(limits) == 0:
		e.scope = nil
	case e.scope == nil:
		e.scope = r.newScope(budget.ScopeClientKey, e.id, limits)
	case !slices.Equal(e.limits, limits):
		e.scope.Reconfigure(r.clock.now(), limits)
	}
	e.limits = limits
}

// newScope makes buckets, with the levels that were saved for them.
func (r *keyring) newScope(kind budget.ScopeKind, name string, limits []budget.Limit) *budget.Scope {
	s := budget.NewScope(kind, name, r.clock.now(), limits)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restore(s)
	return s
}

// ownerOf answers an owner's limits and buckets: the file's, or else the stored one's,
// which is held on to until let. An owner that nobody knows limits nothing.
func (r *keyring) ownerOf(rt *generation, name string) (*config.Limits, *budget.Scope, *ownerRing, error) {
	if name == "" {
		return nil, nil, nil, nil
	}
	if o := rt.cfg.Owner(name); o != nil {
		return &o.Limits, rt.scopes[budget.ScopeOwner.String()+" "+name], nil, nil
	}
	stored := r.directory.Owner(name)
	if stored == nil || len(stored.Limits) == 0 {
		return nil, nil, nil, nil
	}
	parsed, err := config.ParseLimits(stored.Limits, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	limits := plan.Door(&parsed, rt.cfg.TimeZone)
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.owners[name]
	switch {
	case o == nil:
		o = &ownerRing{name: name, scope: budget.NewScope(budget.ScopeOwner, name, r.clock.now(), limits)}
		r.restore(o.scope)
		r.owners[name] = o
	case !slices.Equal(o.limits, limits) && (o.from == nil || o.from.Version <= stored.Version || !o.from.CreatedAt.Equal(stored.CreatedAt)):
		o.scope.Reconfigure(r.clock.now(), limits)
	}
	o.from, o.limits = stored, limits
	o.users++
	return &parsed, o.scope, o, nil
}

// let lets go of an owner; nil is nobody.
func (r *keyring) let(o *ownerRing) {
	if o == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o.users--
}

// scopeOf answers an owner's buckets, for a file that begins to name the owner.
func (r *keyring) scopeOf(kind budget.ScopeKind, name string) *budget.Scope {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.owners[name]; o != nil && kind == budget.ScopeOwner {
		return o.scope
	}
	return nil
}

// handOver moves owners' buckets between a configuration and the keyring, where an
// owner has moved between the file and the store.
func (r *keyring) handOver(old, fresh *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.owners {
		if fresh.cfg.Owner(name) != nil {
			delete(r.owners, name)
		}
	}
	if old == nil {
		return
	}
	for id, s := range old.scopes {
		if s.Kind() != budget.ScopeOwner || fresh.scopes[id] != nil || r.directory.Owner(s.Name()) == nil {
			continue
		}
		r.owners[s.Name()] = &ownerRing{name: s.Name(), scope: s}
	}
}

// sweepEvery is the pause between two looks for what can be forgotten.
const sweepEvery = 30 * time.Second

// run forgets what nobody needs, until the context ends.
func (r *keyring) run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.sweep()
		}
	}
}

// sweep forgets keys that nobody uses, whose buckets are full or which are gone for
// good, and then owners in the same way. Spend stays until its day or month is over.
func (r *keyring) sweep() {
	now := r.clock.now()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for id, e := range s.keys {
			if e.users == 0 && (e.scope == nil || idle(e.scope, now) || r.directory.Key(id) == nil) {
				r.let(e.owner)
				delete(s.keys, id)
			}
		}
		s.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, o := range r.owners {
		if o.users == 0 && (idle(o.scope, now) || r.directory.Owner(name) == nil) {
			delete(r.owners, name)
		}
	}
}

// idle says that nothing is taken of a scope's buckets.
func idle(s *budget.Scope, now budget.Instant) bool {
	var room [16]budget.BucketView
	for _, v := range s.View(now, room[:0]) {
		if v.Full > now || v.Reserved != 0 {
			return false
		}
	}
	return true
}

// each calls f for every scope of a stored key or owner that is in use, with the key's
// name where it is a key's.
func (r *keyring) each(f func(s *budget.Scope, name string)) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for _, e := range s.keys {
			if e.scope != nil {
				f(e.scope, e.client.key.Name)
			}
		}
		s.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.owners {
		f(o.scope, o.name)
	}
}
