package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// rewrite puts a text in the place of what the editor holds, as pasting it would.
func rewrite(t *testing.T, page *Page, text string) {
	t.Helper()
	must(t, page.Point("the editor", `document.querySelector(".editor textarea")`))
	must(t, page.Eval(`document.activeElement.select()`, nil))
	must(t, page.run("paste", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})))
}

// written is what the editor holds.
func written(t *testing.T, page *Page) (text string) {
	t.Helper()
	must(t, page.See(".editor textarea"))
	must(t, page.Eval(`document.querySelector(".editor textarea").value`, &text))
	return text
}

// version is what GET /config calls the configuration in force.
func version(t *testing.T, p *Program) string {
	t.Helper()
	status, body, err := p.Ask(http.MethodGet, "/config", "")
	var v struct{ Version string }
	if err != nil || status != 200 || json.Unmarshal(body, &v) != nil {
		t.Fatalf("%d %s %v", status, body, err)
	}
	return v.Version
}

// answers wants a model to be served, or not to be there.
func answers(t *testing.T, p *Program, key, model string, want int) {
	t.Helper()
	if status, err := p.Chat(key, model, "Hello!"); err != nil || status != want {
		t.Errorf("%s is answered %d, want %d (%v)", model, status, want, err)
	}
}

const wrongLines = `[...document.querySelectorAll(".editor .gutter .wrong")].map((e) => e.innerText).join()`

// confirm presses a button, and the one that asks again.
func confirm(t *testing.T, page *Page, verb string) {
	t.Helper()
	must(t, page.Press(verb))
	must(t, page.See("dialog[open]"))
	must(t, page.Point("confirm "+verb, ButtonIn("dialog[open] form", "", verb)))
	must(t, page.Until("it is done", `!document.querySelector("dialog[open] form")`))
}

// A bad configuration is marked at its line and changes nothing; a good one acts at once,
// here and in other windows; each can be taken back.
func TestTheConfigurationIsChanged(t *testing.T) {
	p, page := open(t, configuration)
	session, err := p.Session(name, password)
	must(t, err)
	other := tab(t, p)
	must(t, other.Enter(session, "settings/configuration"))
	must(t, page.Go("settings/configuration"))
	first, before := written(t, page), version(t, p)
	if strings.Contains(first, Key) || strings.Contains(first, Token) || !strings.Contains(first, "[secret ") {
		t.Fatalf("secrets are shown:\n%s", first)
	}

	bad := strings.Replace(first, "rpm: 600", "rpm: sixty", 1)
	line := 1 + strings.Count(bad[:strings.Index(bad, "sixty")], "\n")
	rewrite(t, page, bad)
	must(t, page.Until("the line is marked", wrongLines+` === "`+fmt.Sprint(line)+`"`))
	must(t, page.Read("is not a whole number"))
	must(t, page.Until("it cannot be applied", `[...document.querySelectorAll("button")].find((b) => b.innerText === "Apply").disabled`))
	rewrite(t, page, strings.Replace(first, "sim/qwen-plus", "nowhere/x", 1)+"nonsense: 1\n")
	must(t, page.Until("both lines are marked", wrongLines+`.split(",").length === 2`))
	if now := version(t, p); now != before {
		t.Errorf("%s is in force, it was %s", now, before)
	}

	answers(t, p, Key, "extra", 404)
	rewrite(t, page, strings.Replace(first, "routes:\n", "routes:\n  extra: {targets: [sim/qwen-plus]}\n", 1)+"telemetry: {sample: 0.5}\n")
	must(t, page.Read("added routes.extra"))
	must(t, page.Read("changed telemetry.sample: 1 → 0.5"))
	must(t, page.Until("a restart is asked for", `document.querySelector(".diff .tag.restart")`))
	must(t, page.Press("Simulate it"))
	must(t, page.Until("it is carried over", `document.querySelector("main h1")?.innerText === "Simulate" && document.querySelector(".editor textarea")?.value.includes("extra:")`))
	must(t, page.Read("added routes.extra"))
	must(t, page.Go("settings/configuration"))
	must(t, page.Read("added routes.extra")) // what was written is still there
	must(t, page.Point("the editor", `document.querySelector(".editor textarea")`))
	must(t, page.Type("\x1b"))
	must(t, page.Type("\t"))
	must(t, page.Until("Esc and Tab leave the editor", `!document.activeElement.matches("textarea")`))
	must(t, page.Fill("Note for the history", "try extra"))
	confirm(t, page, "Apply")
	must(t, page.Read("Applied: 2 changes. 1 of them acts only after a restart."))
	must(t, page.Read("1 setting of what is in force acts only after a restart"))
	answers(t, p, Key, "extra", 200)
	must(t, other.Until("the other window follows", `document.querySelector(".editor textarea").value.includes("extra:")`))
	must(t, other.Read("try extra"))

	must(t, page.Press("Undo"))
	must(t, page.Read("Undone."))
	answers(t, p, Key, "extra", 404)
	must(t, page.Press("Look at version 1"))
	must(t, page.Read("From what is in force to this version"))
	confirm(t, page, "Roll back")
	must(t, page.Read("rollback to version 1"))
	answers(t, p, Key, "extra", 200)
	confirm(t, page, "Let the file count again")
	must(t, page.Read("in force: the file"))
	answers(t, p, Key, "extra", 404)
	if now := version(t, p); now != before {
		t.Errorf("%s is in force, it was %s", now, before)
	}
}

