package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Button is the last visible button, link or summary with a text or a label, as an
// expression of JavaScript.
func Button(text string) string { return ButtonIn("body", "", text) }

// ButtonIn is the same inside the last visible element of a selector that holds a text.
func ButtonIn(selector, holds, text string) string {
	return `((box) => [...(box?.querySelectorAll("button, a, summary") || [])].filter((e) => (e.innerText.trim() === ` + quoted(text) +
		` || e.getAttribute("aria-label") === ` + quoted(text) + `) && e.checkVisibility() && !e.disabled).at(-1))(` + Holding(selector, holds) + `)`
}

// Holding is the last visible element of a selector that holds a text.
func Holding(selector, text string) string {
	return `[...document.querySelectorAll(` + quoted(selector) + `)].filter((e) => e.checkVisibility() && e.innerText.includes(` + quoted(text) + `)).at(-1)`
}

// control is the field with a label.
func control(label string) string {
	return `[...document.querySelectorAll("label")].filter((l) => l.innerText.trim().startsWith(` + quoted(label) + `)).map((l) => l.control || document.getElementById(l.htmlFor)).filter((e) => e?.checkVisibility()).at(-1)`
}

// Press clicks the last visible button or link with a text.
func (p *Page) Press(text string) error { return p.Point("press "+text, Button(text)) }

// Point clicks with the mouse at what an expression answers, once it stands still and
// nothing stands before it.
func (p *Page) Point(what, expression string) error {
	at := `((e) => {
		if (!e) return null;
		e.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
		const { left, top, width, height } = e.getBoundingClientRect();
		const now = [left + width / 2, top + height / 2], was = window.pointed;
		window.pointed = now;
		const hit = document.elementFromPoint(...now);
		return hit && (e === hit || e.contains(hit)) && was?.[0] === now[0] && was[1] === now[1] ? now : null;
	})(` + expression + `)`
	ctx, cancel := context.WithTimeout(p.ctx, waiting)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.Poll[[]byte](at, chromedp.WithPollingInterval(30*time.Millisecond)))
	if err != nil {
		return fmt.Errorf("browser: %s: %w; the page shows:\n%s", what, err, p.seen())
	}
	var place [2]float64
	if err := json.Unmarshal(raw, &place); err != nil {
		return fmt.Errorf("browser: %s: %w", what, err)
	}
	return p.run(what, chromedp.MouseClickXY(place[0], place[1]))
}

// Fill writes into the field with a label: what stood there is selected and typed over.
// Choices and dates, which the browser shows in windows of its own, are set.
func (p *Page) Fill(label, text string) error {
	var plain bool
	field := control(label)
	if err := p.Until("find the field "+label, field); err != nil {
		return err
	}
	if err := p.Eval(field+`.matches("textarea, input:not([type=date], [type=file])")`, &plain); err != nil {
		return err
	}
	if !plain {
		return p.Eval(`((f) => {
			const proto = f instanceof HTMLSelectElement ? HTMLSelectElement : HTMLInputElement;
			Object.getOwnPropertyDescriptor(proto.prototype, "value").set.call(f, `+quoted(text)+`);
			f.dispatchEvent(new Event("input", { bubbles: true }));
			f.dispatchEvent(new Event("change", { bubbles: true }));
		})(`+field+`)`, nil)
	}
	if err := p.Point("go to the field "+label, field); err != nil {
		return err
	}
	if err := p.Eval("document.activeElement.select()", nil); err != nil {
		return err
	}
	if text == "" {
		return p.Type("\b")
	}
	return p.run("write "+text, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// Type presses keys, one after the other, where the focus is.
func (p *Page) Type(keys string) error {
	return p.run("type "+keys, chromedp.KeyEvent(keys))
}

// Back presses Tab with Shift.
func (p *Page) Back() error {
	return p.run("shift and tab", chromedp.KeyEvent("\t", chromedp.KeyModifiers(chromedp.ModifierShift)))
}

// Visit opens a page that is not the dashboard's.
func (p *Page) Visit(url string) error { return p.run("visit "+url, chromedp.Navigate(url)) }

// Forgive forgets what the console has complained of, where a test has made it complain.
func (p *Page) Forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = nil
}
