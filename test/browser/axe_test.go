package browser

import (
	"fmt"
	"net/http"
	"testing"
)

// colour rules are those that another scheme can break.
var colourRules = []string{"color-contrast", "link-in-text-block"}

// accessible fails where axe-core finds something wrong: everything in the light scheme,
// and what depends on colours in the dark one.
func accessible(t *testing.T, page *Page, axe, what string) {
	t.Helper()
	for scheme, rules := range map[string][]string{"light": nil, "dark": colourRules} {
		must(t, page.Eval(`document.documentElement.dataset.scheme = "`+scheme+`"`, nil))
		found, err := page.Check(axe, rules...)
		must(t, err)
		for _, v := range found {
			t.Errorf("%s, %s: %s", what, scheme, v)
		}
	}
}

// axe-core finds nothing wrong with any page, in both languages and both schemes.
func TestEveryPageIsAccessible(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	h, page := share(t, "now")
	places := []string{
		"now", "budgets", "budgets?scope=owner", "budgets?scope=client_key", "routes", "upstreams", "keys", "keys/owners", "keys/" + h.nightly,
		"requests", "requests/past", "requests/explain", "usage", "simulate", "settings/configuration", "settings/alerts", "settings/people", "settings/audit", "settings/me", "playground",
	}
	for _, at := range places {
		show(t, page, at)
		accessible(t, page, axe, at)
	}
	speak(t, page, "ko") // other words, and the same colours
	for _, at := range places {
		show(t, page, at)
		found, err := page.Check(axe, "cat.name-role-value", "cat.text-alternatives", "cat.forms", "cat.structure", "cat.semantics", "cat.language", "cat.aria", "cat.tables", "cat.keyboard", "cat.parsing", "cat.sensory-and-visual-cues")
		must(t, err)
		for _, v := range found {
			t.Errorf("%s (ko): %s", at, v)
		}
	}
}

// Nor with pages on a phone, where what is to be touched is large enough, too.
func TestPhonesAreAccessible(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	h := shared(t)
	page, err := chromium.Open(h.Program, 390, 844, false)
	must(t, err)
	defer page.Close()
	session, err := h.Session("vic", password)
	must(t, err)
	must(t, page.Enter(session, "now"))
	for _, at := range []string{"now", "budgets", "upstreams", "keys", "requests/past"} {
		show(t, page, at)
		must(t, page.Until("what is wide can be pushed", `[...document.querySelectorAll(".scroll")].every((e) => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)`))
		for _, rules := range [][]string{nil, {"target-size"}} { // the latter is in none of axe's own sets
			found, err := page.Check(axe, rules...)
			must(t, err)
			for _, v := range found {
				t.Errorf("%s: %s", at, v)
			}
		}
	}
	must(t, page.Point("the menu", `document.querySelector(".rail .menu")`))
	must(t, page.See(".rail nav a"))
	found, err := page.Check(axe)
	must(t, err)
	for _, v := range found {
		t.Errorf("the menu: %s", v)
	}
	must(t, page.Press(word(t, "signout")))
	must(t, page.See(".door form"))
}

// The same of every dialog, and of what is only seen after an act.
func TestDialogsAreAccessible(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	h, page := share(t, "now")
	dialogs := []struct{ at, open string }{
		{"budgets", `document.querySelector(".striprow button.link")`},
		{"routes", ButtonIn("section.band", "chat", "Edit")},
		{"routes", ButtonIn("li.target", "spare/qwen-turbo", "Pause")},
		{"upstreams", ButtonIn("section.band > header", "team-b", "Disable")},
		{"upstreams", ButtonIn("tr", "enabled", "Drain")},
		{"upstreams", ButtonIn("tr", "enabled", "Replace")},
		{"upstreams", ButtonIn("section.band > header", "team-b", "Add a key")},
		{"keys", Button("Create a key")},
		{"keys/owners", Button("Create an owner")},
		{"keys/" + h.nightly, Button("Edit")},
		{"keys/" + h.nightly, Button("Rotate")},
		{"keys/" + h.nightly, Button("Revoke")},
		{"settings/people", Button("Add a person")},
		{"settings/people", Button("Make a token")},
		{"settings/audit", `document.querySelector(".list .line")`},
		{"settings/me", Button("Help")},
	}
	for i, d := range dialogs {
		show(t, page, d.at)
		must(t, page.Point("open dialog "+d.at, d.open))
		must(t, page.See("dialog[open] h1"))
		must(t, page.Until("all of it is there", `!document.querySelector("dialog .bone")`))
		accessible(t, page, axe, fmt.Sprintf("%s, dialog %d", d.at, i))
		must(t, page.Type("\x1b"))
		must(t, page.Until("Esc closes it", `!document.querySelector("dialog[open]")`))
	}
}

// And of what stands there when there is nothing else: the door, with what it says to a
// wrong password, and the explanation of a call.
func TestStatesAreAccessible(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	h, page := share(t, "requests/explain")
	must(t, page.Point("explain", `document.querySelector("form button.main:enabled")`))
	must(t, page.See(".candidate"))
	accessible(t, page, axe, "an explanation")
	show(t, page, "requests/"+refusedCall(t, h.Program))
	must(t, page.See(".timeline"))
	accessible(t, page, axe, "a refused call")

	viewer, err := h.Session("vic", password)
	must(t, err)
	other := tab(t, h.Program)
	must(t, other.Enter(viewer, "playground"))
	must(t, other.Read("Your role does not see this."))
	accessible(t, other, axe, "a page that a viewer may not see")
	must(t, other.Press("Sign out"))
	must(t, other.See(".door form"))
	accessible(t, other, axe, "the door")
	must(t, other.Fill("Name", "nobody"))
	must(t, other.Fill("Password", "wrong horse battery"))
	must(t, other.Press("Sign in"))
	must(t, other.See(".door .notice.refused"))
	accessible(t, other, axe, "the door, closed")
}

// refusedCall is the ID of a call that its own limit has refused. It is far down in a list
// that holds what is near.
func refusedCall(t *testing.T, p *Program) string {
	t.Helper()
	_, answer, err := p.Ask(http.MethodGet, "/requests?outcome=limited&limit=1", "")
	must(t, err)
	var found struct{ Data []struct{ ID string } }
	decode(t, answer, &found)
	if len(found.Data) != 1 {
		t.Fatalf("%s", answer)
	}
	return found.Data[0].ID
}

// The check itself finds what is wrong.
func TestTheCheckFindsFaults(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	_, page := share(t, "settings/me")
	must(t, page.Eval(`(() => {
		const p = document.createElement("p");
		p.append("hardly to be read", document.createElement("button"));
		p.style.color = "#ddd";
		document.querySelector("main").append(p);
	})()`, nil))
	found, err := page.Check(axe)
	must(t, err)
	rules := map[string]string{}
	for _, v := range found {
		rules[v.Rule] = v.Impact
	}
	if rules["color-contrast"] != "serious" || rules["button-name"] != "critical" {
		t.Errorf("%v", rules)
	}
}
