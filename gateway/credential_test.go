package gateway

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Whatever stands where a credential belongs, the real handler answers 401 in OpenAI's
// form, repeats nothing of it, and sends nothing on.
func TestTricksAroundTheCredential(t *testing.T) {
	real := auth.Generate()
	k := storedKey("a", nil)
	k.Hash, k.OldHash = auth.Digest(real), auth.Digest("sk-before") // its grace is over
	sent := 0
	d := auth.NewDirectory()
	putKey(t, d, k)
	var records []telemetry.Record
	g := serveStored(t, sinkFunc(func(r *telemetry.Record) { records = append(records, *r) }), wide, d, func(r *http.Request) (*http.Response, error) {
		sent++
		return answer(r, wholeAnswer)
	})
	h := g.Handler()
	sum := auth.Digest(real)
	many := make([]string, 1000)
	for i := range many {
		many[i] = "Bearer sk-" + fmt.Sprint(i)
	}
	bearer := func(c string) http.Header { return http.Header{"Authorization": {"Bearer " + c}} }
	for name, header := range map[string]http.Header{
		"nothing":            {},
		"quote":              bearer(real + "'--"),
		"injection":          bearer("'||pg_sleep(10)||'"),
		"union":              bearer("'/**/UNION/**/SELECT/**/hash/**/FROM/**/client_keys--"),
		"wildcards":          bearer("sk-sluice-%"),
		"NUL":                bearer(real + "\x00"),
		"NUL inside":         bearer(real[:20] + "\x00" + real[20:]),
		"1 MB":               bearer(strings.Repeat("a", 1<<20)),
		"real, then 1 MB":    bearer(real + strings.Repeat("a", 1<<20)),
		"a prefix":           bearer(real[:len(real)-1]),
		"the checksum gone":  bearer(real[:len(real)-6]),
		"20 characters":      bearer(real[:20]),
		"the name":           bearer(k.Name),
		"the ID":             bearer(k.ID),
		"the hash, hex":      bearer(hex.EncodeToString(sum[:])),
		"the hash, prefixed": bearer("sha256:" + hex.EncodeToString(sum[:])),
		"the hash, raw":      bearer(string(sum[:])),
		"upper case":         bearer(strings.ToUpper(real)),
		"full width":         bearer("ｓk" + real[2:]),
		"combining mark":     bearer(real + "\u0301"),
		"right to left":      bearer("\u202e" + real),
		"before the grace":   bearer("sk-before"),
		"no scheme":          {"Authorization": {real}},
		"basic":              {"Authorization": {"Basic " + real}},
		"two words":          bearer(real + " " + real),
		"a list":             bearer(real + ",sk-other"),
		"many headers":       {"Authorization": many},
		"two, one real":      {"Authorization": {"Bearer sk-other", "Bearer " + real}},
		"conflicting":        {"Authorization": {"Bearer " + real}, "X-Api-Key": {"sk-other"}},
		"conflicting too":    {"Api-Key": {real}, "X-Api-Key": {"sk-other"}},
		"an empty one":       {"Authorization": {"Bearer " + real}, "X-Api-Key": {""}},
		"a cookie":           {"Cookie": {"key=" + real}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/chat/completions?api_key="+real, strings.NewReader(ask))
			r.Header = header
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if codeOf(w) != "401 invalid_request_error invalid_api_key" || w.Header().Get("X-Request-Id") == "" {
				t.Fatalf("%s %s", codeOf(w), w.Body)
			}
			if strings.Contains(w.Body.String(), real[:20]) || w.Body.Len() > 500 {
				t.Errorf("it repeats what was sent: %.500s", w.Body)
			}
			if last := records[len(records)-1]; last.Key != "" || last.Outcome != "unauthorized" || strings.Contains(last.Error, real[:20]) {
				t.Errorf("%+v", last)
			}
		})
	}
	if sent != 0 {
		t.Errorf("%d calls were sent on", sent)
	}
	for _, header := range []http.Header{bearer(real), {"Api-Key": {real}}, {"X-Api-Key": {real}}, {"Authorization": {"bearer " + real}, "X-Api-Key": {real}}} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask))
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("the real one: %d %s", w.Code, w.Body)
		}
	}
}
