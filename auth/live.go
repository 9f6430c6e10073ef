package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Live is a stored key as the Directory keeps it. It never changes: an edit makes a new
// one, so holding on to it is safe, and comparing pointers tells whether a key has
// changed. Safe for concurrent use.
type Live struct {
	// What a look-up needs comes first, on one line of the cache.
	hash           [sha256.Size]byte
	expires        int64    // Unix nanoseconds; 0: never
	old            *rotated // nil: no credential but the present one works
	profile        *Profile
	idEnd, nameEnd uint16
	disabled       bool

	text             string     // ID, name and hint, one behind the other
	owner            *ownerName // nil: nobody's
	tags             *[]string  // nil: none
	created, updated int64      // Unix nanoseconds
	version          int64
}

// rotated is the credential from before a rotation.
type rotated struct {
	hash  [sha256.Size]byte
	until int64
}

// Profile is what a key allows. Keys that allow the same share one; it must not be
// changed.
type Profile struct {
	Priority string
	// Weight is at least 1.
	Weight int
	// Models are as in Key.
	Models []string
	// Limits are as in Stored.
	Limits map[string]string
	// MaxTokens caps what one call may ask for as output; zero: no cap.
	MaxTokens int64
	// AllowedIPs are the networks it may be used from; none: everywhere.
	AllowedIPs []netip.Prefix
}

// Allows says whether the profile may use a model.
func (p *Profile) Allows(model string) bool { return allows(p.Models, model) }

// AllowsIP says whether the profile may be used from an address.
func (p *Profile) AllowsIP(ip netip.Addr) bool { return within(p.AllowedIPs, ip) }

// compact makes a Live of a key. The directory's writing lock is held.
func (d *Directory) compact(k *Stored) *Live {
	l := &Live{
		hash: k.Hash, text: k.ID + k.Name + k.Hint, idEnd: uint16(len(k.ID)), nameEnd: uint16(len(k.ID) + len(k.Name)),
		expires: nanos(k.ExpiresAt), created: nanos(k.CreatedAt), updated: nanos(k.UpdatedAt),
		version: k.Version, disabled: k.Disabled,
	}
	if k.OldHash != ([sha256.Size]byte{}) {
		l.old = &rotated{k.OldHash, nanos(k.OldUntil)}
	}
	l.profile = d.profiles.intern(profileOf(k))
	if len(k.Tags) > 0 {
		l.tags = d.tags.intern(&k.Tags)
	}
	if k.Owner != "" {
		n := d.names[k.Owner]
		if n == nil {
			n = &ownerName{name: strings.Clone(k.Owner)}
			d.names[n.name] = n
		}
		n.keys++
		l.owner = n
	}
	return l
}

// profileOf is what a key allows. A network that cannot be read lets nobody in: a list
// that was meant to keep people out must not let everybody in.
func profileOf(k *Stored) *Profile {
	p := &Profile{Priority: k.Priority, Weight: max(k.Weight, 1), Models: k.Models, Limits: k.Limits, MaxTokens: k.MaxTokens}
	for _, text := range k.AllowedIPs {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			n = netip.Prefix{} // contains no address
		}
		p.AllowedIPs = append(p.AllowedIPs, n)
	}
	return p
}

// hashes are the digests that lead to the key.
func (k *Live) hashes() [][sha256.Size]byte {
	if k.old == nil {
		return [][sha256.Size]byte{k.hash}
	}
	return [][sha256.Size]byte{k.hash, k.old.hash}
}

// ID is made by the gateway and never changes.
func (k *Live) ID() string { return k.text[:k.idEnd] }

// Name is unique among live keys.
func (k *Live) Name() string { return k.text[k.idEnd:k.nameEnd] }

// Hint is the last characters of the credential.
func (k *Live) Hint() string { return k.text[k.nameEnd:] }

// Owner is the owner's name; empty: nobody's.
func (k *Live) Owner() string {
	if k.owner == nil {
		return ""
	}
	return k.owner.name
}

