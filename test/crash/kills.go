package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// settledFor is how long a row must have been settled to survive a kill.
const settledFor = 200 * time.Millisecond

const workers = 8

// killed is one round.
type killed struct {
	at       time.Time
	from, to int // of the answers, those of this round
	inFlight int
	locked   bool
	boot     time.Duration
}

// kills kills the gateway many times under load and compares the books.
func (r *rig) kills(rounds int) error {
	store := filepath.Join(r.dir, "kills")
	if err := os.Mkdir(store, 0o700); err != nil {
		return err
	}
	t := &tally{refused: map[int]int{}}
	var all []killed
	for range rounds {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		k, err := r.killOnce(store, len(all)%3 == 2, t)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	provider, err := r.count()
	if err != nil {
		return err
	}
	g, err := r.gateway(store)
	if err != nil {
		return err
	}
	if err := r.caughtUp(g); err != nil {
		return err
	}
	if err := g.stop(); err != nil {
		return err
	}
	b, err := readBooks(filepath.Join(store, "sluice.db"))
	if err != nil {
		return err
	}
	r.compare(all, t, b, provider)
	return nil
}

// killOnce is one round: start, load, kill. Locked, nobody can write to the database from
// a while before the kill on.
func (r *rig) killOnce(store string, locked bool, t *tally) (k killed, err error) {
	g, err := r.gateway(store)
	if err != nil {
		return k, err
	}
	defer g.kill()
	k.boot, k.locked, k.from = g.boot, locked, len(t.answers)
	ctx, stop := context.WithCancel(r.ctx)
	load := r.load(ctx, g.api, workers, t)
	defer load.Wait()
	defer stop()
	life := 300*time.Millisecond + time.Duration(r.random.Int64N(int64(700*time.Millisecond)))
	if locked {
		time.Sleep(life / 2)
		unlock, err := lock(filepath.Join(store, "sluice.db"))
		if err != nil {
			return k, err
		}
		defer unlock()
		life = 450*time.Millisecond + life/2
	}
	time.Sleep(life)
	t.mu.Lock()
	k.at, k.to, k.inFlight = time.Now(), len(t.answers), t.inFlight
	t.mu.Unlock()
	g.kill()
	return k, nil
}

// lock keeps everybody from writing to a database.
func lock(path string) (unlock func(), err error) {
	db, err := openDB(path, false)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`BEGIN IMMEDIATE`); err != nil {
		_ = db.Close()
		return nil, err
	}
	var once sync.Once
	return func() { once.Do(func() { closeLocked(db) }) }, nil
}

func closeLocked(db *sql.DB) {
	_, _ = db.Exec(`ROLLBACK`) // nothing was written
	_ = db.Close()
}

// caughtUp waits until nothing waits for the database.
func (r *rig) caughtUp(g *gateway) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		waiting, err := r.metric(g, "sluice_ledger_waiting")
		if err == nil {
			var spool float64
			spool, err = r.metric(g, "sluice_ledger_spool_bytes")
			waiting += spool
		}
		if err != nil {
			return err
		}
		if waiting == 0 {
			return nil
		}
	}
	return fmt.Errorf("the ledger did not catch up within 30 s; see its log in %s", r.keep())
}

func (r *rig) compare(all []killed, t *tally, b *books, p counted) {
	var lost, old, recent, flying, locked int
	var boots []time.Duration
	youngest := settledFor
	for _, k := range all {
		boots = append(boots, k.boot)
		flying += k.inFlight
		if k.locked {
			locked++
		}
		for i := k.from; i < k.to; i++ {
			age, why := k.at.Sub(t.answers[i].at), b.missing(&t.answers[i])
			if age < settledFor {
				recent++
				continue
			}
			old++
			if why != "" {
				lost++
				youngest = max(youngest, age)
				if lost <= 5 {
					fmt.Printf("<!-- %s, answered %v before a kill (database locked: %v), %s -->\n", t.answers[i].id, age, k.locked, why)
				}
			}
		}
	}
	slices.Sort(boots)
	n := len(boots)
	r.row(fmt.Sprintf("%d × kill -9 under load, %d of them with the database locked", n, locked),
		fmt.Sprintf("%d calls answered, %d in flight at a kill", len(t.answers), flying), "", len(t.answers) > 20*n)
	what := fmt.Sprintf("%d of %d", lost, old)
	if lost > 0 {
		what += fmt.Sprintf(", the oldest for %v", youngest)
	}
	r.row("rows settled for 200 ms that are missing", what, "0", lost == 0)
	r.row("rows counted twice in the sums", fmt.Sprint(b.doubled()), "0", b.consistent())
	gone := p.OK + p.Cancelled - b.rows[1]
	r.row("answers by the provider's count, less the ledger's rows", fmt.Sprintf("%d − %d = %d", p.OK+p.Cancelled, b.rows[1], gone),
		fmt.Sprintf("0 to %d: in flight, or settled for less", flying+recent), gone >= 0 && gone <= int64(flying+recent))
	missed := p.InputTokens + p.OutputTokens - b.tokens[0] - b.tokens[1]
	r.row("tokens likewise", fmt.Sprintf("%d − %d = %d", p.InputTokens+p.OutputTokens, b.tokens[0]+b.tokens[1], missed), "those calls'",
		missed >= 0 && missed <= int64(flying+recent)*200)
	r.row("integrity_check", b.integrity, "ok", b.integrity == "ok")
	r.row("from start to ready, catching up from the spool included", fmt.Sprintf("median %d ms, longest %d ms", boots[n/2].Milliseconds(), boots[n-1].Milliseconds()),
		"< 1 s", boots[n/2] < time.Second)
	if len(t.refused) > 0 {
		r.row("calls refused", fmt.Sprint(t.refused), "0", false)
	}
}
