package browser

import (
	"fmt"
	"testing"
)

const queueing = `
server: {admin_token: "{{token}}"}
providers:
  sim:
    dialect: simulated
    accounts: [{name: team-a, limits: [{rpm: 60, burst: 1s}]}]
routes:
  chat: {targets: [sim/qwen3-max], max_wait: 60s}
client_keys:
  - {name: app, key: "{{key}}"}
`

// While calls wait, the sentence of what limits follows each second, to be seen; to be
// heard, it is told when that begins and when it is over, and not each second.
func TestWhatLimitsIsToldOnce(t *testing.T) {
	p, page := open(t, queueing)
	show(t, page, "now")
	must(t, page.Eval(`(() => {
		window.seen = new Set(), window.told = [];
		const at = (selector, f) => new MutationObserver(() => f(document.querySelector(selector).innerText)).observe(document.querySelector(selector), { childList: true, characterData: true, subtree: true });
		at(".topline .sentence", (text) => text.includes("wait") && window.seen.add(text));
		at("#told", (text) => window.told.push(text));
	})()`, nil))
	const calls = 6
	done := make(chan error, calls)
	for i := range calls {
		go func() {
			status, err := p.Chat(Key, "chat", fmt.Sprintf("Tell me about river %d.", i))
			if err == nil && status != 200 {
				err = fmt.Errorf("a call that may wait was refused: %d", status)
			}
			done <- err
		}()
	}
	must(t, page.Until("the sentence follows the queue", `window.seen.size >= 3`))
	for range calls {
		must(t, <-done)
	}
	must(t, page.Until("its end is told", `window.told.at(-1)?.includes(`+quoted(word(t, "limiting.nothing"))+`)`))
	var told []string
	must(t, page.Eval(`window.told`, &told))
	if len(told) > 3 {
		t.Errorf("told %d times: %q", len(told), told)
	}
	var live int
	must(t, page.Eval(`[...document.querySelectorAll("[aria-live], [role=status], [role=alert]")].filter((e) => e.querySelector(".sentence") || e.matches(".sentence")).length`, &live))
	if live != 0 {
		t.Error("the sentence that changes each second is told as it changes")
	}
}
