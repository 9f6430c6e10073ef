// Package sqlite keeps everything in one SQLite file: the default store, which needs no
// set-up. There is no cgo in it.
//
// The file is in WAL mode with synchronous=FULL: what was committed survives a kill and a
// loss of power. One connection writes and several read, so readers see whole states and
// never wait for the writer. A file that Open makes can be read by its owner only; SQLite
// gives -wal and -shm beside it the same mode. The file must not be on a network file system.
//
// ":memory:" keeps everything in memory, over one connection, until Close.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/sluice-gateway/sluice/store/sqlstore"
)

//go:embed migrations
var migrations embed.FS

// Memory is the path of a database in memory.
const Memory = ":memory:"

// Options say which file, and how it is used.
type Options struct {
	// Path is the database file, made where it is missing, or Memory. Required.
	Path string
	// Readers are how many connections read at the same time. Zero: 4.
	Readers int
	// BusyTimeout is how long to wait for another process that writes. Zero: 5 s.
	BusyTimeout time.Duration
}

// Store is a database file. It is safe for concurrent use.
type Store struct {
	*sqlstore.Store
	path        string
	write, read *sql.DB
}

// Open opens the file and brings it up to date. A file that a newer gateway has written is
// refused.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{path: o.Path}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", o.Path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	switch {
	case o.Path == "":
		return errors.New("a path is needed, or :memory: for none")
	case strings.HasPrefix(o.Path, "file:"):
		return errors.New("a path is wanted, not an address")
	case o.Path != Memory:
		if err := create(o.Path); err != nil {
			return err
		}
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	var err error
	// The pool of one is the queue of writers; a write never begins as a read, so it
	// cannot find that another process has written in between.
	if s.write, err = pool(o, 1, "immediate", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(67108864)",
		"cache_size(-32768)", "wal_autocheckpoint(4000)"); err != nil {
		return err
	}
	s.read = s.write
	if o.Path != Memory {
		if s.read, err = pool(o, o.Readers, "deferred", "query_only(1)"); err != nil {
			return err
		}
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	s.Store, err = sqlstore.New(ctx, dialect(dir), s.write, s.read)
	return err
}

func dialect(dir fs.FS) sqlstore.Dialect {
	return sqlstore.Dialect{
		Name:       "sqlite",
		Goose:      goose.DialectSQLite3,
		Migrations: dir,
		Rows:       []int{64, 8, 1},
		Prepare:    true,
		Unique:     is(codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_ROWID),
		Foreign:    is(codes.SQLITE_CONSTRAINT_FOREIGNKEY),
		Again:      is(), // writers stand in a queue
		Alone:      again,
	}
}

// create makes the file, so that its mode is ours.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return errors.Unwrap(err) // the path is told already
	}
	return f.Close()
}

func pool(o Options, connections int, lock string, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_txlock": {lock}}
	q.Add("_pragma", "busy_timeout("+strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10)+")")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: o.Path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// is tells whether an error has one of SQLite's extended codes.
func is(any ...int) func(error) bool {
	return func(err error) bool {
		var e *driver.Error
		if !errors.As(err, &e) {
			return false
		}
		for _, c := range any {
			if e.Code() == c {
				return true
			}
		}
		return false
	}
}

// again migrates once more when another process did so at the same time: what that one has
// committed is then there.
func again(ctx context.Context, _ *sql.DB, migrate func() error) error {
	const tries, pause = 20, 50 * time.Millisecond
	for try := 1; ; try++ {
		err := migrate()
		if err == nil || try == tries || !is(codes.SQLITE_BUSY, codes.SQLITE_ERROR, codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY)(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Check tells whether the whole file is sound. It reads all of it.
func (s *Store) Check(ctx context.Context) error {
	for _, pragma := range []string{"PRAGMA integrity_check(10)", "PRAGMA foreign_key_check"} {
		if err := s.check(ctx, pragma); err != nil {
			return fmt.Errorf("sqlite: check %s: %w", s.path, err)
		}
	}
	return nil
}

func (s *Store) check(ctx context.Context, pragma string) error {
	rows, err := s.read.QueryContext(ctx, pragma)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		found := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range found {
			into[i] = &found[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if found[0] != "ok" {
			return fmt.Errorf("it is damaged: %v", found)
		}
	}
	return rows.Err()
}

// Close closes the file, after what is being done.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil { // last: it brings the WAL into the file
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}
