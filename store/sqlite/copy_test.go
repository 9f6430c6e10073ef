package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/store/sqlstore"
	"github.com/sluice-gateway/sluice/store/storetest"
	"github.com/sluice-gateway/sluice/web/access"
)

func TestCopyToAnotherFile(t *testing.T) { storetest.RunCopy(t, file(), file()) }

func TestACopyHasEveryColumn(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "sluice.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.read.Query(`SELECT t.name || '.' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT IN ('revisions', 'goose_db_version', 'sqlite_sequence')`)
	if err != nil {
		t.Fatal(err)
	}
	storetest.RunTables(t, rows)
}

// Every row is read back: what the database made of it otherwise is found, and nothing is kept.
func TestACopyThatDiffersIsNotKept(t *testing.T) {
	from, to := mustOpen(t, filepath.Join(t.TempDir(), "a.db")), mustOpen(t, filepath.Join(t.TempDir(), "b.db"))
	a := access.Audit{At: time.Unix(1, 0), Who: "ann", Action: "key.create"}
	if err := from.AppendAudit(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	if _, err := to.write.Exec(`CREATE TRIGGER other AFTER INSERT ON audit BEGIN UPDATE audit SET who = 'bob'; END`); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Copy(t.Context(), from, to, nil); !errors.Is(err, sqlstore.ErrDiffers) {
		t.Fatal(err)
	}
	if all, err := to.Audits(t.Context(), 0, 10); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
}
