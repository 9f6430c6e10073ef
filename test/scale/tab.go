package main

import (
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

// view is one page of the dashboard as a tab shows it.
type view struct {
	name  string
	ready string // an expression that is true once it shows what it is for
	while string // what happens meanwhile
}

// scrolling moves a list by a row a frame.
const scrolling = `((box) => { let n = 0; const step = () => { if (!box || ++n > 300) return; box.scrollTop += 33; requestAnimationFrame(step); }; step(); })(document.querySelector(".list .rows"))`

const wheeling = `((n) => { const step = () => { if (++n > 300) return; scrollBy(0, 30); requestAnimationFrame(step); }; step(); })(0)`

// views are the pages that show something of everything.
func views() []view {
	return []view{
		{"now", `document.querySelectorAll(".striprow").length > 3`, "0"},
		{"budgets", `document.querySelectorAll(".striprow").length > 10`, "0"},
		{"routes", `document.querySelectorAll(".flow .target").length > 3`, "0"},
		{"upstreams", `document.querySelectorAll("section.band").length > 3`, "0"},
		{"keys", `document.querySelectorAll(".list .line").length > 10`, "0"},
		{"requests", `document.querySelectorAll(".list .line").length > 10`, "0"},
		{"budgets, scrolled", `document.querySelectorAll(".striprow").length > 10`, wheeling},
		{"upstreams, scrolled", `document.querySelectorAll("section.band").length > 3`, wheeling},
		{"keys, scrolled", `document.querySelectorAll(".list .line").length > 10`, scrolling},
	}
}

// watch opens a page and measures it.
func (v view) watch(page *browser.Page, d time.Duration) (browser.Figures, error) {
	name := v.name
	for i, c := range name {
		if c == ',' {
			name = name[:i]
			break
		}
	}
	if err := page.Go(name); err != nil {
		return browser.Figures{}, err
	}
	if err := page.Until(v.name+" is there", v.ready); err != nil {
		return browser.Figures{}, err
	}
	if _, err := page.Watch(time.Second); err != nil { // what opening it took is another matter
		return browser.Figures{}, err
	}
	f, err := page.WatchWhile(d, v.while)
	if err != nil {
		err = fmt.Errorf("%s: %w", v.name, err)
	}
	return f, err
}

// visited is what a first visit took.
type visited struct{ Paint, Bytes float64 }

// visit opens the first screen and answers when it was painted and what was transferred.
func visit(page *browser.Page, session string) (v visited, err error) {
	if err := page.Enter(session, "now"); err != nil {
		return v, err
	}
	if err := page.Until("the first screen is there", `document.querySelector(".striprow") && performance.getEntriesByName("first-contentful-paint").length`); err != nil {
		return v, err
	}
	return v, page.Eval(`({ paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
		bytes: [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")].filter((e) => !e.name.includes("/admin/api/")).reduce((sum, e) => sum + e.transferSize, 0) })`, &v)
}
