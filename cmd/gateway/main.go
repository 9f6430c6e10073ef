// Command gateway runs Sluice: an OpenAI-compatible gateway that spends all of the
// upstreams' rate limits and meets none of their 429s.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := root(os.Stdout, os.Stderr, os.LookupEnv).ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "gateway:", err)
		}
		stop()
		os.Exit(1)
	}
}
