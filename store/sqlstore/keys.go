package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/sluice-gateway/sluice/auth"
)

const keyColumns = `id, name, owner, priority, weight, models, limits, max_tokens, allowed_ips, tags,
	expires_at, disabled, hash, hint, old_hash, old_until, created_at, updated_at, revoked_at, version`

func scanKey(r scanner) (auth.Stored, error) {
	var k auth.Stored
	err := r.Scan(intoKey(&k, jsonOf{&k.Models}, jsonOf{&k.Limits}, jsonOf{&k.AllowedIPs}, jsonOf{&k.Tags})...)
	return k, err
}

// intoKey is where the keyColumns go.
func intoKey(k *auth.Stored, models, limits, ips, tags sql.Scanner) []any {
	return []any{&k.ID, &k.Name, &k.Owner, &k.Priority, &k.Weight, models, limits, &k.MaxTokens, ips, tags,
		timeOf{&k.ExpiresAt}, &k.Disabled, hashOf{&k.Hash}, &k.Hint, hashOf{&k.OldHash},
		timeOf{&k.OldUntil}, timeOf{&k.CreatedAt}, timeOf{&k.UpdatedAt}, timeOf{&k.RevokedAt}, &k.Version}
}

// keyValues are the values of keyColumns without the version.
func keyValues(k *auth.Stored) []any {
	old := k.OldHash[:]
	if k.OldHash == [32]byte{} {
		old = []byte{}
	}
	return []any{k.ID, k.Name, k.Owner, k.Priority, k.Weight, list(k.Models), object(k.Limits), k.MaxTokens,
		list(k.AllowedIPs), list(k.Tags), micros(k.ExpiresAt), k.Disabled, k.Hash[:], k.Hint, old,
		micros(k.OldUntil), micros(k.CreatedAt), micros(k.UpdatedAt), micros(k.RevokedAt)}
}

func refuseKey(k *auth.Stored) error {
	texts := slices.Concat([]string{k.Owner, k.Priority, k.Hint}, k.Models, k.AllowedIPs, k.Tags, words(k.Limits))
	return refuse([]string{k.ID, k.Name}, texts...)
}

// words are a map's keys and values.
func words(m map[string]string) []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(m)), maps.Values(m))
}

// CreateKey implements auth.KeyStore.
func (s *Store) CreateKey(ctx context.Context, k *auth.Stored) error {
	return s.create(ctx, "create a key", refuseKey(k), &k.Version, `INSERT INTO client_keys (`+keyColumns+`, revision)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)`, func(n int64) []any { return append(keyValues(k), n) })
}

// create adds a row under the next revision, and sets its version; wrong is why it cannot.
func (s *Store) create(ctx context.Context, what string, wrong error, version *int64, insert string, values func(n int64) []any) error {
	err := wrong
	if err == nil {
		err = s.change(ctx, func(tx *sql.Tx) error {
			n, err := s.next(ctx, tx, "keys")
			if err != nil {
				return err
			}
			_, err = s.exec(ctx, tx, insert, values(n)...)
			return s.exists(err)
		})
	}
	if err != nil {
		return s.fail(ctx, what, err)
	}
	*version = 1
	return nil
}

// UpdateKey implements auth.KeyStore.
func (s *Store) UpdateKey(ctx context.Context, k *auth.Stored) error {
	return s.update(ctx, "update a key", refuseKey(k), &k.Version, guarded{
		`UPDATE client_keys SET name = ?, owner = ?, priority = ?, weight = ?, models = ?,
			limits = ?, max_tokens = ?, allowed_ips = ?, tags = ?, expires_at = ?, disabled = ?, hash = ?, hint = ?, old_hash = ?,
			old_until = ?, created_at = ?, updated_at = ?, revoked_at = ?, version = version + 1, revision = ?
			WHERE id = ? AND version = ? AND revoked_at = 0`,
		`SELECT count(*) FROM client_keys WHERE id = ? AND revoked_at = 0`, k.ID,
	}, keyValues(k)[1:])
}

// guarded is an update of one row, if its version still is the given one: what is set, the
// revision, then name and version. count tells whether the row is there at all.
type guarded struct{ update, count, name string }

// update writes a row under the next revision, and counts its version up; wrong is why it
// cannot.
func (s *Store) update(ctx context.Context, what string, wrong error, version *int64, g guarded, values []any) error {
	err := wrong
	if err == nil {
		err = s.change(ctx, func(tx *sql.Tx) error {
			n, err := s.next(ctx, tx, "keys")
			if err != nil {
				return err
			}
			changed, err := s.exec(ctx, tx, g.update, slices.Concat(values, []any{n, g.name, *version})...)
			if err != nil || changed == 1 {
				return s.exists(err)
			}
			return s.why(ctx, tx, g.count, g.name)
		})
	}
	if err != nil {
		return s.fail(ctx, what, err)
	}
	*version++
	return nil
}

