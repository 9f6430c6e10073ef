package browser

import "testing"

// A page whose gateway goes away greys, says how old it is, and comes back by itself when
// the gateway does: live on every page, without being loaded again or signed in anew.
func TestAPageComesBackByItself(t *testing.T) {
	p, page := open(t, configuration)
	show(t, page, "requests")
	must(t, page.Eval(`window.same = true`, nil))
	chat(t, p, 2)
	const sentence = `document.querySelector(".topline .sentence").innerText`
	rows := `[...document.querySelectorAll(".list .line")]`
	must(t, page.Until("two calls", rows+`.length === 2`))
	for _, end := range []func(){p.Kill, p.Stop} {
		end()
		must(t, page.Until("it says so", sentence+`.startsWith("Disconnected.")`))
		must(t, page.Until("it is greyed", `document.querySelector(".frame.stale")`))
		must(t, page.Until("what was there is still there", rows+`.length >= 2`))
		must(t, p.Again())
		must(t, page.Until("it is live again", `!document.querySelector(".frame.stale") && !`+sentence+`.startsWith("Disconnected.")`))
	}
	chat(t, p, 1)
	must(t, page.Until("a third call", rows+`.length === 3`))
	var pages []string
	must(t, page.Eval(`[...document.querySelectorAll(".rail nav a")].map((a) => a.hash.slice(2))`, &pages))
	for _, at := range pages {
		turn(t, page, at)
		show(t, page, at)
	}
	turn(t, page, "budgets")
	must(t, page.See(".striprow .level"))
	for range 3 {
		answered(t, p, Key, "small", 200) // of six that fit, one a second
	}
	must(t, page.Until("the budgets move", `[...document.querySelectorAll(".striprow .level")].some((e) => /^[0-5](\.\d+)? \/ 6$/.test(e.innerText))`))
	var same bool
	must(t, page.Eval(`!!window.same`, &same))
	if !same {
		t.Error("the page was loaded again")
	}
}
