package sqlstore

import (
	"context"
	"database/sql"

	"github.com/sluice-gateway/sluice/auth"
)

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
		return s.each(ctx, tx, `SELECT `+keyColumns+` FROM client_keys WHERE revoked_at = 0 ORDER BY revision`, nil, func(r scanner) error {
			k, err := scanKey(r)
			if err != nil {
				return err
			}
			return key(&k)
		})
	})
	if err != nil {
		return 0, s.fail(ctx, "read all keys", err)
	}
	return revision, nil
}
