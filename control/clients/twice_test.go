package clients

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
)

// What another node has put into the store, and stands in this one's file, is told once; it
// is told again when it was gone and comes back.
func TestWhatIsInTheFileAndComesIntoTheStoreIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctx := newFake(), t.Context()
		old := auth.Stored{ID: "key_0", Name: "old", Hash: auth.Digest("sk-something-else")}
		if err := store.CreateKey(ctx, &old); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s, _ := node(t, store, &log)
		run, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { defer close(done); s.Run(run) }()
		said := func(what string) int {
			time.Sleep(time.Second)
			synctest.Wait()
			return strings.Count(log.String(), what)
		}
		key := auth.Stored{ID: "key_1", Name: "from elsewhere", Hash: auth.Digest("sk-test-test-test-test-test")}
		owner := auth.StoredOwner{Name: "filed"}
		if err := store.CreateKey(ctx, &key); err != nil {
			t.Fatal(err)
		}
		if n := said("stored=key_1"); n != 1 {
			t.Fatalf("told %d times: %s", n, &log)
		}
		if err := store.CreateOwner(ctx, &owner); err != nil {
			t.Fatal(err)
		}
		if n := said("owner=filed"); n != 1 {
			t.Fatalf("told %d times: %s", n, &log)
		}
		key.RevokedAt = time.Now()
		if err := store.UpdateKey(ctx, &key); err != nil {
			t.Fatal(err)
		}
		if n := said("stored=key_1"); n != 1 {
			t.Fatalf("told %d times: %s", n, &log)
		}
		again := auth.Stored{ID: "key_2", Name: "from elsewhere", Hash: auth.Digest("sk-test-test-test-test-test")}
		if err := store.CreateKey(ctx, &again); err != nil {
			t.Fatal(err)
		}
		if n := said("key=static"); n != 2 || strings.Contains(log.String(), "sk-test") || strings.Contains(log.String(), "old") {
			t.Fatalf("told %d times: %s", n, &log)
		}
		stop()
		<-done
	})
}
