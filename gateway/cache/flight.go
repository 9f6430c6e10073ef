package cache

import (
	"bytes"
	"slices"
	"time"
)

// maxFailures is how many leaders of one flight may fail before the rest stop waiting
// for one another.
const maxFailures = 3

// flight is the calls of one name under way.
type flight struct {
	leader    *Place
	followers []*Place // in the order in which they came
	failures  int
	sending   bool // the leader has reached an upstream
}

// Place is a call's place among those of its name: it leads a flight, follows in one, or
// is on its own. It belongs to one goroutine and ends with Keep, Share or Leave.
type Place struct {
	c      *Cache
	name   Name
	flight *flight // nil: on its own, or ended
	turn   chan Turn

	answer   []byte // recorded so far
	held     int64  // of the cache's memory
	dropped  bool   // the answer cannot be kept
	finished bool
}

// Turn is what a follower is told. The zero value: go on alone.
type Turn struct {
	// Answer is the leader's. Nil: there is none.
	Answer *Answer
	// Lead: the leader has left without an answer, and this call leads now.
	Lead bool
}

// Join looks for an answer younger than maxAge. Without one, the call gets a place: if
// lead, it leads the calls of its name, otherwise it waits for its turn.
func (c *Cache) Join(now time.Time, name Name, maxAge time.Duration) (a *Answer, p *Place, lead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.find(now, name, maxAge); a != nil {
		return a, nil, false
	}
	p = &Place{c: c, name: name}
	if f := c.flights[name]; f != nil {
		p.flight, p.turn = f, make(chan Turn, 1)
		f.followers = append(f.followers, p)
		return nil, p, false
	}
	p.flight = &flight{leader: p}
	c.flights[name] = p.flight
	return nil, p, true
}

// Alone is the place of a call that neither reads nor waits; what it brings is kept.
func (c *Cache) Alone(name Name) *Place { return &Place{c: c, name: name} }

// Turn is where a follower is told what to do: once.
func (p *Place) Turn() <-chan Turn { return p.turn }

// Sending tells that the leader has reached an upstream: what a follower waits for from
// then on is an answer, not room.
func (p *Place) Sending() bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.flight != nil && p.flight.sending
}

// Sent notes that the call has reached an upstream.
func (p *Place) Sent() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if f := p.flight; f != nil && f.leader == p {
		f.sending = true
	}
}

// Add records a piece of the answer. One that grows above the cache's bounds is dropped,
// and followers go on alone.
func (p *Place) Add(piece []byte) {
	if p.dropped || p.finished {
		return
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if int64(len(p.answer)+len(piece)) <= p.c.o.MaxEntry {
		p.answer = append(p.answer, piece...)
		p.hold(int64(cap(p.answer)))
		if p.c.fit() {
			return
		}
	}
	p.drop()
	p.release()
}

// Keep ends a call with the complete answer that was added: it is kept for ttl, and
// everybody who waits for it gets it. False: it is too large, or there was no room.
func (p *Place) Keep(now time.Time, a Answer, ttl time.Duration) bool {
	return p.complete(now, a, ttl)
}

// Share is Keep without keeping: only those who wait for the answer get it.
func (p *Place) Share(now time.Time, a Answer) bool { return p.complete(now, a, 0) }

func (p *Place) complete(now time.Time, a Answer, ttl time.Duration) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.dropped || p.finished {
		return false
	}
	a.Body, a.Stored = p.answer, now
	if len(a.Body) < cap(a.Body)-cap(a.Body)/8 {
		a.Body = bytes.Clone(a.Body) // as large as it is, not as it grew
	}
	p.drop()
	p.finished = true
	if ttl > 0 {
		p.c.put(now, p.name, a, ttl)
	}
	if f := p.flight; f != nil && f.leader == p {
		delete(p.c.flights, p.name)
		for _, w := range f.followers {
			w.flight = nil
			w.turn <- Turn{Answer: &a}
		}
	}
	p.flight = nil
	return true
}

// Leave ends a call that brings no answer. failed tells that its upstreams failed, and
// not only that its own time, budget or client is gone. A second call, or one after Keep
// or Share, does nothing.
func (p *Place) Leave(failed bool) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.drop()
	p.finished = true
	f := p.flight
	if f == nil {
		return
	}
	if f.leader != p {
		f.followers = slices.DeleteFunc(f.followers, func(w *Place) bool { return w == p })
		p.flight = nil
		return
	}
	if failed {
		f.failures++
	}
	if len(f.followers) == 0 || f.failures >= maxFailures {
		p.release()
		return
	}
	next := f.followers[0]
	f.followers = slices.Delete(f.followers, 0, 1)
	f.leader, f.sending, p.flight = next, false, nil
	next.turn <- Turn{Lead: true}
}

// release ends the flight that p leads; its followers go on alone. The lock is held.
func (p *Place) release() {
	f := p.flight
	if f == nil || f.leader != p {
		return
	}
	p.flight = nil
	delete(p.c.flights, p.name)
	for _, w := range f.followers {
		w.flight = nil
		w.turn <- Turn{}
	}
}

// hold sets what the recording takes of the memory; the lock is held.
func (p *Place) hold(n int64) {
	p.c.used += n - p.held
	p.held = n
}

// drop forgets what was recorded; the lock is held.
func (p *Place) drop() {
	p.hold(0)
	p.answer, p.dropped = nil, true
}
