package ledger

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Retention is how long rows are kept.
type Retention struct {
	// Requests is for requests with their attempts; sums stay. Zero: for ever.
	Requests time.Duration
	// Contents is for prompts and answers. Zero: as long as the request.
	Contents time.Duration
}

// JanitorOptions are what a Janitor is made of.
type JanitorOptions struct {
	Store Store // required
	// Retention is asked before every round. Required.
	Retention func() Retention
	// Every is the pause between rounds. Zero: 10 minutes.
	Every time.Duration
	// Batch is how many rows one transaction removes, Pause how long it lets others
	// write after each. Zero: 500, and 100 ms.
	Batch int
	Pause time.Duration
	// Log takes what goes wrong. Nil: discarded.
	Log *slog.Logger
}

// Janitor removes what is older than its retention, in small transactions, so that the
// rows that come in never wait long for it.
type Janitor struct{ o JanitorOptions }

// NewJanitor makes a Janitor; Run does its work.
func NewJanitor(o JanitorOptions) (*Janitor, error) {
	if o.Store == nil || o.Retention == nil {
		return nil, errors.New("ledger: JanitorOptions need Store and Retention")
	}
	if o.Every <= 0 {
		o.Every = 10 * time.Minute
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Pause <= 0 {
		o.Pause = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Janitor{o}, nil
}

// firstRound is when the first round begins: a start has other things to do.
const firstRound = time.Minute

// Run removes what is too old, now and then, until the context ends.
func (j *Janitor) Run(ctx context.Context) {
	timer := time.NewTimer(min(firstRound, j.o.Every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		j.round(ctx, time.Now())
		timer.Reset(j.o.Every)
	}
}

func (j *Janitor) round(ctx context.Context, now time.Time) {
	keep := j.o.Retention()
	contents, err := 0, error(nil)
	if keep.Contents > 0 {
		contents, err = j.purge(ctx, j.o.Store.PurgeContent, now.Add(-keep.Contents))
	}
	requests := 0
	if err == nil && keep.Requests > 0 {
		requests, err = j.purge(ctx, j.o.Store.Purge, now.Add(-keep.Requests))
	}
	if requests+contents > 0 {
		j.o.Log.Info("ledger: what is older than its retention is removed", "requests", requests, "contents", contents)
	}
	if err != nil && ctx.Err() == nil {
		j.o.Log.Error("ledger: what is older than its retention could not be removed; it is tried again",
			"error", err.Error(), "in", j.o.Every.String())
	}
}

// purge removes batch after batch until nothing old is left.
func (j *Janitor) purge(ctx context.Context, remove func(context.Context, time.Time, int) (int, error), before time.Time) (n int, err error) {
	for {
		one, err := remove(ctx, before, j.o.Batch)
		n += one
		if err != nil || one < j.o.Batch {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-time.After(j.o.Pause):
		}
	}
}
