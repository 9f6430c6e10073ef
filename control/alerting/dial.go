package alerting

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errForbidden is an address where no receiver can be, and credentials may; errPrivate
// one that the configuration has to allow.
var (
	errForbidden = errors.New("webhooks are not sent to link-local, multicast or unspecified addresses")
	errPrivate   = errors.New("webhooks are not sent to private addresses that server.webhook_networks does not have")
)

// newClient makes the HTTP client of webhooks. The address is checked when it is dialled,
// after its name has been resolved, so that no name leads past the check.
func newClient(allowed func() []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return mayDial(address, allowed())
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 10, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// mayDial refuses what no receiver of alerts listens on, and every address that is not
// public, unless its network is allowed.
func mayDial(address string, allowed []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	ip := ap.Addr().Unmap().WithZone("")
	// The metadata service of some clouds has a unique local address instead of a
	// link-local one.
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == netip.MustParseAddr("fd00:ec2::254") {
		return errForbidden
	}
	holds := func(n netip.Prefix) bool { return n.Contains(ip) }
	if slices.ContainsFunc(special(), holds) && !slices.ContainsFunc(allowed, holds) {
		return errPrivate
	}
	return nil
}

// special are the networks of IANA's registries that are not public, and those whose
// addresses hold another one.
func special() []netip.Prefix {
	var all []netip.Prefix
	for _, n := range [...]string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(n))
	}
	return all
}
