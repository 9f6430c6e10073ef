package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// tables are everything that is kept, what is referred to before what refers to it. The
// migrations' own table is left out: the other database has its own.
func tables() []table {
	return []table{
		{"client_keys", keyColumns + ", revision"},
		{"owners", ownerColumns + ", born, revision"},
		{"accounts", accountColumns},
		{"api_tokens", tokenColumns},
		{"sessions", "hash, account_id, created_at, expires_at"},
		{"audit", "id, at, who, role, origin, action, target, detail"},
		{"config_versions", versionColumns + ", text"},
		{"upstream_keys", "provider, account, fingerprint, sealed, state, expires_at, updated_at"},
		{"vault_canary", "id, sealed"},
		{"requests", requestColumns() + ", trail"},
		{"attempts", attemptColumns},
		{"contents", contentColumns},
		{"usage_hours", cellColumns + ", " + strings.Join(countColumns(), ", ")},
		{"key_names", "key_id, name, at"},
	}
}

type table struct{ name, columns string }

// flags are the columns that are true or false, which SQLite keeps as numbers. The vault's
// sealed columns are bytes, and so never taken for one.
func flags() map[string]bool {
	return map[string]bool{"disabled": true, "sealed": true, "active": true, "stream": true, "known": true, "spared": true, "cut": true}
}

// ErrNotEmpty says that a database which is to be filled holds something.
var ErrNotEmpty = errors.New("the database to be filled is not empty")

// CopyTo copies everything into another database, which has to be empty, in one transaction
// there: all of it, as it was at one moment here, or nothing. Whatever is written here
// meanwhile goes on and is not copied. Told, which may be nil, learns of each table when it
// is done.
func (s *Store) CopyTo(ctx context.Context, to *Store, told func(table string, rows int64)) error {
	// They are made before the transaction has the one connection that writes.
	batches := map[string]batch{}
	defer func() {
		for _, b := range batches {
			b.close()
		}
	}()
	for _, t := range tables() {
		b, err := to.batch(ctx, t.name, t.columns, "")
		if err != nil {
			return to.fail(ctx, "prepare statements", err)
		}
		batches[t.name] = b
	}
	err := s.snapshot(ctx, func(from *sql.Tx) error {
		return inTx(ctx, to.write, nil, func(into *sql.Tx) error {
			for _, t := range tables() {
				if err := to.empty(ctx, into, t.name); err != nil {
					return err
				}
			}
			for _, t := range tables() {
				n, err := s.copyTable(ctx, from, to, into, t, batches[t.name])
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				if told != nil {
					told(t.name, n)
				}
			}
			return s.copyRevisions(ctx, from, to, into)
		})
	})
	return s.fail(ctx, "copy to "+to.dialect.Name, err)
}

func (s *Store) empty(ctx context.Context, tx *sql.Tx, name string) error {
	var some int64
	err := s.row(ctx, tx, `SELECT count(*) FROM (SELECT 1 FROM `+name+` LIMIT 1) AS some`, nil, &some)
	if err == nil && some > 0 {
		err = fmt.Errorf("%w: there are %s", ErrNotEmpty, name)
	}
	return err
}

// perCopy is how many rows are in memory at a time.
const perCopy = 64

func (s *Store) copyTable(ctx context.Context, from *sql.Tx, to *Store, into *sql.Tx, t table, b batch) (int64, error) {
	names := strings.Split(t.columns, ",")
	isFlag := make([]bool, len(names))
	for i, name := range names {
		isFlag[i] = flags()[strings.TrimSpace(name)]
	}
	var rows [][]any
	all := int64(0)
	write := func() error {
		err := to.insert(ctx, into, b, len(rows), func(i int) []any { return rows[i] }, nil)
		all, rows = all+int64(len(rows)), rows[:0]
		return err
	}
	err := s.each(ctx, from, `SELECT `+t.columns+` FROM `+t.name, nil, func(r scanner) error {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := r.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			if n, ok := v.(int64); ok && isFlag[i] {
				values[i] = n != 0
			}
		}
		if rows = append(rows, values); len(rows) < perCopy {
			return nil
		}
		return write()
	})
	if err != nil {
		return 0, err
	}
	return all, write()
}

// copyRevisions lets the other database count on where this one is.
func (s *Store) copyRevisions(ctx context.Context, from *sql.Tx, to *Store, into *sql.Tx) error {
	if err := s.each(ctx, from, `SELECT name, n FROM revisions`, nil, func(r scanner) error {
		var name string
		var n int64
		if err := r.Scan(&name, &n); err != nil {
			return err
		}
		_, err := to.exec(ctx, into, `UPDATE revisions SET n = ? WHERE name = ?`, n, name)
		return err
	}); err != nil {
		return err
	}
	if to.dialect.Copied == nil {
		return nil
	}
	return to.dialect.Copied(ctx, into)
}
