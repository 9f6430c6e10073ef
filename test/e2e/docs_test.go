package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// documented is a gateway with the names that the documents use.
func documented(t *testing.T) *gateway {
	t.Helper()
	_, url := upstream(t, open("a", "b"))
	return start(t, `
server: {admin_token: "{{token}}"}
providers:
  dashscope:
    dialect: openai
    preset: generic
    base_url: `+url+`
    accounts:
      - {name: team-a, keys: [key-a], limits: [{models: ["*"], rpm: 600, tpm: 1M}]}
      - {name: team-b, keys: [key-b]}
routes:
  qwen3-max: {targets: [dashscope/qwen3-max, dashscope/qwen-plus]}
owners:
  acme: {limits: {usd_per_month: 200}}
client_keys:
  - {name: demo, key: "{{key}}", owner: acme}
prices: [{provider: dashscope, model: "*", input: 1, output: 2}]
`)
}

// blocks are the fenced blocks of a language in a document, below a heading where one is
// named.
func blocks(t *testing.T, file, heading, language string) []string {
	t.Helper()
	text := read(t, file)
	if heading != "" {
		_, below, found := strings.Cut(text, "\n## "+heading+"\n")
		if !found {
			t.Fatalf("%s has no heading %q", file, heading)
		}
		text, _, _ = strings.Cut(below, "\n## ")
	}
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("%s has no lines to run", file)
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// document is the gateway's own description of its admin API.
type document struct {
	Paths map[string]map[string]struct {
		Summary, Description string
	}
}

func (g *gateway) document() (d document) {
	g.t.Helper()
	g.manage(http.MethodGet, "/openapi.json", "", &d)
	return d
}

// preamble makes curl fail where the answer is not a success, and answers what stands for
// a reader's own values. A stream of events is read for a moment.
const preamble = `
set -euo pipefail
curl() {
	case "$*" in
	*/events*) command curl -sS --fail-with-body --max-time 2 "$@" || [ $? -eq 28 ] ;;
	*/report*) command curl -sS --fail-with-body --retry 100 --retry-delay 1 --retry-all-errors "$@" ;;
	*) command curl -sS --fail-with-body "$@" || { echo " <- curl $*" >&2; return 1; } ;;
	esac
}
latest() { command curl -sS -H "Authorization: Bearer $SLUICE_ADMIN_TOKEN" "$ADMIN/$1" | grep -o "\"$2\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
stored() { command curl -sS -H "Authorization: Bearer $SLUICE_ADMIN_TOKEN" "$ADMIN/upstreams" | grep -o '"fingerprint":"[^"]*","source":"stored"' | cut -d '"' -f 4; }
`

// owns replaces what a reader puts in: NAME=key_... becomes the value of the example.
func owns(g *gateway, script string) string {
	for name, value := range map[string]string{
		"KEY": `$(latest 'keys?owner=web-team' id)`, "REQUEST": `$(latest 'requests?outcome=ok' id)`, "SIMULATION": `$(latest simulate id)`,
		"FINGERPRINT": `$(stored)`, "TOKEN_ID": `$(latest tokens id)`, "ACCOUNT": `$(latest accounts id)`,
		"export ADMIN": g.admin + "/admin/api/v1", "export SLUICE_ADMIN_TOKEN": adminToken,
	} {
		script = regexp.MustCompile(`(?m)^`+name+`=(\S*\.\.\.|http://127\S*)`).ReplaceAllLiteralString(script, name+"="+value)
	}
	return script
}

func TestTheLinesOfTheAdminAPI(t *testing.T) {
	g := documented(t)
	for range 3 { // what the lines look at
		if a := g.chat("qwen3-max", "Hello!"); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	eventually(t, "the requests are in the ledger", func() bool { return strings.Contains(g.ask(http.MethodGet, "/requests?outcome=ok", "").body, "req_") })
	dir := filepath.Dir(g.file)
	trace := "TIMESTAMP,ContextTokens,GeneratedTokens,Model\n2026-01-01 00:00:00,100,20,qwen3-max\n2026-01-01 00:00:01,200,10,qwen3-max\n"
	if err := os.WriteFile(filepath.Join(dir, "calls.csv"), []byte(trace), 0o600); err != nil {
		t.Fatal(err)
	}
	script := preamble + owns(g, strings.Join(blocks(t, "../../docs/admin-api.md", "", "sh"), "\n"))
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	var errs strings.Builder
	cmd.Stderr = &errs
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %s\nafter %s", err, errs.String(), out[max(0, len(out)-600):])
	}
}

// A first key as the README makes it: the lines run, sixty calls and some are answered, the
// others are refused for the key's own limit, and what was spent is shown.
func TestTheReadmesFirstKey(t *testing.T) {
	g := documented(t)
	lines := strings.NewReplacer("bin/gateway", "gateway", "http://127.0.0.1:8080", g.api, "http://127.0.0.1:8081", g.admin,
		"SLUICE_ADMIN_TOKEN=sluice-admin-...", "SLUICE_ADMIN_TOKEN="+adminToken, "KEY=sk-sluice-...", "KEY=$(grep -o 'sk-sluice-[^ ]*' made)",
	).Replace(strings.Join(blocks(t, "../../README.md", "Give an application a key", "sh"), "\n"))
	script := "export SLUICE_ADMIN=" + g.admin + "\ngateway() { " + binary + " \"$@\" | tee -a made; }\n" + preamble + lines
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.WaitDelay = filepath.Dir(g.file), time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`(?m)^ +[67][0-9] 200$`, `(?m)^ +[234][0-9] 429$`, `(?i)x-sluice-limited-by: client_key`, `60 requests per minute \(rpm\) of this API key \(my-app\)`,
		`"limited_by":"client_key"`, `(?m)^client_key +usd_per_month +\$5\.0+ +\$0\.00[0-9]*[1-9]`, `Last 30 days: \d+ requests, \d+ of them refused`, `my-app +qwen3-max`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
}

func TestTheAdminAPIIsDocumentedWhole(t *testing.T) {
	served := documented(t).document()
	t.Run("lines", func(t *testing.T) { everyOperationHasItsLine(t, served) })
	t.Run("table", func(t *testing.T) { everyOperationIsInTheTable(t, served) })
}

// Every operation has a line to paste, but for the two that only a browser can do.
func everyOperationHasItsLine(t *testing.T, served document) {
	t.Helper()
	lines := strings.Join(blocks(t, "../../docs/admin-api.md", "", "sh"), "\n")
	called := map[string]bool{}
	for line := range strings.Lines(lines) {
		for _, c := range regexp.MustCompile(`curl [^|]*?\$ADMIN(/[^\s"'?)]*)`).FindAllStringSubmatch(line, -1) {
			method := http.MethodGet
			if strings.Contains(c[0]+line, " -d '") || strings.Contains(line, " -F ") || strings.Contains(line, "--data-binary") {
				method = http.MethodPost
			}
			if m := regexp.MustCompile(`-X ([A-Z]+)`).FindStringSubmatch(line); m != nil {
				method = m[1]
			}
			called[method+" "+c[1]] = true
		}
	}
	names := regexp.MustCompile(`\{[^}]*\}`)
	for path, methods := range served.Paths {
		pattern := regexp.MustCompile("^" + names.ReplaceAllString(path, "[^/]+") + "$")
		for method := range methods {
			found := strings.HasPrefix(path, "/oidc/")
			for c := range called {
				m, p, _ := strings.Cut(c, " ")
				found = found || strings.EqualFold(m, method) && pattern.MatchString(p)
			}
			if !found {
				t.Errorf("docs/admin-api.md has no line for %s %s", strings.ToUpper(method), path)
			}
		}
	}
}

func everyOperationIsInTheTable(t *testing.T, served document) {
	t.Helper()
	var rows []string
	for path, methods := range served.Paths {
		for method, o := range methods {
			roles := "everybody, signed in or not"
			if _, after, ok := strings.Cut(o.Description, "Roles: "); ok {
				roles, _, _ = strings.Cut(after, ".")
			}
			rows = append(rows, fmt.Sprintf("%s\x00%s\x00| `%s %s` | %s | %s |\n", path, method, strings.ToUpper(method), path, roles, o.Summary))
		}
	}
	slices.Sort(rows)
	want := "| operation | roles | what it does |\n|---|---|---|\n"
	for _, row := range rows {
		want += row[strings.LastIndex(row, "\x00")+1:]
	}
	_, got, _ := strings.Cut(read(t, "../../docs/admin-api.md"), "<!-- operations -->\n")
	got, _, _ = strings.Cut(got, "<!-- /operations -->")
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			t.Errorf("the table of docs/admin-api.md lacks\n%s", line)
		}
	}
	for line := range strings.Lines(got) {
		if !strings.Contains(want, line) {
			t.Errorf("nothing serves what the table of docs/admin-api.md has as\n%s", line)
		}
	}
	if !t.Failed() && got != want {
		t.Error("the table of docs/admin-api.md is in another order than by path and method")
	}
}

