package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
)

// certificate writes a certificate for loopback with a serial number, and answers the
// pool that vouches for it.
func certificate(t *testing.T, files config.TLS, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "sluice"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, data := range map[string][]byte{files.Cert: cert, files.Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// serveFront serves a front for a configuration on loopback.
func serveFront(t *testing.T, s frontSettings) (*listener, func(frontSettings) error) {
	t.Helper()
	f, err := newFront(&config.Config{}, frontOptions{
		next:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
		settings: func(*config.Config) frontSettings { return s },
		address:  func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-From")) },
		refuse:   refusal("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen("127.0.0.1:0", f, slog.New(slog.DiscardHandler), 0)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	done := make(chan struct{})
	go func() { defer close(done); l.serve(failed) }()
	t.Cleanup(func() { _ = l.server.Close(); <-done })
	return l, func(now frontSettings) error {
		s = now
		commit, err := f.Prepare(&config.Config{})
		if err == nil {
			commit()
		}
		return err
	}
}

func ask(t *testing.T, pool *x509.CertPool, url string) (body string, serial int64) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer c.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-From", "192.0.2.1")
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if resp.TLS != nil {
		serial = resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	return string(data), serial
}

func TestCertificatesAreReplacedWhileServing(t *testing.T) {
	dir := t.TempDir()
	files := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	l, change := serveFront(t, frontSettings{})
	if body, _ := ask(t, nil, l.url()); body != "HTTP/1.1" || !strings.HasPrefix(l.url(), "http://") {
		t.Fatalf("%s %q", l.url(), body)
	}
	pool := certificate(t, files, 1)
	if err := change(frontSettings{tls: files}); err != nil {
		t.Fatal(err)
	}
	if body, serial := ask(t, pool, l.url()); body != "HTTP/2.0" || serial != 1 {
		t.Errorf("with TLS: %q, certificate %d", body, serial)
	}
	pool = certificate(t, files, 2)
	if err := change(frontSettings{tls: files}); err != nil {
		t.Fatal(err)
	}
	if _, serial := ask(t, pool, l.url()); serial != 2 {
		t.Errorf("after the change: certificate %d", serial)
	}
	if err := os.WriteFile(files.Key, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := change(frontSettings{tls: files}); err == nil || !strings.Contains(err.Error(), files.Cert) || strings.Contains(err.Error(), "half a key") {
		t.Errorf("a broken key: %v", err)
	}
	if _, serial := ask(t, pool, l.url()); serial != 2 {
		t.Errorf("after a broken key: certificate %d", serial)
	}
	if err := change(frontSettings{}); err != nil {
		t.Fatal(err)
	}
	if body, _ := ask(t, nil, l.url()); body != "HTTP/1.1" {
		t.Errorf("without TLS again: %q", body)
	}
}

func TestHTTPOnATLSListenerIsTold(t *testing.T) {
	dir := t.TempDir()
	files := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	certificate(t, files, 1)
	l, _ := serveFront(t, frontSettings{tls: files})
	body, _ := ask(t, nil, "http://"+l.Addr().String())
	if !strings.Contains(body, "HTTPS") {
		t.Errorf("%q", body)
	}
}

func TestAllowLists(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	l, change := serveFront(t, frontSettings{allow: nets, open: []string{"/healthz"}})
	status := func(from, path string) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-From", from)
		l.front.ServeHTTP(w, r)
		return w.Code
	}
	for from, want := range map[string]int{"10.1.2.3": 200, "192.0.2.1": 403, "2001:db8::1": 200, "2001:db9::1": 403} {
		if got := status(from, "/v1/models"); got != want {
			t.Errorf("%s: %d", from, got)
		}
		if got := status(from, "/healthz"); got != 200 {
			t.Errorf("%s asks for health: %d", from, got)
		}
		if got := status(from, "/healthz/../v1/models"); got != want {
			t.Errorf("%s by a detour: %d", from, got)
		}
	}
	if err := change(frontSettings{}); err != nil {
		t.Fatal(err)
	}
	if got := status("192.0.2.1", "/v1/models"); got != 200 {
		t.Errorf("after the list was emptied: %d", got)
	}
}

func TestPagesOfOtherOrigins(t *testing.T) {
	l, change := serveFront(t, frontSettings{origins: []string{"https://app.example.com", "https://*.example.org"}})
	preflight := func(origin string) http.Header {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodOptions, "/v1/chat/completions", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang")
		l.front.ServeHTTP(w, r)
		return w.Result().Header
	}
	for origin, want := range map[string]bool{
		"https://app.example.com": true, "https://a.example.org": true, "http://app.example.com": false, "https://example.org": false,
		"https://app.example.com.evil.test": false, "null": false,
	} {
		h := preflight(origin)
		if got := h.Get("Access-Control-Allow-Origin") == origin; got != want {
			t.Errorf("%s: %v", origin, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s may send cookies", origin)
		}
	}
	if err := change(frontSettings{}); err != nil {
		t.Fatal(err)
	}
	if h := preflight("https://app.example.com"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without origins: %v", h)
	}
}
