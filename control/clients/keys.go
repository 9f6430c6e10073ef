package clients

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
)

// DefaultGrace is how long the old credential works after a rotation that says nothing
// else; MaxGrace is the longest.
const (
	DefaultGrace = 24 * time.Hour
	MaxGrace     = 30 * 24 * time.Hour
)

// hintLength is how much of a credential's end is shown, to tell keys apart.
const hintLength = 4

// CreateKey makes a key of what may be chosen about one, and answers its credential,
// which is not told again, and what is allowed and probably not meant. The error is
// auth.FieldErrors for what is wrong, auth.ErrExists for a name that is taken, or the
// store's.
func (s *Service) CreateKey(ctx context.Context, k auth.Stored) (auth.Stored, string, []string, error) {
	fill(&k)
	wrong, warnings := s.check(&k)
	if len(wrong) > 0 {
		return auth.Stored{}, "", nil, wrong
	}
	secret := auth.Generate()
	now := s.now()
	k.ID, k.Hash, k.Hint = newID(now), auth.Digest(secret), secret[len(secret)-hintLength:]
	k.OldHash, k.OldUntil, k.RevokedAt = [32]byte{}, time.Time{}, time.Time{}
	k.CreatedAt, k.UpdatedAt = now, now
	if err := s.o.Store.CreateKey(ctx, &k); err != nil {
		return auth.Stored{}, "", nil, err
	}
	s.takeKey(&k)
	return k, secret, warnings, nil
}

// fill sets the defaults of the configuration file.
func fill(k *auth.Stored) {
	if k.Priority == "" {
		k.Priority = "normal"
	}
	if k.Weight == 0 {
		k.Weight = 1
	}
	if k.Models == nil {
		k.Models = []string{"*"}
	}
}

// EditKey changes what may be chosen about a key. version is the one that the change was
// made from; zero: whichever is there. The error is auth.ErrNotFound, auth.ErrConflict,
// or as for CreateKey. What change does to identity, credential and times does not count.
func (s *Service) EditKey(ctx context.Context, id string, version int64, change func(*auth.Stored) error) (auth.Stored, []string, error) {
	var warnings []string
	k, err := s.update(ctx, id, version, func(k *auth.Stored) error {
		before := *k
		before.Limits = maps.Clone(k.Limits)
		if err := change(k); err != nil {
			return err
		}
		keepIdentity(k, &before)
		fill(k)
		wrong, said := s.check(k)
		old, _ := s.check(&before)
		for field, message := range old {
			if wrong[field] == message {
				delete(wrong, field)
			}
		}
		if warnings = said; len(wrong) > 0 {
			return wrong
		}
		return nil
	})
	return k, warnings, err
}

// keepIdentity undoes what an edit may not touch.
func keepIdentity(k, was *auth.Stored) {
	k.ID, k.Hash, k.Hint, k.OldHash, k.OldUntil = was.ID, was.Hash, was.Hint, was.OldHash, was.OldUntil
	k.CreatedAt, k.RevokedAt, k.Version = was.CreatedAt, was.RevokedAt, was.Version
}

// RotateKey gives a key a new credential, which is not told again; the old one works for
// the grace (0: not at all), and the one before it no longer.
func (s *Service) RotateKey(ctx context.Context, id string, version int64, grace time.Duration) (auth.Stored, string, error) {
	if grace < 0 || grace > MaxGrace {
		return auth.Stored{}, "", auth.FieldErrors{"grace": fmt.Sprintf("must be between 0 and %dh", int(MaxGrace.Hours()))}
	}
	secret := auth.Generate()
	k, err := s.update(ctx, id, version, func(k *auth.Stored) error {
		k.OldHash, k.OldUntil = [32]byte{}, time.Time{}
		if grace > 0 {
			k.OldHash, k.OldUntil = k.Hash, s.now().Add(grace)
		}
		k.Hash, k.Hint = auth.Digest(secret), secret[len(secret)-hintLength:]
		return nil
	})
	if err != nil {
		return auth.Stored{}, "", err
	}
	return k, secret, nil
}

// RevokeKey ends a key for good: its credentials are unknown when this returns.
func (s *Service) RevokeKey(ctx context.Context, id string, version int64) (auth.Stored, error) {
	return s.update(ctx, id, version, func(k *auth.Stored) error {
		k.RevokedAt = s.now()
		k.OldHash, k.OldUntil = [32]byte{}, time.Time{}
		return nil
	})
}