// why tells why a guarded update changed nothing: what it was for is gone, or has another
// version.
func (s *Store) why(ctx context.Context, tx *sql.Tx, count string, args ...any) error {
	var there int64
	if err := s.row(ctx, tx, count, args, &there); err != nil {
		return err
	}
	if there == 0 {
		return auth.ErrNotFound
	}
	return auth.ErrConflict
}

// Key implements auth.KeyStore.
func (s *Store) Key(ctx context.Context, id string) (auth.Stored, error) {
	return one(ctx, s, "read a key", scanKey, `SELECT `+keyColumns+` FROM client_keys WHERE id = ?`, id)
}

// one reads the row of a name.
func one[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), text, name string) (T, error) {
	var none T
	if !askable(name) {
		return none, s.fail(ctx, what, auth.ErrNotFound)
	}
	row, err := scan(s.read.QueryRowContext(ctx, s.sql(text), name))
	if err != nil {
		return none, s.fail(ctx, what, err)
	}
	return row, nil
}

const ownerColumns = `name, kind, limits, tags, created_at, updated_at, deleted_at, version`

func scanOwner(r scanner) (auth.StoredOwner, error) {
	var o auth.StoredOwner
	err := r.Scan(&o.Name, &o.Kind, jsonOf{&o.Limits}, jsonOf{&o.Tags},
		timeOf{&o.CreatedAt}, timeOf{&o.UpdatedAt}, timeOf{&o.DeletedAt}, &o.Version)
	return o, err
}

// ownerValues are the values of ownerColumns without name and version.
func ownerValues(o *auth.StoredOwner) []any {
	return []any{o.Kind, object(o.Limits), list(o.Tags), micros(o.CreatedAt), micros(o.UpdatedAt), micros(o.DeletedAt)}
}

func refuseOwner(o *auth.StoredOwner) error {
	return refuse([]string{o.Name}, slices.Concat([]string{o.Kind}, o.Tags, words(o.Limits))...)
}

// CreateOwner implements auth.KeyStore.
func (s *Store) CreateOwner(ctx context.Context, o *auth.StoredOwner) error {
	return s.create(ctx, "create an owner", refuseOwner(o), &o.Version, `INSERT INTO owners
		(kind, limits, tags, created_at, updated_at, deleted_at, name, version, born, revision)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`, func(n int64) []any { return append(ownerValues(o), o.Name, n, n) })
}

// UpdateOwner implements auth.KeyStore.
func (s *Store) UpdateOwner(ctx context.Context, o *auth.StoredOwner) error {
	return s.update(ctx, "update an owner", refuseOwner(o), &o.Version, guarded{
		`UPDATE owners SET kind = ?, limits = ?, tags = ?, created_at = ?, updated_at = ?,
			deleted_at = ?, version = version + 1, revision = ? WHERE name = ? AND version = ? AND deleted_at = 0`,
		`SELECT count(*) FROM owners WHERE name = ? AND deleted_at = 0`, o.Name,
	}, ownerValues(o))
}

// Owner implements auth.KeyStore.
func (s *Store) Owner(ctx context.Context, name string) (auth.StoredOwner, error) {
	return one(ctx, s, "read an owner", scanOwner, `SELECT `+ownerColumns+` FROM owners WHERE name = ? ORDER BY born DESC LIMIT 1`, name)
}

// errUnchanged ends a look at changes early.
var errUnchanged = errors.New("nothing has changed")

// Changes implements auth.KeyStore. Where nothing has changed it reads one row.
func (s *Store) Changes(ctx context.Context, after int64) (auth.Changes, error) {
	var c auth.Changes
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		err := s.row(ctx, tx, `SELECT n FROM revisions WHERE name = 'keys'`, nil, &c.Revision)
		if err != nil {
			return err
		}
		if c.Revision == after {
			return errUnchanged
		}
		keys, owners := ` WHERE revision > ? ORDER BY revision`, ` WHERE revision > ? ORDER BY revision`
		switch {
		case after == 0:
			keys, owners = ` WHERE revoked_at = 0 AND revision > ? ORDER BY revision`, ` WHERE deleted_at = 0 AND revision > ? ORDER BY revision`
		case after > c.Revision:
			after = 0
		}
		if err := s.each(ctx, tx, `SELECT `+keyColumns+` FROM client_keys`+keys, []any{after}, func(r scanner) error {
			k, err := scanKey(r)
			c.Keys = append(c.Keys, k)
			return err
		}); err != nil {
			return err
		}
		return s.each(ctx, tx, `SELECT `+ownerColumns+` FROM owners`+owners, []any{after}, func(r scanner) error {
			o, err := scanOwner(r)
			c.Owners = append(c.Owners, o)
			return err
		})
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return auth.Changes{}, s.fail(ctx, "read what has changed", err)
	}
	return c, nil
}
