package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/web/access"
)

const accountColumns = `id, name, role, owner, password_hash, disabled, created_at, updated_at, version`

func scanAccount(r scanner) (access.Account, error) {
	var a access.Account
	err := r.Scan(&a.ID, &a.Name, &a.Role, &a.Owner, &a.PasswordHash, &a.Disabled,
		timeOf{&a.CreatedAt}, timeOf{&a.UpdatedAt}, &a.Version)
	return a, err
}

// CreateAccount implements access.Store.
func (s *Store) CreateAccount(ctx context.Context, a *access.Account) error {
	err := refuse([]string{a.ID, a.Name}, string(a.Role), a.Owner, a.PasswordHash)
	if err == nil {
		_, err = s.exec(ctx, s.write, `INSERT INTO accounts (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)`,
			a.ID, a.Name, string(a.Role), a.Owner, a.PasswordHash, a.Disabled, micros(a.CreatedAt), micros(a.UpdatedAt))
		err = s.exists(err)
	}
	if err != nil {
		return s.fail(ctx, "create an account", err)
	}
	a.Version = 1
	return nil
}

// UpdateAccount implements access.Store.
func (s *Store) UpdateAccount(ctx context.Context, a *access.Account, keep access.Keep) error {
	err := refuse([]string{a.ID, a.Name}, string(a.Role), a.Owner, a.PasswordHash)
	if err == nil {
		err = s.keeping(ctx, keep, func(tx *sql.Tx) error {
			changed, err := s.exec(ctx, tx, `UPDATE accounts SET name = ?, role = ?, owner = ?, password_hash = ?, disabled = ?,
				created_at = ?, updated_at = ?, version = version + 1 WHERE id = ? AND version = ?`,
				a.Name, string(a.Role), a.Owner, a.PasswordHash, a.Disabled, micros(a.CreatedAt), micros(a.UpdatedAt), a.ID, a.Version)
			if err != nil || changed == 1 {
				return s.exists(err)
			}
			return s.why(ctx, tx, `SELECT count(*) FROM accounts WHERE id = ?`, a.ID)
		})
	}
	if err != nil {
		return s.fail(ctx, "update an account", err)
	}
	a.Version++
	return nil
}

// DeleteAccount implements access.Store. The sessions go with it by their reference.
func (s *Store) DeleteAccount(ctx context.Context, id string, keep access.Keep) error {
	err := s.keeping(ctx, keep, func(tx *sql.Tx) error { return s.remove(ctx, tx, `DELETE FROM accounts WHERE id = ?`, id) })
	return s.fail(ctx, "delete an account", err)
}

// keeping makes a change of who may do what, if keep agrees with who is left then. The lock
// of the revision holds until the change is committed, so that the next one sees it.
func (s *Store) keeping(ctx context.Context, keep access.Keep, change func(tx *sql.Tx) error) error {
	if keep == nil {
		return s.change(ctx, change)
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := s.next(ctx, tx, "people"); err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		accounts, err := s.accounts(ctx, tx)
		if err != nil {
			return err
		}
		tokens, err := s.tokens(ctx, tx)
		if err != nil {
			return err
		}
		return keep(accounts, tokens)
	})
}

// remove removes one row, or answers ErrNotFound.
func (s *Store) remove(ctx context.Context, q queryer, text string, names ...string) error {
	if !askable(names...) {
		return auth.ErrNotFound
	}
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	n, err := s.exec(ctx, q, text, args...)
	if err == nil && n == 0 {
		err = auth.ErrNotFound
	}
	return err
}

// Account implements access.Store.
func (s *Store) Account(ctx context.Context, id string) (access.Account, error) {
	return one(ctx, s, "read an account", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE id = ?`, id)
}

// AccountByName implements access.Store.
func (s *Store) AccountByName(ctx context.Context, name string) (access.Account, error) {
	return one(ctx, s, "read an account", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE name = ?`, name)
}

// Accounts implements access.Store: all of them, by name.
func (s *Store) Accounts(ctx context.Context) ([]access.Account, error) {
	all, err := s.accounts(ctx, s.read)
	return all, s.fail(ctx, "list accounts", err)
}

func (s *Store) accounts(ctx context.Context, q queryer) (all []access.Account, err error) {
	err = s.each(ctx, q, `SELECT `+accountColumns+` FROM accounts ORDER BY name`, nil, func(r scanner) error {
		a, err := scanAccount(r)
		all = append(all, a)
		return err
	})
	return all, err
}

const tokenColumns = `id, name, role, owner, hash, created_at, expires_at`