// What the documents link to is there.
func TestLinksOfTheDocuments(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../README.md", "../../ARCHITECTURE.md", "../../CHANGELOG.md", "../../README.ko.md") {
		for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`).FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(file), m[1])
			}
		}
	}
	for _, file := range files {
		if name := "docs/" + filepath.Base(file); !strings.Contains(read(t, "../../README.md"), "("+name+")") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

// sources are the files of the program itself.
func sources(t *testing.T) (text string) {
	t.Helper()
	for _, dir := range []string{"alerts", "auth", "budget", "cmd", "control", "fallback", "gateway", "ledger", "shedding", "store", "telemetry", "vault", "web"} {
		err := filepath.WalkDir("../../"+dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				text += read(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return text
}

// What the log says and what is measured is in the page for operators, and that page
// names nothing else.
func TestOperatorsFindLinesAndMetrics(t *testing.T) {
	page, code := read(t, "../../docs/operations.md"), sources(t)
	said := regexp.MustCompile(`(?i)(?:log|Log)(?:\(\))?\.(?:Info|Warn|Error)\("([^"]+)"`).FindAllStringSubmatch(code, -1)
	if len(said) < 50 {
		t.Fatalf("only %d lines of the log were found", len(said))
	}
	for _, m := range said {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/operations.md does not explain the log's %q", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (?:info|warn|error) \| `+"`([^`]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(code, `"`+m[1]+`"`) {
			t.Errorf("nothing logs %q any more", m[1])
		}
	}
	for _, m := range regexp.MustCompile("sluice_([a-z0-9_]+)").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(code, `"`+m[1]+`"`) && !strings.Contains(code, `"sluice_`+m[1]+`"`) {
			t.Errorf("there is no metric sluice_%s", m[1])
		}
	}
}

// The tests that requirements are shown by are there.
func TestRequirementsNameTestsThatExist(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") {
			tests.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9_]*…?`).FindAllString(read(t, "../../docs/requirements.md"), -1)
	if len(named) < 100 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		begin, family := strings.CutSuffix(name, "…")
		if want := "func " + begin + map[bool]string{true: "", false: "("}[family]; !strings.Contains(tests.String(), want) {
			t.Errorf("docs/requirements.md names %s, which is not there", name)
		}
	}
}
