package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench owns the directory and the processes of one run.
type bench struct {
	ctx       context.Context
	short     bool // too short for a verdict
	root, dir string
	processes []*process
	client    *http.Client
}

func newBench(ctx context.Context, short bool) (*bench, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, short: short, root: strings.TrimSpace(string(root)), dir: dir, client: &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}}}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary(), "./cmd/gateway")
	build.Dir, build.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.close()
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return b, nil
}

func (b *bench) binary() string { return filepath.Join(b.dir, "gateway") }

func (b *bench) close() {
	b.stop(b.processes...)
	_ = os.RemoveAll(b.dir)
}

// process is a server that was started here.
type process struct {
	name, addr string
	cmd        *exec.Cmd
	log        string
	done       chan struct{}
}

func (p *process) url() string { return "http://" + p.addr }

// freeAddr is a loopback address that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs a program that listens on addr, with its output in a file, and waits
// until it does.
func (b *bench) start(name, addr, program string, args ...string) (*process, error) {
	log := filepath.Join(b.dir, fmt.Sprintf("%s-%d.log", name, len(b.processes)))
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{name: name, addr: addr, log: log, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.Dir = filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, len(b.processes))) // each has a database of its own
	if err := os.MkdirAll(p.cmd.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	b.processes = append(b.processes, p)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && b.ctx.Err() == nil; {
		if c, err := net.Dial("tcp", addr); err == nil {
			return p, c.Close()
		}
		select {
		case <-p.done:
			return nil, p.failed("it ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil, p.failed("it does not listen")
}

func (p *process) failed(why string) error {
	said, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s: %s\n%s", p.name, why, said[:min(len(said), 2000)])
}

func (b *bench) stop(processes ...*process) {
	for _, p := range slices.Clone(processes) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(3 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		b.processes = slices.DeleteFunc(b.processes, func(o *process) bool { return o == p })
	}
}

// cpu is the user and system time that the kernel has accounted to a process.
func (p *process) cpu() (time.Duration, error) {
	const perTick = time.Second / 100 // USER_HZ
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * perTick, errors.Join(err1, err2)
}

// rss is resident memory in MB.
func (p *process) rss() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0, errors.New("no VmRSS")
	}
	kb, err := strconv.ParseFloat(f[0], 64)
	return kb * 1024 / 1e6, err
}

// upstream starts the simulated provider, with a configuration if there is one.
func (b *bench) upstream(config string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	args := []string{"simulated-provider", "--listen", addr}
	if config != "" {
		file, err := b.file("upstream", config)
		if err != nil {
			return nil, err
		}
		args = append(args, "--config", file)
	}
	return b.start("upstream", addr, b.binary(), args...)
}

// gateway starts the gateway; the configuration's addresses are given as flags.
func (b *bench) gateway(config string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	file, err := b.file("gateway", config)
	if err != nil {
		return nil, err
	}
	return b.start("gateway", addr, b.binary(), "serve", "--config", file, "--listen", addr, "--admin-listen", "127.0.0.1:0")
}

func (b *bench) file(name, text string) (string, error) {
	file := filepath.Join(b.dir, fmt.Sprintf("%s-%d.yaml", name, len(b.processes)))
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// proxy starts this program again, as the plain proxy to compare with.
func (b *bench) proxy(target string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.start("proxy", addr, self, "-proxy", addr+","+target)
}

// serveProxy is what an httputil.ReverseProxy is at its best: it keeps its
// connections to the upstream.
func serveProxy(ctx context.Context, spec string) error {
	addr, target, _ := strings.Cut(spec, ",")
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: addr, ReadHeaderTimeout: 10 * time.Second, Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}}
	go func() { <-ctx.Done(); _ = server.Close() }()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
