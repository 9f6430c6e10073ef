package providers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
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
	// Proxy is the proxy that every call goes through: http, https or socks5, with its
	// user and password. Nil: the one in the environment, if any.
	Proxy *url.URL
	// RootCAs vouch for the upstream (and for an https proxy). Nil: the system's.
	RootCAs *x509.CertPool
	// MaxIdlePerHost bounds idle connections to one host. Zero: 256.
	MaxIdlePerHost int
}

const (
	defaultConnect = 5 * time.Second
	defaultTotal   = 10 * time.Minute
	maxIdlePerHost = 256
	maxHeaderBytes = 64 << 10
	transferBuffer = 16 << 10
	maxCertificate = 4 << 20
)

// Authorities are the system's certificate authorities and those of a file in PEM.
func Authorities(file string) (*x509.CertPool, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxCertificate {
		return nil, errors.New(file + ": is not a file of certificates")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + ": holds no certificate in PEM")
	}
	return pool, nil
}

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
	proxy := http.ProxyFromEnvironment
	if o.Proxy != nil {
		proxy = http.ProxyURL(o.Proxy)
	}
	if o.MaxIdlePerHost <= 0 {
		o.MaxIdlePerHost = maxIdlePerHost
	}
	dialer := &net.Dialer{Timeout: o.Timeouts.Connect, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  proxy,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
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
