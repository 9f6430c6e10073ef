package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	rounds := flag.Int("rounds", 200, "how often the gateway is killed")
	short := flag.Bool("short", false, "10 rounds")
	seed := flag.Uint64("seed", 0, "of the moments; 0: another one each time")
	flag.Parse()
	if *short {
		*rounds = 10
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, seed uint64) error {
	r, err := newRig(ctx, seed)
	if err != nil {
		return err
	}
	defer r.close()
	fmt.Printf("seed %d\n\n| what | measured | goal | |\n|---|---|---|---|\n", r.seed)
	if err := r.kills(rounds); err != nil {
		return err
	}
	if err := r.fullDisk(); err != nil {
		return err
	}
	if r.failed {
		return fmt.Errorf("not all goals were met; the processes' logs are in %s", r.keep())
	}
	return nil
}