// What is written on top of a configuration that is not in force any more is not applied
// unseen. A changed file under an applied version is told.
func TestChangesMeet(t *testing.T) {
	p, page := open(t, configuration)
	must(t, page.Go("settings/configuration"))
	first := written(t, page)
	rewrite(t, page, strings.Replace(first, "rpm: 600", "rpm: 500", 1))
	must(t, page.Read("600 → 500"))
	status, body, err := p.Ask(http.MethodPatch, "/routes/chat", `{"max_wait":"7s"}`)
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	must(t, page.Read("Another configuration is in force since this text was begun."))
	must(t, page.Read("max_wait: 7s → 20s")) // what applying would undo
	must(t, page.Until("it cannot be applied", `[...document.querySelectorAll("button")].find((b) => b.innerText === "Apply").disabled`))
	must(t, page.Point("discard", ButtonIn(".notice", "Another configuration", "Discard")))
	must(t, page.Until("the new text is shown", `document.querySelector(".editor textarea").value.includes("max_wait: 7s")`))
	must(t, p.Write(strings.Replace(configuration, "rpm: 500}}", "rpm: 400}}", 1)))
	must(t, page.Press("Load the file again"))
	must(t, page.Read("the file has changed since this version was applied"))
	must(t, page.Read("limits.rpm: 500 → 400"))

	must(t, p.Account("vic", password, "viewer", ""))
	viewer, err := p.Session("vic", password)
	must(t, err)
	other := tab(t, p)
	must(t, other.Enter(viewer, "settings/configuration"))
	must(t, other.Until("a viewer reads", `document.querySelector(".editor textarea")?.readOnly`))
	must(t, other.Read("Admins change the configuration."))
	must(t, other.Until("and does not act", `![...document.querySelectorAll("main button")].some((b) => ["Apply", "Discard", "Load the file again"].includes(b.innerText))`))
}

// The demo's configuration is changed like a file's, and says that it is not kept.
func TestTheDemoIsChanged(t *testing.T) {
	p, err := Start(binary, t.TempDir(), "")
	must(t, err)
	t.Cleanup(p.Stop)
	must(t, p.Account(name, password, "admin", ""))
	session, err := p.Session(name, password)
	must(t, err)
	page := tab(t, p)
	must(t, page.Enter(session, "settings/configuration"))
	first := written(t, page)
	must(t, page.Read("is gone after a restart"))
	const key = "sk-sluice-demo"
	rewrite(t, page, strings.Replace(first, "simulated/qwen-plus,", "simulated/none,, ", 1))
	must(t, page.Until("a line is marked", wrongLines+` !== ""`))
	answers(t, p, key, "mine", 404)
	rewrite(t, page, strings.Replace(first, "routes:\n", "routes:\n  mine: {targets: [simulated/qwen-turbo]}\n", 1))
	must(t, page.Read("added routes.mine"))
	confirm(t, page, "Apply")
	must(t, page.Read("in force: applied here, in the place of the demo"))
	answers(t, p, key, "mine", 200)
	confirm(t, page, "Back to the demo")
	must(t, page.Read("in force: the demo"))
	answers(t, p, key, "mine", 404)
	answers(t, p, key, "gpt-4o-mini", 200)
}
