package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The program and the browser, made once.
var (
	scratch  string
	binary   string
	chromium *Browser
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	scratch, err = os.MkdirTemp("", "sluice-browser")
	if err == nil {
		defer os.RemoveAll(scratch)
		binary, err = Build(scratch)
	}
	if err == nil {
		chromium, err = Launch(scratch + "/profile")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer chromium.Close()
	defer func() { common.close() }()
	return m.Run()
}

const configuration = `
server: {admin_token: "{{token}}"}
providers:
  sim:
    dialect: simulated
    simulated: {first_token: 20ms, tokens_per_second: 2000}
    accounts:
      - {name: team-a, keys: [sk-upstream-a1, sk-upstream-a2], limits: [{rpm: 600, tpm: 1M}]}
      - {name: team-b, keys: [sk-upstream-b1], limits: [{rpm: 600, tpm: 1M}]}
  spare:
    dialect: simulated
    accounts: [{name: only, limits: [{rpm: 60, tpm: 100k}]}]
routes:
  chat: {targets: [sim/qwen3-max, sim/qwen-plus, spare/qwen-turbo]}
  small: {targets: [spare/qwen-turbo]}
owners:
  acme: {limits: {rpm: 1000, tpm: 500k}}
client_keys:
  - {name: app, key: "{{key}}", owner: acme, limits: {rpm: 500}}
`

const name, password = "ada", "correct horse battery"

// open starts a program and a page on it, signed in as the first admin.
func open(t *testing.T, yaml string) (*Program, *Page) {
	t.Helper()
	p, err := Start(binary, t.TempDir(), yaml)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			log := p.Log()
			t.Logf("the program's log ends with:\n%s", log[max(0, len(log)-3000):])
		}
	})
	page := tab(t, p)
	must(t, page.SignIn(name, password))
	return p, page
}

func tab(t *testing.T, p *Program) *Page {
	t.Helper()
	page, err := chromium.Open(p, 1440, 900, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		page.Close()
		if problems := page.Problems(); len(problems) > 0 {
			t.Errorf("the console complains:\n%s", strings.Join(problems, "\n"))
		}
	})
	return page
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, answer []byte, into any) {
	t.Helper()
	if into == nil {
		return
	}
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
}

// chat makes calls, so that there is something to see.
func chat(t *testing.T, p *Program, n int) {
	t.Helper()
	for i := range n {
		if status, err := p.Chat(Key, "chat", fmt.Sprintf("Tell me about river %d.", i)); err != nil || status != 200 {
			t.Fatalf("%d %v", status, err)
		}
	}
}

// Every page opens with live data, in both languages, without a word from the console and
// without a request that fails.
func TestEveryPageOpens(t *testing.T) {
	_, page := share(t, "now")
	var pages []string
	must(t, page.Eval(`[...document.querySelectorAll(".rail nav a")].map((a) => a.hash.slice(2))`, &pages))
	if len(pages) < 9 {
		t.Fatalf("the rail has %v", pages)
	}
	for _, language := range []string{"en", "ko"} {
		speak(t, page, language)
		for _, name := range pages {
			show(t, page, name)
			var wrong []string
			must(t, page.Eval(`[...document.querySelectorAll("main .notice.refused[role=alert]")].map((e) => e.innerText)`, &wrong))
			if len(wrong) > 0 {
				t.Errorf("%s (%s) says: %v", name, language, wrong)
			}
			var unworded string
			must(t, page.Eval(`document.querySelector("main").innerText.match(/\b(?:page|key|budget|req|route|config|alert|now|usage|upstream|sim)\.[a-z_]+\b/)?.[0] || ""`, &unworded))
			if unworded != "" {
				t.Errorf("%s (%s) shows the name of a text: %s", name, language, unworded)
			}
		}
	}
	if failed := page.Failed(); len(failed) > 0 {
		t.Errorf("requests failed: %v", failed)
	}
}

// The first screen follows what happens within a second or two.
func TestTheFirstScreenIsLive(t *testing.T) {
	p, page := open(t, configuration)
	must(t, page.Go("now"))
	must(t, page.Read("No traffic yet"))
	axe, err := Axe(".")
	must(t, err)
	accessible(t, page, axe, "the first screen before any traffic")
	must(t, page.Press("Send one now"))
	must(t, page.Until("the call is counted", `!document.body.innerText.includes("No traffic yet")`))
	chat(t, p, 3)
	must(t, page.Read("sim/qwen3-max 100 %"))
	must(t, page.Go("requests"))
	chat(t, p, 2)
	must(t, page.Until("requests arrive", `document.querySelectorAll(".list .line").length >= 2`))
	must(t, page.Click(".list .line"))
	must(t, page.See(".timeline .track i"))
	must(t, page.Read(word(t, "timeline.steps")))
}

func TestKeysWorkByTheKeyboard(t *testing.T) {
	_, page := share(t, "now")
	for keys, heading := range map[string]string{"gb": "Budgets", "gq": "Requests", "gp": "Playground"} {
		must(t, page.Type(keys))
		must(t, page.Until("g leads to "+heading, `document.querySelector("main h1")?.innerText === "`+heading+`"`))
	}
	must(t, page.Type("gb"))
	must(t, page.See("[data-search]"))
	must(t, page.Type("/"))
	must(t, page.Until("/ goes to the search", `document.activeElement?.matches("[data-search]")`))
	must(t, page.Eval(`document.activeElement.blur()`, nil))
	must(t, page.Type("?"))
	must(t, page.See("dialog[open]"))
	must(t, page.Type("\x1b"))
	must(t, page.Until("Esc closes it", `!document.querySelector("dialog[open]")`))
}

// What changes between the first picture of a part and its first look is not missed: or a
// page would stay empty for ever.
func TestNoChangeIsMissed(t *testing.T) {
	_, page := share(t, "settings/me")
	var text string
	must(t, page.Eval(`(async () => {
		const { store, useStore } = await import("/lib/store.js");
		const { html, render } = await import("/lib/dom.js");
		const s = store("before"), at = document.createElement("p");
		render(html(["<", " />"], () => useStore(s)), at);
		s.set("after");
		for (let i = 0; i < 100 && at.textContent !== "after"; i++) await new Promise((done) => setTimeout(done, 20));
		return at.textContent;
	})()`, &text))
	if text != "after" {
		t.Fatalf("it shows %q", text)
	}
}
