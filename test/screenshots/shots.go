package main

import (
	"errors"

	"github.com/sluice-gateway/sluice/test/browser"
)

// shot is one picture.
type shot struct {
	name   string
	at     string // the page's address behind #/
	screen browser.Screen
	// ready is true, as JavaScript, when there is what the picture is for.
	ready string
	// act does what leads there once the page is open; nil: nothing.
	act func(*browser.Page) error
}

// open brings a page to what the picture shows.
func (s shot) open(page *browser.Page) error {
	// The page before is left, so that nothing of it is still open.
	if err := errors.Join(page.Go("settings"), page.Until("the page before is left", `document.querySelector(".rail nav a[aria-current=page]")?.hash === "#/settings"`), page.Go(s.at)); err != nil {
		return err
	}
	if s.act != nil {
		if err := page.Until("the page is there", `document.querySelector("main h1") && !document.querySelector("main .bone")`); err != nil {
			return err
		}
		if err := s.act(page); err != nil {
			return err
		}
	}
	if err := page.Until("there is what the picture is for", s.ready); err != nil {
		return err
	}
	// Movements come to their end.
	return page.Eval(`new Promise((done) => setTimeout(done, 1200))`, nil)
}

func shots(all []*team) []shot {
	rows := func(selector string) string { return `document.querySelectorAll("` + selector + `").length > 2` }
	return []shot{
		{name: "now", at: "now", ready: rows(".striprow") + ` && document.querySelector(".chart canvas")`},
		{name: "budgets", at: "budgets", ready: rows(".striprow")},
		{name: "routes", at: "routes", ready: rows(".flow .target")},
		{name: "upstreams", at: "upstreams", ready: rows("section.band")},
		{name: "keys", at: "keys", ready: rows(".list .line")},
		{name: "key", at: "keys/" + all[2].id, ready: `document.querySelector(".striprow")`},
		{name: "requests", at: "requests", ready: rows(".list .line") + ``},
		{name: "request", at: "requests", ready: `document.querySelector(".timeline .track i")`, act: openWaited},
		{name: "explain", at: "requests/explain", ready: `document.querySelector("main .notice")`, act: explain},
		{name: "usage", at: "usage", ready: `document.querySelector(".chart canvas")`},
		{name: "simulate", at: "simulate", ready: `document.querySelector("main table")`, act: simulate},
		{name: "settings", at: "settings", ready: `document.querySelector(".editor textarea")?.value.includes("routes:")`},
		{name: "playground", at: "playground", ready: `document.querySelector(".turn.assistant details")`, act: chat},
		{name: "phone", at: "now", screen: browser.Screen{Width: 390, Height: 844, Scale: 2}, ready: rows(".striprow")},
	}
}

// openWaited opens a request of the tail that has waited.
func openWaited(page *browser.Page) error {
	// Rows come and go: whoever has waited is opened in the moment of being found.
	return page.Until("a request has waited", `((row) => (row?.click(), row))([...document.querySelectorAll(".list .line")].find((r) => / s$/.test(r.children[6]?.innerText || "")))`)
}

func explain(page *browser.Page) error {
	return page.Point("ask", `document.querySelector("main form button.main:not(:disabled)")`)
}

// simulate lets the last calls come again, unless that was done for the picture before.
func simulate(page *browser.Page) error {
	var done bool
	if err := page.Eval(`!!document.querySelector("main table")`, &done); err != nil || done {
		return err
	}
	return page.Press("Run")
}

func chat(page *browser.Page) error {
	return errors.Join(page.Fill("Message", "In one sentence: what does a gateway with budgets do better than one without?"),
		page.Press("Send"), page.See(".turn.assistant details"), page.Click(".turn.assistant details summary"))
}
