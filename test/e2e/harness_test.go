// Package e2e runs the real program against simulated upstreams, over sockets.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gateway")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

const key, adminToken = "sk-sluice-e2e-key-0001", "admin-token-of-the-tests"

// gateway is a running program.
type gateway struct {
	t          testing.TB
	api, admin string
	file       string
	cmd        *exec.Cmd
	log        *logBuffer
}

// logBuffer keeps what the program writes and tells of its first serving line.
type logBuffer struct {
	mu     sync.Mutex
	b      bytes.Buffer
	served chan [2]string
}

func (l *logBuffer) follow(r io.Reader) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		l.mu.Lock()
		l.b.Write(s.Bytes())
		l.b.WriteByte('\n')
		l.mu.Unlock()
		var line struct{ Msg, API, Admin string }
		if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "serving" {
			l.served <- [2]string{line.API, line.Admin}
		}
	}
	close(l.served)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs the program with a configuration; {{key}} and {{token}} are filled in.
// A prefix is a command that runs the program.
func start(t testing.TB, yaml string, prefix ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, file: filepath.Join(t.TempDir(), "sluice.yaml")}
	g.write(yaml)
	return g.again(t, prefix...)
}

// again starts the program once more, with what a run before has left.
func (g *gateway) again(t testing.TB, prefix ...string) *gateway {
	t.Helper()
	g = &gateway{t: t, file: g.file, log: &logBuffer{served: make(chan [2]string, 1)}}
	args := append(prefix, binary, "serve", "--config", g.file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	g.cmd = exec.Command(args[0], args[1:]...)
	g.cmd.Dir = filepath.Dir(g.file) // the database and what lies beside it
	g.launch(t)
	return g
}

// launch starts the command, and waits until it serves.
func (g *gateway) launch(t testing.TB) {
	t.Helper()
	stderr, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go g.log.follow(stderr)
	t.Cleanup(g.stop)
	at, ok := <-g.log.served
	if !ok {
		t.Fatalf("the gateway did not start:\n%s", g.log)
	}
	g.api, g.admin = at[0], at[1]
}

func (g *gateway) write(yaml string) {
	g.t.Helper()
	yaml = strings.NewReplacer("{{key}}", key, "{{token}}", adminToken).Replace(yaml)
	if err := os.WriteFile(g.file, []byte(yaml), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	_ = g.cmd.Wait()
	if g.t.Failed() {
		log := g.log.String()
		g.t.Logf("the gateway's log ends with:\n%s", log[max(0, len(log)-4000):])
	}
}

// answer is an HTTP answer read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) errorCode() (kind, code, message string) {
	var e struct {
		Error struct{ Message, Type, Code string }
	}
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Error.Type, e.Error.Code, e.Error.Message
}

// post sends a body with the client key; headers come in pairs.
func (g *gateway) post(path, body string, headers ...string) answer {
	g.t.Helper()
	req, err := http.NewRequest(http.MethodPost, g.api+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(g.t, req)
}

func do(t testing.TB, req *http.Request) answer {
	t.Helper()
	return doWith(t, http.DefaultClient, req)
}

func doWith(t testing.TB, client *http.Client, req *http.Request) answer {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (g *gateway) chat(model, text string, extra ...string) answer {
	g.t.Helper()
	return g.post("/v1/chat/completions", chatBody(model, text, extra...))
}

// chatBody makes a request; extra are further members.
func chatBody(model, text string, extra ...string) string {
	quoted, _ := json.Marshal(text)
	members := append([]string{`"model":"` + model + `"`, `"messages":[{"role":"user","content":` + string(quoted) + `}]`}, extra...)
	return "{" + strings.Join(members, ",") + "}"
}

type bucket struct {
	Scope, Name, Limit, Dimension           string
	Amount, Capacity, Level, Reserved, Debt int64
}

// buckets asks the admin API.
func (g *gateway) buckets() []bucket {
	g.t.Helper()
	req, err := http.NewRequest(http.MethodGet, g.admin+"/admin/api/v1/budgets", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	var list struct{ Data []bucket }
	a := do(g.t, req)
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		g.t.Fatalf("%d %s", a.status, a.body)
	}
	return list.Data
}

// upstream starts a simulated provider on loopback.
func upstream(t testing.TB, o simulated.Options) (*simulated.Server, string) {
	t.Helper()
	s := simulated.New(o)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL + "/v1"
}

// eventually waits until a condition holds; the tests' own time bound ends it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

// one is a configuration with one upstream and one route m, and whatever is added to
// the route.
func one(url, route string) string {
	return `
server: {admin_token: "{{token}}"}
providers:
  up:
    dialect: openai
    preset: generic
    base_url: ` + url + `
    timeouts: {first_byte: 2s, idle: 2s}
    accounts:
      - {name: a, keys: [key-a]}
routes:
  m:
    targets: [up/m]
` + route + `
client_keys:
  - {name: test, key: "{{key}}"}
`
}

func open(names ...string) simulated.Options {
	o := simulated.Options{OutputTokens: 64, Headers: true}
	for _, n := range names {
		o.Accounts = append(o.Accounts, simulated.Account{Name: n, Keys: []string{"key-" + n}})
	}
	return o
}

func runBinary(args ...string) (string, error) {
	out, err := exec.Command(binary, args...).CombinedOutput()
	return string(out), err
}
