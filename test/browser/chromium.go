package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// waiting bounds how long anything on a page may take to appear.
const waiting = 30 * time.Second

// Browser is one headless Chromium.
type Browser struct {
	ctx    context.Context
	cancel []context.CancelFunc
}

// Launch starts Chromium. dir keeps its profile.
func Launch(dir string) (*Browser, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, errors.New("browser: there is no Chromium: run scripts/setup-test.sh")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-US"), chromedp.WSURLReadTimeout(waiting))
	b := &Browser{}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	b.cancel = append(b.cancel, stop)
	b.ctx, stop = chromedp.NewContext(ctx)
	b.cancel = append(b.cancel, stop)
	if err := chromedp.Do(b.ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("browser: Chromium does not start: %w", err)
	}
	return b, nil
}

// Close ends it.
func (b *Browser) Close() {
	for i := len(b.cancel) - 1; i >= 0; i-- {
		b.cancel[i]()
	}
}

// Page is one tab. Its methods fail after a while with what they waited for.
type Page struct {
	ctx    context.Context
	cancel context.CancelFunc
	base   string

	mu       sync.Mutex
	problems []string
	failed   []string
	pending  map[network.RequestID]string
}

// Open makes a tab for a program's dashboard, with storage of its own.
func (b *Browser) Open(p *Program, width, height int64, dark bool) (*Page, error) {
	page := &Page{base: p.Admin, pending: map[network.RequestID]string{}}
	page.ctx, page.cancel = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(page.listen))
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	err := chromedp.Do(page.ctx, chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		// Among tabs only the one in front is sure to get frames.
		if _, err := cdp.Call(ctx, t, cdppage.BringToFront, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
	if err != nil {
		page.cancel()
		return nil, err
	}
	return page, nil
}

// Close closes the tab.
func (p *Page) Close() { p.cancel() }

// listen keeps what a page complains of. A refused request is no complaint of the page's:
// tests make some on purpose, and see them answered in words.
func (p *Page) listen(ev any) {
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.complain(text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			p.complain(strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			p.complain(e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		p.request(e.RequestID, e.Request.URL)
	case *network.EventLoadingFinished:
		p.request(e.RequestID, "")
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			p.fail(fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		}
	case *network.EventLoadingFailed:
		p.request(e.RequestID, "")
		if !e.Canceled {
			p.fail(e.ErrorText + " " + string(e.Type))
		}
	}
}

// request follows one; without a URL it has ended.
func (p *Page) request(id network.RequestID, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.pending, id); url != "" {
		p.pending[id] = url
	}
}

func (p *Page) fail(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, text)
}

// Failed are the requests of the page that were refused or got no answer, and that it did
// not give up itself.
func (p *Page) Failed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *Page) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, text)
}

// Problems are the errors and warnings that the page's console has shown.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems
}

func (p *Page) run(what string, actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.ctx, waiting)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		return fmt.Errorf("browser: %s: %w", what, err)
	}
	return nil
}

// Go opens a page of the dashboard, such as budgets.
func (p *Page) Go(page string) error {
	return p.run("open "+page, chromedp.Navigate(p.base+"/#/"+page))
}

// Reload loads the whole page again.
func (p *Page) Reload() error { return p.run("reload", chromedp.Reload()) }

// See waits until an element is visible.
func (p *Page) See(selector string) error {
	return p.Until("see "+selector, `[...document.querySelectorAll(`+quoted(selector)+`)].some((e) => e.checkVisibility())`)
}

// Read waits until the page shows a text.
func (p *Page) Read(text string) error {
	return p.Until(fmt.Sprintf("read %q", text), "document.body.innerText.includes("+quoted(text)+")")
}

// Until waits until an expression of JavaScript is true.
func (p *Page) Until(what, expression string) error {
	err := p.run(what, chromedp.Poll[chromedp.Void]("!!("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		return fmt.Errorf("%w; the page shows:\n%s", err, p.seen())
	}
	return nil
}

// seen is what the page shows and what it waits for, for an error.
func (p *Page) seen() string {
	var text string
	_ = p.Eval("document.visibilityState + ': ' + document.body.innerText.slice(0, 2000)", &text) // the better error, where it can be had
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s\nnot answered yet: %q; failed: %q; console: %q", text, slices.Sorted(maps.Values(p.pending)), p.failed, p.problems)
}

// Click clicks an element once it is there.
func (p *Page) Click(selector string) error {
	return p.run("click "+selector, chromedp.Click(selector, chromedp.NodeVisible))
}

// Eval answers what an expression of JavaScript is; nil: it does not matter.
func (p *Page) Eval(expression string, result any) error {
	ctx, cancel := context.WithTimeout(p.ctx, waiting)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`Promise.resolve(`+expression+`).then((v) => JSON.stringify(v ?? null))`, chromedp.EvalAwaitPromise))
	if err != nil {
		return fmt.Errorf("browser: evaluate: %w", err)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal([]byte(text), result)
}

// Shot takes a picture of the whole page as a PNG.
func (p *Page) Shot() ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, waiting)
	defer cancel()
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}

// SignIn makes the first account with the admin token where there is none, or signs it
// in.
func (p *Page) SignIn(name, password string) error {
	if err := p.run("open the dashboard", chromedp.Navigate(p.base+"/")); err != nil {
		return err
	}
	if err := p.See(".door form"); err != nil {
		return err
	}
	var fresh bool
	if err := p.Eval(`[...document.querySelectorAll("label")].some((l) => l.innerText.includes("Admin token"))`, &fresh); err != nil {
		return err
	}
	if fresh {
		if err := p.Fill("Admin token", Token); err != nil {
			return err
		}
	}
	if err := errors.Join(p.Fill("Name", name), p.Fill("Password", password)); err != nil {
		return err
	}
	if err := p.Click(".door button.main"); err != nil {
		return err
	}
	return p.See(".rail nav")
}

func quoted(s string) string {
	data, _ := json.Marshal(s) // a text always encodes
	return string(data)
}
