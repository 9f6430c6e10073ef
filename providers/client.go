package providers

import (
	"net"
	"net/http"
	"net/url"
	"time"
)

// Timeouts bound an attempt. Zero fields take the defaults.
type Timeouts struct {
	// Connect bounds connecting and, once more, the TLS handshake. Default 5 s.
	Connect time.Duration
	// FirstByte and Idle are the caller's to keep: an upstream may answer its headers
	// at once and then send blank lines for minutes, so no transport can tell the
	// first byte of an answer. They are here so that one value says everything.
	FirstByte, Idle time.Duration
	// Total bounds the wait for the answer's headers, the transport's part of the
	// whole. Default 10 min.
	Total time.Duration
}

// ClientOptions are what a client is made of.
type ClientOptions struct {
	Timeouts Timeouts
	// Proxy chooses a proxy. Nil: the one in the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// MaxIdlePerHost bounds idle connections to one host. Zero: 256.
	MaxIdlePerHost int
}

const (
	defaultConnect = 5 * time.Second
	defaultTotal   = 10 * time.Minute
	maxIdlePerHost = 256
	maxHeaderBytes = 64 << 10
	transferBuffer = 16 << 10
)

// NewClient makes the HTTP client of one upstream. It follows no redirect (a redirect
// could take a credential elsewhere), keeps no cookies, asks for no compression and
// sets no deadline on bodies.
func NewClient(o ClientOptions) *http.Client {
	if o.Timeouts.Connect <= 0 {
		o.Timeouts.Connect = defaultConnect
	}
	if o.Timeouts.Total <= 0 {
		o.Timeouts.Total = defaultTotal
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.MaxIdlePerHost <= 0 {
		o.MaxIdlePerHost = maxIdlePerHost
	}
	dialer := &net.Dialer{Timeout: o.Timeouts.Connect, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  o.Proxy,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    o.Timeouts.Connect,
			ResponseHeaderTimeout:  o.Timeouts.Total,
			MaxIdleConns:           0, // bounded per host; one client serves one upstream
			MaxIdleConnsPerHost:    o.MaxIdlePerHost,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeaderBytes,
			WriteBufferSize:        transferBuffer,
			ReadBufferSize:         transferBuffer,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
			HTTP2: &http.HTTP2Config{
				SendPingTimeout:  30 * time.Second,
				PingTimeout:      15 * time.Second,
				WriteByteTimeout: 30 * time.Second,
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
