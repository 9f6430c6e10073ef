package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// shown is what GET /config says of what is in force.
type shown struct {
	Version, Source, Text string
	Lasting               bool
	NeedsRestart          []string `json:"needs_restart"`
}

func (g *gateway) shown() (v shown) {
	g.t.Helper()
	a := g.adminAPI(http.MethodGet, "/config", "")
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != 200 {
		g.t.Fatalf("%d %s", a.status, a.body)
	}
	return v
}

// put applies a text on top of what is in force.
func (g *gateway) put(text string) answer {
	g.t.Helper()
	body, _ := json.Marshal(map[string]string{"text": text, "note": "over a restart"})
	return g.adminAPI(http.MethodPut, "/config", string(body), "If-Match", g.shown().Version)
}

// Versions of the admin API outlive the process: the one that was in force is so again, with
// its secrets, without a reload, and until it is rolled back; what waited for the restart
// waits no more.
func TestVersionsOverARestart(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	text := strings.Replace(g.shown().Text, "\nclient_keys:", "\n  extra: {targets: [up/m]}\ntelemetry: {sample: 0.5}\nclient_keys:", 1)
	a := g.put(text)
	if a.status != 200 || !strings.Contains(a.body, `"needs_restart":["telemetry.sample"]`) || !strings.Contains(a.body, "(needs a restart)") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if v := g.shown(); v.Version != "v1" || v.Source != "api" || !v.Lasting || !slices.Equal(v.NeedsRestart, []string{"telemetry.sample"}) {
		t.Errorf("%+v", v)
	}
	if a := g.adminAPI(http.MethodPost, "/reload", ""); a.status != 200 || !strings.Contains(a.body, `"diff":[]`) {
		t.Errorf("a reload under a version: %d %s", a.status, a.body)
	}
	if a := g.put(strings.Replace(text, "up/m", "nowhere/m", 1)); a.status != 422 || g.shown().Version != "v1" {
		t.Errorf("a bad text: %d %s", a.status, a.body)
	}
	g.stop()

	g = g.again(t)
	if v := g.shown(); v.Version != "v1" || v.Source != "api" || len(v.NeedsRestart) > 0 || strings.Contains(v.Text, key) {
		t.Errorf("after the restart: %+v", v)
	}
	if a := g.chat("extra", "hello"); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	g.settle()
	if log := g.log.String(); strings.Contains(log, "configuration loaded") || !strings.Contains(log, "applied through the admin API is in force") {
		t.Errorf("what a restart logs:\n%s", log)
	}
	if a := g.adminAPI(http.MethodPost, "/config/rollback", `{"to":"file"}`, "If-Match", "v1"); a.status != 200 || !strings.Contains(a.body, "removed routes.extra") {
		t.Errorf("%d %s", a.status, a.body)
	}
	g.stop()

	g = g.again(t)
	if v := g.shown(); v.Source != "file" || len(v.NeedsRestart) > 0 {
		t.Errorf("after the rollback and another restart: %+v", v)
	}
	if a := g.chat("extra", "hello"); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := g.adminAPI(http.MethodGet, "/config/history", ""); strings.Count(a.body, `"note":"over a restart"`) != 1 {
		t.Errorf("the history: %s", a.body)
	}
}

// settle lets the watch of the file look a few times.
func (g *gateway) settle() {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for range 3 {
		<-ticks.C
	}
}

// job is a simulation as the API shows it.
type job struct {
	ID, State, Trace, Error, Report string
	TraceID                         string `json:"trace_id"`
	Calls                           int
	Results                         []struct {
		Engine          string
		Arrived, Served int
	}
}

func (a answer) job(t *testing.T) (j job) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &j); err != nil || a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return j
}

// played waits for the end of a simulation.
func (g *gateway) played(t *testing.T, id string) (j job) {
	t.Helper()
	eventually(t, "the end of "+id, func() bool {
		j = g.adminAPI(http.MethodGet, "/simulate/"+id, "").job(t)
		return j.State != "waiting" && j.State != "running"
	})
	return j
}

// upload asks for a simulation of a trace of so many calls, a second apart.
func (g *gateway) upload(t *testing.T, what string, calls int) answer {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("job", what)
	part, err := w.CreateFormFile("trace", "calls.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(part, "TIMESTAMP,ContextTokens,GeneratedTokens")
	for i := range calls {
		fmt.Fprintf(part, "%d,100,20\n", i)
	}
	_ = w.Close()
	return g.adminAPI(http.MethodPost, "/simulate", b.String(), "Content-Type", w.FormDataContentType())
}

// Simulations through the admin API: of an uploaded trace and of the last hour, twice over
// the same calls; a program that stops does not wait for one.
func TestSimulationsThroughTheAdminAPI(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	made := g.upload(t, `{"name":"one","options":{"load":2}}`, 200).job(t)
	if made.Calls != 200 || made.Trace != "uploaded" || made.TraceID == "" {
		t.Fatalf("%+v", made)
	}
	first := g.played(t, made.ID)
	if first.State != "done" || len(first.Results) != 1 || first.Results[0].Arrived != 400 {
		t.Fatalf("%+v", first)
	}
	page := g.adminAPI(http.MethodGet, strings.TrimPrefix(first.Report, "/admin/api/v1"), "")
	if page.status != 200 || !strings.Contains(page.body, "<svg") || !strings.Contains(page.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %s", page.status, page.header)
	}
	again := g.adminAPI(http.MethodPost, "/simulate", `{"trace":"`+first.ID+`","options":{"load":2,"engine":"sluice,none"}}`).job(t)
	if again.TraceID != first.TraceID {
		t.Errorf("%+v", again)
	}
	if second := g.played(t, again.ID); len(second.Results) != 2 || second.Results[1].Engine != "none" || second.Results[0].Served != first.Results[0].Served {
		t.Errorf("%+v and %+v", first.Results, second)
	}
	if a := g.adminAPI(http.MethodPost, "/simulate", `{"trace":"last_hour"}`); a.status != 422 || !strings.Contains(a.body, "nothing was served") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for range 3 {
		if a := g.chat("m", "hello"); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	eventually(t, "the calls in the ledger", func() bool {
		a := g.adminAPI(http.MethodPost, "/simulate", `{"trace":"last_hour"}`)
		return a.status == 202 && g.played(t, a.job(t).ID).Calls == 3
	})
	bad := g.adminAPI(http.MethodPost, "/simulate/check", `{"config":"providers: {up: {dialect: openai}}\nroutes: {m: {targets: [x/m]}}\n","options":{"load":0}}`)
	if bad.status != 200 || !strings.Contains(bad.body, `"valid":false`) || !strings.Contains(bad.body, `"line":2`) || !strings.Contains(bad.body, `"path":"routes.m.targets[0]"`) {
		t.Errorf("%d %s", bad.status, bad.body)
	}

	g.upload(t, `{"options":{"load":4}}`, 50_000).job(t)
	begin := time.Now()
	g.stop()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if log := g.log.String(); !strings.Contains(log, `"state":"cancelled"`) || strings.Contains(log, "not stopped cleanly") {
		t.Errorf("%s", log)
	}
	g = g.again(t)
	if a := g.adminAPI(http.MethodGet, "/simulate", ""); a.status != 200 || !strings.Contains(a.body, `"data":[]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
