package ledger

import (
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// background is what the Writer's own goroutine knows; nobody else touches it.
type background struct {
	hand    []Entry // taken, and neither in the store nor in the spool
	flying  *flight // nil: no commit is under way
	retryAt time.Time
	backoff time.Duration // 0: the store works
	noSpool time.Time     // until when the spool is not tried again
	written []Entry       // written to the spool, no sync of them has begun
	syncing []Entry       // and those of which one has
	toldAt  time.Time     // when losses were last told
	unnoted bool          // they are not in the note yet
	spoolOK bool          // the last try of the spool went through
}

// flight is a commit under way.
type flight struct {
	group   []Entry
	began   time.Time
	chunk   chunk // where the group comes from the spool
	spooled bool  // the group is in the spool
}

type result struct {
	refused []Entry
	err     error
}

// run is the background: it looks, does what is due, and sleeps until the next moment.
func (w *Writer) run() {
	defer close(w.closed)
	w.back.spoolOK = true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.wake:
		case <-timer.C:
		case r := <-w.results:
			w.landed(r)
		case r := <-w.syncs:
			w.synced(r)
		}
		next := w.look(time.Now())
		if w.finished() {
			w.lastWords()
			return
		}
		timer.Reset(max(time.Until(next), time.Millisecond))
	}
}

// look does all that is due and answers when to look again.
func (w *Writer) look(now time.Time) time.Time {
	w.tellLosses(now)
	for w.step(now) {
		now = time.Now()
	}
	return w.next(now)
}

// step does one thing; false: nothing is due.
func (w *Writer) step(now time.Time) bool {
	b := &w.back
	if b.flying != nil && !b.flying.spooled {
		return w.overtake(now)
	}
	if len(b.hand) == 0 {
		b.hand = w.take(now, w.o.Every)
	}
	switch {
	case len(b.hand) > 0 && w.direct(now):
		w.fly(&flight{group: b.hand, began: now})
		b.hand = nil
		return true
	case len(b.hand) > 0 && w.keep(b.hand, now):
		b.hand = nil
		return true
	}
	return w.catchUp(now)
}

// overtake spools a group whose commit takes too long, and with it all that has come
// since.
func (w *Writer) overtake(now time.Time) bool {
	b, f := &w.back, w.back.flying
	if now.Sub(f.began) < w.o.Patience {
		return false
	}
	if len(b.hand) == 0 {
		b.hand = w.take(now, 0)
	}
	all := slices.Concat(f.group, b.hand)
	if !w.keep(all, now) {
		return false
	}
	f.spooled, b.hand = true, nil
	return true
}

// direct says that the store can have a group from memory: it works, and nothing that is
// older waits.
func (w *Writer) direct(now time.Time) bool {
	return w.back.flying == nil && !now.Before(w.back.retryAt) && (w.spool == nil || w.spool.empty())
}

// take takes entries, as many as one transaction holds, once the first has waited so long
// or a group is full.
func (w *Writer) take(now time.Time, wait time.Duration) []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.waiting)
	if n == 0 || n < w.o.Group && now.Sub(w.since) < wait && !w.closing {
		return nil
	}
	var size int64
	take := 0
	for take < min(n, maxGroup) && (take == 0 || size < maxGroupBytes) {
		rows, contents := w.waiting[take].sizes()
		size += rows + contents
		take++
	}
	group := w.waiting[:take:take]
	w.waiting = w.waiting[take:]
	if len(w.waiting) == 0 {
		w.waiting = nil
	}
	return group
}

// fly starts a commit.
func (w *Writer) fly(f *flight) {
	w.back.flying = f
	go func() {
		refused, err := w.commit(f.group)
		w.results <- result{refused, err}
	}()
}

