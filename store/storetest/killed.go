package storetest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/ledger"
)

// victim names, in the environment of a test's own process, the database that it writes to
// until it is killed.
const victim = "STORETEST_VICTIM"

// Victim is called first thing in TestMain. In a process that RunKilled has started it writes
// until it is killed; in others it does nothing.
func Victim(e Engine) {
	dsn := os.Getenv(victim)
	if dsn == "" {
		return
	}
	err := write(e, dsn)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// perWrite is how many requests one Append of a victim brings.
const perWrite = 20

// write appends for ever and tells on standard output what the store has said it kept.
func write(e Engine, dsn string) error {
	ctx := context.Background()
	s, err := e.Open(ctx, dsn)
	if err != nil {
		return err
	}
	c, err := s.Changes(ctx, 0)
	if err != nil {
		return err
	}
	for n := c.Revision + 1; ; n++ {
		entries := make([]ledger.Entry, perWrite)
		for i := range entries {
			id := fmt.Sprintf("%d/%d", n, i)
			entries[i] = ledger.Entry{Request: request(id), Attempts: []ledger.Attempt{attempt(id, 0), attempt(id, 1)}}
		}
		if err := s.Append(ctx, entries); err != nil {
			return err
		}
		k := auth.Stored{ID: fmt.Sprint(n), Name: fmt.Sprint(n), Hash: hash(fmt.Sprint(n))}
		if err := s.CreateKey(ctx, &k); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// RunKilled kills processes that migrate and write, over and over, and looks at what they
// leave: all that was acknowledged, nothing by half, and sums that equal the rows.
func RunKilled(t *testing.T, e Engine) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	t.Run("WhileMigrating", func(t *testing.T) {
		for round := range rounds {
			dsn := e.Fresh(t)
			kill(t, dsn, time.Duration(round)*8*time.Millisecond)
			s, err := e.Open(t.Context(), dsn)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			ok(t, s.Check(t.Context()))
			ok(t, s.Close())
		}
	})
	t.Run("WhileWriting", func(t *testing.T) {
		dsn := e.Fresh(t)
		ok(t, openAndClose(t, e, dsn))
		last := int64(0)
		for range rounds {
			told := kill(t, dsn, time.Duration(100+rand.IntN(300))*time.Millisecond)
			last = max(last, told)
			last = inspect(t, e, dsn, last)
		}
		if last < int64(rounds) {
			t.Fatalf("only %d writes in %d rounds: this shows nothing", last, rounds)
		}
	})
}

func openAndClose(t *testing.T, e Engine, dsn string) error {
	s, err := e.Open(t.Context(), dsn)
	if err != nil {
		return err
	}
	return s.Close()
}

// kill lets a process of its own write for a while, kills it, and answers the last number
// that it told.
func kill(t *testing.T, dsn string, after time.Duration) int64 {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), victim+"="+dsn)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	ok(t, err)
	ok(t, c.Start())
	timer := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	text, err := io.ReadAll(out)
	ok(t, err)
	if c.Wait() == nil || c.ProcessState.ExitCode() >= 0 {
		t.Fatalf("the process ended by itself: %v", c.ProcessState)
	}
	return lastNumber(t, string(text))
}

// lastNumber is the number on the last whole line; it was perhaps killed while it told.
func lastNumber(t *testing.T, text string) int64 {
	t.Helper()
	lines := strings.Split(text, "\n")
	if len(lines) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(lines[len(lines)-2], 10, 64)
	ok(t, err)
	return n
}

// inspect looks at a database whose writer was killed, and answers up to which number it is
// written.
func inspect(t *testing.T, e Engine, dsn string, told int64) int64 {
	t.Helper()
	ctx := t.Context()
	s := node(t, func(ctx context.Context) (Store, error) { return e.Open(ctx, dsn) })
	ok(t, s.Check(ctx))
	c, err := s.Changes(ctx, 0)
	ok(t, err)
	if c.Revision < told {
		t.Fatalf("%d writes were acknowledged, %d keys are there", told, c.Revision)
	}
	equal(t, int64(len(c.Keys)), c.Revision, "keys")
	sum := total(t, s, ledger.UsageQuery{})
	if sum.Requests%perWrite != 0 || sum.Requests < c.Revision*perWrite || sum.Requests > (c.Revision+1)*perWrite {
		t.Fatalf("%d requests are counted after %d writes of %d", sum.Requests, c.Revision, perWrite)
	}
	equal(t, sum.Attempts, 2*sum.Requests, "attempts counted")
	equal(t, sum.Cost, 100*sum.Attempts, "cost counted")
	rows := int64(0)
	f := ledger.Filter{Limit: ledger.MaxPage}
	for {
		page, next, err := s.Requests(ctx, f)
		ok(t, err)
		rows += int64(len(page))
		if f.Before = next; next == "" {
			break
		}
	}
	equal(t, rows, sum.Requests, "rows beside the sums")
	return c.Revision
}
