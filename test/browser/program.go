package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Token is the admin token of the programs that are started, Key the credential of their
// static client key.
const (
	Token = "sluice-admin-token-of-the-browser"
	Key   = "sk-sluice-browser-key-0001"
)

// Program is a running gateway.
type Program struct {
	API, Admin string
	File       string
	token      string
	binary     string
	cmd        *exec.Cmd
	mu         sync.Mutex
	log        bytes.Buffer
}

// Build makes the program under test in a directory.
func Build(dir string) (binary string, err error) {
	binary = filepath.Join(dir, "gateway")
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("browser: where the module is: %w", err)
	}
	build := exec.Command("go", "build", "-o", binary, "./cmd/gateway")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("browser: %w\n%s", err, out)
	}
	return binary, nil
}

// Start runs the program in a directory, with a configuration in which {{key}} and
// {{token}} are filled in. Without one it is the demo, whose token is what it shows.
func Start(binary, dir, yaml string) (*Program, error) {
	p := &Program{File: filepath.Join(dir, "sluice.yaml"), token: Token, binary: binary}
	if yaml == "" {
		p.File = ""
	} else if err := p.Write(yaml); err != nil {
		return nil, err
	}
	return p, p.serve(dir, "127.0.0.1:0", "127.0.0.1:0")
}

// serve runs it in a directory, at two addresses.
func (p *Program) serve(dir, api, admin string) error {
	args := []string{"serve", "--listen", api, "--admin-listen", admin}
	if p.File != "" {
		args = append(args, "--config", filepath.Base(p.File))
	}
	p.cmd = exec.Command(p.binary, args...)
	p.cmd.Dir = dir
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	served := make(chan [2]string, 1)
	go p.follow(stderr, served)
	at, ok := <-served
	if !ok {
		_ = p.cmd.Wait()
		return errors.New("browser: the program did not start:\n" + p.Log())
	}
	p.API, p.Admin = at[0], at[1]
	return nil
}

// Again runs it once more where it was, after it has been stopped.
func (p *Program) Again() error {
	return p.serve(p.cmd.Dir, strings.TrimPrefix(p.API, "http://"), strings.TrimPrefix(p.Admin, "http://"))
}

// Write replaces the configuration file.
func (p *Program) Write(yaml string) error {
	yaml = strings.NewReplacer("{{key}}", Key, "{{token}}", Token).Replace(yaml)
	return os.WriteFile(p.File, []byte(yaml), 0o600)
}

func (p *Program) follow(r io.Reader, served chan<- [2]string) {
	defer close(served)
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		p.log.Write(s.Bytes())
		p.log.WriteByte('\n')
		p.mu.Unlock()
		if _, token, shown := strings.Cut(s.Text(), "(shown once): "); shown {
			p.token = token // before it serves, and not after
		}
		var line struct{ Msg, API, Admin string }
		if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "serving" {
			served <- [2]string{line.API, line.Admin}
		}
	}
}

// Log is what the program has written.
func (p *Program) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Kill ends it as a crash would.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// Stop ends it.
func (p *Program) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait() // it may have been killed by a test
}

// Ask calls the admin API with the token.
func (p *Program) Ask(method, path, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequest(method, p.Admin+"/admin/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(req)
}

// Chat calls the API with a client key, and answers the status.
func (p *Program) Chat(key, model, text string) (int, error) {
	body, err := json.Marshal(map[string]any{"model": model, "max_tokens": 64, "messages": []map[string]string{{"role": "user", "content": text}}})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequest(http.MethodPost, p.API+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	status, _, err := do(req)
	return status, err
}

func do(req *http.Request) (int, []byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return resp.StatusCode, data, err
}
