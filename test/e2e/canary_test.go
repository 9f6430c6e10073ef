package e2e

import (
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/web/api"
)

// canaryAnswer is what the canaries' upstream answers: it lies only where content is kept.
const canaryAnswer = "canary-answer-Ww33Xx44"

// telltale is an upstream that repeats the keys it refuses, as some do.
func telltale(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(key, "refused") {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"Incorrect API key provided: %s","type":"invalid_request_error","code":"invalid_api_key"}}`, key)
		return
	}
	_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"`+canaryAnswer+`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`)
}

// A secret of its own goes through every slot of the real program; it works, fails,
// refuses, is configured anew and reloads; and no log, metric, trace, answer or file of
// it holds any of them, on either engine.
func TestNoSecretLiesAnywhere(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		testNoSecretLies(t, `store: {content: {keep: true}, encryption_key: "{{encryption key}}"}`, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := postgresServer(t).Database(t)
		testNoSecretLies(t, `store: {driver: postgres, dsn: "`+dsn+`&password={{database password}}", content: {keep: true}, encryption_key: "{{encryption key}}"}`,
			func(t *testing.T) string { return dump(t, dsn) })
	})
}

// dump is everything in a database of PostgreSQL, as text; bytes are in hex.
func dump(t *testing.T, dsn string) string {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := func(query string) (all []string) {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	var all []string
	for _, table := range text(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`) {
		all = append(all, text(`SELECT t::text FROM `+table+` t`)...)
	}
	return strings.Join(all, "\n")
}

// canary is one run.
type canary struct {
	t       *testing.T
	secrets secrets
	seen    *places
	g       *gateway
	traces  chan struct{}
}

func testNoSecretLies(t *testing.T, store string, database func(*testing.T) string) {
	c := &canary{t: t, secrets: canaries(), seen: &places{all: map[string]string{}}, traces: make(chan struct{}, 100)}
	up := httptest.NewServer(http.HandlerFunc(telltale))
	defer up.Close()
	sink := httptest.NewServer(http.HandlerFunc(c.collect))
	defer sink.Close()
	c.g = start(t, c.configuration(up.URL, sink.URL, store))
	c.drive()
	c.admin("admin answers", "POST", "/upstreams/up/a/keys", `{"key":"`+c.secrets["upstream key, stored"]+`"}`, http.StatusCreated)
	c.drive()
	c.reload()
	c.drive()
	c.configure(up.URL)
	c.drive()
	c.people()
	c.made()
	c.readEverything()
	c.readContent()
	c.ask("metrics", "GET", c.g.admin+"/metrics", "", "", http.StatusOK)
	select {
	case <-c.traces:
	case <-time.After(15 * time.Second):
		t.Error("no trace has come, so nothing is shown of them")
	}
	eventually(t, "the webhook", func() bool { return c.seen.has("webhooks", "keys_down") })
	c.g.stop()
	c.commands()
	c.files()
	if database != nil {
		c.seen.add("database", database(t))
	}
	c.seen.look(t, c.secrets)
}

// configuration has a secret in every slot of a file.
func (c *canary) configuration(up, sink, store string) string {
	file, command := filepath.Join(c.t.TempDir(), "upstream-key"), filepath.Join(c.t.TempDir(), "tell")
	for name, text := range map[string]string{file: c.secrets["upstream key, file"], command: "#!/bin/sh\necho " + c.secrets["upstream key, command"] + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Setenv("CANARY_UPSTREAM", c.secrets["upstream key, environment"])
	return c.secrets.fill(`
server: {webhook_networks: [127.0.0.0/8], admin_token: "{{admin token}}"}
providers:
  up:
    base_url: ` + up + `/v1
    preset: openai
    accounts:
      - name: a
        keys: ["{{upstream key, literal}}", "${CANARY_UPSTREAM}", "${file:` + file + `}", "${command:` + command + `}", "{{upstream key, refused}}"]
        limits: [{rpm: 100k, tpm: 10M}]
  proxied:
    base_url: http://upstream.invalid/v1
    preset: openai
    proxy: http://user:{{proxy password}}@127.0.0.1:9
    accounts: [{name: p, keys: [sk-not-a-canary-0001]}]
routes: {m: {targets: [up/m]}, broken: {targets: [proxied/m]}}
client_keys: [{name: app, key: "{{client key}}"}]
alerts: [{name: keys, when: keys_down > 0, do: [log, {webhook: {url: "` + sink + `/hook", secret: "{{webhook secret}}"}}]}]
telemetry: {otlp_endpoint: "` + sink + `", otlp_headers: {X-Token: "{{OTLP header}}"}}
` + store + "\n")
}

// collect takes traces, metrics and webhooks.
func (c *canary) collect(_ http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return
		}
		body = z
	}
	text, _ := io.ReadAll(body) // what came before an error is looked into
	what := "traces"
	if r.URL.Path == "/hook" {
		what = "webhooks"
		text = fmt.Appendf(text, "%v", r.Header)
	}
	c.seen.add(what, string(text))
	if r.URL.Path == "/v1/traces" && r.Header.Get("X-Token") == c.secrets["OTLP header"] {
		select {
		case c.traces <- struct{}{}:
		default:
		}
	}
}

// ask makes a request, keeps the answer and wants a status; headers come in pairs.
func (c *canary) ask(what, method, url, bearer, body string, status int, headers ...string) answer {
	c.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	a := do(c.t, req)
	c.seen.add(what, fmt.Sprint(a.header)+a.body)
	if a.status != status {
		c.t.Errorf("%s %s: %d, not %d: %.300s", method, url, a.status, status, a.body)
	}
	return a
}

func (c *canary) admin(what, method, path, body string, status int, headers ...string) answer {
	c.t.Helper()
	return c.ask(what, method, c.g.admin+"/admin/api/v1"+path, c.secrets["admin token"], body, status, headers...)
}

// drive makes calls that go well, fail and are refused.
func (c *canary) drive() {
	c.t.Helper()
	api, key, prompt := c.g.api+"/v1/chat/completions", c.secrets["client key"], c.secrets["prompt"]
	for range 6 { // every key has its turn
		c.ask("answers", "POST", api, key, chatBody("m", prompt), 200)
	}
	c.ask("failures", "POST", api, key, chatBody("broken", prompt), 502)
	c.ask("refusals", "POST", api, key, `{"model":"m","messages":"`+prompt+`"}`, 400)
	c.ask("refusals", "POST", api, key, chatBody("nowhere", prompt), 404)
	c.ask("refusals", "POST", api, c.secrets["wrong client key"], chatBody("m", prompt), 401)
	c.ask("admin refusals", "GET", c.g.admin+"/admin/api/v1/upstreams", c.secrets["wrong admin token"], "", 401)
	c.ask("admin refusals", "POST", c.g.admin+"/admin/api/v1/session", c.secrets["wrong admin token"], `{"name":"nobody","password":"`+c.secrets["wrong password"]+`"}`, 401)
}

func (c *canary) reload() {
	c.t.Helper()
	if err := c.g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "the reload", func() bool { return strings.Contains(c.g.log.String(), "configuration loaded") })
}

// configure puts literal secrets in force through the admin API, and gives wrong ones.
func (c *canary) configure(up string) {
	c.t.Helper()
	var now api.ConfigView
	if err := json.Unmarshal([]byte(c.admin("admin answers", "GET", "/config", "", 200).body), &now); err != nil {
		c.t.Fatal(err)
	}
	text := strings.Replace(now.Text, "client_keys: [", c.secrets.fill(`client_keys: [{name: applied, key: "{{client key, applied}}"}, `), 1)
	text = strings.Replace(text, "keys: [", c.secrets.fill(`keys: ["{{upstream key, applied}}", `), 1)
	body := func(text string) string {
		b, _ := json.Marshal(api.ConfigText{Text: text, Note: "canaries"})
		return string(b)
	}
	for _, wrong := range []string{
		strings.Replace(text, "targets: [up/m]", `targets: ["{{upstream key, applied}}"]`, 1), text + "\nunknown: \"{{upstream key, applied}}\"\n",
		text + "\n  : [\"{{upstream key, applied}}", strings.Replace(text, up, "http://192.0.2.1", 1),
	} {
		c.admin("admin refusals", "PUT", "/config", body(c.secrets.fill(wrong)), http.StatusUnprocessableEntity, "If-Match", now.Version)
		c.admin("admin refusals", "POST", "/config/validate", body(c.secrets.fill(wrong)), http.StatusOK)
	}
	c.admin("admin answers", "PUT", "/config", body(text), 200, "If-Match", now.Version)
	c.ask("answers", "POST", c.g.api+"/v1/chat/completions", c.secrets["client key, applied"], chatBody("m", c.secrets["prompt"]), 200)
	for _, path := range []string{"/config/history/1", "/keys/file:applied"} {
		c.admin("admin answers", "GET", path, "", 200)
	}
}

// people makes an account, signs it in and changes its password.
func (c *canary) people() {
	c.t.Helper()
	c.admin("admin answers", "POST", "/accounts", c.secrets.fill(`{"name":"ann","role":"admin","password":"{{password}}"}`), http.StatusCreated)
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	send := func(method, path, body string, status int) {
		req, err := http.NewRequest(method, c.g.admin+"/admin/api/v1"+path, strings.NewReader(c.secrets.fill(body)))
		if err != nil {
			c.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		a := doWith(c.t, browser, req)
		c.seen.add("admin answers", a.body)
		if a.status != status {
			c.t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	send("POST", "/session", `{"name":"ann","password":"{{password}}"}`, http.StatusCreated)
	sessions := func(which string) {
		for _, cookie := range jar.Cookies(httptest.NewRequest("GET", c.g.admin, nil).URL) {
			c.secrets[which+" session's "+cookie.Name] = cookie.Value
		}
	}
	sessions("first")
	send("PUT", "/session/password", `{"current":"{{wrong password}}","new":"{{new password}}"}`, http.StatusUnauthorized)
	send("PUT", "/session/password", `{"current":"{{password}}","new":"{{new password}}"}`, http.StatusOK)
	sessions("next")
}

// made makes what is shown once, and looks at it again.
func (c *canary) made() {
	c.t.Helper()
	var k api.MadeKey
	var tok api.MadeToken
	read := func(a answer, into any) {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			c.t.Fatal(err)
		}
	}
	read(c.admin("shown once", "POST", "/keys", `{"name":"made"}`, http.StatusCreated), &k)
	c.secrets["client key, made"] = k.Key
	read(c.admin("shown once", "POST", "/keys/"+k.ID+"/rotate", `{"grace":"1h"}`, 200), &k)
	c.secrets["client key, rotated"] = k.Key
	read(c.admin("shown once", "POST", "/tokens", `{"name":"made","role":"viewer"}`, http.StatusCreated), &tok)
	c.secrets["token, made"] = tok.Secret
	c.ask("answers", "POST", c.g.api+"/v1/chat/completions", k.Key, chatBody("m", c.secrets["prompt"]), 200)
	c.ask("admin answers", "GET", c.g.admin+"/admin/api/v1/keys", tok.Secret, "", 200)
	c.admin("admin answers", "GET", "/keys/"+k.ID, "", 200)
}

// readEverything asks for all that can be asked for without a name.
func (c *canary) readEverything() {
	c.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(c.admin("admin answers", "GET", "/openapi.json", "", 200).body), &doc); err != nil {
		c.t.Fatal(err)
	}
	asked := 0
	for path, methods := range doc.Paths {
		get, ok := methods["get"]
		if _, endless := get.Responses["200"].Content["text/event-stream"]; !ok || endless || strings.Contains(path, "{") || slices.Contains([]string{"/oidc/login", "/oidc/callback"}, strings.TrimPrefix(path, "/admin/api/v1")) {
			continue
		}
		c.admin("admin answers", "GET", strings.TrimPrefix(path, "/admin/api/v1"), "", 200)
		asked++
	}
	if asked < 20 {
		c.t.Errorf("only %d things could be asked for", asked)
	}
	for _, path := range []string{"/upstreams/up", "/usage?format=csv", "/requests?format=csv", "/routes/m"} {
		c.admin("admin answers", "GET", path, "", 200)
	}
}

// readContent finds what was asked and answered where it is kept, for admins.
func (c *canary) readContent() {
	c.t.Helper()
	var list api.List[api.Request]
	eventually(c.t, "requests are written", func() bool {
		err := json.Unmarshal([]byte(c.admin("admin answers", "GET", "/requests?outcome=ok", "", 200).body), &list)
		return err == nil && len(list.Data) > 0
	})
	path := c.g.admin + "/admin/api/v1/requests/" + list.Data[0].ID
	eventually(c.t, "content is kept", func() bool {
		a := c.ask("kept content", "GET", path, c.secrets["admin token"], "", 200)
		return strings.Contains(a.body, c.secrets["prompt"]) && strings.Contains(a.body, canaryAnswer)
	})
	c.ask("admin answers", "GET", path, c.secrets["token, made"], "", 200)
}

// commands end in errors, with a secret in what they are given.
func (c *canary) commands() {
	c.t.Helper()
	dsn := c.secrets.fill("postgres://sluice:{{database password}}@127.0.0.1:1/db?connect_timeout=1")
	broken := filepath.Join(c.t.TempDir(), "broken.yaml")
	text := c.secrets.fill(`{providers: {up: {base_url: "{{upstream key, literal}}"}}, client_keys: [{key: "{{client key}}"}], store: {driver: postgres, dsn: "` + dsn + `"}}`)
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	away := filepath.Join(c.t.TempDir(), "away.yaml")
	if err := os.WriteFile(away, []byte(c.secrets.fill(one("http://127.0.0.1:1/v1", "")+`store: {driver: postgres, dsn: "`+dsn+`", encryption_key: "{{encryption key}}"}`+"\n")), 0o600); err != nil {
		c.t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", broken}, {"serve", "--config", broken}, {"serve", "--config", away, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"},
		{"secrets", "status", "--config", away}, {"store", "copy", "--from", c.g.file, "--to", dsn}, {"store", "copy", "--from", dsn, "--to", "x.db"},
		{"keys", "list", "--admin", "http://127.0.0.1:1", "--token", c.secrets["admin token"]},
	} {
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir = c.t.TempDir()
		out, err := cmd.CombinedOutput()
		stop()
		if err == nil {
			c.t.Errorf("%v went well: %s", args, out)
		}
		c.seen.add("commands", string(out))
	}
}

// files are the log, and what the program has written beside its configuration.
func (c *canary) files() {
	c.t.Helper()
	c.seen.add("log", c.g.log.String())
	err := filepath.WalkDir(filepath.Dir(c.g.file), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == c.g.file {
			return err
		}
		data, err := os.ReadFile(path)
		what := filepath.Base(path)
		if strings.HasPrefix(what, "sluice.db") && !strings.HasSuffix(what, ".key") && !strings.HasSuffix(what, ".levels") {
			what = "database"
		}
		c.seen.add(what, string(data))
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}
