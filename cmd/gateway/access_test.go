package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/access/accesstest"
	"github.com/sluice-gateway/sluice/web/api"
)

const rootToken = "configured-token-of-the-tests"

// running is the whole program inside this process.
type running struct {
	*service
	t    *testing.T
	base string // of the admin API
}

// runService runs the program with a configuration until the test ends.
func runService(t *testing.T, yaml string) *running {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // the database and what lies beside it
	s := &service{
		flags: serveFlags{file: file, listen: "127.0.0.1:0", admin: "127.0.0.1:0"}, env: func(string) (string, bool) { return "", false },
		out: io.Discard, errs: io.Discard, failed: make(chan error, 3), accounts: accesstest.New(),
	}
	if err := s.setUp(s.parts()); err != nil {
		s.takeDown(s.notStopped)
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &running{s, t, "http://" + s.admin.Addr().String() + api.Prefix}
}

// everything is a configuration that switches on all that has endpoints.
const everything = `
server: {admin_token: ` + rootToken + `, drain_timeout: 0s}
providers:
  p: {dialect: simulated, accounts: [{name: a, keys: [k1], limits: [{models: ["*"], rpm: 100}]}]}
routes:
  m: {targets: [p/m]}
owners:
  acme: {limits: {rpm: 10}}
  zebra-team: {limits: {rpm: 20}}
client_keys:
  - {name: acme-key, key: sk-sluice-acme-key-0001, owner: acme}
  - {name: zebra-key, key: sk-sluice-zebra-key-0001, owner: zebra-team}
`

// member makes a token of a role; key-owners are acme's.
func (r *running) member(role access.Role, owner string) string {
	r.t.Helper()
	if role == "" {
		return ""
	}
	_, secret, err := r.guard.CreateToken(r.t.Context(), access.NewTokenOptions{Name: string(role) + owner, Role: role, Owner: owner})
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

// ask sends a request with a token; of what streams
// only the first event is read.
func (r *running) ask(token, method, path, body string) (status int, text string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Errorf("%s %s: %v", method, path, err)
		return 0, ""
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		first := ""
		for lines := bufio.NewReader(resp.Body); !strings.HasSuffix(first, "\n\n"); {
			line, err := lines.ReadString('\n')
			if err != nil {
				r.t.Errorf("%s %s: %v", method, path, err)
				break
			}
			first += line
		}
		return resp.StatusCode, first
	}
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Errorf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(all)
}

// decisions reads the golden file: the roles by method and path; "" is nobody.
func decisions(t *testing.T) map[string][]access.Role {
	t.Helper()
	text, err := os.ReadFile("testdata/roles.golden")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]access.Role{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if len(words) < 3 {
			t.Fatalf("%q names nobody", line)
		}
		at := words[0] + " " + words[1]
		if _, twice := out[at]; twice {
			t.Errorf("%s stands there twice", at)
		}
		for _, w := range words[2:] {
			if w == "everybody" {
				out[at] = append([]access.Role{""}, api.Everybody()...)
				continue
			}
			role, err := access.ParseRole(w)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			out[at] = append(out[at], role)
		}
	}
	return out
}

// fill puts something that does not exist into a path's parameters.
func fill(path string) string {
	for {
		i, j := strings.Index(path, "{"), strings.Index(path, "}")
		if i < 0 || j < i {
			return path
		}
		path = path[:i] + "none-such" + path[j+1:]
	}
}

// Every endpoint that the running program has, asked by every role and by nobody, over
// HTTP: who is let through is what the golden file says, which was written by hand.
func TestEveryEndpointAndEveryRole(t *testing.T) {
	want := decisions(t)
	r := runService(t, everything)
	served, err := r.adminAPI()
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[access.Role]string{"": ""}
	for _, role := range api.Everybody() {
		owner := ""
		if role == access.KeyOwner {
			owner = "acme"
		}
		tokens[role] = r.member(role, owner)
	}
	for _, e := range served.Endpoints() {
		at := e.Method + " " + e.Path
		roles, decided := want[at]
		if delete(want, at); !decided {
			t.Errorf("%s (%s): nobody has decided who may use it: say so in testdata/roles.golden", at, e.ID)
			continue
		}
		body := ""
		if e.Body != nil || e.RawBody != "" {
			body = "{" // whoever is let through changes nothing
		}
		for role, token := range tokens {
			status, text := r.ask(token, e.Method, fill(e.Path), body)
			let := !refused(role, status, text)
			if let != slices.Contains(roles, role) {
				t.Errorf("%s as %q: %d %.100s", at, role, status, text)
			}
		}
	}
	for at := range want {
		t.Errorf("%s stands in testdata/roles.golden and is not served", at)
	}
}

// refused says whether an answer keeps a role out, and checks how that is told.
func refused(role access.Role, status int, text string) bool {
	var told struct {
		Error struct{ Message, Code string }
	}
	_ = json.Unmarshal([]byte(text), &told) // where it is not JSON it is no refusal
	if role == "" {
		return status == http.StatusUnauthorized && told.Error.Code == "unauthorized"
	}
	return status == http.StatusForbidden && told.Error.Code == "forbidden" && strings.HasPrefix(told.Error.Message, fmt.Sprintf("the role %s may not", role))
}

