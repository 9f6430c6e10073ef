package storetest

import (
	"context"
	"database/sql"
	"io/fs"
	"testing"
	"testing/fstest"
)

// FailedMigration adds a migration to an engine's own that fails in the middle: nothing of it
// is left, what was there stays, and once it is mended it is applied.
func FailedMigration(t *testing.T, apply func(ctx context.Context, dir fs.FS) error, db *sql.DB, own fs.FS) {
	t.Helper()
	dir := fstest.MapFS{}
	files, err := fs.Glob(own, "migrations/*.sql")
	ok(t, err)
	for _, f := range files {
		text, err := fs.ReadFile(own, f)
		ok(t, err)
		dir[f[len("migrations/"):]] = &fstest.MapFile{Data: text}
	}
	add := func(statement string) {
		dir["99999_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE more (n INTEGER);\n" + statement + ";\n")}
	}
	add("INSERT INTO nowhere VALUES (1)")
	ctx := t.Context()
	if err := apply(ctx, dir); err == nil {
		t.Fatal("a wrong migration was applied")
	}
	if _, err := db.ExecContext(ctx, `SELECT count(*) FROM more`); err == nil {
		t.Fatal("half of a migration is there")
	}
	if _, err := db.ExecContext(ctx, `SELECT count(*) FROM revisions`); err != nil {
		t.Fatalf("the migrations before it: %v", err)
	}
	add("INSERT INTO more VALUES (1)")
	for range 2 {
		ok(t, apply(ctx, dir))
	}
	var n int
	ok(t, db.QueryRowContext(ctx, `SELECT count(*) FROM more`).Scan(&n))
	equal(t, n, 1, "rows of the mended migration, applied once")
}
