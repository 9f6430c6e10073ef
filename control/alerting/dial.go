package alerting

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errForbidden is an address where no receiver can be, and credentials may.
var errForbidden = errors.New("webhooks are not sent to link-local, multicast or unspecified addresses")

// newClient makes the HTTP client of webhooks. The address is checked when it is dialled,
// after its name has been resolved.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error { return mayDial(address) }}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 10, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// mayDial refuses what no receiver of alerts listens on. Private and loopback addresses
// are allowed: whoever writes the configuration runs receivers there.
func mayDial(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	ip := ap.Addr().Unmap()
	// The metadata service of some clouds has a unique local address instead of a
	// link-local one.
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.WithZone("") == netip.MustParseAddr("fd00:ec2::254") {
		return errForbidden
	}
	return nil
}
