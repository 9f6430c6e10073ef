package postgres

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sluice-gateway/sluice/store/sqlite"
	"github.com/sluice-gateway/sluice/store/storetest"
)

func file() storetest.Engine {
	return storetest.Engine{
		Name:  "sqlite",
		Fresh: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "sluice.db") },
		Open: func(ctx context.Context, dsn string) (storetest.Store, error) {
			return sqlite.Open(ctx, sqlite.Options{Path: dsn})
		},
	}
}

func TestCopyFromAFile(t *testing.T) { storetest.RunCopy(t, file(), engine()) }

func TestCopyToAFile(t *testing.T) { storetest.RunCopy(t, engine(), file()) }

func TestACopyHasEveryColumn(t *testing.T) {
	dsn := server.Database(t)
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := raw(t, dsn).Query(`SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT IN ('revisions', 'goose_db_version')`)
	if err != nil {
		t.Fatal(err)
	}
	storetest.RunTables(t, rows)
}
