package config

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const secretive = `# key: sk-upstream-0123456789 is ours
server: {admin_token: "a-token-that-is-secret-0001"}
providers:
  one:
    base_url: https://example.com/v1
    proxy: "http://user:secret-0002@proxy.internal:3128"
    accounts:
      - name: a
        keys: [sk-upstream-0123456789, {value: 'sk-it''s-secret-0003'}, "${UP}"]
      - name: b
        keys:
          - >-
            sk-folded-secret-0004
routes: {gpt-4o: {targets: [one/gpt-4o]}}
client_keys:
  - name: app
    key: &k sk-client-0123456789abcd
  - name: ${NAME}
    hash: sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
store: {dsn: ./sluice.db}
telemetry: {otlp_endpoint: "http://127.0.0.1:4318", otlp_headers: {authorization: "Bearer ${TOKEN} secret-0005"}}
alerts: [{name: a, when: heap > 1, do: [{webhook: {url: https://hooks.example.com/secret-0006, secret: "secret-0007-0123456789"}}]}]
`

func secrets() []string {
	return []string{
		"sk-upstream-0123456789", "a-token-that-is", "secret-0002", "secret-0003", "secret-0004", "secret-0005", "secret-0006", "secret-0007",
		"sk-client-0123456789abcd", "00112233445566778899aabb",
	}
}

// A redacted text holds no secret, and read back with its placeholders it is the same.
func TestRedactedTextsComeBack(t *testing.T) {
	text := strings.Replace(secretive, "name: ${NAME}", "name: n", 1)
	cfg := mustParse(t, text)
	red, ok := cfg.Redacted()
	if !ok {
		t.Fatal("not redacted")
	}
	for _, s := range secrets() {
		if strings.Contains(string(red), s) {
			t.Errorf("%s is shown:\n%s", s, red)
		}
	}
	for _, kept := range []string{`"${UP}"`, "./sluice.db", "base_url: https://example.com/v1", "&k "} {
		if !strings.Contains(string(red), kept) {
			t.Errorf("%s is gone:\n%s", kept, red)
		}
	}
	back, err := ParseWith("", red, Options{Env: anyEnv, Known: []*Config{nil, demoOf(t, nil), cfg}})
	if err != nil {
		t.Fatalf("%v\n%s", err, red)
	}
	if d := Diff(cfg, back); len(d) > 0 {
		t.Errorf("it comes back as another: %v", d)
	}
	again, ok := back.Redacted()
	if !ok || string(again) != string(red) {
		t.Errorf("redacted again:\n%s", again)
	}
	if strings.Contains(string(back.Source()), holderBegin+"0") && !strings.HasPrefix(string(back.Source()), "# key: [secret") {
		t.Errorf("placeholders are left:\n%s", back.Source())
	}
	fresh := mustParse(t, strings.ReplaceAll(string(back.Source()), "${UP}", "${UP}"))
	if d := Diff(cfg, fresh); len(d) > 0 {
		t.Errorf("its source is another: %v", d)
	}
}

