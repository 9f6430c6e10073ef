package providers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestClient(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case "/headers":
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
		case "/echo":
			w.Header().Set("X-Encoding", r.Header.Get("Accept-Encoding"))
			w.Header().Set("Set-Cookie", "a=b")
			w.Header().Set("X-Cookie", r.Header.Get("Cookie"))
			_, _ = io.Copy(w, r.Body)
		}
	}))
	defer s.Close()
	c := NewClient(ClientOptions{})
	defer c.CloseIdleConnections()
	post := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		SetBody(r, []byte("hello"))
		return c.Do(r)
	}
	resp, err := post("/redirect")
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Fatalf("a redirect is followed: %v", err)
	}
	_ = resp.Body.Close()
	if resp, err := post("/headers"); err == nil {
		_ = resp.Body.Close()
		t.Error("headers have no bound")
	}
	for range 2 {
		resp, err = post("/echo")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "hello" || resp.Header.Get("X-Encoding") != "" || resp.Header.Get("X-Cookie") != "" {
			t.Errorf("%q, encoding %q, cookie %q", body, resp.Header.Get("X-Encoding"), resp.Header.Get("X-Cookie"))
		}
	}
}

func TestClientBounds(t *testing.T) {
	tr := NewClient(ClientOptions{Timeouts: Timeouts{Connect: time.Second, Total: time.Minute}, MaxIdlePerHost: 3}).Transport.(*http.Transport)
	if tr.TLSHandshakeTimeout != time.Second || tr.ResponseHeaderTimeout != time.Minute || tr.MaxIdleConnsPerHost != 3 {
		t.Errorf("the transport has other bounds: %v %v %d", tr.TLSHandshakeTimeout, tr.ResponseHeaderTimeout, tr.MaxIdleConnsPerHost)
	}
	tr = NewClient(ClientOptions{}).Transport.(*http.Transport)
	if tr.TLSHandshakeTimeout != defaultConnect || tr.ResponseHeaderTimeout != defaultTotal || tr.MaxIdleConnsPerHost != 256 || !tr.DisableCompression {
		t.Error("the defaults are others")
	}
}

// An upstream that refuses before it has read the request leaves the transport with
// the body; once released it must not be read any more.
func TestReleaseBody(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	c := NewClient(ClientOptions{})
	defer c.CloseIdleConnections()
	body := make([]byte, 8<<20)
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		SetBody(r, body)
		if resp, err := c.Do(r); err == nil {
			_ = resp.Body.Close()
		}
		ReleaseBody(r)
		for i := range body { // a reader left over is a race
			body[i]++
		}
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, errReleased) {
			t.Errorf("a released body reads %v", err)
		}
	}
	ReleaseBody(&http.Request{}) // somebody else's
}
