package browser

import (
	"encoding/json"
	"net/http"
	"testing"
)

// upstreams is what the admin API says of one account: what a page shows must agree.
func upstreams(t *testing.T, p *Program, account string) (state string, keys map[string]string) {
	t.Helper()
	var all struct {
		Data []struct {
			Account, State string
			Keys           []struct{ Fingerprint, State string }
		}
	}
	status, answer, err := p.Ask(http.MethodGet, "/upstreams", "")
	if err != nil || status != 200 {
		t.Fatal(status, err)
	}
	decode(t, answer, &all)
	keys = map[string]string{}
	for _, u := range all.Data {
		if u.Account == account {
			state = u.State
			for _, k := range u.Keys {
				keys[k.Fingerprint] = k.State
			}
		}
	}
	return state, keys
}

const eastHead, west = "section.band > header", "west"

// stands waits until the page shows an account's state.
func stands(t *testing.T, page *Page, account, state string) {
	t.Helper()
	must(t, page.Until(account+" is "+state, Holding(eastHead, account)+`?.querySelector(".chip")?.innerText === `+quoted(state)))
}

// agree says yes to a question, once all of it is there.
func agree(t *testing.T, page *Page, verb string) {
	t.Helper()
	must(t, page.Until("the question is there", `document.querySelector("dialog[open]") && !document.querySelector("dialog .bone")`))
	must(t, page.Point("agree", ButtonIn("dialog", "", verb)))
}

// away makes calls that either account of the provider outside can serve.
func away(t *testing.T, p *Program, n int) {
	t.Helper()
	for range n {
		answered(t, p, Key, "away", 200)
	}
}

// An account is disabled in the page, its traffic moves to the other one, as the provider
// itself counts, and comes back with an undo.
func TestTrafficMovesAwayAndBack(t *testing.T) {
	h, page := share(t, "upstreams")
	away(t, h.Program, 6)
	if h.far.account("east").OK == 0 || h.far.account(west).OK == 0 {
		t.Fatalf("both accounts should serve: %+v", h.far.sim.Stats())
	}
	must(t, page.Point("disable east", ButtonIn(eastHead, "east", "Disable")))
	must(t, page.Read("Of 2 keys, 2 take calls now, 0 will."))
	agree(t, page, "Disable")
	stands(t, page, "east", "disabled")
	east, others := h.far.account("east").Attempts, h.far.account(west).Attempts
	away(t, h.Program, 4)
	if e, w := h.far.account("east").Attempts-east, h.far.account(west).Attempts-others; e != 0 || w != 4 {
		t.Errorf("of 4 calls %d went to east and %d to west", e, w)
	}
	turn(t, page, "requests")
	must(t, page.Until("the page shows who served", `((rows) => rows.length >= 4 && rows.slice(0, 4).every((r) => r.innerText.includes("qwen3-max · west")))([...document.querySelectorAll(".list .line")].filter((r) => r.innerText.includes("away")))`))

	must(t, page.Press("Undo"))
	must(t, page.Read("Undone."))
	turn(t, page, "upstreams")
	stands(t, page, "east", "enabled")
	away(t, h.Program, 6)
	if h.far.account("east").Attempts == east {
		t.Error("east serves nothing after the undo")
	}
}

// A key that drains takes no new call, and the one in flight ends as it would have.
func TestAnAccountDrains(t *testing.T) {
	h, page := share(t, "upstreams")
	release := h.far.hold()
	defer release()
	type ended struct {
		status int
		err    error
	}
	calls := make(chan ended, 2)
	for range cap(calls) {
		go func() {
			status, err := h.Chat(Key, "away", held)
			calls <- ended{status, err}
		}()
	}
	must(t, page.Until("east has a call in flight", `/[1-9] in flight/.test(`+Holding(eastHead, "east")+`?.innerText)`))
	must(t, page.Point("drain east", ButtonIn(eastHead, "east", "Drain")))
	must(t, page.Until("the dialog says how many", `/[1-9] calls? in flight ends? as/.test(document.querySelector("dialog[open]")?.innerText)`))
	agree(t, page, "Drain")
	stands(t, page, "east", "draining")
	before := h.far.account("east").Attempts
	away(t, h.Program, 3)
	if n := h.far.account("east").Attempts; n != before {
		t.Errorf("%d calls went to an account that drains", n-before)
	}
	release()
	for range cap(calls) {
		if c := <-calls; c.err != nil || c.status != 200 {
			t.Errorf("a call in flight: %d %v", c.status, c.err)
		}
	}
	must(t, page.Until("nothing is in flight there", Holding(eastHead, "east")+`?.innerText.includes("0 in flight")`))
	must(t, page.Point("enable east", ButtonIn(eastHead, "east", "Enable")))
	agree(t, page, "Enable")
	stands(t, page, "east", "enabled")
}

