package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The key file is rotated beside a gateway that serves; and without the right key the
// program does not start.
func TestSecretsAreRotatedWhileTheGatewayServes(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(telltale))
	defer up.Close()
	g := start(t, one(up.URL+"/v1", ""))
	secrets := func(what string) string {
		t.Helper()
		cmd := exec.Command(binary, "secrets", what, "--config", g.file)
		cmd.Dir = filepath.Dir(g.file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s%v", what, out, err)
		}
		return string(out)
	}
	if out := secrets("status"); !strings.Contains(out, "there is none yet") {
		t.Fatal(out)
	}
	if a := g.asAdmin("POST", "/upstreams/up/a/keys", `{"key":"sk-stored-one-0001"}`); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	keyFile := filepath.Join(filepath.Dir(g.file), "sluice.db.key")
	before, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if out := secrets("rotate"); !strings.Contains(out, ": 1 upstream keys") {
		t.Fatal(out)
	}
	if a := g.asAdmin("POST", "/upstreams/up/a/keys", `{"key":"sk-stored-two-0002"}`); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if out := secrets("status"); strings.Count(out, "current") != 1 || !strings.Contains(out, "  2  ") || strings.Contains(out, "old") {
		t.Fatal(out)
	}
	g.stop()
	if err := os.WriteFile(keyFile, before, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config", g.file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Dir = filepath.Dir(g.file)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not open what the store holds") {
		t.Fatalf("%v %s", err, out)
	}
}
