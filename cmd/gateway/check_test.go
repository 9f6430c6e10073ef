package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckLooksAtFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(filepath.Join(dir, "empty.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	yaml := `server:
  tls: {cert: missing.pem, key: missing.key}
providers:
  one: {base_url: https://example.com/v1, ca: empty.pem, accounts: [{keys: ["${command:echo sk-upstream-0123456789}"]}]}
routes: {gpt-4o: {targets: [one/gpt-4o]}}
client_keys: [{name: app, key: sk-client-0123456789abcd}]
`
	check := func(text string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, err := gatewayCommand("check", "--config", file)
		return out + errs, err
	}
	said, err := check(yaml)
	for _, want := range []string{"sluice.yaml:2:3: server.tls: certificate", "missing.pem", "sluice.yaml:4:3: providers.one: provider one: ca: ", "holds no certificate", "2 problems"} {
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("%v, without %q:\n%s", err, want, said)
		}
	}
	yaml = strings.NewReplacer("  tls: {cert: missing.pem, key: missing.key}\n", "  max_body: 1MiB\n", "ca: empty.pem, ", "").Replace(yaml)
	if said, err := check(yaml); err != nil || !strings.Contains(said, "ok: 1 providers") {
		t.Errorf("%v: %s", err, said)
	}
}
