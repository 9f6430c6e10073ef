package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// places collects texts in which no secret may be, by what they are.
type places struct {
	mu  sync.Mutex
	all map[string]string
}

func (p *places) add(what, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[what] += text + "\n"
}

// telltale is an upstream that repeats the keys it refuses, as some do.
func telltale(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(key, "refused") {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"Incorrect API key provided: %s","type":"invalid_request_error","code":"invalid_api_key"}}`, key)
		return
	}
	_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`)
}

// A secret of its own goes through every slot of the real program; it works, fails,
// refuses and reloads; and no log, metric, trace, answer or file of it holds any of them.
func TestNoSecretLiesAnywhere(t *testing.T) {
	secrets := map[string]string{
		"client key": "sk-canary-client-Kq3vTz81", "wrong client key": "sk-canary-wrong-Zx7wPq42",
		"admin token": "canary-admin-token-Hd93kfLw", "wrong admin token": "canary-wrong-admin-Pw02mcVx",
		"password": "canary-Password-Tg55-wrong", "upstream key, literal": "sk-canary-literal-Aa11Bb22",
		"upstream key, environment": "sk-canary-env-Cc33Dd44", "upstream key, file": "sk-canary-file-Ee55Ff66",
		"upstream key, command": "sk-canary-command-Gg77Hh88", "upstream key, stored": "sk-canary-stored-Ii99Jj00",
		"upstream key, refused": "sk-canary-refused-Kk11Ll22", "webhook secret": "canary-webhook-Mm33Nn44Oo55",
		"OTLP header": "canary-otlp-Qq66Rr77", "proxy password": "canaryproxySs88Tt99", "prompt": "canary-prompt-Uu00Vv11",
		"encryption key": base64.StdEncoding.EncodeToString([]byte("canary-encryption-key-0123456789"[:32])),
	}
	seen := &places{all: map[string]string{}}
	up := httptest.NewServer(http.HandlerFunc(telltale))
	defer up.Close()
	traces := make(chan struct{}, 100)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.add("traces", string(body))
		if r.Header.Get("X-Token") == secrets["OTLP header"] {
			select {
			case traces <- struct{}{}:
			default:
			}
		}
	}))
	defer sink.Close()
	keyFile := filepath.Join(t.TempDir(), "upstream-key")
	if err := os.WriteFile(keyFile, []byte(secrets["upstream key, file"]), 0o600); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(t.TempDir(), "tell")
	if err := os.WriteFile(command, []byte("#!/bin/sh\necho "+secrets["upstream key, command"]+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CANARY_UPSTREAM", secrets["upstream key, environment"])
	yaml := `
server: {admin_token: "` + secrets["admin token"] + `"}
providers:
  up:
    base_url: ` + up.URL + `/v1
    preset: openai
    accounts:
      - name: a
        keys: ["` + secrets["upstream key, literal"] + `", "${CANARY_UPSTREAM}", "${file:` + keyFile + `}", "${command:` + command + `}", "` + secrets["upstream key, refused"] + `"]
        limits: [{rpm: 100k, tpm: 10M}]
  proxied:
    base_url: http://upstream.invalid/v1
    preset: openai
    proxy: http://user:` + secrets["proxy password"] + `@127.0.0.1:9
    accounts: [{name: p, keys: [sk-not-a-canary-0001]}]
routes: {m: {targets: [up/m]}, broken: {targets: [proxied/m]}}
client_keys: [{name: app, key: "` + secrets["client key"] + `"}]
alerts: [{name: keys, when: keys_down > 0, do: [log, {webhook: {url: "` + sink.URL + `/hook", secret: "` + secrets["webhook secret"] + `"}}]}]
telemetry: {otlp_endpoint: "` + sink.URL + `", otlp_headers: {X-Token: "` + secrets["OTLP header"] + `"}}
store: {encryption_key: "` + secrets["encryption key"] + `"}
`
	g := start(t, yaml)
	ask := func(what, method, url, bearer, body string) int {
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		a := do(t, req)
		seen.add(what, fmt.Sprint(a.header)+a.body)
		return a.status
	}
	api, admin := g.api+"/v1/chat/completions", g.admin+"/admin/api/v1"
	drive := func() {
		for range 6 { // every key has its turn
			if status := ask("answers", "POST", api, secrets["client key"], chatBody("m", secrets["prompt"])); status != 200 {
				t.Fatalf("%d\n%s", status, seen.all["answers"])
			}
		}
		ask("failures", "POST", api, secrets["client key"], chatBody("broken", secrets["prompt"]))
		ask("refusals", "POST", api, secrets["client key"], `{"model":"m","messages":"`+secrets["prompt"]+`"}`)
		ask("refusals", "POST", api, secrets["client key"], chatBody("nowhere", secrets["prompt"]))
		ask("refusals", "POST", api, secrets["wrong client key"], chatBody("m", secrets["prompt"]))
		ask("admin refusals", "GET", admin+"/upstreams", secrets["wrong admin token"], "")
		ask("admin refusals", "POST", admin+"/session", secrets["wrong admin token"], `{"name":"nobody","password":"`+secrets["password"]+`"}`)
	}
	drive()
	if status := ask("admin answers", "POST", admin+"/upstreams/up/a/keys", secrets["admin token"], `{"key":"`+secrets["upstream key, stored"]+`"}`); status != 201 {
		t.Fatalf("%d %s", status, seen.all["admin answers"])
	}
	drive()
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reload", func() bool { return strings.Contains(g.log.String(), "configuration loaded") })
	drive()
	for _, path := range []string{"/upstreams", "/upstreams/up", "/budgets", "/keys", "/owners", "/audit", "/alerts", "/about", "/now", "/config", "/requests", "/usage", "/openapi.json", "/tokens"} {
		ask("admin answers", "GET", admin+path, secrets["admin token"], "")
	}
	ask("metrics", "GET", g.admin+"/metrics", "", "")
	select {
	case <-traces:
	case <-time.After(15 * time.Second):
		t.Error("no trace has come, so nothing is shown of them")
	}
	g.stop()
	seen.add("log", g.log.String())
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(g.file), "*"))
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && f != g.file {
			seen.add(filepath.Base(f), string(data))
		}
	}
	if len(seen.all["sluice.db"]) == 0 || len(seen.all["log"]) == 0 || !strings.Contains(seen.all["metrics"], "sluice_key_up") {
		t.Error("there was nothing to look into")
	}
	for what, secret := range secrets {
		forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))}
		if quoted, err := json.Marshal(secret); err == nil {
			forms = append(forms, strings.Trim(string(quoted), `"`))
		}
		for place, text := range seen.all {
			for _, form := range forms {
				if i := strings.Index(text, form); i >= 0 {
					t.Errorf("the %s lies in the %s: …%.200q", what, place, text[max(0, i-80):])
				}
			}
		}
	}
}
