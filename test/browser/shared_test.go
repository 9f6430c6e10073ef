package browser

import (
	"fmt"
	"net/http"
	"os"
	"testing"
)

// A house is a program that tests share, to spare each the start of its own: what a test
// leaves behind in it disturbs no other.
type house struct {
	*Program
	session string // the first admin's
	nightly string // the id of a stored key, which nobody changes
}

// common is the house of this run, made by whoever asks first.
var common house

// share answers the program that is shared, and a page of it on which the first admin has
// signed in.
func share(t *testing.T, at string) (house, *Page) {
	t.Helper()
	h := shared(t)
	page := tab(t, h.Program)
	must(t, page.Enter(h.session, at))
	return h, page
}

func shared(t *testing.T) house {
	t.Helper()
	if common.Program == nil {
		dir, err := os.MkdirTemp(scratch, "shared")
		must(t, err)
		p, err := Start(binary, dir, configuration)
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
