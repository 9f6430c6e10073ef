package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/web/api"
)

// write is an operation that changes something, as the gateway describes it.
type write struct {
	method, path string
	fields       map[string]field // of its JSON body; nil: it takes none
	raw          bool             // it takes another media type too
	most         int              // bytes of a body; 0: 1 MiB
}

type field struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Properties map[string]field
	Items      *field
}

func (w write) String() string { return w.method + " " + w.path }

// writes are all operations of the admin API that change something or take a body.
func (g *gateway) writes() (all []write) {
	g.t.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema field }
			}
		}
		Components struct{ Schemas map[string]field }
	}
	g.manage(http.MethodGet, "/openapi.json", "", &d)
	for path, methods := range d.Paths {
		for method, o := range methods {
			if method == "get" {
				continue
			}
			w := write{method: strings.ToUpper(method), path: path, raw: len(o.RequestBody.Content) > 1}
			if body, ok := o.RequestBody.Content["application/json"]; ok {
				schema := body.Schema
				if name := schema.Ref[strings.LastIndex(schema.Ref, "/")+1:]; name != "" {
					schema = d.Components.Schemas[name]
				}
				w.fields = schema.Properties
			}
			switch path {
			case "/config", "/config/validate":
				w.most = 10 << 20
			case "/explain", "/playground":
				w.most = 20 << 20
			case "/simulate":
				w.most = 55 << 20
			case "/simulate/check":
				w.most = 5 << 20
			}
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b write) int { return strings.Compare(a.String(), b.String()) })
	if len(all) < 30 {
		g.t.Fatalf("only %d operations: %v", len(all), all)
	}
	return all
}

// things fill the paths of operations with what exists.
func (g *gateway) things() *strings.Replacer {
	g.t.Helper()
	key := g.create(`{"name":"a-key"}`)
	var account, token struct{ ID string }
	for _, c := range []struct {
		path, body string
		made       any
	}{
		{"/owners", `{"name":"team"}`, nil}, {"/accounts", `{"name":"ada","role":"viewer","password":"correct horse battery"}`, &account}, {"/tokens", `{"name":"t","role":"viewer"}`, &token},
	} {
		if a := g.manage(http.MethodPost, c.path, c.body, c.made); a.status != http.StatusCreated {
			g.t.Fatalf("%s: %d %s", c.path, a.status, a.body)
		}
	}
	var rows struct{ Data []api.Upstream }
	g.manage(http.MethodGet, "/upstreams", "", &rows)
	return strings.NewReplacer("/keys/{id}", "/keys/"+key.ID, "/owners/{name}", "/owners/team", "/accounts/{id}", "/accounts/"+account.ID, "/tokens/{id}", "/tokens/"+token.ID,
		"/limits/owners/{name}", "/limits/owners/acme", "/routes/{name}", "/routes/m", "/alerts/{name}", "/alerts/queue", "{provider}", "up", "{account}", "a", "{fingerprint}", rows.Data[0].Keys[0].Fingerprint,
		"{index}", "0", "/simulate/{id}", "/simulate/sim_none")
}

