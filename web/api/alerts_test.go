package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

type watcher struct{ muted map[string]time.Time }

func (w watcher) Alerts() Alerts {
	fired := time.Unix(1_700_000_000, 0).UTC()
	return Alerts{
		Data: []AlertRule{{Name: "queue", Condition: "queue_depth > 100", State: "firing", Do: []string{"log"},
			Alerts: []Alert{{ID: "queue", Name: "queue", Labels: map[string]string{}, State: "firing", Fired: &fired}}}},
		History:  []AlertChange{{Alert: Alert{ID: "queue", Labels: map[string]string{"key": "k"}}}},
		Webhooks: []Webhook{{Host: "hooks.example.com"}},
	}
}

func (w watcher) Mute(rule string, until time.Time) bool {
	w.muted[rule] = until
	return rule == "queue"
}

func TestAlertsAreMuted(t *testing.T) {
	w := watcher{map[string]time.Time{}}
	kept := &audits{}
	a, err := New(Options{Endpoints: AlertEndpoints(w), Authenticate: as, Audit: kept})
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		path, body string
		status     int
		until      time.Time
	}{
		{"queue", `{"muted_until":"` + hour.Format(time.RFC3339) + `"}`, 200, hour},
		{"queue", `{"muted_until":null}`, 200, time.Time{}},
		{"nothing", `{"muted_until":null}`, 404, time.Time{}},
		{"queue", `{"muted_until":"2999-01-01T00:00:00Z"}`, 422, time.Time{}},
		{"queue", `{"muted_until":"soon"}`, 400, time.Time{}},
		{"queue", `{"silent":true}`, 400, time.Time{}},
	} {
		got := do(a, "operator", http.MethodPatch, "/alerts/"+c.path, c.body)
		if got.Code != c.status || !w.muted["queue"].Equal(c.until) {
			t.Errorf("%s: %d %s, muted until %s", c.body, got.Code, got.Body, w.muted["queue"])
		}
	}
	for role, status := range map[string]int{"viewer": 403, "key-owner": 403, "": 401} {
		if got := do(a, role, http.MethodPatch, "/alerts/queue", `{"muted_until":null}`); got.Code != status {
			t.Errorf("%q: %d", role, got.Code)
		}
	}
	if got := do(a, "viewer", http.MethodGet, "/alerts", ""); got.Code != 200 || !strings.Contains(got.Body.String(), `"fired":"2023-11-14T22:13:20Z"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if len(kept.kept) < 2 || kept.kept[0].Action != "alerts.mute" || kept.kept[0].Target != "queue" {
		t.Errorf("%+v", kept.kept)
	}
}
