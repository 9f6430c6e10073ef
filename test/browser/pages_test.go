package browser

import (
	"strings"
	"testing"
	"time"
)

// narrow has a first target that takes one call at once, so that others move on.
const narrow = `
server: {admin_token: "{{token}}"}
providers:
  tight:
    dialect: simulated
    simulated: {first_token: 20ms, tokens_per_second: 2000}
    accounts: [{name: one, limits: [{models: [qwen3-max], rpm: 1}, {rpm: 600}]}]
  spare:
    dialect: simulated
    simulated: {first_token: 20ms, tokens_per_second: 2000}
    accounts: [{name: only}]
routes:
  chat: {targets: [tight/qwen3-max, spare/qwen-turbo]}
  alone: {targets: [spare/qwen-turbo]}
owners:
  acme: {limits: {rpm: 100}}
client_keys:
  - {name: app, key: "{{key}}", owner: acme, limits: {rpm: 100}}
`

// What limits is said in the reader's language, from what the gateway tells in parts; and
// the page of routes says the same by the target that calls left.
func TestWhatLimitsIsSaidInTheReadersLanguage(t *testing.T) {
	p, page := open(t, narrow)
	chat(t, p, 3)
	sentence := `document.querySelector(".topline .sentence")?.innerText`
	must(t, page.Until("it says where calls went", sentence+`?.includes("n the last minute 2 went to spare/qwen-turbo")`))
	must(t, page.Go("routes"))
	must(t, page.Until("the target that calls left says why", Holding(".flow .target", "tight/qwen3-max")+`?.innerText.includes("2 went on:")`))
	var said string
	must(t, page.Eval(Holding(".flow .target", "tight/qwen3-max")+`.innerText`, &said))
	for _, want := range []string{"2 × no room", "33.3 %", "breaker closed", "one rpm"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in %q", want, said)
		}
	}
	must(t, page.Eval(`localStorage.setItem("language", "ko")`, nil))
	must(t, page.Reload())
	must(t, page.Until("it says so in Korean, with the right particle", sentence+`?.includes("spare/qwen-turbo로 2건이 옮겨 갔습니다")`))
	must(t, page.Eval(`localStorage.setItem("language", "en")`, nil))
}

// A call shows in the buckets it took from within a second or two, the scarcest first.
func TestBudgetsAreLive(t *testing.T) {
	p, page := open(t, narrow)
	must(t, page.Go("budgets"))
	row := Holding(".striprow", "one tight · qwen3-max")
	must(t, page.Until("the bucket is full", row+`?.innerText.includes("now")`))
	chat(t, p, 1)
	began := time.Now()
	must(t, page.Until("it is empty, and says when there is room", `/\d+ (s|min)$/.test(`+row+`?.innerText.trim())`))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	must(t, page.Go("budgets?scope=owner"))
	must(t, page.Until("the owner's is charged too", Holding(".striprow", "acme")+`?.innerText.includes("/ 100")`))
}

// A pause says in numbers what it does, and that nothing would be left.
func TestAPauseSaysWhatItDoes(t *testing.T) {
	p, page := open(t, narrow)
	chat(t, p, 3)
	must(t, page.Go("routes"))
	alone := Holding("section.band", "alone")
	must(t, page.Until("the route is there", alone+`?.querySelector(".flow .target")`))
	must(t, page.Point("pause the only target", `((b) => [...b.querySelectorAll("button")].find((x) => x.innerText === "Pause"))(`+alone+`)`))
	must(t, page.Read("every call to alone will be refused"))
	must(t, page.Type("\x1b"))
	chatRoute := Holding("section.band", "tight/qwen3-max")
	must(t, page.Until("what each served is told", chatRoute+`?.innerText.includes("2 calls")`))
	must(t, page.Point("pause the first target", `((b) => [...b.querySelectorAll("button")].find((x) => x.innerText === "Pause"))(`+chatRoute+`)`))
	must(t, page.Read("It served 1 call in the last ten minutes, 33.3 % of the route's."))
	must(t, page.Read("New calls go to spare/qwen-turbo."))
	must(t, page.Point("yes", ButtonIn("dialog", "", "Pause")))
	must(t, page.Read("tight/qwen3-max is paused."))
	chat(t, p, 1)
	must(t, page.Until("it served nothing more", chatRoute+`?.innerText.includes("3 calls")`))
	must(t, page.Press("Undo"))
	must(t, page.Until("it serves again", `!`+chatRoute+`?.innerText.includes("paused")`))
}

