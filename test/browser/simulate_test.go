package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// traffic writes a trace of so many calls, ten a second, of two classes and clients, the
// last row of which cannot be used.
func traffic(t *testing.T, calls int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("TIMESTAMP,ContextTokens,GeneratedTokens,Model,Priority,Client\n")
	at := time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC)
	for i := range calls {
		fmt.Fprintf(&b, "%s,400,100,small,%s,client-%d\n", at.Add(time.Duration(i)*100*time.Millisecond).Format("2006-01-02 15:04:05.000"), []string{"high", "low"}[i%2], i%3)
	}
	b.WriteString("soon,1,1,,,\n")
	file := filepath.Join(t.TempDir(), "calls.csv")
	must(t, os.WriteFile(file, []byte(b.String()), 0o600))
	return file
}

func upload(t *testing.T, page *Page, file string) {
	t.Helper()
	must(t, page.Fill("Calls", "upload"))
	must(t, page.See("input[type=file]"))
	must(t, page.run("choose the file", chromedp.SetUploadFiles("input[type=file]", []string{file})))
}

const runs = `[...document.querySelectorAll("button")].find((b) => b.innerText === "Run")`

func start(t *testing.T, page *Page) {
	t.Helper()
	must(t, page.Until("it can be run", `!`+runs+`.disabled`))
	must(t, page.Press("Run"))
}