// One key of an account rests: the others carry its calls.
func TestAKeyOfAnAccountRests(t *testing.T) {
	h, page := share(t, "upstreams")
	row := `section.band tr`
	var first string
	must(t, page.Eval(Holding("section.band", "east")+`.querySelector("tbody tr td").innerText.split(/\s/)[0]`, &first))
	must(t, page.Point("disable the key", ButtonIn(row, first, "Disable")))
	must(t, page.Read("1 other key of east goes on."))
	agree(t, page, "Disable")
	must(t, page.Until("the key is disabled", Holding(row, first)+`?.innerText.includes("disabled")`))
	if _, keys := upstreams(t, h.Program, "east"); keys[first] != "disabled" {
		t.Errorf("%v", keys)
	}
	one, two := h.far.called("sk-far-east-1"), h.far.called("sk-far-east-2")
	away(t, h.Program, 6)
	if a, b := h.far.called("sk-far-east-1")-one, h.far.called("sk-far-east-2")-two; (a == 0) == (b == 0) {
		t.Errorf("one key carried %d calls, the other %d", a, b)
	}
	must(t, page.Press("Undo"))
	must(t, page.Until("the key is enabled", Holding(row, first)+`?.innerText.includes("enabled")`))
}

// Whoever would leave a route without any key is told which, and may think again.
func TestWhatADrainWouldLeaveIsSaid(t *testing.T) {
	h, page := share(t, "upstreams")
	must(t, page.Point("drain all of far", ButtonIn("main > .stack", "far", word(t, "up.all.draining"))))
	must(t, page.Read("Routes left without any key: away"))
	var focused string
	must(t, page.Eval(`document.activeElement.innerText`, &focused))
	if focused != "Cancel" {
		t.Errorf("Enter would mean %q", focused)
	}
	must(t, page.Type("\r"))
	must(t, page.Until("the dialog is closed", `!document.querySelector("dialog[open]")`))
	if state, _ := upstreams(t, h.Program, "east"); state != "enabled" {
		t.Errorf("east is %s", state)
	}
}

// What would become of a request: where it would go, what each account says, and that
// nothing is sent.
func TestExplain(t *testing.T) {
	h, page := share(t, "requests/explain")
	before := h.far.sim.Total().Attempts
	ask := func(body map[string]any) {
		t.Helper()
		text, err := json.MarshalIndent(body, "", "  ")
		must(t, err)
		must(t, page.Fill("Request body", string(text)))
		must(t, page.Point("explain", `document.querySelector("form button.main:enabled")`))
	}
	messages := []map[string]string{{"role": "user", "content": "How deep is the river?"}}
	ask(map[string]any{"model": "away", "messages": messages, "max_tokens": 8})
	must(t, page.Read("sent at once"))
	must(t, page.Until("both accounts answer", `((all) => all.length === 2 && all.some((c) => c.includes("east")) && all.some((c) => c.includes("west")) && all.every((c) => c.includes("far/qwen3-max")))([...document.querySelectorAll(".candidate")].map((c) => c.innerText))`))

	ask(map[string]any{"model": "nowhere", "messages": messages})
	must(t, page.See("[aria-invalid=true]"))
	must(t, page.Read("nowhere"))

	must(t, page.Fill("Request body", `{"model": `))
	must(t, page.Point("explain", `document.querySelector("form button.main:enabled")`))
	must(t, page.Until("bad JSON is told", `document.querySelector(".field .wrong")?.innerText.includes("JSON")`))

	_, key := stored(t, h.Program, `{"name":"explained","models":["away"],"limits":{"rpm":1}}`)
	answered(t, h.Program, key, "away", 200)
	must(t, page.Fill("Client key", "explained"))
	ask(map[string]any{"model": "away", "messages": messages, "max_tokens": 8})
	must(t, page.Until("its own limit would refuse it", `document.querySelector(".notice.refused")?.innerText.includes("refused")`))
	must(t, page.Read("explained"))
	if n := h.far.sim.Total().Attempts; n != before+1 {
		t.Errorf("%d calls were sent to explain some", n-before-1)
	}
}