// A provider that rests says so at each of its accounts, and comes back by undo.
func TestAProviderThatIsDisabledSaysSo(t *testing.T) {
	_, page := open(t, narrow)
	must(t, page.Go("upstreams"))
	tight := Holding("section.band", "one tight")
	must(t, page.Point("disable all of tight", ButtonIn("main > .stack", "one tight", "Disable all")))
	must(t, page.Read("Of 1 key, 1 take calls now, 0 will."))
	must(t, page.Point("yes", ButtonIn("dialog", "", "Disable")))
	must(t, page.Until("its account says so", tight+`?.innerText.includes("the provider is disabled")`))
	must(t, page.Press("Undo"))
	must(t, page.Until("it is back", `!`+tight+`?.innerText.includes("the provider is")`))
}

// Before any traffic the page makes a key, and its line works.
func TestTheFirstLineWorks(t *testing.T) {
	p, page := open(t, narrow)
	must(t, page.Press("Make a key and put it in"))
	must(t, page.Until("the line has the key", `document.querySelector(".empty pre")?.innerText.includes("sk-sluice-")`))
	var line string
	must(t, page.Eval(`document.querySelector(".empty pre").innerText`, &line))
	if !strings.Contains(line, p.API+"/v1/chat/completions") || !strings.Contains(line, `"model":"chat"`) {
		t.Fatalf("%s", line)
	}
	_, rest, _ := strings.Cut(line, "Bearer ")
	secret, _, _ := strings.Cut(rest, `"`)
	if status, err := p.Chat(secret, "chat", "Hello!"); err != nil || status != 200 {
		t.Fatalf("%d %v", status, err)
	}
	must(t, page.Until("there is traffic", `!document.body.innerText.includes("No traffic yet")`))
}

// A role's first page is one that it may see.
func TestEveryRoleBeginsWhereItMayBe(t *testing.T) {
	h := shared(t)
	session, err := h.Session("kim", password)
	must(t, err)
	page := tab(t, h.Program)
	must(t, page.Enter(session, ""))
	must(t, page.Until("the budgets are there", `document.querySelector("main h1")?.innerText === "Budgets" && !document.querySelector("main .bone")`))
	must(t, page.Go("settings/people"))
	must(t, page.Read("Your role does not see this."))
}

// The search asks the ledger, and a request's way is told from its estimate to its
// settling.
func TestARequestIsFoundAndTold(t *testing.T) {
	_, page := share(t, "requests/past")
	must(t, page.Eval(`location.hash = "#/requests/past?outcome=limited"`, nil))
	must(t, page.Until("only refused calls are shown", `((rows) => rows.length > 0 && rows.every((r) => r.innerText.includes("own limit")))([...document.querySelectorAll(".list .line")])`))
	must(t, page.Eval(`location.hash = "#/requests/past?outcome=ok"`, nil))
	must(t, page.Until("only served calls are shown", `((rows) => rows.length > 0 && rows.every((r) => r.innerText.includes("served")))([...document.querySelectorAll(".list .line")])`))
	must(t, page.Click(".list .line"))
	must(t, page.See(".stages li"))
	var stages string
	must(t, page.Eval(`document.querySelector(".stages").innerText`, &stages))
	at := -1
	for _, stage := range []string{"Estimated", "Attempt 1", "Settled"} {
		i := strings.Index(stages, stage)
		if i <= at {
			t.Errorf("%s does not follow in %q", stage, stages)
		}
		at = i
	}
}

// Usage shows every day of the time that is asked for, in the reader's zone, and gives it
// as files.
func TestUsageShowsEveryDay(t *testing.T) {
	_, page := share(t, "usage")
	must(t, page.Until("there are charts", `document.querySelectorAll(".chart canvas").length === 3`))
	must(t, page.Until("both files are offered", `["csv", "json"].every((f) => [...document.querySelectorAll("a[download]")].some((a) => a.href.includes("format=" + f) && a.href.includes("zone=")))`))
	must(t, page.Eval(`location.hash = "#/usage?by=day&days=30"`, nil))
	must(t, page.Until("there is a row of today", `[...document.querySelectorAll(".list .line")].some((r) => /\d{4}-\d\d-\d\d/.test(r.innerText))`))
}
