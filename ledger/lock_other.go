//go:build !unix

package ledger

import (
	"os"
	"path/filepath"
)

// lockDir does not lock where the system has no flock.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
