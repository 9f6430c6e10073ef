package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// A house is a program that tests share, to spare each the start of its own: what a test
// leaves behind in it disturbs no other.
type house struct {
	*Program
	session string // the first admin's
	nightly string // the id of a stored key, which nobody changes
	far     *far
	markup  *httptest.Server
}

func (h house) close() {
	if h.Program != nil {
		h.Stop()
		h.far.Close()
		h.markup.Close()
	}
}

// wide is what the house has beside the usual: providers outside of it, one whose accounts
// tests may switch, one whose model writes markup, and limits that calls soon meet.
const wide = `
  far:
    dialect: openai
    base_url: {{far}}/v1
    accounts:
      - {name: east, keys: [sk-far-east-1, sk-far-east-2]}
      - {name: west, keys: [sk-far-west-1]}
  written:
    dialect: openai
    base_url: {{markup}}/v1
    accounts: [{name: only, keys: [sk-written-1]}]
routes:
  away: {targets: [far/qwen3-max]}
  writer: {targets: [written/writer-1]}
`

// common is the house of this run, made by whoever asks first.
var common house

// share answers the program that is shared, and a page of it on which the first admin has
// signed in.
func share(t *testing.T, at string) (house, *Page) {
	t.Helper()
	h := shared(t)
	page := tab(t, h.Program)
	must(t, page.Enter(h.session, at))
	show(t, page, at)
	return h, page
}

func shared(t *testing.T) house {
	t.Helper()
	if common.Program == nil {
		dir, err := os.MkdirTemp(scratch, "shared")
		must(t, err)
		common.far, common.markup = newFar(), newMarkup()
		urls := strings.NewReplacer("{{far}}", common.far.URL, "{{markup}}", common.markup.URL)
		p, err := Start(binary, dir, strings.Replace(configuration, "\nroutes:\n", urls.Replace(wide), 1))
		must(t, err)
		common.Program = p
		must(t, p.Account(name, password, "admin", ""))
		common.session, err = p.Session(name, password)
		must(t, err)
		common.nightly = furnish(t, p)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log := common.Log()
			t.Logf("the program's log ends with:\n%s", log[max(0, len(log)-3000):])
		}
	})
	return common
}

// furnish makes something to see on every page: calls that were served, one that its own
// limit refused, a stored key and owner, accounts of other roles, a token. It answers the
// key's id.
func furnish(t *testing.T, p *Program) (key string) {
	t.Helper()
	chat(t, p, 4)
	post(t, p, "/owners", `{"name":"globex","kind":"team","limits":{"rpm":100}}`, nil)
	var made struct{ ID, Key string }
	post(t, p, "/keys", `{"name":"nightly","owner":"globex","models":["chat"],"limits":{"rpm":1},"tags":["batch"]}`, &made)
	for _, want := range []int{200, 429} {
		if status, err := p.Chat(made.Key, "chat", "Tell me about rivers."); err != nil || status != want {
			t.Fatalf("%d %v", status, err)
		}
	}
	post(t, p, "/tokens", `{"name":"exporter","role":"viewer"}`, nil)
	must(t, p.Account("vic", password, "viewer", ""))
	must(t, p.Account("kim", password, "key-owner", "globex"))
	return made.ID
}

// post makes something with the admin API.
func post(t *testing.T, p *Program, path, body string, made any) {
	t.Helper()
	status, answer, err := p.Ask(http.MethodPost, path, body)
	if err != nil || status >= 300 {
		t.Fatal(fmt.Errorf("%s: %d %s %v", path, status, answer, err))
	}
	decode(t, answer, made)
}

// stored makes a client key for a test, and takes it away when the test has ended.
func stored(t *testing.T, p *Program, body string) (id, key string) {
	t.Helper()
	var made struct{ ID, Key string }
	post(t, p, "/keys", body, &made)
	t.Cleanup(func() {
		if status, answer, err := p.Ask(http.MethodDelete, "/keys/"+made.ID, ""); err != nil || status >= 300 {
			t.Errorf("%d %s %v", status, answer, err)
		}
	})
	return made.ID, made.Key
}

// show opens a page of the dashboard and waits until all of it is there.
func show(t *testing.T, page *Page, at string) {
	t.Helper()
	must(t, page.Go(at))
	path, _, _ := strings.Cut(at, "?")
	must(t, page.Until(at+" is there", `((at) => {
		const here = (nav) => document.querySelector(nav + " a[aria-current=page]")?.hash.slice(2).split("?")[0];
		const tab = here(".tabs");
		return here(".rail nav") === at.split("/")[0] && (!tab || tab === at || !at.includes("/") && tab.startsWith(at)) && document.querySelector("main h1") && !document.querySelector("main .bone");
	})(`+quoted(path)+`)`))
}

// speak chooses a language, for good, as the choice in the rail does.
func speak(t *testing.T, page *Page, language string) {
	t.Helper()
	must(t, page.Eval(`(() => { const s = document.querySelector(".foot select"); s.value = "`+language+`"; s.dispatchEvent(new Event("change", { bubbles: true })); })()`, nil))
	must(t, page.Until("the page speaks "+language, `document.documentElement.lang === "`+language+`"`))
}

// word is what the page says in English, by its name.
func word(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../web/dashboard/static/i18n/en.json")
	must(t, err)
	var words map[string]string
	decode(t, data, &words)
	if words[name] == "" {
		t.Fatalf("the page has no word %s", name)
	}
	return words[name]
}

// turn goes to another page with the mouse, by the rail.
func turn(t *testing.T, page *Page, to string) {
	t.Helper()
	must(t, page.Point("turn to "+to, `document.querySelector(".rail nav a[href='#/`+to+`']")`))
}
