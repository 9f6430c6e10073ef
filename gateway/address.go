package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
)

// addresses keeps the limits per client address. It is bounded: when it is full,
// addresses whose buckets are full again are forgotten, and while none is, new
// addresses share one scope.
type addresses struct {
	limits  []budget.Limit
	trusted []netip.Prefix

	mu     sync.Mutex
	scopes map[netip.Addr]*budget.Scope
	rest   *budget.Scope
}

// maxAddresses bounds the addresses that have buckets of their own.
const maxAddresses = 10_000

// newAddresses answers nil when addresses are not limited.
func newAddresses(s *config.Server, now budget.Instant) *addresses {
	a := &addresses{trusted: s.TrustedProxies, scopes: map[netip.Addr]*budget.Scope{}}
	if n := s.PerIP.RPM; n > 0 {
		a.limits = append(a.limits, budget.Limit{Name: "rpm", Dimension: budget.Requests, Amount: n, Window: time.Minute})
	}
	if n := s.PerIP.Concurrency; n > 0 {
		a.limits = append(a.limits, budget.Limit{Name: "concurrency", Dimension: budget.Concurrency, Kind: budget.Gauge, Amount: n})
	}
	if len(a.limits) == 0 {
		return nil
	}
	a.rest = budget.NewScope(budget.ScopeAddress, "others", now, a.limits)
	return a
}

// scope answers the buckets of a request's address.
func (a *addresses) scope(now budget.Instant, r *http.Request) *budget.Scope {
	ip := clientAddress(r, a.trusted)
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.scopes[ip]; s != nil {
		return s
	}
	if len(a.scopes) >= maxAddresses && !a.forget(now) {
		return a.rest
	}
	s := budget.NewScope(budget.ScopeAddress, ip.String(), now, a.limits)
	a.scopes[ip] = s
	return s
}

// forget drops the addresses that have nothing taken; false when there are none.
func (a *addresses) forget(now budget.Instant) bool {
	before := len(a.scopes)
	var views [2]budget.BucketView
	for ip, s := range a.scopes {
		idle := true
		for _, v := range s.View(now, views[:0]) {
			idle = idle && v.Full <= now && v.Reserved == 0
		}
		if idle {
			delete(a.scopes, ip)
		}
	}
	return len(a.scopes) < before
}

// ClientAddress is where a request comes from: the peer's address, or what the trusted
// proxies of the configuration in force say it is. It is zero where the peer has none.
func (g *Gateway) ClientAddress(r *http.Request) netip.Addr {
	return clientAddress(r, g.current.Load().cfg.Server.TrustedProxies)
}

// clientAddress is the peer's address, or what trusted proxies say it is: the
// rightmost address of X-Forwarded-For that is not a trusted proxy itself.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(ip, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		ip = hop.Unmap()
	}
	return ip
}

func within(ip netip.Addr, nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}
