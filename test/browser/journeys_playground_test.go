package browser

import (
	"fmt"
	"testing"
)

// What a model writes is text, whatever it looks like: streamed, whole, and in what is
// kept of the call.
func TestWhatAModelWritesStaysText(t *testing.T) {
	_, page := share(t, "playground")
	must(t, page.Fill("Route", "writer"))
	for turn := range 2 {
		if turn == 1 {
			must(t, page.Point("no stream", `document.querySelector(".check input")`))
		}
		must(t, page.Fill("Message", markup))
		must(t, page.Press("Send"))
		must(t, page.Until("the answer is there, word for word", fmt.Sprintf(`((t) => t.length === %d && t.every((e) => e.textContent === %s))([...document.querySelectorAll(".turn .text")])`, 2*turn+2, quoted(markup))))
		must(t, page.Until("what happened to it is told", `[...document.querySelectorAll(".turn.assistant")].at(-1).querySelector("details summary")`))
		must(t, page.Point("open it", `[...document.querySelectorAll(".turn.assistant summary")].at(-1)`))
	}
	var hurt, made any
	must(t, page.Eval(`window.hurt`, &hurt))
	must(t, page.Eval(`[...document.querySelectorAll("main img, main .text *, main a[href^=javascript]")].map((e) => e.outerHTML).join() || null`, &made))
	if hurt != nil || made != nil {
		t.Errorf("markup in a message became markup in the page: %v %v", hurt, made)
	}
}

// A call of the playground goes in the place of a key, in a class, and shows what happened
// to it: who served it, and what it was estimated at.
func TestThePlaygroundShowsWhatHappened(t *testing.T) {
	h, page := share(t, "playground")
	stored(t, h.Program, `{"name":"player","models":["away"],"priority":"high","limits":{"rpm":1}}`)
	must(t, page.Fill("Route", "away"))
	must(t, page.Fill("As client key", "player"))
	must(t, page.Fill("Class", "low"))
	must(t, page.Fill("Message", "How deep is the river?"))
	before := h.far.sim.Total().OK
	must(t, page.Press("Send"))
	must(t, page.Press("What happened to it"))
	must(t, page.Read("far/qwen3-max"))
	if n := h.far.sim.Total().OK; n != before+1 {
		t.Errorf("the provider answered %d calls", n-before)
	}
	must(t, page.Fill("Message", "And how wide?"))
	must(t, page.Press("Send"))
	must(t, page.Until("the second is refused by the key's own limit", `document.querySelector(".turn .notice.refused")?.innerText.includes("rate_limit_exceeded")`))
	turn(t, page, "requests")
	must(t, page.Point("the first call", `[...document.querySelectorAll(".list .line")].filter((r) => r.innerText.includes("player") && r.innerText.includes("served")).at(-1)`))
	must(t, page.Until("it went in its class", `((d) => d && [...d.querySelectorAll("dd")].some((e) => e.innerText === "low"))(document.querySelector("dl.pairs"))`))
}
