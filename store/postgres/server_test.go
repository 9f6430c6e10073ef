package postgres

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/store/sqlstore"
	"github.com/sluice-gateway/sluice/store/storetest"
)

// raw opens a database beside the store.
func raw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { db.Close(); pool.Close() })
	return db
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	dsn := server.Database(t)
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, dsn).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{DSN: dsn})
	if err == nil || !strings.Contains(err.Error(), "the database has version 99 and this program knows up to 3") {
		t.Fatalf("got %v", err)
	}
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	dsn := server.Database(t)
	storetest.FailedMigration(t, func(ctx context.Context, dir fs.FS) error {
		db := raw(t, dsn)
		_, err := sqlstore.New(ctx, dialect(dir), db, db)
		return err
	}, raw(t, dsn), migrations)
}

// TestErrorsHoldNoPassword connects with DSNs that are wrong in all ways.
func TestErrorsHoldNoPassword(t *testing.T) {
	const password = "s3cr:t@/?#%41 'x"
	socket := strings.Split(strings.Split(server.Database(t), "host=")[1], "&")[0]
	for _, dsn := range []string{
		"",
		"postgres://user:" + password + "@127.0.0.1:1/db",
		"postgres://user:" + password + "@",
		"postgres://user:s3cr@127.0.0.1:port/db",
		"postgres://user:s3cr@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://user:s3cr@127.0.0.1:1/db?connect_timeout=x",
		"postgres://user:s3cr@127.0.0.1:1/db",
		"postgres://user@127.0.0.1:1/db?password=s3cr",
		"postgres://user:s3cr@[::1/db",
		"host=127.0.0.1 port=1 user=user password=s3cr",
		"host=127.0.0.1 port=x user=user password='s3cr t'",
		"password=s3cr host",
		"password='s3cr",
		"host=" + socket + " user=sluice dbname=no_such_database password=s3cr",
		"host=" + socket + " user=nobody_known dbname=postgres password=s3cr",
	} {
		s, err := Open(t.Context(), Options{DSN: dsn, ConnectTimeout: time.Second})
		if err == nil {
			s.Close()
			t.Errorf("%q was opened", dsn)
			continue
		}
		if strings.Contains(err.Error(), "s3cr") {
			t.Errorf("a password in the error: %v", err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) { // whoever prints a part of it
			if strings.Contains(e.Error(), "s3cr") {
				t.Errorf("a password in the error: %v", e)
			}
		}
		if !strings.HasPrefix(err.Error(), "postgres: ") {
			t.Errorf("the error does not begin with the engine's name: %v", err)
		}
	}
}

// TestASilentServer connects to one that never says anything.
func TestASilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dsn := "postgres://u@" + silent.Addr().String() + "/db?sslmode=disable"
	began := time.Now()
	if _, err := Open(t.Context(), Options{DSN: dsn, ConnectTimeout: 50 * time.Millisecond}); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, Options{DSN: dsn}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v", err)
	}
}

// TestOneConnectionIsTooFew opens with fewer connections than Open itself needs.
func TestOneConnectionIsTooFew(t *testing.T) {
	s, err := Open(t.Context(), Options{DSN: server.Database(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := s.pool.Config().MaxConns; n != 2 {
		t.Fatalf("%d connections", n)
	}
}

// TestAServerThatCrashes kills a server under a store that writes, and starts it again: what
// was acknowledged is there, and the store goes on by itself.
func TestAServerThatCrashes(t *testing.T) {
	own, err := pgtest.Start(pgtest.Options{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s, err := Open(t.Context(), Options{DSN: own.DSN("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := int64(0)
	const each = 50
	for round := range 3 {
		killed := make(chan error, 1)
		go func() {
			timer := time.NewTimer(time.Duration(100+100*round) * time.Millisecond)
			<-timer.C
			killed <- own.Kill()
		}()
		for err = nil; err == nil; {
			if err = s.Append(t.Context(), storetest.Load(int(kept), each)); err == nil {
				kept += each
			}
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Fatal("a killed server answers")
		}
		if err := own.Restart(); err != nil {
			t.Fatal(err)
		}
		// The one that failed is brought again, as the ledger does; it may have been kept.
		for try := 0; ; try++ {
			if err = s.Append(t.Context(), storetest.Load(int(kept), each)); err == nil || try == 20 {
				break
			}
		}
		if err != nil {
			t.Fatalf("the store does not recover: %v", err)
		}
		kept += each
		sum, err := s.Usage(t.Context(), ledger.UsageQuery{})
		if err != nil || sum[0].Requests != kept {
			t.Fatalf("round %d: %d requests were acknowledged, %+v are counted: %v", round, kept, sum, err)
		}
	}
	t.Log(kept, "requests")
}