// Profile is what the key allows.
func (k *Live) Profile() *Profile { return k.profile }

// Tags are for people; they must not be changed.
func (k *Live) Tags() []string {
	if k.tags == nil {
		return nil
	}
	return *k.tags
}

// Hash is the SHA-256 of the credential.
func (k *Live) Hash() [sha256.Size]byte { return k.hash }

// Version grows with each change.
func (k *Live) Version() int64 { return k.version }

// Stored is the key as the store keeps it, for people and for edits. Its lists are the
// caller's own.
func (k *Live) Stored() Stored {
	s := Stored{
		ID: k.ID(), Name: k.Name(), Owner: k.Owner(), Priority: k.profile.Priority, Weight: k.profile.Weight,
		Models: append([]string(nil), k.profile.Models...), Limits: map[string]string{}, MaxTokens: k.profile.MaxTokens,
		Tags: append([]string(nil), k.Tags()...), ExpiresAt: moment(k.expires), Disabled: k.disabled,
		Hash: k.hash, Hint: k.Hint(), CreatedAt: moment(k.created), UpdatedAt: moment(k.updated), Version: k.version,
	}
	for name, text := range k.profile.Limits {
		s.Limits[name] = text
	}
	for _, n := range k.profile.AllowedIPs {
		s.AllowedIPs = append(s.AllowedIPs, n.String())
	}
	if k.old != nil {
		s.OldHash, s.OldUntil = k.old.hash, moment(k.old.until)
	}
	return s
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// half of a digest names a shared value: that two of a million meet by chance has a
// probability of 10^-27.
type half = [sha256.Size / 2]byte

// interned keeps one of each value that many keys share, as long as one does. A value is
// known by the digest of what write appends for it: equal for equal values, and different
// for different ones.
type interned[T any] struct {
	write    func(b []byte, v *T) []byte
	buf      []byte
	byDigest map[half]*shared[T]
	digestOf map[*T]half
}

type shared[T any] struct {
	value *T
	users int
}

func newInterned[T any](write func(b []byte, v *T) []byte) interned[T] {
	return interned[T]{write: write, byDigest: map[half]*shared[T]{}, digestOf: map[*T]half{}}
}

// appendWord appends a text so that no two lists of words look the same.
func appendWord(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendWords(b []byte, list *[]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(*list)))
	for _, s := range *list {
		b = appendWord(b, s)
	}
	return b
}

func appendProfile(b []byte, p *Profile) []byte {
	b = appendWord(b, p.Priority)
	b = binary.AppendVarint(b, int64(p.Weight))
	b = binary.AppendVarint(b, p.MaxTokens)
	b = appendWords(b, &p.Models)
	b = binary.AppendUvarint(b, uint64(len(p.Limits)))
	for _, name := range slices.Sorted(maps.Keys(p.Limits)) {
		b = appendWord(appendWord(b, name), p.Limits[name])
	}
	for _, n := range p.AllowedIPs {
		b = appendWord(b, n.String())
	}
	return b
}

// intern answers the shared value that equals v, and counts its user. v itself is not
// kept: it may be a part of something larger.
func (n *interned[T]) intern(v *T) *T {
	n.buf = n.write(n.buf[:0], v)
	sum := sha256.Sum256(n.buf)
	h := half(sum[:16])
	s := n.byDigest[h]
	if s == nil {
		own := new(T)
		if text, err := json.Marshal(v); err != nil || json.Unmarshal(text, own) != nil {
			own = v // strings, numbers and prefixes always marshal
		}
		s = &shared[T]{value: own}
		n.byDigest[h], n.digestOf[own] = s, h
	}
	s.users++
	return s.value
}

// release forgets a user, and the value with its last one.
func (n *interned[T]) release(v *T) {
	h, ok := n.digestOf[v]
	if !ok {
		return
	}
	s := n.byDigest[h]
	if s.users--; s.users == 0 {
		delete(n.byDigest, h)
		delete(n.digestOf, v)
	}
}
