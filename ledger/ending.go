package ledger

import (
	"slices"
	"time"
)

// idle is how long the background sleeps when it knows of nothing to come.
const idle = time.Hour

// next is when something will be due.
func (w *Writer) next(now time.Time) time.Time {
	b := &w.back
	next := now.Add(idle)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if b.flying != nil && !b.flying.spooled && w.spool != nil {
		sooner(latest(b.flying.began.Add(w.o.Patience), b.noSpool))
	}
	if len(b.hand) > 0 {
		if w.spool != nil {
			sooner(b.noSpool)
		}
		sooner(b.retryAt)
	}
	if w.spool != nil && !w.spool.empty() && b.flying == nil {
		sooner(b.retryAt)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) > 0 && len(b.hand) == 0 {
		sooner(w.since.Add(w.o.Every))
	}
	if w.fresh.Rows != (Rows{}) || b.unnoted {
		sooner(b.toldAt.Add(lossTold))
	}
	if !next.After(now) {
		next = now.Add(minBackoff / 10) // something due cannot be done now
	}
	return next
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *Writer) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

// finished says that the Writer is closing and there is no more to do: all is in the
// store, or on disk because the store fails, or the time for it is over.
func (w *Writer) finished() bool {
	b := &w.back
	if !w.isClosing() {
		return false
	}
	if w.life.Err() != nil {
		return true
	}
	if b.flying != nil || len(b.hand)+len(b.syncing)+len(b.written) > 0 || b.backoff == 0 && w.spool != nil && !w.spool.empty() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting) == 0
}

// lastWords spools what is still in memory and closes the spool.
func (w *Writer) lastWords() {
	b := &w.back
	b.noSpool = time.Time{}
	if b.flying != nil && !b.flying.spooled {
		b.hand = slices.Concat(b.flying.group, b.hand) // given up: whether the store has it is not known
	}
	for {
		if len(b.hand) == 0 {
			if b.hand = w.take(time.Now(), 0); len(b.hand) == 0 {
				break
			}
		}
		if !w.keep(b.hand, time.Now()) {
			break
		}
		b.hand = nil
	}
	for len(b.syncing) > 0 {
		w.synced(<-w.syncs)
	}
	w.mu.Lock()
	for _, group := range [][]Entry{b.hand, w.waiting} {
		for i := range group {
			w.lose(&group[i], time.Now())
		}
	}
	w.mu.Unlock()
	b.toldAt = time.Time{}
	w.tellLosses(time.Now())
	if w.spool != nil {
		w.spool.close()
	}
}

// tellLosses logs and notes what was lost since it was last told, now and then.
func (w *Writer) tellLosses(now time.Time) {
	b := &w.back
	w.mu.Lock()
	if w.fresh.Rows == (Rows{}) && !b.unnoted || now.Sub(b.toldAt) < lossTold {
		w.mu.Unlock()
		return
	}
	fresh, all := w.fresh, w.stats.Lost
	w.fresh = Loss{}
	w.mu.Unlock()
	b.toldAt = now
	if fresh.Rows != (Rows{}) {
		w.o.Log.Error(fresh.String())
	}
	if w.spool == nil {
		return
	}
	err := w.note.write(all)
	b.unnoted = err != nil
	if err != nil {
		w.o.Log.Error("ledger: what was lost cannot be noted", "error", err.Error())
	}
}

func (r *Rows) less(e *Entry) {
	var one Rows
	one.add(e)
	r.Requests -= one.Requests
	r.Attempts -= one.Attempts
	r.Contents -= one.Contents
}

// id names the request of an entry.
func (e *Entry) id() string {
	switch {
	case e.Request != nil:
		return e.Request.ID
	case len(e.Attempts) > 0:
		return e.Attempts[0].RequestID
	case e.Content != nil:
		return e.Content.RequestID
	}
	return ""
}
