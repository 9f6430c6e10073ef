package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fullDisk fills the disk under a running gateway, then makes it larger: calls go on, and
// in the end each is in the ledger or counted as lost.
func (r *rig) fullDisk() error {
	store := filepath.Join(r.dir, "disk")
	if err := os.Mkdir(store, 0o700); err != nil {
		return err
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "sluice-crash", store).CombinedOutput(); err != nil {
		fmt.Printf("| a full disk | not run: mounting a small file system needs root: %s | | |\n", firstLine(out))
		return nil
	}
	defer func() { _ = exec.Command("umount", "-l", store).Run() }() // what is in it goes with it
	g, err := r.gateway(store)
	if err != nil {
		return err
	}
	defer g.kill()
	t := &tally{refused: map[int]int{}}
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	load := r.load(ctx, g.api, workers, t)
	if err := r.fill(store); err != nil {
		return err
	}
	full := len(t.snapshot())
	time.Sleep(2 * time.Second)
	during := len(t.snapshot()) - full
	failing, err := r.metric(g, "sluice_ledger_failing")
	if err != nil {
		return err
	}
	waiting, err := r.metric(g, "sluice_ledger_waiting")
	if err != nil {
		return err
	}
	if out, err := exec.Command("mount", "-o", "remount,size=64m", store).CombinedOutput(); err != nil {
		return fmt.Errorf("remount: %w: %s", err, out)
	}
	stop()
	load.Wait()
	if err := r.caughtUp(g); err != nil {
		return err
	}
	lost, err := r.metric(g, `sluice_ledger_rows_lost_total{kind="attempt"}`)
	if err != nil {
		return err
	}
	if err := g.stop(); err != nil {
		return err
	}
	b, err := readBooks(filepath.Join(store, "sluice.db"))
	if err != nil {
		return err
	}
	answers := t.snapshot()
	absent := 0
	for i := range answers {
		if b.missing(&answers[i]) != "" {
			absent++
		}
	}
	r.row("a full disk: calls answered in 2 s of it", fmt.Sprintf("%d, the database failing: %v, %.0f entries in memory", during, failing == 1, waiting),
		"they go on", during > 50 && len(t.refused) == 0 && t.errors == 0)
	r.row("once it has room again: missing in the ledger, and counted as lost", fmt.Sprintf("%d of %d, %.0f", absent, len(answers), lost), "equal",
		absent == int(lost) && b.consistent() && b.integrity == "ok")
	return nil
}

// fill takes all the room that is left.
func (r *rig) fill(dir string) error {
	time.Sleep(300 * time.Millisecond)
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); err != nil {
			return nil // which is what was wanted
		}
	}
}

func (t *tally) snapshot() []answered {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers
}

func firstLine(b []byte) string {
	for i, c := range b {
		if c == '\n' {
			return string(b[:i])
		}
	}
	return string(b)
}
