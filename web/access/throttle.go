package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// pace is how wrong passwords are slowed: so many are free, then each doubles the wait
// from a second to at most the longest. Whoever keeps quiet for a while begins anew.
type pace struct {
	free           int
	longest, quiet time.Duration
}

// By name the wait stays short: an attacker who knows a name must not be able to keep its
// owner out. By address it may grow, since that is the attacker's own.
func byName() pace    { return pace{free: 5, longest: 30 * time.Second, quiet: 15 * time.Minute} }
func byAddress() pace { return pace{free: 10, longest: 5 * time.Minute, quiet: time.Hour} }

// maxTracked bounds the names, the addresses, and the pairs of both that are remembered;
// those that were not seen for longest are forgotten first.
const maxTracked = 10_000

// strikes are tries that have not proved right.
type strikes struct {
	n    int
	last time.Time
}

// wait is how long no other try is taken.
func (s *strikes) wait(now time.Time, p pace) time.Duration {
	if s == nil || s.n < p.free || now.Sub(s.last) >= p.quiet {
		return 0
	}
	delay := p.longest
	if over := s.n - p.free; over < 20 {
		delay = min(p.longest, time.Second<<over)
	}
	return s.last.Add(delay).Sub(now)
}

func (s *strikes) strike(now time.Time, p pace) {
	if now.Sub(s.last) >= p.quiet {
		s.n = 0
	}
	s.n++
	s.last = now
}

func (s *strikes) giveBack() { s.n = max(0, s.n-1) }

type pair struct {
	name    string
	address netip.Prefix
}

// throttle slows the guessing of passwords. A try counts as wrong from its beginning, so
// that many at once win nothing; what proves right is given back. It is safe for
// concurrent use and bounded in memory.
type throttle struct {
	mu        sync.Mutex
	names     *simplelru.LRU[string, *strikes]
	addresses *simplelru.LRU[netip.Prefix, *strikes]
	// known are pairs that have signed in. They have a count of their own instead of the
	// name's, so that what others try under a name does not slow its owner.
	known *simplelru.LRU[pair, *strikes]
}

func newThrottle() *throttle {
	return &throttle{names: tracked[string](), addresses: tracked[netip.Prefix](), known: tracked[pair]()}
}

func tracked[K comparable]() *simplelru.LRU[K, *strikes] {
	l, _ := simplelru.NewLRU[K, *strikes](maxTracked, nil) // fails only for sizes below one
	return l
}

// try is one try of a password that was let through.
type try struct {
	t    *throttle
	pair pair
}

// enter lets a try through, or answers how long to wait. A try that is not let through
// does not count.
func (t *throttle) enter(now time.Time, name string, ip netip.Addr) (*try, time.Duration) {
	p := pair{name, neighbourhood(ip)}
	t.mu.Lock()
	defer t.mu.Unlock()
	own, known := t.known.Get(p)
	if !known {
		own, _ = t.names.Get(name)
	}
	shared, _ := t.addresses.Get(p.address)
	if wait := max(own.wait(now, byName()), shared.wait(now, byAddress())); wait > 0 {
		return nil, wait
	}
	if own == nil {
		own = &strikes{}
		t.names.Add(name, own)
	}
	if shared == nil {
		shared = &strikes{}
		t.addresses.Add(p.address, shared)
	}
	own.strike(now, byName())
	shared.strike(now, byAddress())
	return &try{t, p}, 0
}

// wrong ends a try whose password was wrong: the wait begins now, however long that took
// to find out.
func (y *try) wrong(now time.Time) {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	own, known := y.t.known.Get(y.pair)
	if !known {
		own, _ = y.t.names.Get(y.pair.name)
	}
	shared, _ := y.t.addresses.Get(y.pair.address)
	for _, s := range []*strikes{own, shared} {
		if s != nil && s.last.Before(now) {
			s.last = now
		}
	}
}

// right ends a try whose password was right: the pair is known from now on.
func (y *try) right() {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	if s, ok := y.t.addresses.Get(y.pair.address); ok {
		s.giveBack() // only its own: an account of one's own must not buy tries at others
	}
	if _, known := y.t.known.Get(y.pair); !known {
		y.t.names.Remove(y.pair.name)
	}
	y.t.known.Add(y.pair, &strikes{})
}

// undecided ends a try whose password was not looked at.
func (y *try) undecided() {
	y.t.mu.Lock()
	defer y.t.mu.Unlock()
	if s, ok := y.t.addresses.Get(y.pair.address); ok {
		s.giveBack()
	}
	if s, ok := y.t.known.Get(y.pair); ok {
		s.giveBack()
	} else if s, ok := y.t.names.Get(y.pair.name); ok {
		s.giveBack()
	}
}
