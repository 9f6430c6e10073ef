package storetest

import (
	"bufio"
	"context"
	"fmt"
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
	fmt.Println(0)
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
		t.Parallel()
		for round := range rounds {
			dsn := e.Fresh(t)
			kill(t, dsn, 0, time.Duration(round)*4*time.Millisecond)
			s, err := e.Open(t.Context(), dsn)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			ok(t, s.Check(t.Context()))
			ok(t, s.Close())
		}
	})
	t.Run("WhileWriting", func(t *testing.T) {
		t.Parallel()
		dsn := e.Fresh(t)
		ok(t, openAndClose(t, e, dsn))
		last := int64(0)
		for range rounds {
			told := kill(t, dsn, last+1+rand.Int64N(3), time.Duration(rand.Int64N(int64(20*time.Millisecond))))
			last = inspect(t, e, dsn, told)
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

// kill lets a process of its own write until it has told a number, and a while longer; kills
// it; and answers the last number that it told.
func kill(t *testing.T, dsn string, until int64, more time.Duration) int64 {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), victim+"="+dsn)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	ok(t, err)
	ok(t, c.Start())
	told, killed := int64(-1), false
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what it was telling when it was killed is not told
		}
		told, err = strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		ok(t, err)
		if told >= until && !killed {
			killed = true
			defer time.AfterFunc(more, func() { _ = c.Process.Kill() }).Stop()
		}
	}
	if c.Wait() == nil || c.ProcessState.ExitCode() >= 0 {
		t.Fatalf("the process ended by itself: %v", c.ProcessState)
	}
	return told
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
