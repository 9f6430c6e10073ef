package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/control/alerting"
)

type hooked struct{ signature, body string }

// admin asks the admin API.
func (g *gateway) asAdmin(method, path, body string) answer {
	g.t.Helper()
	req, err := http.NewRequest(method, g.admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(g.t, req)
}

// A key that its provider takes away is told: in the log, to a webhook, in the API and
// to whoever watches; and a mute keeps it quiet.
func TestAKeyThatIsGoneIsTold(t *testing.T) {
	got := make(chan hooked, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- hooked{r.Header.Get("X-Sluice-Signature"), string(body)}
	}))
	defer receiver.Close()
	_, url := upstream(t, open("a"))
	yaml := strings.Replace(one(url, ""), "keys: [key-a]", "keys: [key-a, key-nobody-knows]", 1)
	yaml = strings.Replace(yaml, "server: {", "server: {webhook_networks: [127.0.0.0/8], ", 1)
	g := start(t, yaml+`
alerts:
  - {name: key-down, when: keys_down > 0, do: [log, {webhook: {url: "`+receiver.URL+`/x", secret: the-secret-of-the-webhook}}]}
`)
	watch, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.admin+"/admin/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	watch.Header.Set("Authorization", "Bearer "+adminToken)
	events, err := http.DefaultClient.Do(watch)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	for range 4 { // the keys take turns
		if a := g.chat("m", "Hello!"); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	h := <-got
	at, _, _ := strings.Cut(strings.TrimPrefix(h.signature, "t="), ",")
	var seconds int64
	if json.Unmarshal([]byte(at), &seconds) != nil || alerting.Sign("the-secret-of-the-webhook", time.Unix(seconds, 0), []byte(h.body)) != h.signature {
		t.Errorf("the signature is wrong: %s", h.signature)
	}
	if !strings.Contains(h.body, `"state":"firing"`) || !strings.Contains(h.body, `"provider":"up"`) || strings.Contains(h.body, "key-nobody-knows") {
		t.Errorf("%s", h.body)
	}
	if a := g.asAdmin(http.MethodGet, "/alerts", ""); a.status != 200 || !strings.Contains(a.body, `"state":"firing"`) || strings.Contains(a.body, "the-secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	lines := bufio.NewScanner(events.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "event: alert" {
	}
	if lines.Scan(); !strings.Contains(lines.Text(), "key-down") {
		t.Errorf("the watcher hears %q", lines.Text())
	}
	if !strings.Contains(g.log.String(), `"msg":"alert"`) {
		t.Error("nothing is in the log")
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if a := g.asAdmin(http.MethodPatch, "/alerts/key-down", `{"muted_until":"`+until+`"}`); a.status != 200 || !strings.Contains(a.body, until) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for body, status := range map[string]int{`{"muted_until":"2999-01-01T00:00:00Z"}`: 422, `{"muted":true}`: 400, `{"muted_until":null}`: 200} {
		if a := g.asAdmin(http.MethodPatch, "/alerts/key-down", body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := g.asAdmin(http.MethodPatch, "/alerts/nothing", `{"muted_until":null}`); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
