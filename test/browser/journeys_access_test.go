package browser

import (
	"net/http"
	"strings"
	"testing"
)

// The way in, from the first start: the token makes the first account; whoever has signed
// out stands before the door, and only the right password opens it.
func TestTheDoor(t *testing.T) {
	p, err := Start(binary, t.TempDir(), configuration)
	must(t, err)
	t.Cleanup(p.Stop)
	page := tab(t, p)
	must(t, page.Go("budgets"))
	must(t, page.Fill("Admin token", "sluice-admin-wrong"))
	must(t, page.Fill("Name", name))
	must(t, page.Fill("Password", password))
	must(t, page.Press("Create the account and sign in"))
	must(t, page.Read("That is not the admin token."))
	axe, err := Axe(".")
	must(t, err)
	accessible(t, page, axe, "the door of the first start")
	must(t, page.Fill("Admin token", Token))
	must(t, page.Fill("Password", "short"))
	must(t, page.Press("Create the account and sign in"))
	must(t, page.See(".door [aria-invalid=true]"))
	must(t, page.Fill("Password", password))
	must(t, page.Press("Create the account and sign in"))
	must(t, page.Until("it opens where it was asked for", `document.querySelector("main h1")?.innerText === "Budgets"`))

	must(t, page.Press("Sign out"))
	must(t, page.Read("Sign in to see what the gateway sees."))
	must(t, page.Fill("Name", name))
	must(t, page.Fill("Password", "wrong horse battery"))
	must(t, page.Press("Sign in"))
	must(t, page.Read("the name or the password is wrong"))
	must(t, page.Fill("Password", password))
	must(t, page.Type("\r"))
	must(t, page.See(".rail nav"))
}

// A session that has ended elsewhere leads to the door from wherever a page is, also from
// one that asks for nothing but the stream, and back to it. Nothing looks like a fault.
func TestASessionThatEndsElsewhere(t *testing.T) {
	h := shared(t)
	session, err := h.Session("vic", password)
	must(t, err)
	page := tab(t, h.Program)
	must(t, page.Enter(session, "budgets"))
	must(t, page.See(".striprow"))
	if status, _, err := h.As(session, http.MethodDelete, "/session", ""); err != nil || status != http.StatusNoContent {
		t.Fatal(status, err)
	}
	must(t, page.See(".door form"))
	must(t, page.Until("the door says nothing of a fault", `!document.querySelector(".notice.refused")`))
	must(t, page.Fill("Name", "vic"))
	must(t, page.Fill("Password", password))
	must(t, page.Press("Sign in"))
	must(t, page.See(".striprow"))
	must(t, page.Until("it is live again", `!document.querySelector(".frame.stale")`))
}

// levers are what changes something, on pages that a viewer sees.
func levers(t *testing.T) string {
	var words []string
	for _, name := range []string{
		"key.create", "owner.create", "edit", "delete", "route.pause", "route.resume", "disable", "enable", "up.drain", "up.all.draining", "up.all.disabled", "up.all.enabled",
		"up.test", "up.replace", "up.add", "key.revoke.verb", "key.rotate.verb", "alert.mute", "config.apply", "first.send",
	} {
		words = append(words, quoted(word(t, name)))
	}
	return `[...document.querySelectorAll("main button")].map((b) => b.innerText.trim()).filter((b) => [` + strings.Join(words, ", ") + `].includes(b))`
}

// A viewer sees what operators see, and no lever; the gateway refuses what the page hides.
func TestAViewerHasNoLevers(t *testing.T) {
	h := shared(t)
	session, err := h.Session("vic", password)
	must(t, err)
	page := tab(t, h.Program)
	must(t, page.Enter(session, "now"))
	for _, at := range []string{"now", "routes", "upstreams", "keys", "keys/owners", "keys/" + h.nightly, "settings/configuration", "settings/alerts"} {
		show(t, page, at)
		var found []string
		must(t, page.Eval(levers(t), &found))
		if len(found) > 0 {
			t.Errorf("%s offers a viewer: %v", at, found)
		}
	}
	must(t, page.Go("playground"))
	must(t, page.Read("Your role does not see this."))
	must(t, page.Read("Roles that do: admin, operator."))
	var nav []string
	must(t, page.Eval(`[...document.querySelectorAll(".rail nav a")].map((a) => a.hash)`, &nav))
	for _, hash := range nav {
		if hash == "#/playground" {
			t.Error("the rail leads to what the role does not see")
		}
	}
	for path, body := range map[string]string{
		"POST /keys": `{"name":"stolen"}`, "DELETE /keys/" + h.nightly: "", "POST /keys/" + h.nightly + "/rotate": `{}`, "PATCH /upstreams/far/east": `{"state":"disabled"}`,
		"PATCH /routes/chat": `{"targets":[]}`, "PUT /config": `{}`, "POST /accounts": `{}`, "POST /playground": `{}`, "GET /audit": "", "GET /accounts": "",
	} {
		refusedAs(t, h, session, path, body, http.StatusForbidden)
	}
}

// refusedAs asks as somebody's page would, and wants a refusal.
func refusedAs(t *testing.T, h house, session, call, body string, want int) {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	status, answer, err := h.As(session, method, path, body)
	if err != nil || status != want {
		t.Errorf("%s: %d %s %v", call, status, answer, err)
	}
}

// A key-owner sees the own keys, requests and usage, and nobody else's.
func TestAKeyOwnerSeesTheOwn(t *testing.T) {
	h := shared(t)
	var list struct{ Data []struct{ ID, Name string } }
	_, answer, err := h.Ask(http.MethodGet, "/keys?search=app", "")
	must(t, err)
	decode(t, answer, &list)
	session, err := h.Session("kim", password)
	must(t, err)
	page := tab(t, h.Program)
	must(t, page.Enter(session, "keys"))
	must(t, page.Until("the own key is there, and no other", `((rows) => rows.length === 1 && rows[0].innerText.includes("nightly"))([...document.querySelectorAll(".list .line")])`))
	var nav []string
	must(t, page.Eval(`[...document.querySelectorAll(".rail nav a")].map((a) => a.hash.slice(2))`, &nav))
	if len(nav) != 4 {
		t.Errorf("the rail leads to %v", nav)
	}
	must(t, page.Point("the key", `document.querySelector(".list .line")`))
	must(t, page.Press("Rotate"))
	closed(t, page)
	for _, at := range []string{"budgets", "budgets?scope=client_key", "usage", "requests/past"} {
		show(t, page, at)
		must(t, page.Until(at+" shows nobody else's", `!document.querySelector("main").innerText.match(/acme|\bapp\b|journey/)`))
	}
	must(t, page.Until("the own calls are there", `[...document.querySelectorAll(".list .line")].some((e) => e.innerText.includes("nightly"))`))
	for _, at := range []string{"now", "upstreams", "settings"} {
		must(t, page.Go(at))
		must(t, page.Read("Your role does not see this."))
	}
	for _, k := range list.Data {
		refusedAs(t, h, session, "GET /keys/"+k.ID, "", http.StatusNotFound)
		refusedAs(t, h, session, "POST /keys/"+k.ID+"/rotate", `{}`, http.StatusNotFound)
	}
	for _, call := range []string{"GET /upstreams", "GET /config", "GET /audit", "DELETE /keys/" + h.nightly} {
		refusedAs(t, h, session, call, "", http.StatusForbidden)
	}
}