func scanToken(r scanner) (access.Token, error) {
	var t access.Token
	err := r.Scan(&t.ID, &t.Name, &t.Role, &t.Owner, hashOf{&t.Hash}, timeOf{&t.CreatedAt}, timeOf{&t.ExpiresAt})
	return t, err
}

// CreateToken implements access.Store.
func (s *Store) CreateToken(ctx context.Context, t *access.Token) error {
	err := refuse([]string{t.ID, t.Name}, string(t.Role), t.Owner)
	if err == nil {
		_, err = s.exec(ctx, s.write, `INSERT INTO api_tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			t.ID, t.Name, string(t.Role), t.Owner, t.Hash[:], micros(t.CreatedAt), micros(t.ExpiresAt))
		err = s.exists(err)
	}
	return s.fail(ctx, "create a token", err)
}

// DeleteToken implements access.Store.
func (s *Store) DeleteToken(ctx context.Context, id string, keep access.Keep) error {
	err := s.keeping(ctx, keep, func(tx *sql.Tx) error { return s.remove(ctx, tx, `DELETE FROM api_tokens WHERE id = ?`, id) })
	return s.fail(ctx, "delete a token", err)
}

// Tokens implements access.Store: all of them, by name.
func (s *Store) Tokens(ctx context.Context) ([]access.Token, error) {
	all, err := s.tokens(ctx, s.read)
	return all, s.fail(ctx, "list tokens", err)
}

func (s *Store) tokens(ctx context.Context, q queryer) (all []access.Token, err error) {
	err = s.each(ctx, q, `SELECT `+tokenColumns+` FROM api_tokens ORDER BY name`, nil, func(r scanner) error {
		t, err := scanToken(r)
		all = append(all, t)
		return err
	})
	return all, err
}

// TokenByHash implements access.Store.
func (s *Store) TokenByHash(ctx context.Context, hash [sha256.Size]byte) (access.Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, s.sql(`SELECT `+tokenColumns+` FROM api_tokens WHERE hash = ?`), hash[:]))
	if err != nil {
		return access.Token{}, s.fail(ctx, "read a token", err)
	}
	return t, nil
}

// CreateSession implements access.Store.
func (s *Store) CreateSession(ctx context.Context, n *access.Session) error {
	err := refuse([]string{n.AccountID})
	if err == nil {
		_, err = s.exec(ctx, s.write, `INSERT INTO sessions (hash, account_id, created_at, expires_at) VALUES (?, ?, ?, ?)`,
			n.Hash[:], n.AccountID, micros(n.CreatedAt), micros(n.ExpiresAt))
		if err != nil && s.dialect.Foreign(err) {
			err = auth.ErrNotFound
		}
		err = s.exists(err)
	}
	return s.fail(ctx, "create a session", err)
}

// SessionByHash implements access.Store.
func (s *Store) SessionByHash(ctx context.Context, hash [sha256.Size]byte) (access.Session, error) {
	var n access.Session
	err := s.row(ctx, s.read, `SELECT hash, account_id, created_at, expires_at FROM sessions WHERE hash = ?`, []any{hash[:]},
		hashOf{&n.Hash}, &n.AccountID, timeOf{&n.CreatedAt}, timeOf{&n.ExpiresAt})
	if err != nil {
		return access.Session{}, s.fail(ctx, "read a session", err)
	}
	return n, nil
}

// ExtendSession implements access.Store.
func (s *Store) ExtendSession(ctx context.Context, hash [sha256.Size]byte, until time.Time) error {
	_, err := s.exec(ctx, s.write, `UPDATE sessions SET expires_at = ? WHERE hash = ?`, micros(until), hash[:])
	return s.fail(ctx, "extend a session", err)
}

// DeleteSession implements access.Store.
func (s *Store) DeleteSession(ctx context.Context, hash [sha256.Size]byte) error {
	_, err := s.exec(ctx, s.write, `DELETE FROM sessions WHERE hash = ?`, hash[:])
	return s.fail(ctx, "end a session", err)
}

// DeleteSessions implements access.Store.
func (s *Store) DeleteSessions(ctx context.Context, accountID string) error {
	if !askable(accountID) {
		return nil
	}
	_, err := s.exec(ctx, s.write, `DELETE FROM sessions WHERE account_id = ?`, accountID)
	return s.fail(ctx, "end sessions", err)
}

// PurgeSessions implements access.Store.
func (s *Store) PurgeSessions(ctx context.Context, before time.Time) error {
	_, err := s.exec(ctx, s.write, `DELETE FROM sessions WHERE expires_at < ?`, micros(before))
	return s.fail(ctx, "purge sessions", err)
}
