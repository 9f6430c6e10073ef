package postgres

import (
	"context"
	"testing"

	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/store/storetest"
)

var server *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, func(s *pgtest.Server) { server = s }) }

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Engine{Name: "postgres", Fresh: func(tb testing.TB) func(context.Context) (storetest.Store, error) {
		dsn := server.Database(tb)
		return func(ctx context.Context) (storetest.Store, error) { return Open(ctx, Options{DSN: dsn}) }
	}})
}
