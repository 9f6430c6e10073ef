package browser

import (
	"slices"
	"testing"
)

// wider answers what of a page reaches beyond the screen, where the page itself would
// scroll sideways.
const wider = `(() => {
	const most = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= most) return [];
	return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > most + 1)
		.filter((e) => !e.closest(".band, .list, .editor, pre, .scroll") || e.matches(".band, .list, .editor, pre, .scroll")).slice(0, 5).map((e) => e.tagName + "." + e.className);
})()`

// No page scrolls sideways, on a phone, a narrow window or a wall, in either language.
func TestNoPageScrollsSideways(t *testing.T) {
	h, page := share(t, "now")
	var pages []string
	must(t, page.Eval(`[...document.querySelectorAll(".rail nav a")].map((a) => a.hash.slice(2))`, &pages))
	pages = append(pages, "keys/"+h.nightly, "keys/owners", "requests/past", "requests/explain", "settings/alerts", "settings/people", "settings/audit", "settings/me")
	slices.Sort(pages)
	for _, language := range []string{"en", "ko"} {
		must(t, page.Eval(`localStorage.setItem("language", "`+language+`")`, nil))
		must(t, page.Reload())
		must(t, page.Until("the dashboard is there", `document.querySelector("main h1")`))
		for _, name := range slices.Compact(pages) {
			must(t, page.Go(name))
			must(t, page.Until(name+" is there", `location.hash === "#/`+name+`" && document.querySelector("main h1") && !document.querySelector("main .bone")`))
			for _, screen := range []Screen{{Width: 390, Height: 844}, {Width: 840, Height: 900}, {Width: 3840, Height: 2160}} {
				must(t, page.On(screen))
				var over []string
				must(t, page.Eval(wider, &over))
				if len(over) > 0 {
					t.Errorf("%s (%s) scrolls sideways at %d: %v", name, language, screen.Width, over)
				}
			}
		}
	}
}

// On a phone the pages, the language and the way out are in a menu, which closes behind
// whoever has chosen.
func TestTheMenuOfAPhone(t *testing.T) {
	_, page := share(t, "now")
	must(t, page.On(Screen{Width: 390, Height: 844}))
	must(t, page.Until("the pages are put away", `!document.querySelector(".rail nav").checkVisibility()`))
	must(t, page.Press("Menu"))
	must(t, page.Until("the way out is there", `document.querySelector(".rail .foot button").checkVisibility()`))
	must(t, page.Point("open the budgets", `document.querySelector('.rail nav a[href="#/budgets"]')`))
	must(t, page.Until("the budgets are there and the menu is closed", `document.querySelector("main h1")?.innerText === "Budgets" && !document.querySelector(".rail nav").checkVisibility()`))
}

// A hidden page lets go of its stream, and is up to date again as soon as it is seen.
func TestAHiddenPageListensToNothing(t *testing.T) {
	_, page := share(t, "now")
	must(t, page.See(".striprow"))
	hide := func(hidden string) {
		t.Helper()
		must(t, page.Eval(`(() => { Object.defineProperty(document, "hidden", { configurable: true, value: `+hidden+` }); document.dispatchEvent(new Event("visibilitychange")); })()`, nil))
	}
	must(t, page.Eval(`(() => { window.streams = []; const Real = EventSource; window.EventSource = class extends Real { constructor(...a) { super(...a); window.streams.push(this); } }; })()`, nil))
	hide("true")
	hide("false")
	must(t, page.Until("the stream is back", `window.streams.length === 1 && window.streams[0].readyState === 1`))
	hide("true")
	must(t, page.Until("it is let go", `window.streams.length === 1 && window.streams[0].readyState === 2`))
	hide("false")
	must(t, page.Until("it is back again", `window.streams.length === 2 && window.streams[1].readyState === 1`))
}