// send sends any body.
func (g *gateway) send(method, path string, body io.Reader, headers ...string) answer {
	g.t.Helper()
	req, err := http.NewRequest(method, g.admin+"/admin/api/v1"+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if path == "/config" || path == "/config/rollback" {
		req.Header.Set("If-Match", "of-nobody")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(g.t, req)
}

// told reads an error of the admin API.
func (a answer) told() (code string, fields map[string]string) {
	var e struct {
		Error struct {
			Message, Code string
			Fields        map[string]string
		}
	}
	if json.Unmarshal([]byte(a.body), &e) != nil || e.Error.Message == "" {
		return "no error: " + a.body, nil
	}
	return e.Error.Code, e.Error.Fields
}

// Whatever is sent to whichever operation is refused in the one form of errors, with all
// that is wrong at once, and never fails inside; on both engines.
func TestEveryWriteRefusesNonsense(t *testing.T) {
	sweep := func(t *testing.T, store string) {
		_, url := upstream(t, open("a"))
		g := start(t, strings.Replace(one(url, ""), "keys: [key-a]", "keys: [key-a], limits: [{rpm: 600}]", 1)+"owners: {acme: {limits: {rpm: 600}}}\nstore: "+store+"\n")
		fill := g.things()
		for _, w := range g.writes() {
			path := fill.Replace(w.path)
			if w.fields != nil {
				wrongNamesAndTypes(t, g, w, path)
				notJSON(t, g, w, path)
				hostileTexts(t, g, w, path)
			}
			if strings.Contains(w.path, "{") {
				unknownThings(t, g, w)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { sweep(t, `{dsn: "`+filepath.Join(t.TempDir(), "sluice.db")+`"}`) })
	t.Run("postgres", func(t *testing.T) {
		server, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Stop() })
		sweep(t, `{driver: postgres, dsn: "`+server.Database(t)+`", encryption_key: "kN0kq2h1v4b8sQ3mX7cT9yLwZ5eR6uJpA0fGdHiVnBo="}`)
	})
}

// wrongNamesAndTypes sends names that nobody knows and every known one with another type.
func wrongNamesAndTypes(t *testing.T, g *gateway, w write, path string) {
	t.Helper()
	body := map[string]any{"no_such_field": 1, "hash": "00", "id": "key_x"}
	for name, f := range w.fields {
		switch f.Type {
		case "string", "boolean", "integer", "number":
			body[name] = []any{map[string]any{}}
		case "array":
			body[name] = "a text"
		case "object":
			body[name] = 5
		}
	}
	if w.path == "/explain" { // a request may be sent as it is
		body["request"] = map[string]any{}
	}
	data, _ := json.Marshal(body)
	a := g.send(w.method, path, strings.NewReader(string(data)))
	code, fields := a.told()
	missing := []string{}
	for name := range body {
		if _, told := fields[name]; !told && name != "request" {
			missing = append(missing, name)
		}
	}
	if a.status != http.StatusBadRequest || code != "invalid_json" || len(missing) > 0 {
		t.Errorf("%s %s: %d %s; nothing is told of %v", w, data, a.status, a.body, missing)
	}
}

// notJSON sends what is no JSON object, too much of it, and other media types.
func notJSON(t *testing.T, g *gateway, w write, path string) {
	t.Helper()
	for _, body := range []string{"{", "[]", `"x"`, "5", "{}{}", `{"a":1,"a":2}`, "{\"name\":\"\xff\"}", "\x00", "{\"a\":}", strings.Repeat(`{"a":`, 2000), "name=x&role=admin"} {
		if a := g.send(w.method, path, strings.NewReader(body)); a.status != http.StatusBadRequest {
			t.Errorf("%s %.40q: %d %.200s", w, body, a.status, a.body)
		}
	}
	if w.path != "/explain" && w.path != "/playground" {
		for _, media := range []string{"text/xml", "application/json; charset=utf-16", "multipart/mixed; boundary=x", "nonsense;;"} {
			if a := g.send(w.method, path, strings.NewReader("{}"), "Content-Type", media); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %s: %d %.200s", w, media, a.status, a.body)
			}
		}
	}
	most := max(w.most, 1<<20)
	huge := io.MultiReader(strings.NewReader(`{"x":"`), io.LimitReader(endless{}, int64(most)), strings.NewReader(`"}`))
	if a := g.send(w.method, path, huge); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%s with %d bytes: %d %.200s", w, most, a.status, a.body)
	}
}

// endless is the letter a for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// hostileTexts puts texts that databases and logs stumble over into every text.
func hostileTexts(t *testing.T, g *gateway, w write, path string) {
	t.Helper()
	for _, text := range []string{"\x00", "a\x00b", "\u202e", strings.Repeat("x", 100_000), "'; drop table keys; --", "\n", "../../etc/passwd", "${SLUICE_ADMIN_TOKEN}"} {
		for name, f := range w.fields {
			body := map[string]any{name: text}
			switch {
			case f.Type == "array":
				body[name] = []string{text}
			case f.Type == "object":
				body[name] = map[string]any{text: text}
			}
			if _, ok := w.fields["name"]; ok && name != "name" && w.method == http.MethodPost {
				body["name"] = fmt.Sprintf("n-%d-%s", len(text), name)
			}
			data, _ := json.Marshal(body)
			a := g.send(w.method, path, strings.NewReader(string(data)))
			if a.status >= 500 || a.status < 300 && strings.Contains(text, "\x00") && w.path != "/config/validate" && w.path != "/simulate/check" { // those say what is wrong as their answer
				t.Errorf("%s %.200s: %d %.300s", w, data, a.status, a.body)
			}
		}
	}
}

