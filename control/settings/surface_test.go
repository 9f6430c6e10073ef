package settings

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

// served is the admin API over settings, for somebody with the role of X-Role.
func served(t *testing.T, w *world) func(role, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	var endpoints []api.Endpoint
	for _, e := range [][]api.Endpoint{api.ConfigEndpoints(w.Surface()), api.RouteEndpoints(w.Surface()), api.LimitEndpoints(w.Surface())} {
		endpoints = append(endpoints, e...)
	}
	a, err := api.New(api.Options{Endpoints: endpoints, Authenticate: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Identity{Name: "ann", Role: access.Role(r.Header.Get("X-Role"))})))
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	return func(role, method, path, body string, headers ...string) (int, string) {
		r := httptest.NewRequest(method, api.Prefix+path, strings.NewReader(body))
		r.Header.Set("X-Role", role)
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
}

func view(t *testing.T, body string) (v api.ConfigView) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// One configuration's life through the admin API.
func TestTheConfigurationThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	w.write(literal)
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	do := served(t, w)
	_, body := do("viewer", "GET", "/config", "")
	v := view(t, body)
	if v.Source != "file" || v.Version != w.fileTag() || strings.Contains(body, "sk-literal") || !strings.Contains(v.Text, "[secret ") || !strings.Contains(v.Text, "# short") {
		t.Fatalf("%s", body)
	}
	// A text with problems: all of them, with their places.
	bad := strings.NewReplacer("one/gpt-4o", "two/gpt-4o", "5s", "soon").Replace(v.Text)
	status, body := do("admin", "POST", "/config/validate", asJSON(api.ConfigText{Text: bad}))
	var checked api.ConfigChecked
	_ = json.Unmarshal([]byte(body), &checked)
	if status != 200 || checked.Valid || len(checked.Problems) != 2 || checked.Problems[0].Line != 4 || checked.Problems[0].Path == "" || checked.Problems[0].Column == 0 {
		t.Errorf("%d %s", status, body)
	}
	status, body = do("admin", "PUT", "/config", asJSON(api.ConfigText{Text: bad}), "If-Match", v.Version)
	if status != 422 || !strings.Contains(body, `"routes.gpt-4o.max_wait"`) || !strings.Contains(body, `"line":4`) {
		t.Errorf("%d %s", status, body)
	}
	good := strings.Replace(v.Text, "5s", "6s", 1)
	status, body = do("admin", "POST", "/config/validate", good, "Content-Type", "application/yaml")
	if status != 200 || !strings.Contains(body, `"diff":["changed routes.gpt-4o.max_wait: 5s → 6s"]`) {
		t.Errorf("%d %s", status, body)
	}
	for _, c := range []struct {
		role, match string
		status      int
	}{{"operator", v.Version, 403}, {"viewer", v.Version, 403}, {"key-owner", v.Version, 403}, {"admin", "", 428}, {"admin", "v9", 409}, {"admin", `"` + v.Version + `"`, 200}} {
		if status, body = do(c.role, "PUT", "/config", asJSON(api.ConfigText{Text: good, Note: "slower"}), "If-Match", c.match); status != c.status {
			t.Errorf("%s %q: %d %s", c.role, c.match, status, body)
		}
	}
	if w.wait().String() != "6s" || w.Config().ClientKeys[0].Key != "sk-literal-0123456789abcdef" {
		t.Errorf("%s", w.wait())
	}
	// An edit of one value, by an operator.
	status, body = do("operator", "PATCH", "/routes/gpt-4o", `{"max_wait": "7s", "limits": {"rpm": 50}, "cache": {"ttl": "1m", "streams": false}, "sticky": true}`)
	if status != 200 || w.wait().String() != "7s" || w.Config().Route("gpt-4o").Limits.Find("rpm").Amount != 50 || !w.Config().Route("gpt-4o").Sticky {
		t.Errorf("%d %s", status, body)
	}
	if src := string(w.Config().Source()); !strings.Contains(src, "# short") || !strings.HasPrefix(src, "# ours") {
		t.Errorf("comments are gone:\n%s", src)
	}
	for body, want := range map[string]int{
		`{"max_wait": "soon"}`: 422, `{"max_wait": {}}`: 422, `{}`: 400, `{"colour": 1}`: 400, `{"targets": []}`: 422, `{"targets": [{"target": "x"}]}`: 422,
		`{"limits": {"rpx": 1}}`: 422, `{"limits": {"rpm": -1}}`: 422, `{"limits": {"rpm": "${HOME}"}}`: 422,
	} {
		if status, answer := do("operator", "PATCH", "/routes/gpt-4o", body); status != want {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if status, _ = do("operator", "PATCH", "/routes/gpt-4o", `{"max_wait": "1s"}`, "If-Match", "v1"); status != 409 {
		t.Errorf("an edit from an old version: %d", status)
	}
	for _, path := range []string{"/routes/nothing", "/limits/routes/nothing", "/limits/one/default/0", "/limits/owners/x"} {
		if status, _ = do("operator", "PATCH", path, `{"limits": {"rpm": 5}}`); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	status, body = do("operator", "PATCH", "/limits/routes/gpt-4o", `{"limits": {"rpm": null, "tpm": "5k"}}`)
	if l := &w.Config().Route("gpt-4o").Limits; status != 200 || l.Find("rpm") != nil || l.Find("tpm").Amount != 5000 {
		t.Errorf("%d %s", status, body)
	}
	_, body = do("viewer", "GET", "/limits", "")
	if !strings.Contains(body, `"path":"routes/gpt-4o","scope":"route","name":"gpt-4o","limits":{"tpm":"5000"}`) {
		t.Errorf("%s", body)
	}
	// The history, and back.
	_, body = do("viewer", "GET", "/config/history", "")
	var h api.List[api.ConfigVersion]
	_ = json.Unmarshal([]byte(body), &h)
	if len(h.Data) != 3 || h.Data[2].Note != "slower" || !h.Data[0].Active || h.Data[0].Who != "ann" {
		t.Errorf("%s", body)
	}
	_, body = do("viewer", "GET", "/config/history/1", "")
	if strings.Contains(body, "sk-literal") || !strings.Contains(body, "max_wait: 6s") || !strings.Contains(body, "7s → 6s") {
		t.Errorf("%s", body)
	}
	if status, body = do("admin", "POST", "/config/rollback", `{"version": 1}`, "If-Match", "v3"); status != 200 || w.wait().String() != "6s" {
		t.Errorf("%d %s", status, body)
	}
	for body, want := range map[string]int{`{"version": 99}`: 404, `{}`: 422, `{"to": "moon"}`: 422, `{"version": 1, "to": "file"}`: 422} {
		if status, answer := do("admin", "POST", "/config/rollback", body, "If-Match", "v4"); status != want {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	// A changed file is a conflict, and the way back.
	w.write(waits("3s"))
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	_, body = do("viewer", "GET", "/config", "")
	if v = view(t, body); v.Conflict == nil || v.Source != "api" || v.Applied.N != 4 || !strings.Contains(strings.Join(v.Conflict.Diff, " "), "6s → 3s") {
		t.Errorf("%s", body)
	}
	if status, body = do("admin", "POST", "/config/rollback", `{"to": "file"}`, "If-Match", "v4"); status != 200 || w.wait().String() != "3s" {
		t.Errorf("%d %s", status, body)
	}
	_, body = do("viewer", "GET", "/config", "")
	if v = view(t, body); v.Conflict != nil || v.Source != "file" {
		t.Errorf("%s", body)
	}
}

func TestTargetsThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	w.write(strings.Replace(text, "gpt-4o: {targets: [one/gpt-4o]", "\"a/b\": {targets: [one/gpt-4o, one/o3]}\n  gpt-4o: {targets: [one/gpt-4o]", 1))
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	do := served(t, w)
	status, body := do("operator", "PATCH", "/routes/a%2Fb", `{"targets": [{"target": "one/o3", "weight": 3}, {"target": "one/gpt-4o", "paused": true}], "fallback_on": ["timeout"]}`)
	r := w.Config().Route("a/b")
	if status != 200 || r.Targets[0].String() != "one/o3" || r.Targets[0].Weight != 3 || !r.Targets[1].Paused || len(r.FallbackOn) != 1 {
		t.Errorf("%d %s %v", status, body, r)
	}
	if status, body = do("viewer", "GET", "/routes/a%2Fb", ""); status != 200 || !strings.Contains(body, `{"target":"one/o3","weight":3,"paused":false,"groups":["one/default/o3"]}`) {
		t.Errorf("%d %s", status, body)
	}
	_, body = do("viewer", "GET", "/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}
