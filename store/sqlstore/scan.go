package sqlstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/sluice-gateway/sluice/auth"
)

// keyRow is where the rows of many keys go, one after another.
type keyRow struct {
	key  auth.Stored
	into []any
}

// newKeyRow makes a row in which equal lists and limits are read once and shared: there
// are few sets of them, and reading JSON would take longer than all the rest.
func newKeyRow() *keyRow {
	w, lists := &keyRow{}, map[string][]string{}
	w.into = intoKey(&w.key, knownOf[[]string]{&w.key.Models, lists}, knownOf[map[string]string]{&w.key.Limits, map[string]map[string]string{}},
		knownOf[[]string]{&w.key.AllowedIPs, lists}, knownOf[[]string]{&w.key.Tags, lists})
	return w
}

func (w *keyRow) scan(r scanner) error {
	w.key = auth.Stored{}
	return r.Scan(w.into...)
}

// mostKnown bounds what a knownOf remembers.
const mostKnown = 4096

// knownOf scans JSON into a value, and remembers what it has read.
type knownOf[T any] struct {
	into  *T
	known map[string]T
}

func (s knownOf[T]) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return jsonOf{s.into}.Scan(v)
	}
	if *s.into, ok = s.known[text]; ok {
		return nil
	}
	if err := (jsonOf{s.into}).Scan(v); err != nil {
		return err
	}
	if len(s.known) < mostKnown {
		s.known[strings.Clone(text)] = *s.into
	}
	return nil
}

// ScanKeys implements auth.KeyScanner.
func (s *Store) ScanKeys(ctx context.Context, owner func(*auth.StoredOwner) error, key func(*auth.Stored) error) (revision int64, err error) {
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		if err := s.row(ctx, tx, `SELECT n FROM revisions WHERE name = 'keys'`, nil, &revision); err != nil {
			return err
		}
		if err := s.each(ctx, tx, `SELECT `+ownerColumns+` FROM owners WHERE deleted_at = 0 ORDER BY revision`, nil, func(r scanner) error {
			o, err := scanOwner(r)
			if err != nil {
				return err
			}
			return owner(&o)
		}); err != nil {
			return err
		}
		row := newKeyRow()
		return s.each(ctx, tx, `SELECT `+keyColumns+` FROM client_keys WHERE revoked_at = 0 ORDER BY revision`, nil, func(r scanner) error {
			if err := row.scan(r); err != nil {
				return err
			}
			return key(&row.key)
		})
	})
	if err != nil {
		return 0, s.fail(ctx, "read all keys", err)
	}
	return revision, nil
}
