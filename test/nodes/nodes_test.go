package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/clients"
	"github.com/sluice-gateway/sluice/store/postgres"
	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/store/sqlite"
)

var server *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, func(s *pgtest.Server) { server = s }) }

type store interface {
	auth.KeyStore
	io.Closer
}

// engine makes a database and answers how a node opens it.
type engine func(t *testing.T) func() (store, error)

func engines() map[string]engine {
	return map[string]engine{
		"sqlite": func(t *testing.T) func() (store, error) {
			path := filepath.Join(t.TempDir(), "keys.db")
			return func() (store, error) { return sqlite.Open(context.Background(), sqlite.Options{Path: path}) }
		},
		"postgres": func(t *testing.T) func() (store, error) {
			dsn := server.Database(t)
			return func() (store, error) { return postgres.Open(context.Background(), postgres.Options{DSN: dsn}) }
		},
	}
}

// node is one gateway's knowledge of client keys, followed as in the running program.
type node struct {
	*clients.Service
	directory *auth.Directory
}

func join(t *testing.T, open func() (store, error)) *node {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(`
providers: {up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}}
routes: {m: {targets: [up/m]}}
client_keys: [{name: file, key: sk-test-test-test-test-test}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{directory: auth.NewDirectory()}
	n.Service, err = clients.New(clients.Options{Store: s, Directory: n.directory, Config: func() *config.Config { return cfg }})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) knows(secret string) bool {
	_, err := n.directory.Find(auth.Digest(secret), time.Now())
	return err == nil
}

// until waits for a condition and answers how long that took.
func until(t *testing.T, what string, most time.Duration, ok func() bool) time.Duration {
	t.Helper()
	since := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		asked := time.Since(since)
		if ok() {
			return time.Since(since)
		}
		if asked > most {
			t.Fatalf("%s: not after %v", what, asked)
		}
		<-tick.C
	}
}

func TestNodesFollowEachOtherWithinASecond(t *testing.T) {
	for name, fresh := range engines() {
		t.Run(name, func(t *testing.T) {
			open := fresh(t)
			a, b, c := join(t, open), join(t, open), join(t, open)
			ctx, slowest := t.Context(), time.Duration(0)
			everywhere := func(what string, ok func(*node) bool) {
				t.Helper()
				for _, n := range []*node{a, b, c} {
					slowest = max(slowest, until(t, what, time.Second, func() bool { return ok(n) }))
				}
			}
			for i := range 5 {
				k, secret, _, err := a.CreateKey(ctx, auth.Stored{Name: fmt.Sprint("key ", i)})
				if err != nil {
					t.Fatal(err)
				}
				everywhere("a new key", func(n *node) bool { return n.knows(secret) })
				_, fresh, err := b.RotateKey(ctx, k.ID, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				everywhere("a rotation", func(n *node) bool { return n.knows(fresh) && !n.knows(secret) })
				if _, err := c.RevokeKey(ctx, k.ID, 0); err != nil {
					t.Fatal(err)
				}
				everywhere("a revocation", func(n *node) bool { return !n.knows(fresh) })
			}
			t.Logf("the slowest of 45 took %v", slowest.Round(time.Millisecond))
			late := join(t, open)
			if late.directory.Len() != 0 {
				t.Errorf("a node that joins later knows %d revoked keys", late.directory.Len())
			}
		})
	}
}

// A database that is killed and comes back: what is known works all the time, changes
// fail, and what happened meanwhile is caught up on.
func TestADatabaseThatIsKilledAndComesBack(t *testing.T) {
	open := engines()["postgres"](t)
	a, b := join(t, open), join(t, open)
	k, secret, _, err := a.CreateKey(t.Context(), auth.Stored{Name: "app"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a new key", time.Second, func() bool { return b.knows(secret) })
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := a.RevokeKey(ctx, k.ID, 0); err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Fatalf("a change without a database: %v", err)
	}
	until(t, "the knowledge ages", 10*time.Second, func() bool { return b.Stale() > 1500*time.Millisecond })
	if !a.knows(secret) || !b.knows(secret) {
		t.Fatal("a known key stopped working")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, "the change goes again", 20*time.Second, func() bool { _, err := a.RevokeKey(t.Context(), k.ID, 0); return err == nil })
	until(t, "the other node catches up", 10*time.Second, func() bool { return !b.knows(secret) })
}
