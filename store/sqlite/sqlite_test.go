package sqlite

import (
	"context"
	"flag"
	"path/filepath"
	"testing"

	"github.com/sluice-gateway/sluice/store/storetest"
)

var _ = flag.Int("store.requests", 10_000, "how many requests BenchmarkSearch searches")

func file() storetest.Engine {
	return storetest.Engine{
		Name:  "sqlite",
		Fresh: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "a b?c%d#e.db") },
		Open: func(ctx context.Context, dsn string) (storetest.Store, error) {
			return Open(ctx, Options{Path: dsn})
		},
	}
}

func TestFile(t *testing.T) { storetest.Run(t, file()) }

func TestMemory(t *testing.T) {
	e := file()
	e.Alone, e.Fresh = true, func(testing.TB) string { return Memory }
	storetest.Run(t, e)
}

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, file()) }

func BenchmarkSearch(b *testing.B) { storetest.BenchmarkSearch(b, file()) }
