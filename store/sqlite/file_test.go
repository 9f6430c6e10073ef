package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/sqlstore"
	"github.com/sluice-gateway/sluice/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Victim(file())
	os.Exit(m.Run())
}

func TestKilled(t *testing.T) { storetest.RunKilled(t, file()) }

func mustOpen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTheFilesAreTheOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := mustOpen(t, path)
	if err := s.CreateKey(t.Context(), &auth.Stored{ID: "k", Name: "k", Hash: sha256.Sum256(nil)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("after Close the WAL is not in the file: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil { // an operator's own choice stays
		t.Fatal(err)
	}
	mustOpen(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                 "a path is needed",
		"file:x.db":                        "a path is wanted",
		filepath.Join(dir, "no", "x.db"):   "no such file or directory",
		dir:                                "is a directory",
		text:                               "file is not a database",
		filepath.Join(text, "x.db"):        "not a directory",
		filepath.Join(dir, "nul\x00.db"):   "invalid argument",
		"file::memory:?cache=shared":       "a path is wanted",
		filepath.Join(dir, "..", "\xff/x"): "no such file",
	} {
		s, err := Open(t.Context(), Options{Path: path})
		if err == nil {
			s.Close()
			t.Errorf("%q was opened", path)
			continue
		}
		if !strings.HasPrefix(err.Error(), "sqlite: open "+path) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// raw opens a file beside the store.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := pool(Options{Path: path}, 1, "immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := mustOpen(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, path).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "the database has version 99 and this program knows up to 3") {
		t.Fatalf("got %v", err)
	}
}

// TestAMigrationThatFailsLeavesNothing adds a second migration, half of which is wrong.
func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	storetest.FailedMigration(t, func(ctx context.Context, dir fs.FS) error {
		db := raw(t, path)
		_, err := sqlstore.New(ctx, dialect(dir), db, db)
		return err
	}, raw(t, path), migrations)
}

func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := mustOpen(t, path)
	if err := s.Append(t.Context(), storetest.Load(0, 500)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content)*3/4; i++ {
		content[i] ^= 0x55
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), Options{Path: path})
	if err == nil {
		err = s.Check(t.Context())
		s.Close()
	}
	if err == nil || !strings.HasPrefix(err.Error(), "sqlite: ") {
		t.Fatalf("a damaged file: %v", err)
	}
	t.Log(err)
}

// TestSearchesUseIndexes looks at the plans of the common searches.
func TestSearchesUseIndexes(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.db"))
	for index, f := range map[string]ledger.Filter{
		"requests_at":                 {},
		"requests_key":                {KeyID: "k"},
		"requests_owner":              {Owner: "o"},
		"requests_outcome":            {Outcome: "limited"},
		"requests_client":             {ClientID: "c"},
		"sqlite_autoindex_requests_1": {ID: "r"},
	} {
		text, args, err := sqlstore.SearchSQL(f)
		if err != nil {
			t.Fatal(err)
		}
		var id, parent, unused int
		var plan, all string
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			if err := rows.Scan(&id, &parent, &unused, &plan); err != nil {
				t.Fatal(err)
			}
			all += plan + "\n"
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		sorts := strings.Contains(all, "TEMP B-TREE") && f.ID == ""
		if !strings.Contains(all, "INDEX "+index+" ") && !strings.Contains(all, "INDEX "+index+"\n") || sorts {
			t.Errorf("%+v: the plan is %s", f, all)
		}
	}
}

// TestReadersDoNotWaitForTheWriter reads while a transaction is open.
func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.db"))
	tx, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`UPDATE revisions SET n = 7 WHERE name = 'keys'`); err != nil {
		t.Fatal(err)
	}
	c, err := s.Changes(t.Context(), 0)
	if err != nil || c.Revision != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// TestAFullDiskLosesNothing gives the file no room to grow.
func TestAFullDiskLosesNothing(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.db"))
	if err := s.Append(t.Context(), storetest.Load(0, 100)); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := s.write.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		var now int
		if err := s.write.QueryRow(`PRAGMA max_page_count(` + strings.Repeat("1", n) + `)`).Scan(&now); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // as small as it is
	err := s.Append(t.Context(), storetest.Load(100, 500))
	if err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("got %v", err)
	}
	sum, err := s.Usage(t.Context(), ledger.UsageQuery{})
	if err != nil || sum[0].Requests != 100 {
		t.Fatalf("%+v, %v", sum, err)
	}
	limit(9) // there is room again
	if err := s.Append(t.Context(), storetest.Load(100, 500)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}