// A placeholder counts only where its secret is, so nobody can move a secret to where
// it would be shown or sent.
func TestPlaceholdersStayAtTheirPlace(t *testing.T) {
	cfg := mustParse(t, small)
	holder := placeholder("sk-client-0123456789abcd")
	for _, text := range []string{
		strings.Replace(small, "sk-upstream-0123456789", `"`+holder+`"`, 1),
		small + "alerts: [{name: a, when: heap > 1, do: [{webhook: {url: \"" + holder + "\", secret: 0123456789abcdef}}]}]\n",
		small + "alerts: [{name: a, when: heap > 1, do: [{webhook: {url: \"https://evil.example/" + holder + "\", secret: \"" + holder + "\"}}]}]\n",
		strings.Replace(small, "sk-client-0123456789abcd", `"[secret 000000000000]"`, 1),
	} {
		_, err := ParseWith("", []byte(text), Options{Env: anyEnv, Known: []*Config{cfg}})
		if err == nil || !strings.Contains(err.Error(), "stands for no secret") {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// A text from the admin API cannot read the host's environment and files, name its
// files, or send a secret to somebody else.
func TestForeignTexts(t *testing.T) {
	const file = `
server: {admin_token: "${ADMIN}"}
providers:
  one: {base_url: https://one.example/v1, accounts: [{keys: ["${UP}"]}]}
  two: {base_url: https://two.example/v1, accounts: [{keys: [sk-second-0123456789]}]}
routes: {gpt-4o: {targets: [one/gpt-4o, two/gpt-4o]}}
client_keys: [{name: app, key: "${APP}"}, {name: other, key: sk-client-0123456789abcd}]
telemetry: {otlp_endpoint: "https://otlp.example", otlp_headers: {authorization: "${OTLP}"}}
`
	host := mustParse(t, file)
	read := func(text string) error {
		_, err := ParseWith("", []byte(text), Options{Env: anyEnv, File: host, Known: []*Config{host}, Run: RunCommand})
		return err
	}
	swap := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(file) }
	for name, text := range map[string]string{
		"as it is": file, "another order": swap(`[{name: app, key: "${APP}"}, {name: other, key: sk-client-0123456789abcd}]`, `[{name: other, key: sk-client-0123456789abcd}, {name: app, key: "${APP}"}]`),
		"another literal": swap("sk-second-0123456789", "sk-third-0123456789"), "another host with a new key": swap("two.example", "three.example", "sk-second-0123456789", "sk-third-0123456789"),
		"another path": swap("one.example/v1", "one.example/v2"), "shorter": swap(", {name: other, key: sk-client-0123456789abcd}", ""),
	} {
		if err := read(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"environment":        {swap("sk-second-0123456789", `"${HOME}"`), "may not be used here"},
		"moved":              {swap("sk-second-0123456789", `"${ADMIN}"`), "may not be used here"},
		"shown":              {swap("name: other", `name: "${APP}"`), "may not be used here"},
		"sent":               {file + "alerts: [{name: a, when: heap > 1, do: [{webhook: {url: \"https://evil.example/${UP}\", secret: 0123456789abcdef}}]}]\n", "may not be used here"},
		"file":               {swap("sk-second-0123456789", `"${file:/etc/passwd}"`), "may not be used here"},
		"command":            {swap("sk-second-0123456789", `"${command:id}"`), "may not be used here"},
		"another host":       {swap("one.example", "evil.example"), "belongs to https://one.example: a configuration from the admin API cannot have it sent to https://evil.example"},
		"another scheme":     {swap("https://one.example", "http://one.example"), "cannot have it sent to http://one.example"},
		"another port":       {swap("one.example", "one.example:444"), "cannot have it sent to"},
		"literal elsewhere":  {swap("two.example", "evil.example"), "belongs to https://two.example"},
		"through a proxy":    {swap("/v1, accounts: [{keys: [\"${UP", "/v1, proxy: \"http://evil.example:1\", accounts: [{keys: [\"${UP"), "through http://evil.example:1"},
		"another collector":  {swap("otlp.example", "evil.example"), "belongs to https://otlp.example"},
		"a file of the host": {swap("server: {", "server: {tls: {cert: /etc/shadow, key: /etc/shadow}, "), "for the file alone to say"},
		"a file to write":    {file + "budgets: {levels: /etc/cron.d/x}\n", "for the file alone to say"},
		"private networks":   {swap("server: {", "server: {webhook_networks: [10.0.0.0/8], "), "for the file alone to say"},
		"another database":   {file + "store: {dsn: /etc/passwd}\n", "for the file alone to say"},
		"another spool":      {file + "store: {spool: {path: /etc/passwd}}\n", "for the file alone to say"},
		"another key":        {file + "store: {encryption_key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=}\n", "for the file alone to say"},
		"authorities":        {swap("/v1, accounts: [{keys: [\"${UP", "/v1, ca: /etc/x.pem, accounts: [{keys: [\"${UP"), "for the file alone to say"},
	} {
		if err := read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("sk-from-a-file-0123456789\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(command string, run func(context.Context, string, []string) (string, error)) (*Config, error) {
		text := strings.Replace(small, "sk-upstream-0123456789", `"${command:`+command+`}"`, 1)
		return ParseWith(filepath.Join(dir, "x.yaml"), []byte(text), Options{Run: run})
	}
	cfg, err := with("cat key", RunCommand)
	if err != nil || cfg.Provider("one").Accounts[0].Keys[0].Value != "sk-from-a-file-0123456789" {
		t.Errorf("%v", err)
	}
	for command, want := range map[string]string{
		"": "no program is named", "cat 'key": "a quote is not closed", "no-such-program-here x": "there is no such program",
		"sh -c 'echo sk-do-not-print-me; echo sk-do-not-print-me >&2; exit 3'": "ended with exit status 3", "head -c 70000 /dev/zero": "more than 64 KiB",
		"printf '\\\\377'": "UTF-8",
	} {
		if _, err := with(command, RunCommand); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "do-not-print") {
			t.Errorf("%s: %v", command, err)
		}
	}
	if _, err := with("cat key", nil); err == nil || !strings.Contains(err.Error(), "only where the configuration is a file") {
		t.Errorf("without a runner: %v", err)
	}
	var ran [][]string
	text := strings.NewReplacer("sk-upstream-0123456789", `"${command:get 'a b'  c}-1"`, "sk-client-0123456789abcd", `"${command:get 'a b'  c}-long-enough-2"`).Replace(small)
	_, err = ParseWith("", []byte(text), Options{Run: func(_ context.Context, _ string, words []string) (string, error) {
		ran = append(ran, words)
		return "sk-0123456789abcdef", nil
	}})
	if err != nil || len(ran) != 1 || !slices.Equal(ran[0], []string{"get", "a b", "c"}) {
		t.Errorf("%v, ran %q", err, ran)
	}
}

// A command that does not end is ended, with what it has started.
func TestCommandsEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := RunCommand(ctx, "", []string{"sh", "-c", "sleep 60 & sleep 60"})
	if took := time.Since(begin); err == nil || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// FuzzRedacted: a text that is taken is shown without its secrets, and what is shown is
// taken back as the same.
func FuzzRedacted(f *testing.F) {
	for _, s := range []string{secretive, edited, small} {
		f.Add([]byte(s))
	}
	if full, err := os.ReadFile("testdata/full.yaml"); err == nil {
		f.Add(full)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8<<10 || strings.Contains(string(data), "file:") || strings.Contains(string(data), holderBegin) {
			return
		}
		cfg, err := Parse("fuzz.yaml", data, anyEnv)
		if err != nil {
			return
		}
		red, ok := cfg.Redacted()
		if !ok {
			return // it is refused to be shown at all
		}
		for _, s := range cfg.text.secrets {
			if len(s.raw) >= 8 && strings.Contains(string(red), s.raw) {
				t.Fatalf("%q is shown in\n%s", s.raw, red)
			}
		}
		back, err := ParseWith("fuzz.yaml", red, Options{Env: anyEnv, Known: []*Config{cfg}})
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, data, red)
		}
		if d := Diff(cfg, back); len(d) > 0 {
			t.Fatalf("%v\n%s", d, red)
		}
	})
}
