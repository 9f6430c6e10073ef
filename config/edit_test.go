package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const edited = `# The whole of it.
server: {listen: "127.0.0.1:8080"} # here
providers:
  one:
    base_url: https://example.com/v1 # ours
    accounts:
      - keys: [sk-upstream-0123456789]
        limits:
          # what they gave us
          - {models: [gpt-4o], rpm: 600, tpm: 100k} # per model
          - rpm: 60
            tpm: 10k
routes:
  # the good one
  gpt-4o:
    targets:
      # first choice
      - one/gpt-4o # fast
      - one/o3
      # the last resort
      - target: one/o1
        weight: 3
    max_wait: 21s # SDKs give up at 30
  small: {targets: [one/mini, {target: one/nano, paused: true}]} # cheap
  empty:
    targets: [one/x]
    limits:
owners:
  acme: {}
client_keys:
  - name: app # the app
    key: sk-client-0123456789abcd
`

// The edits of one value change that value's text and nothing else.
func TestEdit(t *testing.T) {
	cfg := mustParse(t, edited)
	for _, c := range []struct {
		name      string
		path      []any
		value     any
		was, want string // what is replaced in the text
	}{
		{"scalar", []any{"routes", "gpt-4o", "max_wait"}, "5s", "max_wait: 21s #", "max_wait: 5s #"},
		{"quoted scalar", []any{"server", "listen"}, ":80", `{listen: "127.0.0.1:8080"}`, `{listen: ":80"}`},
		{"in a flow mapping", []any{"providers", "one", "accounts", 0, "limits", 0, "rpm"}, "700", "rpm: 600,", "rpm: 700,"},
		{"in an entry", []any{"providers", "one", "accounts", 0, "limits", 1, "rpm"}, "70", "- rpm: 60", "- rpm: 70"},
		{"new in a flow mapping", []any{"routes", "small", "max_wait"}, "1s", "paused: true}]} #", "paused: true}], max_wait: 1s} #"},
		{"new in an empty mapping", []any{"owners", "acme", "limits", "rpm"}, "5", "acme: {}", "acme: {limits: {rpm: 5}}"},
		{"new in a block", []any{"routes", "gpt-4o", "timeout"}, "1m", "max_wait: 21s # SDKs give up at 30\n", "max_wait: 21s # SDKs give up at 30\n    timeout: 1m\n"},
		{"new at the top", []any{"logging", "level"}, "debug", "abcd\n", "abcd\nlogging: {level: debug}\n"},
		{"new where nothing is", []any{"routes", "empty", "limits", "rpm"}, "5", "[one/x]\n    limits:\n", "[one/x]\n    limits: {rpm: 5}\n"},
		{"removed from a flow mapping", []any{"providers", "one", "accounts", 0, "limits", 0, "rpm"}, nil, "rpm: 600, tpm", "tpm"},
		{"removed at its end", []any{"providers", "one", "accounts", 0, "limits", 0, "tpm"}, nil, ", tpm: 100k}", "}"},
		{"removed from a block", []any{"routes", "gpt-4o", "max_wait"}, nil, "    max_wait: 21s # SDKs give up at 30\n", ""},
		{"removed first of an entry", []any{"providers", "one", "accounts", 0, "limits", 1, "rpm"}, nil, "- rpm: 60\n            tpm", "- tpm"},
		{"removed the only one", []any{"server", "listen"}, nil, `{listen: "127.0.0.1:8080"}`, "{}"},
		{"removed though it is not there", []any{"server", "max_body"}, nil, "", ""},
		{
			"targets in lines", []any{"routes", "gpt-4o", "targets"}, []Target{{"one", "o1", 3, false}, {"one", "gpt-4o", 2, false}, {"one", "new:1", 1, true}},
			"      # first choice\n      - one/gpt-4o # fast\n      - one/o3\n      # the last resort\n      - target: one/o1\n        weight: 3\n",
			"      # the last resort\n      - target: one/o1\n        weight: 3\n      # first choice\n      - {target: one/gpt-4o, weight: 2} # fast\n      - {target: \"one/new:1\", paused: true}\n",
		},
		{
			"targets in brackets", []any{"routes", "small", "targets"}, []Target{{"one", "nano", 1, true}, {"one", "mini", 1, false}},
			"[one/mini, {target: one/nano, paused: true}]", "[{target: one/nano, paused: true}, one/mini]",
		},
	} {
		got, err := cfg.Edit(Edit{c.path, c.value})
		if want := strings.Replace(edited, c.was, c.want, 1); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", c.name, err, got)
			continue
		}
		after := mustParse(t, string(got))
		if d := Diff(cfg, after); c.was != c.want && len(d) == 0 && c.name != "removed the only one" {
			t.Errorf("%s: nothing has changed", c.name)
		}
	}
}

func TestEditRefusesWhatIsShared(t *testing.T) {
	cfg := mustParse(t, small+`
owners:
  a: &a {limits: &l {rpm: 5}}
  b: *a
  c: {limits: *l}
  d: {<<: *a, kind: user}
`)
	for _, path := range [][]any{
		{"owners", "b", "limits", "rpm"}, {"owners", "c", "limits", "rpm"}, {"owners", "d", "limits", "rpm"},
		{"routes", 0, "max_wait"}, {"client_keys", 7, "name"}, {"client_keys", "x"}, {"routes", "gpt-4o", "targets", 0, "weight"},
	} {
		if got, err := cfg.Edit(Edit{path, "7"}); err == nil {
			t.Errorf("%v:\n%s", path, got)
		}
	}
	got, err := cfg.Edit(Edit{[]any{"owners", "d", "kind"}, "team"}, Edit{[]any{"owners", "a", "limits", "rpm"}, "6"})
	if err != nil || !strings.Contains(string(got), "{<<: *a, kind: team}") || !strings.Contains(string(got), "&l {rpm: 6}") {
		t.Errorf("%v\n%s", err, got)
	}
}

// Whatever value of the examples is edited, only it differs afterwards, and every
// comment is still there.
func TestEditsTouchNothingElse(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.SampledFrom(append(files, "testdata/full.yaml")).Draw(t, "file")
		cfg, err := Load(file, anyEnv)
		if err != nil {
			t.Fatal(err)
		}
		r := rapid.SampledFrom(cfg.Routes).Draw(t, "route")
		wait := fmt.Sprintf("%dms", rapid.IntRange(3000, 60_000).Draw(t, "wait"))
		edits := []Edit{{[]any{"routes", r.Name, "max_wait"}, wait}, {[]any{"routes", r.Name, "limits", "rpm"}, "17"}}
		text, err := cfg.Edit(edits...)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Parse(file, text, anyEnv)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, d := range Diff(cfg, after) {
			if !strings.Contains(d, join("routes", r.Name)+".max_wait") && !strings.Contains(d, join("routes", r.Name)+".limits") {
				t.Errorf("%s\n%s", d, text)
			}
		}
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(before)) {
			if _, comment, ok := strings.Cut(line, " #"); ok && !strings.Contains(string(text), strings.TrimSpace(comment)) {
				t.Errorf("the comment %q is gone", comment)
			}
		}
	})
}
