package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const adaPassword = "canary-password-of-ada"

// browser is somebody at the admin API, with a jar for cookies and perhaps a token.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
	token  string
}

func (g *gateway) browser(t *testing.T, token string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, g.admin + "/admin/api/v1", token}
}

// ask sends a request; headers come in pairs.
func (b *browser) ask(method, path, body string, headers ...string) answer {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return doWith(b.t, b.client, req)
}

// want is ask that expects a status.
func (b *browser) want(status int, method, path, body string, headers ...string) answer {
	b.t.Helper()
	a := b.ask(method, path, body, headers...)
	if a.status != status {
		b.t.Errorf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// withoutToken is a configuration whose admin token is made at the start.
func withoutToken(url string) string {
	return strings.Replace(one(url, ""), `server: {admin_token: "{{token}}"}`, "server: {drain_timeout: 0s}", 1)
}

var shownToken = regexp.MustCompile(`sluice-admin-[a-z2-7]{52}`)

// From the first start to a second one: the token that is shown once makes an admin, who
// signs in, works, is safe from other sites' pages, and signs out; the next start shows
// no token.
func TestFromTheFirstStartToASignIn(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, withoutToken(url))
	token := shownToken.FindString(g.log.String())
	if token == "" {
		t.Fatalf("no token is shown:\n%s", g.log)
	}
	root, ada := g.browser(t, token), g.browser(t, "")
	ada.want(401, "GET", "/budgets", "")
	ada.want(401, "POST", "/session", `{"name":"ada","password":"`+adaPassword+`"}`)
	root.want(422, "POST", "/accounts", `{"name":"ada","role":"admin","password":"short"}`)
	root.want(201, "POST", "/accounts", `{"name":"ada","role":"admin","password":"`+adaPassword+`"}`)
	in := ada.want(201, "POST", "/session", `{"name":"Ada","password":"`+adaPassword+`"}`)
	cookie := in.header.Get("Set-Cookie")
	for _, part := range []string{"sluice_session=", "HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q has no %s", cookie, part)
		}
	}
	ada.want(200, "GET", "/budgets", "")
	ada.want(403, "POST", "/reload", "", "Sec-Fetch-Site", "cross-site")
	ada.want(403, "POST", "/reload", "", "Origin", "https://evil.test")
	ada.want(200, "POST", "/reload", "", "Sec-Fetch-Site", "same-origin")
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "sluice_session="), ";")
	ada.want(204, "DELETE", "/session", "")
	ada.want(401, "GET", "/budgets", "")
	thief := g.browser(t, "")
	thief.want(401, "GET", "/budgets", "", "Cookie", "sluice_session="+value)

	log := root.want(200, "GET", "/audit", "").body
	for _, action := range []string{"accounts.create", "session.create", "session.delete", "config.reload"} {
		if !strings.Contains(log, action) {
			t.Errorf("%s is not in the audit log: %s", action, log)
		}
	}
	g.stop()
	for _, secret := range []string{adaPassword, value} {
		if strings.Contains(g.log.String(), secret) || strings.Contains(log, secret) {
			t.Errorf("a secret is in a log")
		}
		if out, err := exec.Command("grep", "-rlF", secret, filepath.Dir(g.file)).Output(); len(out) > 0 {
			t.Errorf("a secret lies in %s (%v)", out, err)
		}
	}

	again := g.again(t)
	if shownToken.MatchString(again.log.String()) {
		t.Error("a token is made although an admin is stored")
	}
	again.browser(t, token).want(401, "GET", "/budgets", "")
	back := again.browser(t, "")
	back.want(201, "POST", "/session", `{"name":"ada","password":"`+adaPassword+`"}`)
	var list struct{ Data []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(back.want(200, "GET", "/accounts", "").body), &list); err != nil || len(list.Data) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	back.want(409, "DELETE", "/accounts/"+list.Data[0].ID, "")
	back.want(409, "PATCH", "/accounts/"+list.Data[0].ID, `{"role":"viewer"}`)
}

func TestWrongPasswordsAreThrottledOverHTTP(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, ""))
	root := g.browser(t, adminToken)
	root.want(201, "POST", "/accounts", `{"name":"ada","role":"viewer","password":"`+adaPassword+`"}`)
	eve := g.browser(t, "")
	tries, waits := 0, map[string]bool{}
	eventually(t, "a wait of four seconds", func() bool {
		a := eve.ask("POST", "/session", `{"name":"ada","password":"wrong wrong wrong"}`)
		switch a.status {
		case 401:
			tries++
		case 429:
			waits[a.header.Get("Retry-After")] = true
			if !strings.Contains(a.body, "too_many_tries") {
				t.Errorf("%s", a.body)
			}
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
		return waits["4"]
	})
	if tries < 7 || tries > 8 || !waits["2"] { // 8 where this machine is slow to ask
		t.Errorf("%d tries, waits %v", tries, waits)
	}
	eve.want(429, "POST", "/session", `{"name":"ada","password":"`+adaPassword+`"}`)
	eve.want(429, "POST", "/session", `{"name":"ada","password":"`+adaPassword+`"}`, "X-Forwarded-For", "198.51.100.9")
	root.want(200, "GET", "/budgets", "")
	eventually(t, "the right password after the wait", func() bool {
		return eve.ask("POST", "/session", `{"name":"ada","password":"`+adaPassword+`"}`).status == 201
	})
}

// Where other machines can reach the listener, nobody gets a token by being first.
func TestBeyondLoopbackSomebodyMustBeKnown(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, withoutToken(url))
	g.stop()
	cmd := exec.Command(binary, "serve", "--config", g.file, "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0")
	cmd.Dir = filepath.Dir(g.file)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "reachable from outside") || shownToken.Match(out) {
		t.Errorf("it started: %v\n%s", err, out)
	}
}