// landed takes the result of a commit.
func (w *Writer) landed(r result) {
	b, now := &w.back, time.Now()
	f := b.flying
	b.flying = nil
	w.said(r.err, now)
	fromSpool := f.chunk.to > 0
	if r.err != nil {
		if !fromSpool && !f.spooled {
			b.hand = slices.Concat(f.group, b.hand)
		}
		return
	}
	if fromSpool {
		if err := w.spool.consume(f.chunk); err != nil {
			w.o.Log.Error("ledger: a part of the spool that has been written cannot be removed", "error", err.Error())
		}
	}
	for i := range r.refused {
		w.o.Log.Error("ledger: the store will never take a row, which is lost", "request_id", r.refused[i].id())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.LastCommit = now
	if w.spool != nil {
		w.stats.SpoolBytes = w.spool.waiting()
	}
	if f.spooled && !fromSpool {
		return // it counts when it comes from the spool
	}
	if !fromSpool {
		w.forget(f.group)
	}
	for i := range f.group {
		w.stats.Written.add(&f.group[i])
	}
	for i := range r.refused {
		w.lose(&r.refused[i], now)
		w.stats.Written.less(&r.refused[i])
	}
}

// said keeps what the store answered, and tells of a change.
func (w *Writer) said(err error, now time.Time) {
	b := &w.back
	failing := b.backoff > 0
	w.mu.Lock()
	w.stats.Failing = err != nil
	if err != nil {
		w.stats.LastError = err.Error()
	}
	w.mu.Unlock()
	if err == nil {
		b.backoff, b.retryAt = 0, time.Time{}
		if failing {
			w.o.Log.Info("ledger: the store takes rows again")
		}
		return
	}
	b.backoff = min(max(2*b.backoff, minBackoff), maxBackoff)
	b.retryAt = now.Add(b.backoff/2 + rand.N(b.backoff/2))
	if !failing {
		w.o.Log.Error("ledger: the store does not take rows; they wait on disk and in memory", "error", err.Error())
	}
}

// catchUp brings the front of the spool to the store.
func (w *Writer) catchUp(now time.Time) bool {
	b := &w.back
	if w.spool == nil || w.spool.empty() || b.flying != nil || now.Before(b.retryAt) {
		return false
	}
	c, err := w.spool.read(maxGroup, maxGroupBytes)
	if err != nil {
		w.said(err, now) // the disk is tried again like the store
		return false
	}
	if c.damaged > 0 {
		w.o.Log.Error("ledger: a part of the spool cannot be read and is lost", "bytes", c.damaged)
	}
	if len(c.entries) == 0 {
		if err := w.spool.consume(c); err != nil {
			w.said(err, now)
			return false
		}
		return true
	}
	w.fly(&flight{group: c.entries, began: now, chunk: c, spooled: true})
	return true
}

// keep writes a group to the spool; false: it stays in memory.
func (w *Writer) keep(group []Entry, now time.Time) bool {
	b := &w.back
	if w.spool == nil || now.Before(b.noSpool) {
		return false
	}
	bad, err := w.spool.append(group)
	if err != nil {
		w.spoolFailed(err, now)
		return false
	}
	if !b.spoolOK {
		w.o.Log.Info("ledger: the spool takes rows again")
	}
	b.spoolOK = true
	b.written = append(b.written, group...)
	w.sync()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range group {
		w.stats.Spooled.add(&group[i])
	}
	for i := range bad {
		w.lose(&bad[i], now)
	}
	w.stats.SpoolBytes = w.spool.waiting()
	return true
}

// spoolFailed leaves the spool alone for a moment, and tells of it once.
func (w *Writer) spoolFailed(err error, now time.Time) {
	b := &w.back
	b.noSpool = now.Add(minBackoff)
	if b.spoolOK {
		w.o.Log.Error("ledger: the spool takes no more; rows wait in memory", "error", err.Error())
	}
	b.spoolOK = false
}

// syncing is a sync of the spool that has ended.
type syncing struct {
	file *os.File
	err  error
}

// sync begins to make durable what was written to the spool. Others are written
// meanwhile: a disk may take long, and what is written survives a kill already.
func (w *Writer) sync() {
	b := &w.back
	if len(b.syncing) > 0 || len(b.written) == 0 {
		return
	}
	b.syncing, b.written = b.written, nil
	if w.spool.file == nil { // consumed, or synced when its segment ended
		w.syncs <- syncing{}
		return
	}
	go func(f *os.File) { w.syncs <- syncing{f, f.Sync()} }(w.spool.file)
}

// synced forgets what is durable. After a failure it is in hand again.
func (w *Writer) synced(r syncing) {
	b := &w.back
	if r.err == nil || r.file != w.spool.file { // a file that has ended was synced, or consumed
		w.mu.Lock()
		w.forget(b.syncing)
		w.mu.Unlock()
		b.syncing = nil
		w.sync()
		return
	}
	w.spool.abandon()
	w.spoolFailed(r.err, time.Now())
	b.hand = slices.Concat(b.syncing, b.written, b.hand)
	b.syncing, b.written = nil, nil
}

// forget gives back the memory of entries; the lock is held.
func (w *Writer) forget(group []Entry) {
	for i := range group {
		rows, contents := group[i].sizes()
		w.held--
		w.bytes -= rows + contents
		w.contents -= contents
	}
}
