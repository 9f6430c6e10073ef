package settings

import (
	"context"
	"fmt"

	"github.com/sluice-gateway/sluice/config/history"
)

// Resealer seals anew what was sealed with an old key.
type Resealer interface {
	Reseal(sealed []byte, place string) (out []byte, changed bool, err error)
}

// Reseal seals the texts of all versions with the current key, as a rotation of keys
// needs it, and answers how many it has changed. After an error it can be called again.
func Reseal(ctx context.Context, store history.Store, r Resealer) (changed int, err error) {
	versions, err := store.ConfigHistory(ctx, 1)
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	for n := versions[0].N; n > 0; n-- { // none is ever taken out
		v, err := store.ConfigVersion(ctx, n)
		if err != nil {
			return changed, fmt.Errorf("version %d: %w", n, err)
		}
		if !v.Sealed {
			continue
		}
		sealed, anew, err := r.Reseal(v.Text, Place(&v))
		if err == nil && anew {
			err = store.ReplaceConfigText(ctx, n, sealed)
		}
		if err != nil {
			return changed, fmt.Errorf("version %d: %w", n, err)
		}
		if anew {
			changed++
		}
	}
	return changed, nil
}