// Beyond loopback no token is made, and a stored admin is as good as a configured one.
func TestWhoGetsABootstrapToken(t *testing.T) {
	people := func(accounts ...access.Account) access.Store {
		s := accesstest.New()
		for i, a := range accounts {
			a.ID, a.Name = fmt.Sprint("acct_", i), fmt.Sprint("n", i)
			if err := s.CreateAccount(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	admin, viewer, gone := access.Account{Role: access.Admin}, access.Account{Role: access.Viewer}, access.Account{Role: access.Admin, Disabled: true}
	withToken := people()
	if err := withToken.CreateToken(t.Context(), &access.Token{ID: "t", Name: "t", Role: access.Admin}); err != nil {
		t.Fatal(err)
	}
	const inside, outside = "127.0.0.1:8081", "0.0.0.0:8081"
	for name, c := range map[string]struct {
		listen, token string
		tls           config.TLS
		store         access.Store
		made, refused bool
	}{
		"the first start":              {listen: inside, store: people(), made: true},
		"an admin":                     {listen: inside, store: people(viewer, admin)},
		"only viewers":                 {listen: inside, store: people(viewer), made: true},
		"a disabled admin":             {listen: inside, store: people(gone), made: true},
		"an admin's token":             {listen: inside, store: withToken},
		"a configured token":           {listen: inside, token: rootToken, store: people()},
		"no store":                     {listen: inside, made: true},
		"outside: first start":         {listen: outside, store: people(), refused: true},
		"outside, with TLS":            {listen: outside, tls: config.TLS{Cert: "c", Key: "k"}, store: people(), refused: true},
		"outside: every interface":     {listen: ":8081", store: people(), refused: true},
		"outside: IPv6":                {listen: "[::]:8081", store: people(), refused: true},
		"outside: a name":              {listen: "gateway.example.com:8081", store: people(), refused: true},
		"outside: a disabled admin":    {listen: outside, store: people(gone), refused: true},
		"outside: only viewers":        {listen: outside, store: people(viewer), refused: true},
		"outside: an admin":            {listen: outside, store: people(admin)},
		"outside: an admin's token":    {listen: outside, store: withToken},
		"outside: a configured token":  {listen: outside, token: rootToken, store: people()},
		"loopback, by name":            {listen: "localhost:8081", store: people(), made: true},
		"loopback, another address":    {listen: "127.8.8.8:8081", store: people(), made: true},
		"loopback, IPv6":               {listen: "[::1]:8081", store: people(), made: true},
		"a name that looks like it":    {listen: "127.0.0.1.example.com:80", store: people(), refused: true},
		"another that looks like it":   {listen: "localhost.example.com:80", store: people(), refused: true},
		"nothing that can be listened": {listen: "", store: people(), refused: true},
	} {
		var shown strings.Builder
		s := &service{cfg: &config.Config{}, accounts: c.store, errs: &shown}
		s.cfg.Server.AdminListen, s.cfg.Server.AdminToken, s.cfg.Server.AdminTLS = c.listen, config.Secret(c.token), c.tls
		token, err := s.bootstrapToken(t.Context())
		if (token != "") != c.made || (err != nil) != c.refused || c.made != strings.Contains(shown.String(), token+"\n") {
			t.Errorf("%s: %q %v, shown %q", name, token, err, shown.String())
		}
	}
	broken := accesstest.New()
	broken.Fail(errors.New("database is gone"))
	s := &service{cfg: &config.Config{}, accounts: broken, errs: io.Discard}
	s.cfg.Server.AdminListen = inside
	if token, err := s.bootstrapToken(t.Context()); err == nil || token != "" {
		t.Error("a token is made where nobody knows who is stored")
	}
}

// A key-owner sees nothing of another owner at any endpoint that a key-owner may use: not
// in lists, not by name or ID, not in streams. What an admin sees there shows that there
// is something to see.
func TestAKeyOwnerSeesNobodyElses(t *testing.T) {
	r := runService(t, everything)
	served, err := r.adminAPI()
	if err != nil {
		t.Fatal(err)
	}
	root, mine := rootToken, r.member(access.KeyOwner, "acme")
	theirs := []string{"zebra-team", "file:zebra-key", "file%3Azebra-key", "zebra-key"}
	theirs = append(theirs, r.zebraThings(t)...)
	seen := map[string]bool{}
	for _, e := range served.Endpoints() {
		if !slices.Contains(e.Roles, access.KeyOwner) {
			continue
		}
		paths := []string{e.Path}
		if strings.Contains(e.Path, "{") {
			paths = nil
			for _, id := range theirs {
				paths = append(paths, regexp.MustCompile(`\{\w+\}`).ReplaceAllString(e.Path, id))
			}
		}
		for _, path := range paths {
			body := ""
			if e.Body != nil {
				body = "{}"
			}
			status, text := r.ask(mine, e.Method, path, body)
			if strings.Contains(text, "zebra") && !strings.Contains(text, "there is no") || strings.Contains(e.Path, "{") && status != http.StatusNotFound {
				t.Errorf("%s %s as acme's key-owner: %d %s", e.Method, path, status, text)
			}
			if e.Method != http.MethodGet {
				continue
			}
			if _, all := r.ask(root, e.Method, path, ""); strings.Contains(all, "zebra") {
				seen[e.Path] = true
			}
		}
	}
	for _, path := range []string{"/about", "/budgets", "/keys", "/keys/{id}", "/owners", "/owners/{name}", "/now", "/events"} {
		if !seen[path] {
			t.Errorf("an admin sees nothing of zebra at %s, so this test shows nothing there", path)
		}
	}
}

// zebraThings makes a key and a call of zebra-team's, and answers their IDs.
func (r *running) zebraThings(t *testing.T) []string {
	t.Helper()
	status, text := r.ask(rootToken, http.MethodPost, "/keys", `{"name":"zebra-stored","owner":"zebra-team"}`)
	var made struct{ ID, Key string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	req, err := http.NewRequest(http.MethodPost, r.api.url()+"/v1/chat/completions", strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"zebra"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+made.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the call: %d %v", resp.StatusCode, err)
	}
	return []string{made.ID, resp.Header.Get("X-Request-Id")}
}
