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
		{name: "now", at: "now", ready: rows(".striprow") + ` && document.querySelector(".chart canvas") && [...document.querySelectorAll(".lane")].some((l) => l.innerText.includes("longest"))`},
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
	return page.Until("a request has waited", `((row) => (row?.click(), row))([...document.querySelectorAll(".list .line")].find((r) => r.querySelector(".later")))`)
}

func explain(page *browser.Page) error {
	return page.Point("ask", `document.querySelector("main form button.main:not(:disabled)")`)
}

// simulate compares the last calls with twice as many, side by side.
func simulate(page *browser.Page) error {
	err := page.Eval(`(async () => {
		const at = "/admin/api/v1/simulate", list = async () => (await (await fetch(at)).json()).data;
		const ask = (body) => fetch(at, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then((r) => r.json());
		let jobs = (await list()).filter((j) => j.name);
		if (jobs.length < 2) {
			const first = await ask({ name: "as recorded", trace: "last_hour" });
			await ask({ name: "twice the traffic", trace: first.id, options: { load: 2 } });
		}
		for (let i = 0; i < 100 && (jobs.length < 2 || jobs.some((j) => j.state !== "done")); i++) {
			await new Promise((done) => setTimeout(done, 200));
			jobs = (await list()).filter((j) => j.name);
		}
		const id = (name) => jobs.find((j) => j.name === name).id;
		location.hash = "#/simulate?a=" + id("as recorded") + "&b=" + id("twice the traffic");
	})()`, nil)
	if err != nil {
		return err
	}
	if err := page.Until("both results are there", `document.querySelectorAll(".simtable, main section.band").length > 3`); err != nil {
		return err
	}
	return page.Eval(`document.querySelectorAll("main section.band")[2].scrollIntoView({ block: "start" })`, nil)
}

func chat(page *browser.Page) error {
	return errors.Join(page.Fill("Message", "In one sentence: what does a gateway with budgets do better than one without?"),
		page.Press("Send"), page.See(".turn.assistant details"), page.Click(".turn.assistant details summary"))
}
