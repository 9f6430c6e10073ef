package postgres

import (
	"context"
	"flag"
	"testing"

	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/store/storetest"
)

var _ = flag.Int("store.requests", 10_000, "how many requests BenchmarkSearch searches")

var server *pgtest.Server

func TestMain(m *testing.M) {
	storetest.Victim(engine())
	pgtest.Main(m, func(s *pgtest.Server) { server = s })
}

func engine() storetest.Engine {
	return storetest.Engine{
		Name:  "postgres",
		Fresh: func(tb testing.TB) string { return server.Database(tb) },
		Open: func(ctx context.Context, dsn string) (storetest.Store, error) {
			return Open(ctx, Options{DSN: dsn})
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, engine()) }

func TestKilled(t *testing.T) { storetest.RunKilled(t, engine()) }

// durable is a server that syncs, as in production.
func durable(b *testing.B) storetest.Engine {
	s, err := pgtest.Start(pgtest.Options{Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	})
	e := engine()
	e.Fresh = func(tb testing.TB) string { return s.Database(tb) }
	return e
}

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, durable(b)) }

func BenchmarkSearch(b *testing.B) { storetest.BenchmarkSearch(b, durable(b)) }
