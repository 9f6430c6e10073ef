// Package storetest is the conformance suite of stores: what one engine keeps, refuses and
// answers, every engine does. It covers the contracts of auth, ledger, web/access,
// config/history and vault.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config/history"
	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/store/sqlstore"
	"github.com/sluice-gateway/sluice/vault"
	"github.com/sluice-gateway/sluice/web/access"
)

// Store is a store whole.
type Store interface {
	auth.KeyStore
	auth.KeyScanner
	ledger.Store
	access.Store
	history.Store
	vault.Store
	Ping(ctx context.Context) error
	Check(ctx context.Context) error
	Close() error
	sqlstore.Copyable
}

// Engine is what the suite is run against.
type Engine struct {
	// Name begins the engine's errors.
	Name string
	// Fresh makes an empty database and answers its DSN.
	Fresh func(tb testing.TB) string
	// Open is how a node opens it.
	Open func(ctx context.Context, dsn string) (Store, error)
	// Alone: a second node cannot open the database while the first has it.
	Alone bool
}

// fresh makes an empty database and answers how a node opens it.
func (e Engine) fresh(tb testing.TB) func(context.Context) (Store, error) {
	dsn := e.Fresh(tb)
	return func(ctx context.Context) (Store, error) { return e.Open(ctx, dsn) }
}

// Run runs the suite. Properties are tried 30 times unless -rapid.checks says otherwise: a
// step of theirs is a transaction here.
func Run(t *testing.T, e Engine) {
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("30"); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []struct {
		name string
		test func(t *testing.T, e Engine)
	}{
		{"Keys", testKeys},
		{"KeyScan", testKeyScan},
		{"KeyGuards", testKeyGuards},
		{"Owners", testOwners},
		{"KeysAgainstAModel", testKeysAgainstAModel},
		{"ChangesMissNothing", testChangesMissNothing},
		{"OneOfManyUpdatesWins", testOneOfManyUpdatesWins},
		{"Accounts", testAccounts},
		{"Tokens", testTokens},
		{"AnAdminRemains", testAnAdminRemains},
		{"Sessions", testSessions},
		{"Audit", testAudit},
		{"Configurations", testConfigurations},
		{"UpstreamKeys", testUpstreamKeys},
		{"Text", testText},
		{"AppendAndRead", testAppendAndRead},
		{"AppendIsIdempotent", testAppendIsIdempotent},
		{"AppendIsAtomic", testAppendIsAtomic},
		{"AppendInParallel", testAppendInParallel},
		{"LedgerText", testLedgerText},
		{"Filters", testFilters},
		{"Pages", testPages},
		{"PagesWhileRowsAreAdded", testPagesWhileRowsAreAdded},
		{"Usage", testUsage},
		{"UsageByDaysOfZones", testUsageByDaysOfZones},
		{"UsageStaysAtItsBound", testUsageStaysAtItsBound},
		{"UsageAgainstAModel", testUsageAgainstAModel},
		{"Purge", testPurge},
		{"PurgeContent", testPurgeContent},
		{"Reopen", testReopen},
		{"Deadlines", testDeadlines},
		{"NodesOpenAtOnce", testNodesOpenAtOnce},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel() // each has a database of its own
			part.test(t, e)
		})
	}
}

// begin is the moment tests count from, a little after a full hour.
func begin() time.Time { return time.Date(2026, 3, 10, 12, 0, 7, 123456000, time.UTC) }

// open opens a fresh database.
func open(t testing.TB, e Engine) Store {
	t.Helper()
	return node(t, e.fresh(t))
}

// node opens a database once more.
func node(t testing.TB, open func(context.Context) (Store, error)) Store {
	t.Helper()
	s, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tester is a test, or a property's.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func ok(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// refused tells that an error is the wanted one, and names the engine.
func refused(t tester, e Engine, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	if !strings.HasPrefix(err.Error(), e.Name+": ") {
		t.Fatalf("the error %q does not begin with the engine's name", err)
	}
}

func equal[T comparable](t tester, got, want T, what string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// same compares what tests can print.
func same[T any](t tester, got, want T, what string) {
	t.Helper()
	if d := diff(got, want); d != "" {
		t.Fatalf("%s: %s", what, d)
	}
}

func hash(s string) [32]byte { return sha256.Sum256([]byte(s)) }
