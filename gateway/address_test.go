package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/sluice-gateway/sluice/budget"
	"github.com/sluice-gateway/sluice/config"
)

func from(remote string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		r    *http.Request
		want string
	}{
		{from("192.0.2.1:5"), "192.0.2.1"},
		{from("192.0.2.1:5", "203.0.113.9"), "192.0.2.1"},
		{from("10.0.0.1:5", "203.0.113.9"), "203.0.113.9"},
		{from("10.0.0.1:5", "6.6.6.6, 203.0.113.9, 10.0.0.2"), "203.0.113.9"},
		{from("10.0.0.1:5", "6.6.6.6", "203.0.113.9"), "203.0.113.9"},
		{from("10.0.0.1:5", "nonsense"), "10.0.0.1"},
		{from("[::ffff:192.0.2.1]:5"), "192.0.2.1"},
		{from("nonsense"), "invalid IP"},
	} {
		if got := clientAddress(c.r, trusted).String(); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.r.RemoteAddr, c.r.Header, got, c.want)
		}
	}
}

func TestAddressesAreBounded(t *testing.T) {
	s := &config.Server{}
	if newAddresses(s, 0) != nil {
		t.Fatal("without limits there is nothing to keep")
	}
	s.PerIP.RPM = 1
	a := newAddresses(s, 0)
	take := func(now budget.Instant, i int) *budget.Scope {
		scope := a.scope(now, from(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)))
		h := &budget.Hold{}
		budget.Reserve(now, h, budget.Demand{budget.Requests: 1}, scope)
		h.Settle(now, budget.Demand{budget.Requests: 1}, budget.Used)
		return scope
	}
	for i := range maxAddresses {
		take(1, i)
	}
	if take(2, maxAddresses) != a.rest || len(a.scopes) != maxAddresses {
		t.Fatal("the bound does not hold")
	}
	if take(budget.Instant(2*60*1e9), maxAddresses) == a.rest {
		t.Fatal("idle addresses were not forgotten")
	}
}
