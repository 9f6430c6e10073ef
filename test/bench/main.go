package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// plan is how much is measured.
type plan struct {
	short     bool
	benchTime string        // of each micro benchmark
	tokens    time.Duration // of each text's counting
	load      time.Duration // of each run against the proxy
	rounds    int           // how often the runs alternate
	warmUp    time.Duration // of each number of accounts
	measured  time.Duration // behind it
	accounts  []int
	loading   time.Duration // of the gateway's vocabularies
}

func plans(short bool) plan {
	if short {
		return plan{true, "20ms", 20 * time.Millisecond, 500 * time.Millisecond, 1, time.Second, time.Second, []int{1, 3}, time.Second}
	}
	return plan{false, "1s", time.Second, 10 * time.Second, 3, 7 * time.Second, 10 * time.Second, []int{1, 3, 5, 10}, 3 * time.Second}
}

func main() {
	short := flag.Bool("short", false, "a few seconds, to see that everything still runs; the numbers mean little")
	real := flag.Duration("realtime", 0, "instead: play the recording over HTTP for this long, then again with a kill in the middle")
	proxy := flag.String("proxy", "", "internal: `LISTEN,URL`: be a plain reverse proxy")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *proxy != "":
		err = serveProxy(ctx, *proxy)
	case *real > 0:
		err = realtime(ctx, *real, *short)
	default:
		err = run(ctx, plans(*short))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan) error {
	b, err := newBench(ctx, p.short)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Print("| what | measured | goal | |\n|---|---|---|---|\n")
	for _, part := range []func(*bench, plan) error{measureBudget, measureTokens, measureProxy, measureAccounts} {
		if err := part(b, p); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// row prints one line of the table. A row without a goal has no verdict, and neither
// has a short run.
func (b *bench) row(what, measured, goal string, met bool) {
	verdict := "met"
	switch {
	case goal == "":
		verdict = ""
	case b.short:
		verdict = "short run"
	case !met:
		verdict = "**missed**"
	}
	fmt.Printf("| %s | %s | %s | %s |\n", strings.ReplaceAll(what, "|", "\\|"), measured, goal, verdict)
}
