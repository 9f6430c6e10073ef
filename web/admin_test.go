package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
