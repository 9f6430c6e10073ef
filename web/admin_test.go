package web

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Every answer of the admin listener, whoever made it, tells browsers to load nothing
// from elsewhere and to show it in nobody's frame.
func TestEveryAnswerTellsBrowsersWhatMayBe(t *testing.T) {
	answer := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	h := New(Options{API: answer("api"), Metrics: answer("metrics"), Dashboard: answer("page")})
	for _, path := range []string{"/", "/app.js", "/metrics", "/healthz", "/admin/api/v1/accounts", "/nowhere", "//", "/admin/api"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") && !strings.Contains(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

// Answers are packed where the caller can read it, and an event is there as soon as it is
// written, also packed.
func TestAnswersArePacked(t *testing.T) {
	next := make(chan struct{})
	nothing := http.NotFoundHandler()
	server := httptest.NewServer(New(Options{Metrics: nothing, Dashboard: nothing, API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d%s\n\n", i, strings.Repeat(" and so on", 500))
			if err := errors.Join(control.SetWriteDeadline(time.Now().Add(time.Minute)), control.Flush()); err != nil {
				t.Error(err)
			}
			<-next
		}
	})}))
	defer server.Close()
	for _, encoding := range []string{"gzip", "identity"} {
		req, _ := http.NewRequest(http.MethodGet, server.URL+"/admin/api/v1/events", nil)
		req.Header.Set("Accept-Encoding", encoding) // so that nothing is unpacked unasked
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(resp.Body)
		if encoding == "gzip" {
			if resp.Header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("%v", resp.Header)
			}
			if body, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		lines := bufio.NewScanner(body)
		for i := range 3 {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), fmt.Sprintf("data: %d", i)) || !lines.Scan() {
				t.Fatalf("%s: event %d is not there: %v", encoding, i, lines.Err())
			}
			next <- struct{}{}
		}
		resp.Body.Close()
	}
}
