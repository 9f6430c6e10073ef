package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Writer brings entries to a Store without keeping anybody waiting. It is safe for
// concurrent use.
//
// Write takes an entry into memory. In the background a group is committed in one
// transaction: every 50 ms, or when 500 entries wait. What happens under pressure, in
// this order:
//
//  1. A commit that takes longer than 60 ms, or fails, has its group written to the spool,
//     a file on disk. So about 110 ms after Write an entry survives a kill of the process,
//     whatever the store does and however long the disk takes; the spool is synced per
//     group, after which it survives a loss of power too.
//  2. While the store fails it is tried again after a pause that grows from 0.1 to 5 s, and
//     everything goes to the spool. When the store is back, the spool is written to it in
//     order, and then memory again. After a restart the spool comes first; an entry that
//     is written twice counts once in the store.
//  3. When the spool is full, or its disk is, entries wait in memory.
//  4. When memory is full, entries are lost: they are counted exactly, by kind and time,
//     and the sum is logged, kept in a note beside the spool that needs no room on a full
//     disk, and told in Stats. Contents give way at half of memory's bytes.
//
// Calls never wait for any of it.
type Writer struct {
	o     Options
	spool *spool // nil: none; it belongs to the background
	note  lossNote

	mu       sync.Mutex
	waiting  []Entry
	since    time.Time // when the first of them came
	held     int       // entries in memory, those on their way to disk included
	bytes    int64     // of them
	contents int64     // of them, bytes of contents
	closing  bool
	stats    Stats
	fresh    Loss // not yet told

	wake    chan struct{}      // buffered: something for the background to look at
	results chan result        // of commits
	syncs   chan syncing       // of the spool
	closed  chan struct{}      // the background has ended
	life    context.Context    // of commits
	end     context.CancelFunc // gives up commits
	back    background
}

// Stats is what a Writer has done and where it stands.
type Stats struct {
	// Written is what the store has taken since the start, from the spool too.
	Written Rows
	// Waiting is how many entries, of how many bytes, are in memory: not yet committed,
	// nor synced to the spool.
	Waiting      int
	WaitingBytes int64
	// Spooled counts what was written to the spool since the start; SpoolBytes is what
	// waits there now.
	Spooled    Rows
	SpoolBytes int64
	// Lost is all that was ever lost, by the note beside the spool.
	Lost Loss
	// Failing: the last commit failed, for this reason.
	Failing   bool
	LastError string
	// LastCommit is when the store last took something; zero: never.
	LastCommit time.Time
}

// NewWriter makes a Writer and starts its background work; Close ends it.
func NewWriter(o Options) (*Writer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &Writer{o: o, wake: make(chan struct{}, 1), results: make(chan result, 1), syncs: make(chan syncing, 1), closed: make(chan struct{})}
	if o.Dir != "" {
		if err := w.openDir(); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
	}
	w.life, w.end = context.WithCancel(context.Background())
	go w.run()
	return w, nil
}

func (w *Writer) openDir() error {
	spool, cut, err := openSpool(w.o.Dir, w.o.MaxSpool)
	if err != nil {
		return err
	}
	if w.note, w.stats.Lost, err = openNote(w.o.Dir); err != nil {
		spool.close()
		return err
	}
	w.spool = spool
	w.stats.SpoolBytes = spool.waiting()
	if cut > 0 {
		w.o.Log.Warn("ledger: the spool's end was half written and is cut", "bytes", cut)
	}
	if n := spool.waiting(); n > 0 {
		w.o.Log.Info("ledger: the last run left rows in the spool", "bytes", n)
	}
	if w.stats.Lost.Rows != (Rows{}) {
		w.o.Log.Warn(w.stats.Lost.String()) // until somebody removes the note
	}
	return nil
}

// Write takes an entry, which must not be changed afterwards. It never blocks; an entry
// for which there is no room is lost and counted.
func (w *Writer) Write(e Entry) {
	rows, contents := e.sizes()
	w.mu.Lock()
	if contents > 0 && (w.contents+contents > w.o.MaxBytes/2 || w.bytes+rows+contents > w.o.MaxBytes) {
		w.lose(&Entry{Content: e.Content}, time.Now())
		e.Content, contents = nil, 0
	}
	if w.closing || w.held >= w.o.MaxEntries || w.bytes+rows > w.o.MaxBytes {
		w.lose(&e, time.Now())
		w.mu.Unlock()
		w.nudge()
		return
	}
	w.waiting = append(w.waiting, e)
	w.held++
	w.bytes += rows + contents
	w.contents += contents
	first, full := len(w.waiting) == 1, len(w.waiting) == w.o.Group
	if first {
		w.since = time.Now()
	}
	w.mu.Unlock()
	if first || full {
		w.nudge()
	}
}

// lose counts what cannot be kept; the lock is held.
func (w *Writer) lose(e *Entry, at time.Time) {
	w.stats.Lost.add(e, at)
	w.fresh.add(e, at)
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Stats answers the present state.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Waiting, s.WaitingBytes = w.held, w.bytes
	return s
}

// Close commits what waits, in memory and in the spool, and ends the background work. When
// the store fails or the context ends first, what it has not taken stays in the spool. What is written afterwards is lost and
// counted. A second call waits for the first.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.nudge()
	select {
	case <-w.closed:
	case <-ctx.Done():
		w.end()
		w.nudge()
		<-w.closed
	}
	w.end()
	if n := w.Stats().Waiting; n > 0 {
		return fmt.Errorf("ledger: %d entries could be neither written nor spooled", n)
	}
	return nil
}

// commit writes a group in one transaction. What the store will never take is told and
// left out.
func (w *Writer) commit(group []Entry) (refused []Entry, err error) {
	ctx, cancel := context.WithTimeout(w.life, commitTimeout)
	defer cancel()
	err = w.o.Store.Append(ctx, group)
	if !errors.Is(err, ErrInvalid) {
		return nil, err
	}
	for i := range group { // one of them is bad: the others are written one by one
		switch err := w.o.Store.Append(ctx, group[i:i+1]); {
		case errors.Is(err, ErrInvalid):
			refused = append(refused, group[i])
		case err != nil:
			return nil, err
		}
	}
	return refused, nil
}

// sizes are about the bytes an entry takes in memory.
func (e *Entry) sizes() (rows, contents int64) {
	rows = 64
	if r := e.Request; r != nil {
		rows += 640 + int64(len(r.Trail)+len(r.Error)+len(r.Model)+len(r.ClientID)+len(r.Key)+len(r.Owner))
	}
	rows += int64(len(e.Attempts)) * 400
	if c := e.Content; c != nil {
		contents = 128 + int64(len(c.Prompt)+len(c.Answer))
	}
	return rows, contents
}
