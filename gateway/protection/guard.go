// Package protection keeps the gateway itself alive: it refuses new calls, before
// anything of them is read, while the process is short of slots, memory for bodies,
// heap, file descriptors or goroutines. Health checks, metrics and the admin API do not
// ask it.
package protection

import (
	"math"
	"sync"
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
	// HeapBytes is what counts against MemoryLimit, garbage that is not yet collected
	// included. Both are bytes.
	HeapBytes, MemoryLimit uint64
	// OpenFiles are the descriptors in use, of the FileLimit that there may be.
	OpenFiles, FileLimit uint64
	// Goroutines is how many there are.
	Goroutines int
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
	// InFlight is the number of calls inside, BodyBytes the bytes held for bodies.
	InFlight, BodyBytes int64
	// Sample is the last one taken.
	Sample Sample
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

	sampling sync.Mutex
	short    [3]bool // which of uses refuses; guarded by sampling
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
	most := g.o.Load().MaxInFlight
	for {
		// Counting first and checking afterwards would let a call that is refused take,
		// for a moment, the place of one that fits.
		n := g.inFlight.Load()
		if most > 0 && n >= most {
			return g.turnAway(InFlight)
		}
		if why := *g.refusing.Load(); why != "" {
			return g.turnAway(why)
		}
		if g.inFlight.CompareAndSwap(n, n+1) {
			return true, ""
		}
	}
}

func (g *Guard) turnAway(why Reason) (bool, Reason) {
	g.refused[index(why)].Add(1)
	return false, why
}

// Leave ends a call that was let in.
func (g *Guard) Leave() { g.inFlight.Add(-1) }

// Hold takes room for n bytes of a body; false: there is none. Every byte held ends in
// Release. Zero and less take nothing.
func (g *Guard) Hold(n int64) bool {
	most := g.o.Load().MaxBodyBytes
	if most <= 0 {
		most = math.MaxInt64
	}
	for n > 0 {
		held := g.body.Load()
		if n > most-held { // the sum could overflow, the difference cannot
			g.refused[index(BodyBytes)].Add(1)
			return false
		}
		if g.body.CompareAndSwap(held, held+n) {
			break
		}
	}
	return true
}

// Release gives n bytes back. Zero and less give nothing, and no more is given back than
// is held.
func (g *Guard) Release(n int64) {
	for n > 0 {
		held := g.body.Load()
		if g.body.CompareAndSwap(held, max(held-n, 0)) {
			return
		}
	}
}

// InFlight is the number of calls inside.
func (g *Guard) InFlight() int64 { return g.inFlight.Load() }

// release is the part of its bound below which a use must fall before calls are let in
// again.
const release = 0.95

// Refresh takes a new sample. The gateway does so a few times a second; Enter never
// samples. The Sample of the Options must not call Refresh or Configure.
func (g *Guard) Refresh() {
	g.sampling.Lock()
	defer g.sampling.Unlock()
	o := g.o.Load()
	s := o.Sample()
	why := Reason("")
	for i, u := range uses(o, &s) {
		limit := u.bound
		if g.short[i] {
			limit *= release
		}
		g.short[i] = u.bound > 0 && u.share >= limit
		if g.short[i] && why == "" {
			why = u.reason
		}
	}
	g.sample.Store(&s)
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