// figure is a cell of the table of figures, as text: a row by its name, and a run's place.
func figure(row string, run int) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".simtable tr")].find((r) => r.querySelector("th")?.innerText === %s)?.querySelectorAll("td")[%d]?.innerText`, quoted(row), run)
}

// Two configurations are simulated over the same calls and compared; what is wrong with
// one is marked at its line before it runs.
func TestTwoSimulationsAreCompared(t *testing.T) {
	p, page := open(t, configuration)
	must(t, page.Go("simulate"))
	must(t, page.Read("Nothing was simulated yet."))
	must(t, page.Read("Nothing was served in the last hour"))
	upload(t, page, traffic(t, 600))
	must(t, page.Fill("Name", "as it is"))
	start(t, page)
	must(t, page.Until("it is done", figure("Arrived", 0)+` === "600"`))
	must(t, page.Read("1 row left out"))
	must(t, page.Read("spare/only/*"))

	must(t, page.Press("as it is: Vary"))
	must(t, page.Fill("Configuration", "edited"))
	text := written(t, page)
	bad := strings.Replace(text, "rpm: 60, tpm: 100k", "rpm: sixty, tpm: 100k", 1)
	rewrite(t, page, bad)
	must(t, page.Until("the line is marked", wrongLines+` === "`+fmt.Sprint(1+strings.Count(bad[:strings.Index(bad, "sixty")], "\n"))+`"`))
	must(t, page.Until("it cannot be run", runs+`.disabled`))
	rewrite(t, page, strings.Replace(text, "rpm: 60, tpm: 100k", "rpm: 6000, tpm: 10M", 1))
	must(t, page.Read("rpm: 60 → 6000"))
	must(t, page.Fill("Name", "a hundred times"))
	start(t, page)
	must(t, page.Read("Both played the very same 600 calls."))
	must(t, page.Until("the second one serves all", figure("Served", 1)+`?.startsWith("100 %")`))
	var first, difference string
	must(t, page.Eval(figure("Served", 0), &first))
	must(t, page.Eval(`[...document.querySelectorAll(".simtable tr")].find((r) => r.querySelector("th")?.innerText === "Refused").querySelector(".delta").textContent`, &difference))
	if strings.HasPrefix(first, "100 %") || !strings.Contains(difference, "better") || !strings.Contains(difference, "−100") {
		t.Errorf("served %s, refused %s", first, difference)
	}
	must(t, page.Until("classes stand side by side", `document.querySelectorAll(".simtable.groups tbody tr").length >= 8`))
	must(t, page.Until("charts are drawn", `document.querySelectorAll("main .chart canvas").length === 5`))
	must(t, page.Press("Swap A and B"))
	must(t, page.Until("they have changed sides", figure("Served", 0)+`?.startsWith("100 %")`))
	must(t, page.Reload())
	must(t, page.Until("the address keeps both", figure("Served", 0)+`?.startsWith("100 %") && `+figure("Refused", 1)+`?.includes("new")`))
	var report string
	must(t, page.Eval(`fetch(document.querySelector(".simjobs a").href).then((r) => r.text())`, &report))
	if !strings.Contains(report, "<svg") || !strings.Contains(report, "a hundred times") {
		t.Errorf("the report: %.300s", report)
	}
	if now := version(t, p); !strings.HasPrefix(now, "file-") {
		t.Errorf("a simulation has changed the configuration to %s", now)
	}

	must(t, p.Account("vic", password, "viewer", ""))
	viewer, err := p.Session("vic", password)
	must(t, err)
	other := tab(t, p)
	must(t, other.Enter(viewer, "simulate"))
	must(t, other.Read("Your role sees simulations."))
	must(t, other.Press("as it is"))
	must(t, other.Until("a viewer sees the result", figure("Arrived", 0)+` === "600"`))
	must(t, other.Until("and does not act", `!`+runs+` && ![...document.querySelectorAll(".simjobs button")].some((b) => ["Vary", "Forget"].includes(b.innerText))`))
}

// The last hour is what was called; engines stand side by side; a long one is cancelled;
// what has ended is forgotten.
func TestTheLastHourIsSimulated(t *testing.T) {
	p, page := open(t, configuration)
	chat(t, p, 6)
	must(t, page.Go("simulate"))
	must(t, page.Until("the calls are known", `fetch("/admin/api/v1/requests?limit=10").then((r) => r.json()).then((r) => r.data.length === 6)`))
	must(t, page.Fill("Who decides", "sluice,none"))
	must(t, page.Fill("Load", "much"))
	must(t, page.Read(`"much" is no float64`))
	must(t, page.Fill("Load", "2"))
	start(t, page)
	must(t, page.Until("both engines have run", figure("Arrived", 0)+` === "12" && `+figure("Arrived", 1)+` === "12"`))
	must(t, page.Read("without a limiter"))

	upload(t, page, traffic(t, 20_000))
	must(t, page.Fill("Name", "long"))
	must(t, page.Fill("Load", "15"))
	start(t, page)
	must(t, page.Press("long: Cancel"))
	must(t, page.Read("It was cancelled before its end."))
	must(t, page.Press("long: Forget"))
	must(t, page.Until("it is forgotten", `document.querySelectorAll(".simjobs tbody tr").length === 1`))
	_, body, err := p.Ask(http.MethodGet, "/simulate", "")
	var list struct{ Data []struct{ State string } }
	if err != nil || json.Unmarshal(body, &list) != nil || len(list.Data) != 1 || list.Data[0].State != "done" {
		t.Errorf("%s %v", body, err)
	}
}

// axe-core finds nothing wrong with the simulate and configuration pages in their states:
// a text with problems, a comparison, a difference, the question before it is applied.
func TestSimulationsAreAccessible(t *testing.T) {
	axe, err := Axe(".")
	must(t, err)
	_, page := open(t, configuration)
	show(t, page, "simulate")
	upload(t, page, traffic(t, 300))
	must(t, page.Fill("Name", "one"))
	must(t, page.Fill("Configuration", "edited"))
	rewrite(t, page, "routes: [")
	must(t, page.Until("wrong", wrongLines+` !== ""`))
	accessible(t, page, axe, "an edited copy with problems")
	must(t, page.Fill("Configuration", "current"))
	must(t, page.Fill("Who decides", "sluice,none"))
	start(t, page)
	must(t, page.Until("it is done", figure("Arrived", 0)+` === "300"`))
	must(t, page.Press("More options"))
	accessible(t, page, axe, "a comparison")
	show(t, page, "settings/configuration")
	rewrite(t, page, written(t, page)+"telemetry: {sample: 0.5}\n")
	must(t, page.Read("after a restart"))
	accessible(t, page, axe, "a difference")
	must(t, page.Press("Apply"))
	must(t, page.See("dialog[open]"))
	accessible(t, page, axe, "apply")
}
