package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// What an operator tries goes the same way as any call, in the place of a key that it
// names, and nobody else gets there.
func TestTryingACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &keep{}
		g := serveYAML(t, sink, narrow, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		call := func(h http.Handler) int {
			r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(ask))
			r.Header.Set("X-Priority", "high")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if code := call(g.Try("test")); code != http.StatusOK {
			t.Fatal(code)
		}
		if r := sink.records[0]; r.Key != "test" || r.Outcome != "ok" {
			t.Errorf("%+v", r)
		}
		if code := call(g.Try("")); code != http.StatusOK {
			t.Fatal(code)
		}
		if r := sink.records[1]; r.Key != "playground" || r.Priority != "high" {
			t.Errorf("%+v", r)
		}
		if code := call(g.Try("nobody")); code != http.StatusNotFound {
			t.Errorf("a key that does not exist: %d", code)
		}
		if code := call(g.Handler()); code != http.StatusUnauthorized {
			t.Errorf("without a credential, from outside: %d", code)
		}
	})
}
