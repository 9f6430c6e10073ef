package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sluice-gateway/sluice/store/storetest"
)

func TestFile(t *testing.T) {
	storetest.Run(t, storetest.Engine{Name: "sqlite", Fresh: func(tb testing.TB) func(context.Context) (storetest.Store, error) {
		path := filepath.Join(tb.TempDir(), "a b?c%d#e.db")
		return func(ctx context.Context) (storetest.Store, error) { return Open(ctx, Options{Path: path}) }
	}})
}

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Engine{Name: "sqlite", Alone: true, Fresh: func(testing.TB) func(context.Context) (storetest.Store, error) {
		return func(ctx context.Context) (storetest.Store, error) { return Open(ctx, Options{Path: Memory}) }
	}})
}
