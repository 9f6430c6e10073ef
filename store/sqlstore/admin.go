package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

// maxList bounds what the audit log and the history of configurations answer at once.
const maxList = 1000

// AppendAudit implements access.Store. Its texts may be what somebody typed, and are mended
// like the ledger's.
func (s *Store) AppendAudit(ctx context.Context, a *access.Audit) error {
	var err error
	if len(a.Detail) > 0 && !json.Valid(a.Detail) {
		err = fmt.Errorf("%w: the detail is not JSON", auth.ErrInvalid)
	}
	if err == nil {
		err = s.row(ctx, s.write, `INSERT INTO audit (at, who, role, origin, action, target, detail)
			VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			[]any{micros(a.At), mend(a.Who, maxError), mend(a.Role, maxError), mend(a.From, maxError), mend(a.Action, maxError),
				mend(a.Target, maxError), blob(a.Detail)}, &a.ID)
	}
	return s.fail(ctx, "write the audit log", err)
}

// Audits implements access.Store.
func (s *Store) Audits(ctx context.Context, below int64, limit int) ([]access.Audit, error) {
	text, args := `SELECT id, at, who, role, origin, action, target, detail FROM audit`, []any{}
	if below > 0 {
		text, args = text+` WHERE id < ?`, append(args, below)
	}
	var all []access.Audit
	err := s.each(ctx, s.read, text+` ORDER BY id DESC LIMIT ?`, append(args, bounded(limit)), func(r scanner) error {
		var a access.Audit
		err := r.Scan(&a.ID, timeOf{&a.At}, &a.Who, &a.Role, &a.From, &a.Action, &a.Target, (*[]byte)(&a.Detail))
		all = append(all, a)
		return err
	})
	return all, s.fail(ctx, "read the audit log", err)
}

// bounded is a list's length.
func bounded(limit int) int { return min(max(limit, 0), maxList) }

const versionColumns = `n, at, who, note, sealed, base, active`

func scanVersion(r scanner, v *history.Version, more ...any) error {
	return r.Scan(append([]any{&v.N, timeOf{&v.At}, &v.Who, &v.Note, &v.Sealed, &v.Base, &v.Active}, more...)...)
}

// AppendConfig implements history.Store.
func (s *Store) AppendConfig(ctx context.Context, v *history.Version, latest int64) error {
	err := refuse(nil, v.Who, v.Note, v.Base)
	if err == nil {
		err = s.change(ctx, func(tx *sql.Tx) error {
			if _, err := s.next(ctx, tx, "config"); err != nil {
				return err
			}
			var last int64
			if err := s.row(ctx, tx, `SELECT coalesce(max(n), 0) FROM config_versions`, nil, &last); err != nil {
				return err
			}
			if last != latest {
				return auth.ErrConflict
			}
			if _, err := s.exec(ctx, tx, `UPDATE config_versions SET active = FALSE WHERE active`); err != nil {
				return err
			}
			text := v.Text
			if text == nil {
				text = []byte{}
			}
			_, err := s.exec(ctx, tx, `INSERT INTO config_versions (`+versionColumns+`, text) VALUES (?, ?, ?, ?, ?, ?, TRUE, ?)`,
				latest+1, micros(v.At), v.Who, v.Note, v.Sealed, v.Base, text)
			return err
		})
	}
	if err != nil {
		return s.fail(ctx, "add a configuration", err)
	}
	v.N, v.Active = latest+1, true
	return nil
}

// ActivateConfig implements history.Store.
func (s *Store) ActivateConfig(ctx context.Context, n int64) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		if _, err := s.next(ctx, tx, "config"); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, `UPDATE config_versions SET active = FALSE WHERE active`); err != nil || n == 0 {
			return err
		}
		changed, err := s.exec(ctx, tx, `UPDATE config_versions SET active = TRUE WHERE n = ?`, n)
		if err == nil && changed == 0 {
			err = auth.ErrNotFound
		}
		return err
	})
	return s.fail(ctx, "activate a configuration", err)
}

// ActiveConfig implements history.Store.
func (s *Store) ActiveConfig(ctx context.Context) (history.Version, error) {
	return s.config(ctx, `SELECT `+versionColumns+`, text FROM config_versions WHERE active`)
}

// ConfigVersion implements history.Store.
func (s *Store) ConfigVersion(ctx context.Context, n int64) (history.Version, error) {
	return s.config(ctx, `SELECT `+versionColumns+`, text FROM config_versions WHERE n = ?`, n)
}

func (s *Store) config(ctx context.Context, text string, args ...any) (history.Version, error) {
	var v history.Version
	if err := scanVersion(s.read.QueryRowContext(ctx, s.sql(text), args...), &v, &v.Text); err != nil {
		return history.Version{}, s.fail(ctx, "read a configuration", err)
	}
	return v, nil
}

// ReplaceConfigText implements history.Store.
func (s *Store) ReplaceConfigText(ctx context.Context, n int64, sealed []byte) error {
	changed, err := s.exec(ctx, s.write, `UPDATE config_versions SET text = ? WHERE n = ? AND sealed`, sealed, n)
	if err == nil && changed == 0 {
		err = auth.ErrNotFound
	}
	return s.fail(ctx, "seal a configuration anew", err)
}

// ConfigHistory implements history.Store.
func (s *Store) ConfigHistory(ctx context.Context, limit int) ([]history.Version, error) {
	var all []history.Version
	err := s.each(ctx, s.read, `SELECT `+versionColumns+` FROM config_versions ORDER BY n DESC LIMIT ?`, []any{bounded(limit)}, func(r scanner) error {
		var v history.Version
		err := scanVersion(r, &v)
		all = append(all, v)
		return err
	})
	return all, s.fail(ctx, "list configurations", err)
}

// PutUpstreamKey implements vault.Store.
func (s *Store) PutUpstreamKey(ctx context.Context, k *vault.UpstreamKey) error {
	err := refuse([]string{k.Provider}, k.Account, k.Fingerprint, k.State)
	if err == nil {
		_, err = s.exec(ctx, s.write, `INSERT INTO upstream_keys (provider, account, fingerprint, sealed, state, expires_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (provider, account, fingerprint) DO UPDATE SET
			sealed = excluded.sealed, state = excluded.state, expires_at = excluded.expires_at, updated_at = excluded.updated_at`,
			k.Provider, k.Account, k.Fingerprint, blob(k.Sealed), k.State, micros(k.ExpiresAt), micros(k.UpdatedAt))
	}
	return s.fail(ctx, "write an upstream key", err)
}

// DeleteUpstreamKey implements vault.Store.
func (s *Store) DeleteUpstreamKey(ctx context.Context, provider, account, fingerprint string) error {
	err := s.remove(ctx, s.write, `DELETE FROM upstream_keys WHERE provider = ? AND account = ? AND fingerprint = ?`, provider, account, fingerprint)
	return s.fail(ctx, "delete an upstream key", err)
}

// UpstreamKeys implements vault.Store: all of them, by provider, account and fingerprint.
func (s *Store) UpstreamKeys(ctx context.Context) ([]vault.UpstreamKey, error) {
	var all []vault.UpstreamKey
	err := s.each(ctx, s.read, `SELECT provider, account, fingerprint, sealed, state, expires_at, updated_at
		FROM upstream_keys ORDER BY provider, account, fingerprint`, nil, func(r scanner) error {
		var k vault.UpstreamKey
		err := r.Scan(&k.Provider, &k.Account, &k.Fingerprint, &k.Sealed, &k.State, timeOf{&k.ExpiresAt}, timeOf{&k.UpdatedAt})
		all = append(all, k)
		return err
	})
	return all, s.fail(ctx, "list upstream keys", err)
}

// Canary implements vault.Store.
func (s *Store) Canary(ctx context.Context) ([]byte, error) {
	var sealed []byte
	err := s.row(ctx, s.read, `SELECT sealed FROM vault_canary WHERE id = 1`, nil, &sealed)
	return sealed, s.fail(ctx, "read the canary", err)
}

// SetCanary implements vault.Store.
func (s *Store) SetCanary(ctx context.Context, sealed []byte) error {
	_, err := s.exec(ctx, s.write, `INSERT INTO vault_canary (id, sealed) VALUES (1, ?)
		ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed`, sealed)
	return s.fail(ctx, "write the canary", err)
}
