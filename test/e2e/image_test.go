package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// instruction is the value of one of the Dockerfile's last stage.
func instruction(t *testing.T, name string) string {
	t.Helper()
	text := read(t, "../../Dockerfile")
	stage := text[strings.LastIndex(text, "\nFROM "):]
	m := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(stage)
	if m == nil {
		t.Fatalf("the Dockerfile's last stage has no %s", name)
	}
	return m[1]
}

// The image has a program, certificates and one directory that its user may write, and
// that is enough to serve with the default places of everything that is kept. Where the
// tests are root, the program is shut into such a file system, as its user.
func TestTheImageNeedsOneDirectory(t *testing.T) {
	var uid, gid uint32
	if _, err := fmt.Sscanf(instruction(t, "USER"), "%d:%d", &uid, &gid); err != nil || uid == 0 {
		t.Fatalf("USER: %v", err)
	}
	work := instruction(t, "WORKDIR")
	if c := instruction(t, "COPY --from=build --chown="+strconv.Itoa(int(uid))+":"+strconv.Itoa(int(gid))); !strings.HasSuffix(c, " "+work) || instruction(t, "VOLUME") != work {
		t.Fatalf("%s is not the user's, or no volume: %s", work, c)
	}
	_, url := upstream(t, open("a"))
	root := t.TempDir()
	data := filepath.Join(root, work)
	g := &gateway{t: t, file: filepath.Join(root, "sluice.yaml"), log: &logBuffer{served: make(chan [2]string, 1)}}
	g.write(one(url, "") + "  - {name: sealed, key: sk-another-key-of-the-tests}\n")
	for _, err := range []error{os.Chmod(g.file, 0o644), os.Mkdir(data, 0o755), os.Link(binary, filepath.Join(root, "gateway"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	program, file := filepath.Join(root, "gateway"), g.file
	g.cmd = exec.Command(program)
	g.cmd.Dir, g.cmd.Env = data, []string{}
	if os.Geteuid() == 0 {
		for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(data, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
		program, file, g.cmd.Dir = "/gateway", "/sluice.yaml", work
		g.cmd.Path = program
		g.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	g.cmd.Args = []string{program, "serve", "--config", file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	g.launch(t)
	if a := g.chat("m", "hi"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := g.ask("POST", "/upstreams/up/a/keys", `{"key":"sk-a-key-that-is-sealed"}`); a.status != 201 {
		t.Fatalf("a key cannot be sealed: %d %s", a.status, a.body)
	}
	for _, kept := range []string{"sluice.db", "sluice.db.key", "sluice.db.levels"} {
		eventually(t, kept+" is written", func() bool {
			_, err := os.Stat(filepath.Join(data, kept))
			return err == nil
		})
	}
	if log := g.log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("it complains:\n%s", log)
	}
}