// unknownThings asks for what does not exist, with a body that would do.
func unknownThings(t *testing.T, g *gateway, w write) {
	t.Helper()
	body := map[string]string{
		"/upstreams": `{"state":"enabled"}`, "/upstreams/{provider}/{account}/keys": `{"key":"sk-of-nobody-at-all"}`, "/limits": `{"limits":{"rpm":5}}`,
		"/routes": `{"max_wait":"5s"}`, "/alerts": `{"muted_until":null}`, "/keys": `{"weight":2}`, "/owners": `{"tags":["x"]}`, "/accounts": `{"disabled":true}`,
	}
	given, longest := "{}", ""
	for prefix, b := range body {
		if strings.HasPrefix(w.path, prefix) && len(prefix) > len(longest) {
			given, longest = b, prefix
		}
	}
	if strings.HasSuffix(w.path, "/test") || strings.HasSuffix(w.path, "/rotate") || w.method == http.MethodDelete {
		given = ""
	}
	if strings.HasSuffix(w.path, "/{fingerprint}") && w.method == http.MethodPatch {
		given = `{"state":"enabled"}`
	}
	for _, odd := range []string{"nothing", "%00", "%ff", "a%2f..%2fb", "'--", "-1", "99999999999999999999", strings.Repeat("x", 2000), "file:nobody", "%e2%80%ae"} {
		path := w.path
		for strings.Contains(path, "{") {
			from, to := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:from] + odd + path[to+1:]
		}
		if a := g.send(w.method, path, strings.NewReader(given)); a.status != http.StatusNotFound {
			t.Errorf("%s with %.30s: %d %.200s", w, odd, a.status, a.body)
		}
	}
}

// Of edits that were made from one version, one is made and the others are told.
func TestOfEditsThatMeetOneIsMade(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, strings.Replace(one(url, ""), "keys: [key-a]", "keys: [key-a], limits: [{rpm: 600}]", 1)+"owners: {acme: {limits: {rpm: 600}}}\n")
	fill := g.things()
	var shown struct{ Version string }
	inForce := func() string {
		g.manage(http.MethodGet, "/config", "", &shown)
		return shown.Version
	}
	config, other := read(t, g.file), g.create(`{"name":"another-key"}`)
	for path, body := range map[string]string{
		"PATCH /keys/{id}": `{"version":1,"weight":%d}`, "PATCH /owners/{name}": `{"version":1,"tags":["t%d"]}`, "POST /keys/" + other.ID + "/rotate": `{"version":1,"grace":"%dh"}`,
		"PATCH /accounts/{id}": `{"version":1,"role":"viewer","password":"correct horse battery %d"}`, "PATCH /routes/{name}": `{"max_wait":"%ds"}`,
		"PATCH /limits/{provider}/{account}/{index}": `{"limits":{"rpm":%d}}`, "PATCH /limits/routes/m": `{"limits":{"rpm":%d}}`, "PATCH /limits/owners/{name}": `{"limits":{"rpm":%d}}`,
		"PUT /config": "", "POST /config/rollback": `{"to":"file"}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		version, statuses := inForce(), map[int]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				headers := []string{"If-Match", version}
				sent := body
				switch {
				case path == "/config":
					headers, sent = append(headers, "Content-Type", "application/yaml"), config+fmt.Sprintf("time_zone: Etc/GMT+%d\n", i+1)
				case strings.Contains(body, "%d"):
					sent = fmt.Sprintf(body, i+2)
				}
				a := g.send(method, fill.Replace(path), strings.NewReader(sent), headers...)
				if code, _ := a.told(); a.status == http.StatusConflict && code != "changed_meanwhile" {
					t.Errorf("%s %s: %s", method, path, a.body)
				}
				mu.Lock()
				defer mu.Unlock()
				statuses[a.status]++
			})
		}
		all.Wait()
		if !maps.Equal(statuses, map[int]int{200: 1, 409: 5}) {
			t.Errorf("%s %s: %v", method, path, statuses)
		}
	}
}
