package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const clientKey = "sk-sluice-crash-key-000001"

// rig owns the directory and the processes of one run.
type rig struct {
	ctx      context.Context
	seed     uint64
	random   *rand.Rand
	dir      string
	binary   string
	upstream *process
	provider string // address of the simulated provider
	client   *http.Client
	failed   bool
	kept     bool
}

func newRig(ctx context.Context, seed uint64) (*rig, error) {
	if seed == 0 {
		seed = rand.Uint64()
	}
	dir, err := os.MkdirTemp("", "sluice-crash-")
	if err != nil {
		return nil, err
	}
	r := &rig{ctx: ctx, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), dir: dir, binary: filepath.Join(dir, "gateway"),
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	build := exec.CommandContext(ctx, "go", "build", "-o", r.binary, "github.com/sluice-gateway/sluice/cmd/gateway")
	if out, err := build.CombinedOutput(); err != nil {
		r.close()
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if r.provider, err = freeAddr(); err == nil {
		err = r.write("upstream.yaml", `
accounts: [{name: a, keys: [key-a]}]
first_token: 3ms
tokens_per_second: 4000
output_tokens: 40
`)
	}
	if err == nil {
		r.upstream, err = r.start("upstream", "simulated-provider", "--listen", r.provider, "--config", filepath.Join(dir, "upstream.yaml"))
	}
	if err == nil {
		err = r.listens(r.upstream, "http://"+r.provider+"/simulated/stats")
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) write(name, text string) error {
	return os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600)
}

func (r *rig) keep() string {
	r.kept = true
	return r.dir
}

func (r *rig) close() {
	if r.upstream != nil {
		r.upstream.kill()
	}
	if r.kept {
		_ = os.Remove(r.binary)
		return
	}
	_ = os.RemoveAll(r.dir)
}

// row prints a line of the table.
func (r *rig) row(what, measured, goal string, ok bool) {
	verdict := "ok"
	if !ok {
		verdict, r.failed = "**missed**", true
	}
	fmt.Printf("| %s | %s | %s | %s |\n", what, measured, goal, verdict)
}

// process is a server that was started here.
type process struct {
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{}
}

func (r *rig) start(name string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(r.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.Command(r.binary, args...), began: time.Now(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, r.dir
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// stop ends a process as an operator would.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(30 * time.Second):
		p.kill()
		return errors.New("the gateway did not stop within 30 s")
	}
}

// gateway is a running gateway.
type gateway struct {
	*process
	api, admin string
	boot       time.Duration
}

// gateway starts one whose database is in that directory.
func (r *rig) gateway(store string) (*gateway, error) {
	api, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if err := r.write("gateway.yaml", fmt.Sprintf(`
logging: {level: warn}
providers:
  p: {preset: generic, base_url: http://%s/v1, accounts: [{name: a, keys: [key-a], limits: [{rpm: 100M}]}]}
routes: {m: {targets: [p/m]}}
client_keys: [{name: load, key: %s}]
store: {dsn: %s/sluice.db}
`, r.provider, clientKey, store)); err != nil {
		return nil, err
	}
	p, err := r.start("gateway", "serve", "--config", filepath.Join(r.dir, "gateway.yaml"), "--listen", api, "--admin-listen", admin)
	if err != nil {
		return nil, err
	}
	g := &gateway{process: p, api: "http://" + api, admin: "http://" + admin}
	if err := r.listens(p, g.api+"/readyz"); err != nil {
		p.kill()
		return nil, err
	}
	g.boot = time.Since(p.began)
	return g, nil
}

// listens waits until an address answers.
func (r *rig) listens(p *process, url string) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && r.ctx.Err() == nil; {
		if resp, err := r.client.Get(url); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s: it ended; see its log in %s", url, r.keep())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: it does not answer; see its log in %s", url, r.keep())
}

// metric reads one value of the gateway's metrics, by its name and labels.
func (r *rig) metric(g *gateway, want string) (float64, error) {
	resp, err := r.client.Get(g.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == want {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", want)
}

// counted is what the provider has counted.
type counted struct {
	Attempts     int64 `json:"attempts"`
	OK           int64 `json:"ok"`
	Cancelled    int64 `json:"cancelled"`
	InFlight     int64 `json:"in_flight"`
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
}

// count asks the provider, once nothing is in flight there.
func (r *rig) count() (c counted, err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		resp, err := r.client.Get("http://" + r.provider + "/simulated/stats")
		if err != nil {
			return c, err
		}
		var all struct {
			Total counted `json:"total"`
		}
		err = json.NewDecoder(resp.Body).Decode(&all)
		_ = resp.Body.Close()
		if err != nil {
			return c, err
		}
		if c = all.Total; c.InFlight == 0 {
			return c, nil
		}
	}
	return c, errors.New("the provider still has calls in flight")
}

// freeAddr is a loopback address that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
