package ledger

import (
	"errors"
	"log/slog"
	"time"
)

// Options are what a Writer is made of.
type Options struct {
	Store Store // required
	// Dir is the directory of the spool and of the note of what was lost; it is made
	// where it is missing and belongs to one process. Empty: there is no spool, and what
	// memory cannot hold is lost.
	Dir string
	// Every is how long the first row of a group waits for others. Zero: 50 ms.
	Every time.Duration
	// Patience is how long a commit may take until its group is spooled as well. Zero:
	// 60 ms.
	Patience time.Duration
	// Group is how many entries begin a commit at once. Zero: 500.
	Group int
	// MaxEntries and MaxBytes bound what waits in memory. Zero: 100,000 and 64 MiB.
	// Contents take at most half of the bytes, so that they give way to rows.
	MaxEntries int
	MaxBytes   int64
	// MaxSpool bounds the spool, in bytes. Zero: 1 GiB.
	MaxSpool int64
	// Log takes what goes wrong. Nil: discarded.
	Log *slog.Logger
}

// Bounds of one transaction: a group that has grown while the store was slow is written
// in several.
const (
	maxGroup      = 2000
	maxGroupBytes = 8 << 20
)

// commitTimeout is when a commit is given up and its group tried again.
const commitTimeout = 15 * time.Second

// Bounds of the pause between tries of a store that fails.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// lossTold is the least time between two lines about losses.
const lossTold = 10 * time.Second

func (o Options) withDefaults() (Options, error) {
	if o.Store == nil {
		return o, errors.New("ledger: Options need a Store")
	}
	if o.Every < 0 || o.Patience < 0 || o.Group < 0 || o.MaxEntries < 0 || o.MaxBytes < 0 || o.MaxSpool < 0 {
		return o, errors.New("ledger: no option may be negative")
	}
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orDuration(&o.Every, 50*time.Millisecond)
	orDuration(&o.Patience, 60*time.Millisecond)
	if o.Group == 0 {
		o.Group = 500
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 100_000
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxSpool == 0 {
		o.MaxSpool = 1 << 30
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}
