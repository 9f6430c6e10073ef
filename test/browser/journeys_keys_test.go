package browser

import (
	"net/http"
	"strings"
	"testing"
)

// answered calls the API with a key, and fails where the answer is another.
func answered(t *testing.T, p *Program, key, model string, want int) {
	t.Helper()
	if status, err := p.Chat(key, model, "Tell me about rivers."); err != nil || status != want {
		t.Errorf("%d %v, not %d", status, err, want)
	}
}

// shownSecret is the key that a dialog shows.
func shownSecret(t *testing.T, page *Page) (key string) {
	t.Helper()
	must(t, page.See("dialog[open] .code pre"))
	must(t, page.Read("Copy it now: it is shown only this once."))
	must(t, page.Eval(`document.querySelector("dialog[open] .code pre").innerText`, &key))
	return key
}

func closed(t *testing.T, page *Page) {
	t.Helper()
	must(t, page.See("dialog[open]"))
	must(t, page.Type("\x1b"))
	must(t, page.Until("the dialog is closed", `!document.querySelector("dialog[open]")`))
}

// A key is made in the page, used until its limit refuses, found in the requests, rotated
// and revoked; the page and the gateway agree all the way.
func TestAKeyFromItsMakingToItsEnd(t *testing.T) {
	h, page := share(t, "keys")
	must(t, page.Press("Create a key"))
	must(t, page.Fill("Name", "journey"))
	must(t, page.Fill("Models", "small"))
	must(t, page.Fill("requests / min", "2"))
	must(t, page.Point("create", ButtonIn("dialog", "", "Create a key")))
	key := shownSecret(t, page)
	for language, line := range map[string]string{"curl": "curl " + h.API, "Python": `base_url="` + h.API, "Node": `baseURL: "` + h.API, "Go": "option.WithBaseURL"} {
		must(t, page.Point(language, ButtonIn("dialog", "", language)))
		must(t, page.Until("the lines of "+language, `((s) => s.includes(`+quoted(line)+`) && s.includes(`+quoted(key)+`))([...document.querySelectorAll("dialog .code pre")].at(-1).innerText)`))
	}
	answered(t, h.Program, key, "small", 200)
	answered(t, h.Program, key, "small", 200)
	answered(t, h.Program, key, "small", 429)
	closed(t, page)
	must(t, page.Until("the list has it, and not its secret", Holding(".list .line", "journey")+`?.innerText.includes("rpm 2") && !document.body.innerText.includes(`+quoted(key)+`)`))

	turn(t, page, "requests")
	refused := `[...document.querySelectorAll(".list .line")].find((e) => e.innerText.includes("journey") && e.innerText.includes("own limit"))`
	must(t, page.Point("the refusal", refused))
	must(t, page.Read("rate_limit_exceeded"))
	must(t, page.Read("limited by the client key"))

	turn(t, page, "keys")
	must(t, page.Point("the key", Holding(".list .line", "journey")))
	must(t, page.Until("it shows what is left of its limit", `[...document.querySelectorAll(".striprow .level")].some((e) => /^[01](\.\d+)? \/ 2$/.test(e.innerText))`))
	must(t, page.Press("Rotate"))
	must(t, page.Fill("The old one works for", "0s"))
	must(t, page.Point("rotate", ButtonIn("dialog", "", "Rotate")))
	must(t, page.Until("another key is shown", `((s) => s && s !== `+quoted(key)+`)(document.querySelector("dialog[open] .code pre")?.innerText)`))
	next := shownSecret(t, page)
	answered(t, h.Program, key, "small", 401)
	answered(t, h.Program, next, "small", 429) // the same limit
	closed(t, page)

	must(t, page.Press("Revoke"))
	must(t, page.Read("Its calls are refused at once"))
	must(t, page.Point("revoke", ButtonIn("dialog", "", "Revoke")))
	must(t, page.Read("journey is revoked."))
	answered(t, h.Program, next, "small", 401)
	must(t, page.Until("nothing can be done to it any more", `document.querySelector(".pagehead").innerText.includes("revoked") && !document.querySelector(".pagehead button")`))
}

// A key that is switched off is refused, and an undo lets it in again.
func TestADisabledKeyComesBackByUndo(t *testing.T) {
	h, page := share(t, "keys")
	id, key := stored(t, h.Program, `{"name":"switched","models":["small"]}`)
	must(t, page.Go("keys/"+id))
	must(t, page.Press("Disable"))
	must(t, page.Read("switched is disabled."))
	answered(t, h.Program, key, "small", 401)
	must(t, page.Press("Undo"))
	must(t, page.Read("Undone."))
	must(t, page.Until("it is enabled", `document.querySelector(".pagehead .chip")?.innerText === "enabled"`))
	answered(t, h.Program, key, "small", 200)
}

// What the gateway cannot take is said at the field, nothing is made, and what was typed
// stays.
func TestAKeyThatCannotBe(t *testing.T) {
	h, page := share(t, "keys")
	must(t, page.Press("Create a key"))
	must(t, page.Fill("Name", "impossible"))
	must(t, page.Fill("requests / min", "many"))
	must(t, page.Point("create", ButtonIn("dialog", "", "Create a key")))
	must(t, page.See("dialog [aria-invalid=true]"))
	var typed []string
	must(t, page.Eval(`[...document.querySelectorAll("dialog input")].map((i) => i.value).filter((v) => v === "impossible" || v === "many")`, &typed))
	if len(typed) != 2 {
		t.Errorf("what was typed is gone: %v", typed)
	}
	_, list, err := h.Ask(http.MethodGet, "/keys", "")
	if err != nil || strings.Contains(string(list), "impossible") {
		t.Errorf("%v %s", err, list)
	}
}
