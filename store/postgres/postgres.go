// Package postgres keeps everything in a PostgreSQL database (13 or later), for gateways of
// several nodes: what one node changes, the others see.
//
// Open brings the database's tables up to date in the schema that the connection uses; nodes
// that start at once wait for each other. The DSN is libpq's, as a URL or as key=value pairs;
// what it leaves out comes from PG… variables, PGPASSWORD among them. Connections through
// PgBouncer in transaction mode need default_query_exec_mode=exec in the DSN.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/sluice-gateway/sluice/store/sqlstore"
)

//go:embed migrations
var migrations embed.FS

// Options say which database, and how it is used.
type Options struct {
	// DSN names the database: postgres://user:password@host:5432/database?sslmode=verify-full
	// or host=… user=… pairs. It never appears in an error. Required.
	DSN string
	// MaxConns are how many connections there are at most, at least 2. Zero: what the DSN's
	// pool_max_conns says, or else one for each processor, at least 4.
	MaxConns int
	// ConnectTimeout is how long a new connection may take. Zero: what the DSN's
	// connect_timeout says, or else 5 s.
	ConnectTimeout time.Duration
}

// Store is a database. It is safe for concurrent use.
type Store struct {
	*sqlstore.Store
	pool *pgxpool.Pool
	db   *sql.DB
}

// Open connects and brings the database up to date. One that a newer gateway has written is
// refused.
func Open(ctx context.Context, o Options) (*Store, error) {
	cfg, err := settings(o)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect: %w", err)
	}
	s := &Store{pool: pool, db: stdlib.OpenDBFromPool(pool)}
	dir, err := fs.Sub(migrations, "migrations")
	if err == nil {
		s.Store, err = sqlstore.New(ctx, dialect(dir), s.db, s.db)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// errDSN says nothing of what stands there: a text that cannot be read may have its password
// anywhere.
var errDSN = errors.New("the DSN cannot be read: postgres://user:password@host:5432/database?sslmode=verify-full is wanted, " +
	"special characters of the password as %XX, or pairs as in host=… user=… password='…'")

func settings(o Options) (*pgxpool.Config, error) {
	if o.DSN == "" {
		return nil, errors.New("a DSN is needed")
	}
	cfg, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, errDSN
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = int32(min(o.MaxConns, 1000))
	}
	cfg.MaxConns = max(cfg.MaxConns, 2) // one holds the migrations' lock, one migrates
	if o.ConnectTimeout > 0 {
		cfg.ConnConfig.ConnectTimeout = o.ConnectTimeout
	} else if cfg.ConnConfig.ConnectTimeout <= 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "sluice"
	}
	return cfg, nil
}

func dialect(dir fs.FS) sqlstore.Dialect {
	return sqlstore.Dialect{
		Name:       "postgres",
		Goose:      goose.DialectPostgres,
		Migrations: dir,
		Numbered:   true,
		Rows:       []int{32, 8, 1},
		Snapshot:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		Unique:     is("23505"),
		Foreign:    is("23503"),
		Again:      is("40001", "40P01"),
		Alone:      alone,
		Copied: func(ctx context.Context, tx *sql.Tx) error { // the next number is above all that were copied
			_, err := tx.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence('audit', 'id'), max(id)) FROM audit HAVING count(*) > 0`)
			return err
		},
	}
}

// is tells whether an error has one of these SQLSTATEs.
func is(any ...string) func(error) bool {
	return func(err error) bool {
		var e *pgconn.PgError
		return errors.As(err, &e) && slices.Contains(any, e.Code)
	}
}

// migrating is the advisory lock of whoever migrates.
const migrating = 0x736c75696365

// alone holds the lock in a transaction of its own, so that it ends with the connection at
// the latest, also behind a pooler.
func alone(ctx context.Context, db *sql.DB, migrate func() error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written; the lock ends
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrating)); err != nil {
		return err
	}
	return migrate()
}

// Check tells whether the database answers. How sound its files are is the server's
// business.
func (s *Store) Check(ctx context.Context) error { return s.Ping(ctx) }

// Close closes all connections, after what is being done.
func (s *Store) Close() error {
	err := s.db.Close()
	s.pool.Close()
	return err
}
