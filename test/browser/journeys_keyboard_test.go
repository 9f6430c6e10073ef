package browser

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// reachable is all that somebody may want to get to with Tab.
const reachable = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }))`

// Tab leads to everything that can be used, in the order in which it stands, and what has
// the focus is seen to have it.
func TestTabLeadsEverywhere(t *testing.T) {
	h, page := share(t, "now")
	for _, at := range []string{"routes", "upstreams", "keys", "keys/" + h.nightly, "requests/explain", "settings/people", "playground"} {
		show(t, page, at)
		must(t, page.Eval(`document.body.focus(), document.activeElement.blur(), getSelection().removeAllRanges(), document.querySelectorAll("[data-reached]").forEach((e) => delete e.dataset.reached)`, nil))
		must(t, page.Point("the page itself", `document.querySelector(".topline .sentence span:last-of-type")`))
		must(t, page.Eval(`window.reached = 0, window.unseen = []`, nil))
		must(t, page.Eval(`document.querySelector(".skip").focus()`, nil))
		var n int
		must(t, page.Eval(reachable+".length", &n))
		for range n {
			must(t, page.Eval(`((e) => {
				e.dataset.reached = ++window.reached;
				const s = getComputedStyle(e);
				if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 1) window.unseen.push(e.outerHTML.slice(0, 100));
			})(document.activeElement)`, nil))
			must(t, page.Type("\t"))
		}
		var missed, unseen []string
		must(t, page.Eval(reachable+`.filter((e) => !e.dataset.reached).map((e) => e.outerHTML.slice(0, 100))`, &missed))
		must(t, page.Eval(`window.unseen`, &unseen))
		if len(missed) > 0 || len(unseen) > 0 {
			t.Errorf("%s: Tab does not lead to %q; the focus is not seen on %q", at, missed, unseen)
		}
		var disordered []string
		must(t, page.Eval(`((all) => all.filter((e, i) => i && +e.dataset.reached < +all[i - 1].dataset.reached).map((e) => e.outerHTML.slice(0, 100)))(`+reachable+`.filter((e) => e.dataset.reached))`, &disordered))
		if len(disordered) > 0 {
			t.Errorf("%s: Tab goes to and fro at %q", at, disordered)
		}
	}
}

// The first Tab offers to skip the rail, and Enter does.
func TestTheRailCanBeSkipped(t *testing.T) {
	_, page := share(t, "keys")
	must(t, page.Reload())
	must(t, page.See("main h1"))
	must(t, page.Type("\t"))
	must(t, page.Until("the first stop is the skip link, in sight", `((e) => e.matches(".skip") && e.getBoundingClientRect().left >= 0)(document.activeElement)`))
	must(t, page.Type("\r"))
	must(t, page.Until("the focus is in the content", `document.activeElement.id === "content"`))
	must(t, page.Type("\t"))
	must(t, page.Until("and goes on from there", `document.querySelector("main").contains(document.activeElement) && document.activeElement.id !== "content"`))
}

// A dialog takes the focus, keeps it, and gives it back to what has opened it.
func TestDialogsKeepTheFocus(t *testing.T) {
	_, page := share(t, "keys")
	must(t, page.Eval(Button(word(t, "key.create"))+".focus()", nil))
	must(t, page.Type("\r"))
	must(t, page.Until("the first field has the focus", `document.activeElement.matches("dialog input")`))
	must(t, page.Type("by hand"))
	for range 2 {
		for range 30 {
			must(t, page.Type("\t"))
			var out string
			must(t, page.Eval(`((e) => e === document.body || document.querySelector("dialog").contains(e) ? "" : e.outerHTML)(document.activeElement)`, &out))
			if out != "" {
				t.Fatalf("Tab leaves the dialog for %s", out)
			}
		}
		must(t, page.Back())
	}
	must(t, page.Type("gb")) // keys that lead to pages are only text here, or nothing
	closed(t, page)
	must(t, page.Until("the focus is where it was", "document.activeElement === "+Button(word(t, "key.create"))))
	must(t, page.Until("the page is the same", `location.hash === "#/keys"`))
}

// A row of a list is gone to with the arrows and opened with Enter, and is still the same
// row when others come before it.
func TestListsWorkByTheKeyboard(t *testing.T) {
	h, page := share(t, "requests")
	chat(t, h.Program, 3)
	lines := `[...document.querySelectorAll(".list .line")]`
	must(t, page.Until("three calls", lines+".length >= 3"))
	must(t, page.Eval(`document.querySelector(".list .rows").focus()`, nil))
	must(t, page.Type("\u0301")) // ArrowDown
	must(t, page.Until("the first row has the focus", `document.activeElement.matches(".line.at") && document.activeElement === `+lines+`[0]`))
	must(t, page.Type("\u0301"))
	must(t, page.Until("the second", `document.activeElement === `+lines+`[1]`))
	chat(t, h.Program, 2)
	must(t, page.Until("others came before it, and it kept the focus", lines+`.sort((a, b) => a.offsetTop - b.offsetTop).indexOf(document.activeElement) === 3 && document.activeElement.matches(".at")`))
	must(t, page.Type("\r"))
	must(t, page.See(".timeline"))
}

// Where somebody has asked for less motion nothing moves; where nobody has, some does.
func TestLessMotion(t *testing.T) {
	_, page := share(t, "now")
	must(t, page.See(".striprow .move"))
	moving := `[...document.querySelectorAll("*")].filter((e) => { const s = getComputedStyle(e); return parseFloat(s.transitionDuration) > 0 || s.animationName !== "none"; }).length`
	for _, want := range []string{"no-preference", "reduce"} {
		must(t, page.run("prefer", chromedp.Func(func(ctx context.Context, c *chromedp.Target) error {
			_, err := cdp.Call(ctx, c, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: want}},
			})
			return err
		})))
		var n int
		must(t, page.Eval(moving, &n))
		if (n == 0) != (want == "reduce") {
			t.Errorf("%s: %d elements move", want, n)
		}
	}
}

// forget revokes the keys of a name.
func forget(t *testing.T, p *Program, name string) {
	t.Helper()
	var list struct{ Data []struct{ ID, Name string } }
	_, answer, err := p.Ask(http.MethodGet, "/keys?search="+name, "")
	must(t, err)
	decode(t, answer, &list)
	for _, k := range list.Data {
		if status, _, err := p.Ask(http.MethodDelete, "/keys/"+k.ID, ""); err != nil || status >= 300 {
			t.Error(status, err)
		}
	}
}

// Pages without TLS have no clipboard of their own; text is copied all the same.
func TestCopyWithoutAClipboard(t *testing.T) {
	h, page := share(t, "keys")
	must(t, page.Eval(`Object.defineProperty(navigator, "clipboard", { value: undefined }), document.addEventListener("copy", () => { window.copied = getSelection().toString(); })`, nil))
	must(t, page.Press(word(t, "key.create")))
	must(t, page.Fill(word(t, "key.name"), "copied"))
	must(t, page.Point("create", ButtonIn("dialog", "", word(t, "key.create"))))
	key := shownSecret(t, page)
	must(t, page.Point("copy", `document.querySelector("dialog .code button")`))
	must(t, page.Read(word(t, "copied")))
	var copied string
	must(t, page.Eval(`window.copied`, &copied))
	if strings.TrimSpace(copied) != key {
		t.Errorf("%q was copied, not the key", copied)
	}
	forget(t, h.Program, "copied")
}
