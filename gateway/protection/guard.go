// Package protection keeps the gateway itself alive: it refuses new calls, before
// anything of them is read, while the process is short of slots, memory for bodies,
// heap, file descriptors or goroutines. Health checks, metrics and the admin API do not
// ask it.
package protection

import (
	"sync/atomic"
)

// Options are the bounds.
type Options struct {
	// MaxInFlight bounds the calls at once. Zero: no bound.
	MaxInFlight int64
	// MaxBodyBytes bounds the bytes of request bodies in memory at once. Zero: no bound.
	MaxBodyBytes int64
	// HeapShare is the share of the memory limit (GOMEMLIMIT, else the container's;
	// neither: not checked) from which calls are refused. Zero: not checked.
	HeapShare float64
	// FileShare is the share of the process's limit on open files. Zero: 0.90.
	FileShare float64
	// MaxGoroutines bounds the goroutines. Zero: no bound.
	MaxGoroutines int
	// Sample looks at the process. Nil: Process.
	Sample func() Sample
}

// Sample is what the process uses. Limits of zero are not known, and not checked.
type Sample struct {
	HeapBytes, MemoryLimit uint64
	OpenFiles, FileLimit   uint64
	Goroutines             int
}

// Reason is why a call was refused; empty: it was not.
type Reason string

// The reasons.
const (
	InFlight   Reason = "in_flight"
	BodyBytes  Reason = "body_bytes"
	Heap       Reason = "heap"
	Files      Reason = "files"
	Goroutines Reason = "goroutines"
)

// State is what the guard sees now.
type State struct {
	InFlight, BodyBytes int64
	Sample              Sample
	// Pressure is the highest share of its bound that anything uses; 1 is full.
	Pressure float64
	// Refusing is why calls are refused for what was sampled last; empty: they are not.
	Refusing Reason
	// Refused counts the calls refused, by reason.
	Refused map[Reason]int64
}

// Guard counts and refuses. Safe for concurrent use.
type Guard struct {
	o        atomic.Pointer[Options]
	inFlight atomic.Int64
	body     atomic.Int64
	sample   atomic.Pointer[Sample]
	refusing atomic.Pointer[Reason] // for what was sampled
	refused  [5]atomic.Int64
}

// New makes a guard that has taken its first sample.
func New(o Options) *Guard {
	g := &Guard{}
	g.Configure(o)
	return g
}

// Configure replaces the bounds; what is counted stays.
func (g *Guard) Configure(o Options) {
	if o.FileShare <= 0 {
		o.FileShare = 0.90
	}
	if o.Sample == nil {
		o.Sample = Process
	}
	g.o.Store(&o)
	g.Refresh()
}

// Enter lets a call in or says why not. Every call that is let in ends in Leave.
func (g *Guard) Enter() (bool, Reason) {
	o := g.o.Load()
	if n := g.inFlight.Add(1); o.MaxInFlight > 0 && n > o.MaxInFlight {
		return g.turnAway(InFlight)
	}
	if why := g.refusing.Load(); *why != "" {
		return g.turnAway(*why)
	}
	return true, ""
}

func (g *Guard) turnAway(why Reason) (bool, Reason) {
	g.inFlight.Add(-1)
	g.refused[index(why)].Add(1)
	return false, why
}

// Leave ends a call that was let in.
func (g *Guard) Leave() { g.inFlight.Add(-1) }

// Hold takes room for n bytes of a body; false: there is none. Every byte held ends in
// Release.
func (g *Guard) Hold(n int64) bool {
	most := g.o.Load().MaxBodyBytes
	if total := g.body.Add(n); most > 0 && total > most {
		g.body.Add(-n)
		g.refused[index(BodyBytes)].Add(1)
		return false
	}
	return true
}

// Release gives n bytes back.
func (g *Guard) Release(n int64) { g.body.Add(-n) }

// InFlight is the number of calls inside.
func (g *Guard) InFlight() int64 { return g.inFlight.Load() }

// release is how far below its bound a use must fall before calls are let in again.
const release = 0.05

// Refresh takes a new sample. The gateway does so a few times a second; Enter never
// samples.
func (g *Guard) Refresh() {
	o := g.o.Load()
	s := o.Sample()
	g.sample.Store(&s)
	before := g.refusing.Load()
	why := Reason("")
	for _, u := range uses(o, &s) {
		limit := u.bound
		if before != nil && *before == u.reason {
			limit -= release
		}
		if u.bound > 0 && u.share >= limit {
			why = u.reason
			break
		}
	}
	g.refusing.Store(&why)
}

// use is one thing that runs short: its share, and the share from which it does.
type use struct {
	reason       Reason
	share, bound float64
}

func uses(o *Options, s *Sample) [3]use {
	share := func(n, of uint64) float64 {
		if of == 0 {
			return 0
		}
		return float64(n) / float64(of)
	}
	u := [3]use{{Heap, share(s.HeapBytes, s.MemoryLimit), o.HeapShare}, {Files, share(s.OpenFiles, s.FileLimit), o.FileShare}, {Goroutines, 0, 0}}
	if o.MaxGoroutines > 0 {
		u[2].share, u[2].bound = float64(s.Goroutines)/float64(o.MaxGoroutines), 1
	}
	return u
}

// State tells what the guard sees.
func (g *Guard) State() State {
	o := g.o.Load()
	s := State{
		InFlight: g.inFlight.Load(), BodyBytes: g.body.Load(), Sample: *g.sample.Load(), Refusing: *g.refusing.Load(),
		Refused: map[Reason]int64{},
	}
	if o.MaxInFlight > 0 {
		s.Pressure = float64(s.InFlight) / float64(o.MaxInFlight)
	}
	if o.MaxBodyBytes > 0 {
		s.Pressure = max(s.Pressure, float64(s.BodyBytes)/float64(o.MaxBodyBytes))
	}
	for _, u := range uses(o, &s.Sample) {
		if u.bound > 0 {
			s.Pressure = max(s.Pressure, u.share/u.bound)
		}
	}
	for _, r := range []Reason{InFlight, BodyBytes, Heap, Files, Goroutines} {
		if n := g.refused[index(r)].Load(); n > 0 {
			s.Refused[r] = n
		}
	}
	return s
}

func index(r Reason) int {
	switch r {
	case BodyBytes:
		return 1
	case Heap:
		return 2
	case Files:
		return 3
	case Goroutines:
		return 4
	}
	return 0
}
