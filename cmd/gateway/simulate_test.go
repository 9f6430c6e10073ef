package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes a configuration and a trace and answers their paths.
func files(t *testing.T) (config, trace string) {
	t.Helper()
	dir := t.TempDir()
	config, trace = filepath.Join(dir, "sluice.yaml"), filepath.Join(dir, "calls.csv")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config, `
providers:
  p: {preset: generic, base_url: "https://example.com/v1", charging: expected, accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{rpm: 60, tpm: 6000}]}]}
routes: {m: {targets: [p/m]}, n: {targets: [p/n]}}
`)
	rows := "TIMESTAMP,ContextTokens,GeneratedTokens\n"
	for i := range 300 {
		rows += "2023-11-16 18:" + string(rune('0'+i/60)) + "0:" + string(rune('0'+i%60/10)) + string(rune('0'+i%10)) + ".0,100,20\n"
	}
	write(trace, rows+"broken,row\n")
	return config, trace
}

func gatewayCommand(args ...string) (out, errs string, err error) {
	var o, e bytes.Buffer
	cmd := root(&o, &e, func(string) (string, bool) { return "", false })
	cmd.SetArgs(args)
	err = cmd.Execute()
	return o.String(), e.String(), err
}

func TestSimulate(t *testing.T) {
	config, trace := files(t)
	page := filepath.Join(t.TempDir(), "page.html")
	out, errs, err := gatewayCommand("simulate", "--config", config, "--trace", trace, "--engine", "sluice,none", "--report", page, "--foreign", "10%",
		"--priorities", "critical=0.3", "--limit-change", "1m=0.5", "--upstream-headers")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"engine sluice", "engine none", "300 arrived", "critical", "p/a/*"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if !strings.Contains(errs, "line 302 left out") {
		t.Errorf("the broken row is not told: %s", errs)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("<svg")) {
		t.Errorf("%v %s", err, html)
	}
	out, _, err = gatewayCommand("simulate", "--config", config, "--trace", trace, "--json")
	var runs []struct{ Arrived, Served, Refused, Failed int }
	if err != nil || json.Unmarshal([]byte(out), &runs) != nil || len(runs) != 1 || runs[0].Arrived != 300 || runs[0].Served+runs[0].Refused+runs[0].Failed != 300 {
		t.Fatalf("%v %s", err, out)
	}
}

func TestSimulateSaysWhatIsWrong(t *testing.T) {
	config, trace := files(t)
	empty := filepath.Join(t.TempDir(), "empty.csv")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"", "--config and --trace are needed"},
		{"--config " + config, "--config and --trace are needed"},
		{"--config /nowhere.yaml --trace " + trace, "already said"},
		{"--config " + config + " --trace /nowhere.csv", "no such file"},
		{"--config " + config + " --trace " + empty, "empty"},
		{"--load 0", "--load: must be above 0"}, {"--load NaN", "--load"}, {"--engine sluice,magic", `--engine: "magic" is unknown`},
		{"--foreign 130%", "--foreign"}, {"--failures x", "--failures"}, {"--input-error -5%", "--input-error"},
		{"--limit-change 10m", "--limit-change"}, {"--limit-change 10m=0", "--limit-change"}, {"--retry-after never", "--retry-after"},
		{"--priorities urgent=1", "--priorities"}, {"--priorities critical=0.7,low=0.7", "add up to 1.4"}, {"--route nowhere", "there are m, n"},
		{"--upstream-algorithm magic", "--upstream-algorithm"}, {"--upstream-charging magic", "--upstream-charging"}, {"--clients -1", "--clients"},
		{"--upstream nobody:rpm=5", "there are p"}, {"--upstream p", "a colon"}, {"--upstream p:colour=red", "no such setting"}, {"--upstream p:headers=maybe", "neither true nor false"},
		{"--upstream p:algorithm=magic,foreign=x,delay=5ms,ramp=0.5,slice=-1s,rpm=many,limit-change=soon,retry-after=never,charging=free", "charging: \"free\" is unknown"},
		{"--heavy 0", "--heavy"}, {"--bursty 0.5", "--bursty"}, {"--max-tokens -1", "--max-tokens"}, {"--from -1m", "--from"}, {"--length 1s --from 100h", "no call"},
	} {
		args := append([]string{"simulate"}, strings.Fields(c.args)...)
		if c.args != "" && !strings.Contains(c.args, "--config") {
			args = append(args, "--config", config, "--trace", trace)
		}
		_, errs, err := gatewayCommand(args...)
		if err == nil || !strings.Contains(err.Error()+errs, c.want) {
			t.Errorf("%s: %v %s, want %q", c.args, err, errs, c.want)
		}
	}
}

// Each provider may behave in its own way, whatever the configuration believes of it.
func TestSimulateOneProviderThatIsDifferent(t *testing.T) {
	dir := t.TempDir()
	config, trace := filepath.Join(dir, "sluice.yaml"), ""
	_, trace = files(t)
	if err := os.WriteFile(config, []byte(`
providers:
  p: {preset: generic, base_url: "https://example.com/v1", charging: expected, accounts: [{name: a, keys: [sk-aaaaaaaaaaaaaaaaaaaaaa], limits: [{rpm: 120}]}]}
  q: {preset: generic, base_url: "https://example.org/v1", charging: expected, accounts: [{name: a, keys: [sk-bbbbbbbbbbbbbbbbbbbbbb], limits: [{rpm: 120}]}]}
routes: {m: {targets: [p/m, q/m]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	type run struct {
		Accounts []struct {
			Name    string
			Refused int `json:"refused_429"`
		}
		Upstream429 int `json:"upstream_429"`
		Classes     map[string]struct{ Served, Fell_back int }
	}
	simulate := func(args ...string) run {
		out, errs, err := gatewayCommand(append([]string{"simulate", "--config", config, "--trace", trace, "--json"}, args...)...)
		var runs []run
		if err != nil || json.Unmarshal([]byte(out), &runs) != nil || len(runs) != 1 || len(runs[0].Accounts) != 2 {
			t.Fatalf("%v %s %s", err, errs, out)
		}
		return runs[0]
	}
	if r := simulate(); r.Upstream429 != 0 || r.Classes["normal"].Served != 300 {
		t.Fatalf("as configured: %+v", r)
	}
	r := simulate("--upstream", "p:rpm=30,headers=false,retry-after=exact,delay=1ms..2ms", "--upstream", "p:limit-change=1m=0.5")
	if r.Accounts[0].Refused == 0 || r.Accounts[1].Refused != 0 || r.Classes["normal"].Fell_back == 0 {
		t.Fatalf("p is smaller than configured: %+v", r)
	}
	if r = simulate("--upstream", "q:failures=100%"); r.Upstream429 != 0 || r.Classes["normal"].Served != 300 {
		t.Fatalf("nobody goes to q, which fails: %+v", r)
	}
}
