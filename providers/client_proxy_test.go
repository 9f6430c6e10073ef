package providers

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// httpProxy is a real proxy on loopback: it tunnels CONNECT and forwards the rest, for
// one user and password.
func httpProxy(t *testing.T, seen chan<- string) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass-of-the-proxy"))
		if r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		seen <- r.Method + " " + r.Host
		if r.Method == http.MethodConnect {
			tunnel(t, w, r.Host)
			return
		}
		out := r.Clone(r.Context())
		out.RequestURI = ""
		out.Header.Del("Proxy-Authorization")
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("user", "pass-of-the-proxy")
	return u
}

func tunnel(t *testing.T, w http.ResponseWriter, host string) {
	up, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	down, ahead, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	join(buffered{down, ahead}, up) // the server may have read the client's first byte already
}

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	go func() { _, _ = io.Copy(a, b); _ = a.Close(); _ = b.Close() }()
	_, _ = io.Copy(b, a)
	_ = a.Close()
	_ = b.Close()
}

// socksProxy is a SOCKS5 proxy on loopback for one user and password.
func socksProxy(t *testing.T, seen chan<- string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveSOCKS(c, seen)
		}
	}()
	return &url.URL{Scheme: "socks5", Host: l.Addr().String(), User: url.UserPassword("user", "pass-of-the-proxy")}
}

func serveSOCKS(c net.Conn, seen chan<- string) {
	defer c.Close()
	r := bufio.NewReader(c)
	take := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	take(int(take(2)[1])) // version, methods
	_, _ = c.Write([]byte{5, 2})
	user := take(int(take(2)[1]))
	password := take(int(take(1)[0]))
	if string(user) != "user" || string(password) != "pass-of-the-proxy" {
		_, _ = c.Write([]byte{1, 1})
		return
	}
	_, _ = c.Write([]byte{1, 0})
	var host string
	switch take(4)[3] {
	case 1:
		host = net.IP(take(4)).String()
	case 3:
		host = string(take(int(take(1)[0])))
	}
	port := take(2)
	up, err := net.Dial("tcp", (&net.TCPAddr{IP: net.ParseIP(host), Port: int(port[0])<<8 | int(port[1])}).String())
	if err != nil {
		_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	seen <- "SOCKS " + up.RemoteAddr().String()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(buffered{c, r}, up)
}

// buffered is a connection of which something has been read ahead.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func TestProxies(t *testing.T) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the proxy's password reaches the upstream")
		}
		_, _ = io.WriteString(w, "hello")
	})
	plain, secure := httptest.NewServer(upstream), httptest.NewTLSServer(upstream)
	defer plain.Close()
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := Authorities(ca)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 16) // a transport may dial more often than it needs to
	for _, proxy := range []*url.URL{httpProxy(t, seen), socksProxy(t, seen)} {
		for _, upstream := range []string{plain.URL, secure.URL} {
			t.Run(proxy.Scheme+" to "+upstream[:5], func(t *testing.T) {
				for len(seen) > 0 {
					<-seen // what earlier dials have left
				}
				c := NewClient(ClientOptions{Proxy: proxy, RootCAs: roots})
				defer c.CloseIdleConnections()
				resp, err := get(t.Context(), c, upstream)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				if string(body) != "hello" {
					t.Errorf("%d %q", resp.StatusCode, body)
				}
				if got := <-seen; !strings.HasSuffix(got, strings.SplitAfter(upstream, "//")[1]) {
					t.Errorf("the proxy saw %q", got)
				}
			})
		}
	}
}

func get(ctx context.Context, c *http.Client, at string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	return c.Do(r)
}

// A proxy that refuses is an error that tells neither its password nor anything else
// of its address's user.
func TestAProxyThatRefusesTellsNoPassword(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	seen := make(chan string, 16) // a transport may dial more often than it needs to
	for _, proxy := range []*url.URL{httpProxy(t, seen), socksProxy(t, seen)} {
		proxy.User = url.UserPassword("user", "a-wrong-password")
		c := NewClient(ClientOptions{Proxy: proxy})
		_, err := get(t.Context(), c, secure.URL)
		if err == nil || strings.Contains(err.Error(), "a-wrong-password") {
			t.Errorf("%s: %v", proxy.Scheme, err)
		}
		c.CloseIdleConnections()
	}
}

func TestAuthorities(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	c := NewClient(ClientOptions{})
	defer c.CloseIdleConnections()
	if _, err := get(t.Context(), c, secure.URL); err == nil {
		t.Error("a certificate that nobody vouches for is accepted")
	}
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{empty, dir} {
		if _, err := Authorities(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Authorities(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
