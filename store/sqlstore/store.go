package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

// The contracts that Store implements.
var (
	_ auth.KeyStore   = (*Store)(nil)
	_ auth.KeyScanner = (*Store)(nil)
	_ ledger.Store    = (*Store)(nil)
	_ access.Store    = (*Store)(nil)
	_ history.Store   = (*Store)(nil)
	_ vault.Store     = (*Store)(nil)
)

// Dialect is where the engines differ.
type Dialect struct {
	// Name begins every error.
	Name string
	// Goose is the migrations' name of the engine, Migrations holds them.
	Goose      goose.Dialect
	Migrations fs.FS
	// Numbered: placeholders are $1, $2 …, not question marks.
	Numbered bool
	// Rows are how many rows the statements that insert many bring, the largest first and 1
	// the last. Prepare: they are prepared once, on the one connection that writes.
	Rows    []int
	Prepare bool
	// Snapshot are the options of a transaction that reads one state of several tables;
	// nil: any transaction does.
	Snapshot *sql.TxOptions
	// Unique, Foreign and Again tell why a statement failed: a value that has to be unique
	// is there already, a row that is referred to is not, the transaction lost against
	// another and may be tried again.
	Unique, Foreign, Again func(error) bool
	// Copied is called when rows with numbers of their own were written. Nil: nothing is
	// to be done.
	Copied func(ctx context.Context, tx *sql.Tx) error
	// Alone runs the migrations while no other process does. Nil: as they are.
	Alone func(ctx context.Context, db *sql.DB, migrate func() error) error
}

// Store keeps everything in a SQL database. It is safe for concurrent use.
type Store struct {
	dialect     Dialect
	write, read *sql.DB

	requests, attempts, contents, cells, names batch
}

// New brings the database up to date and answers its store. Reads and writes may go
// through one pool or through two; the store closes neither.
func New(ctx context.Context, d Dialect, write, read *sql.DB) (*Store, error) {
	s := &Store{dialect: d, write: write, read: read}
	if err := s.migrate(ctx); err != nil {
		return nil, s.fail(ctx, "prepare the database", err)
	}
	for _, b := range []struct {
		into                  *batch
		table, columns, after string
	}{
		{&s.requests, "requests", requestColumns() + ", trail", "ON CONFLICT (id) DO NOTHING RETURNING id"},
		{&s.attempts, "attempts", attemptColumns, "ON CONFLICT (request_id, n) DO NOTHING RETURNING request_id, n"},
		{&s.contents, "contents", contentColumns, "ON CONFLICT (request_id) DO NOTHING"},
		{&s.cells, "usage_hours", cellColumns + ", " + strings.Join(countColumns(), ", "), addCounts()},
		{&s.names, "key_names", "key_id, name, at",
			"ON CONFLICT (key_id) DO UPDATE SET name = excluded.name, at = excluded.at WHERE excluded.at >= key_names.at"},
	} {
		var err error
		if *b.into, err = s.batch(ctx, b.table, b.columns, b.after); err != nil {
			return nil, s.fail(ctx, "prepare statements", err)
		}
	}
	return s, nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM revisions`).Scan(&n)
	return s.fail(ctx, "ping", err)
}

// fail names the engine and what was to be done; nil stays nil.
func (s *Store) fail(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		err = done // a driver that was interrupted has its own word for it
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = auth.ErrNotFound
	}
	return fmt.Errorf("%s: %s: %w", s.dialect.Name, what, err)
}

// exists makes the engine's complaint about a value that is there already ErrExists.
func (s *Store) exists(err error) error {
	if err != nil && s.dialect.Unique(err) {
		return auth.ErrExists
	}
	return err
}

// sql puts the engine's placeholders into a statement of this package.
func (s *Store) sql(text string) string {
	if !s.dialect.Numbered {
		return text
	}
	return numbered(text)
}

// numbered replaces question marks by $1, $2 …; the statements hold none in literals.
func numbered(text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		text = after
	}
}

// queryer is a pool or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec runs a statement and answers how many rows it changed.
func (s *Store) exec(ctx context.Context, q queryer, text string, args ...any) (int64, error) {
	r, err := q.ExecContext(ctx, s.sql(text), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row reads one row.
func (s *Store) row(ctx context.Context, q queryer, text string, args []any, into ...any) error {
	return q.QueryRowContext(ctx, s.sql(text), args...).Scan(into...)
}

// scanner is a row that can be read.
type scanner interface{ Scan(into ...any) error }

// each reads all rows of a query.
func (s *Store) each(ctx context.Context, q queryer, text string, args []any, scan func(scanner) error) error {
	rows, err := q.QueryContext(ctx, s.sql(text), args...)
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

func scanAll(rows *sql.Rows, scan func(scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// maxTries bounds how often a transaction that lost against others is tried.
const maxTries = 10

// change runs f in a transaction.
func (s *Store) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	for try := 1; ; try++ {
		err := inTx(ctx, s.write, nil, f)
		if err == nil || try == maxTries || ctx.Err() != nil || !s.dialect.Again(err) {
			return err
		}
	}
}

// snapshot runs f in a transaction that reads one state of all tables.
func (s *Store) snapshot(ctx context.Context, f func(tx *sql.Tx) error) error {
	return inTx(ctx, s.read, s.dialect.Snapshot, f)
}

func inTx(ctx context.Context, db *sql.DB, o *sql.TxOptions, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// next counts a revision up and holds its lock until the transaction ends.
func (s *Store) next(ctx context.Context, tx *sql.Tx, name string) (int64, error) {
	var n int64
	err := s.row(ctx, tx, `UPDATE revisions SET n = n + 1 WHERE name = ? RETURNING n`, []any{name}, &n)
	return n, err
}
