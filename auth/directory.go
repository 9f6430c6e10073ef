package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Why a Directory does not let a credential in.
var (
	ErrUnknown  = errors.New("no key has this credential")
	ErrExpired  = errors.New("the key has expired")
	ErrDisabled = errors.New("the key is disabled")
	// ErrSameCredential: another key has it already. Credentials that Generate makes
	// never meet it.
	ErrSameCredential = errors.New("another key has the same credential")
)

// Digest is what a credential is looked up by. It does not allocate for credentials
// that FromRequest lets through.
func Digest(credential string) [sha256.Size]byte {
	if len(credential) > maxCredential {
		return sha256.Sum256([]byte(credential))
	}
	var room [maxCredential]byte
	return sha256.Sum256(room[:copy(room[:], credential)])
}

// Directory is all stored keys and owners, in memory. A credential is found by its
// digest alone, with one short lock; nothing ever compares the credential itself, so
// the time of a look-up says nothing about how much of a guess was right. Changes count
// from the next look-up on. It is safe for concurrent use; the zero value is not usable.
//
// A million keys that share a few sets of models, limits and networks take about 250
// bytes each.
type Directory struct {
	byHash [shards]table

	writing  sync.Mutex // one change at a time
	profiles interned[Profile]
	tags     interned[[]string]
	names    map[string]*ownerName

	mu     sync.RWMutex
	byID   map[string]*Live
	owners map[string]*StoredOwner

	ownerChanges atomic.Int64
}

// shards is over how many locks and maps the digests are spread.
const shards = 64

// ownerName is an owner's name as its keys share it, and how many they are.
type ownerName struct {
	name string
	keys int
}

// NewDirectory is an empty directory.
func NewDirectory() *Directory {
	return &Directory{
		profiles: newInterned(appendProfile), tags: newInterned(appendWords),
		names: map[string]*ownerName{}, byID: map[string]*Live{}, owners: map[string]*StoredOwner{},
	}
}

func (d *Directory) shard(sum *[sha256.Size]byte) *table { return &d.byHash[sum[31]%shards] }

// Find finds the key of a credential's digest. The error is ErrUnknown, or with the key
// that it is about ErrExpired or ErrDisabled. It does not allocate.
func (d *Directory) Find(sum [sha256.Size]byte, now time.Time) (*Live, error) {
	k := d.shard(&sum).find(&sum)
	if k == nil || k.over(&sum, now) {
		return nil, ErrUnknown
	}
	switch {
	case k.disabled:
		return k, ErrDisabled
	case k.expires != 0 && now.UnixNano() >= k.expires:
		return k, ErrExpired
	}
	return k, nil
}

// over says that a digest is the one from before the last rotation, and its grace has
// ended.
func (k *Live) over(sum *[sha256.Size]byte, now time.Time) bool {
	return k.old != nil && now.UnixNano() >= k.old.until && subtle.ConstantTimeCompare(k.hash[:], sum[:]) != 1
}

// Put adds a key or replaces it; a revoked one is removed. What is older than what is
// there is passed over. The error is ErrSameCredential, or ErrInvalid for an ID or a name
// longer than MaxName, and then nothing has changed.
func (d *Directory) Put(k *Stored) error { return d.put(k, false) }

// Reset is Put, also where what is there is newer: the store has been set back.
func (d *Directory) Reset(k *Stored) error { return d.put(k, true) }

func (d *Directory) put(k *Stored, whatever bool) error {
	if !k.RevokedAt.IsZero() {
		d.Remove(k.ID)
		return nil
	}
	if len(k.ID) > MaxName || len(k.Name) > MaxName {
		return ErrInvalid
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	was := d.Key(k.ID)
	if was != nil && was.version > k.Version && !whatever {
		return nil
	}
	for _, h := range [...][sha256.Size]byte{k.Hash, k.OldHash} {
		if other := d.shard(&h).find(&h); other != nil && other.ID() != k.ID {
			return ErrSameCredential
		}
	}
	live := d.compact(k)
	for _, h := range live.hashes() {
		d.shard(&h).put(&h, live)
	}
	d.mu.Lock()
	delete(d.byID, live.ID()) // the map keeps the first text of equal ones, which belongs to the old value
	d.byID[live.ID()] = live
	d.mu.Unlock()
	if was != nil {
		d.drop(was, live)
	}
	return nil
}

// Remove forgets a key; its credentials are unknown from now on.
func (d *Directory) Remove(id string) {
	d.writing.Lock()
	defer d.writing.Unlock()
	was := d.Key(id)
	if was == nil {
		return
	}
	d.drop(was, nil)
	d.mu.Lock()
	delete(d.byID, id)
	d.mu.Unlock()
}

// drop takes out what of a replaced key its successor does not have.
func (d *Directory) drop(was, now *Live) {
	for _, h := range was.hashes() {
		d.shard(&h).remove(&h, was)
	}
	d.profiles.release(was.profile)
	d.tags.release(was.tags)
	if was.owner != nil {
		if was.owner.keys--; was.owner.keys == 0 {
			delete(d.names, was.owner.name)
		}
	}
}

// Key answers a key by its ID; nil: there is none, or it was revoked.
func (d *Directory) Key(id string) *Live {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byID[id]
}

// Len is the number of keys.
func (d *Directory) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.byID)
}

// Each calls f for every key, in no order, until it answers false. Changes wait
// meanwhile; look-ups by digest do not. f must not call the directory.
func (d *Directory) Each(f func(*Live) bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, k := range d.byID {
		if !f(k) {
			return
		}
	}
}

// PutOwner adds an owner or replaces it; a deleted one is removed. What is older than
// what is there is passed over.
func (d *Directory) PutOwner(o *StoredOwner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if was := d.owners[o.Name]; was != nil && was.Version > o.Version {
		return
	}
	d.ownerChanges.Add(1)
	if !o.DeletedAt.IsZero() {
		delete(d.owners, o.Name)
		return
	}
	own := *o
	d.owners[o.Name] = &own
}

// Owner answers an owner by name, which must not be changed; nil: there is none.
func (d *Directory) Owner(name string) *StoredOwner {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.owners[name]
}

// Owners answers all owners in no order; they must not be changed.
func (d *Directory) Owners() []*StoredOwner {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]*StoredOwner, 0, len(d.owners))
	for _, o := range d.owners {
		out = append(out, o)
	}
	return out
}

// OwnerChanges grows with every change of an owner: whoever made something of owners
// knows by it whether to look again.
func (d *Directory) OwnerChanges() int64 { return d.ownerChanges.Load() }

// Limited says whether any key or owner has one of these limits.
func (d *Directory) Limited(names ...string) bool {
	has := func(limits map[string]string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return limits[n] != "" })
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	for _, p := range d.profiles.byDigest {
		if has(p.value.Limits) {
			return true
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, o := range d.owners {
		if has(o.Limits) {
			return true
		}
	}
	return false
}

// KeysOf is how many keys belong to an owner.
func (d *Directory) KeysOf(owner string) int {
	d.writing.Lock()
	defer d.writing.Unlock()
	if n := d.names[owner]; n != nil {
		return n.keys
	}
	return 0
}