// attempts is how often a change that names no version is made again upon somebody
// else's.
const attempts = 5

// update reads, changes and writes one key, and puts it in force on this node.
func (s *Service) update(ctx context.Context, id string, version int64, change func(*auth.Stored) error) (auth.Stored, error) {
	for try := 1; ; try++ {
		k, err := s.o.Store.Key(ctx, id)
		switch {
		case err != nil:
			return auth.Stored{}, err
		case !k.RevokedAt.IsZero():
			return auth.Stored{}, auth.ErrNotFound
		case version != 0 && k.Version != version:
			return auth.Stored{}, auth.ErrConflict
		}
		if err := change(&k); err != nil {
			return auth.Stored{}, err
		}
		k.UpdatedAt = s.now()
		err = s.o.Store.UpdateKey(ctx, &k)
		if errors.Is(err, auth.ErrConflict) && version == 0 && try < attempts {
			continue
		}
		if err != nil {
			return auth.Stored{}, err
		}
		s.inForce(&k)
		return k, nil
	}
}

// inForce puts a committed change into the directory.
func (s *Service) inForce(k *auth.Stored) {
	if k.RevokedAt.IsZero() {
		s.takeKey(k)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[k.ID] = true
	s.o.Directory.Remove(k.ID)
}

// Key answers a key, also a revoked one, or auth.ErrNotFound. Living ones are answered
// from memory.
func (s *Service) Key(ctx context.Context, id string) (auth.Stored, error) {
	if k := s.o.Directory.Key(id); k != nil {
		return k.Stored(), nil
	}
	return s.o.Store.Key(ctx, id)
}

// Keys lists living keys, the latest first.
func (s *Service) Keys(q auth.KeyQuery) ([]auth.Stored, string) {
	found, next := s.o.Directory.List(q)
	out := make([]auth.Stored, len(found))
	for i, k := range found {
		out[i] = k.Stored()
	}
	return out, next
}

// check holds a key against the configuration in force and the owners there are.
func (s *Service) check(k *auth.Stored) (auth.FieldErrors, []string) {
	cfg := s.o.Config()
	_, wrong, warnings := cfg.Check(config.KeyDraft{
		Name: k.Name, Owner: k.Owner, Priority: k.Priority, Weight: int64(k.Weight), Models: k.Models, Limits: k.Limits,
		MaxTokens: k.MaxTokens, AllowedIPs: k.AllowedIPs, Tags: k.Tags, ExpiresAt: k.ExpiresAt,
	}, s.storedOwner(k.Owner))
	fields := auth.FieldErrors(wrong)
	if fields == nil {
		fields = auth.FieldErrors{}
	}
	for i := range cfg.ClientKeys {
		if cfg.ClientKeys[i].Name == k.Name {
			fields["name"] = "is the name of a key in the configuration file"
		}
	}
	if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(s.o.Now()) {
		fields["expires_at"] = "is in the past"
	}
	if k.Limits["usd_per_day"] != "" || k.Limits["usd_per_month"] != "" {
		warnings = append(warnings, s.unpriced()...)
	}
	return fields, warnings
}

// unpriced warns of limits in dollars that do not see everything.
func (s *Service) unpriced() []string {
	if s.o.Unpriced == nil {
		return nil
	}
	models := s.o.Unpriced()
	if len(models) == 0 {
		return nil
	}
	const some = 5
	more := ""
	if len(models) > some {
		more = fmt.Sprintf(" and %d more", len(models)-some)
		models = models[:some]
	}
	return []string{"limits: a limit in dollars does not see calls of " + strings.Join(models, ", ") + more + ", which have no price: add them to prices"}
}

// storedOwner is the stored owner of that name in the configuration's words, if there is
// one.
func (s *Service) storedOwner(name string) []config.Owner {
	o := s.o.Directory.Owner(name)
	if o == nil {
		return nil
	}
	parsed, _ := s.o.Config().CheckOwner(o.Name, o.Kind, o.Limits, o.Tags) // it was checked when it was written
	return []config.Owner{parsed}
}

// now is the present as stores keep it.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// newID names a key: later ones are greater, and nobody can guess one.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint16(b[:2], uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:6], uint32(ms))
	return "key_" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
