package gateway

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/auth"
	"github.com/sluice-gateway/sluice/budget/prices"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/telemetry"
)

// Every provider that has a preset has prices, but for the one of which nothing is known.
func TestEveryPresetHasPrices(t *testing.T) {
	known := map[string]bool{}
	for _, p := range prices.Shipped() {
		known[p.Provider] = true
		if p.Input < 0 {
			t.Errorf("%+v: no price of input", p)
		}
		if p.Output < 0 && !strings.Contains(p.Model, "embed") {
			t.Errorf("%+v: no price of output", p)
		}
	}
	for _, p := range providers.Presets() {
		if !known[p.Name] && p.Name != "generic" {
			t.Errorf("%s: no prices", p.Name)
		}
		delete(known, p.Name)
	}
	for name := range known {
		if name != "" {
			t.Errorf("%s: prices of no preset", name)
		}
	}
}

// priced is a route whose calls cost something in every way that there is.
const priced = `
time_zone: Europe/Berlin
providers:
  up: {base_url: "http://upstream.invalid/v1", accounts: [{name: a, keys: [key-a]}]}
routes:
  m: {targets: [up/m]}
prices:
  - {model: m, input: 1000, cached_input: 100, output: 2000, request: 0.05, image: 0.25}
  - {model: m, input: 5000, output: 9000, above: 1000}
client_keys: [{name: test, key: {{key}}}]
`

const cachedAnswer = `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":4}}}`

// What a call costs is reserved while it is under way and settled when it has ended: tokens
// by kind, what each call costs, each picture, and the price of long prompts; and what is
// told of the attempt is the same.
func TestMoneyIsReservedAndSettled(t *testing.T) {
	picture := `{"type":"image_url","image_url":{"url":"https://example.com/x.png","detail":"low"}}`
	text := `{"type":"text","text":"hi"}`
	long := `{"type":"text","text":"` + strings.Repeat("word ", 2000) + `"}`
	const milli = prices.NanoUSD / 1000
	for _, c := range []struct {
		name, content, answer string
		status                int
		least, spent          int64 // reserved at least, settled exactly
	}{
		{"tokens", text, wholeAnswer, 200, 50*milli + 9*milli, 50*milli + 9*milli + 2*milli},
		{"cached", text, cachedAnswer, 200, 50*milli + 9*milli, 50*milli + 5*milli + 4*milli/10 + 2*milli},
		{"pictures", text + "," + picture + "," + picture, wholeAnswer, 200, 50*milli + 500*milli + 9*milli, 50*milli + 500*milli + 9*milli + 2*milli},
		{"a long prompt, by its estimate", long, wholeAnswer, 200, 2000 * 5 * milli, 50*milli + 9*milli + 2*milli},
		{"a long prompt", long, strings.NewReplacer(`"prompt_tokens":9`, `"prompt_tokens":1001`, `"total_tokens":10`, `"total_tokens":1002`).Replace(wholeAnswer), 200, 2000 * 5 * milli, 1001*5*milli + 9*milli},
		{"refused", picture, `{"error":{"message":"no"}}`, 400, 300 * milli, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := auth.NewDirectory()
				putKey(t, d, storedKey("a", map[string]string{"usd_per_day": "100", "usd_per_month": "1000"}))
				var g *Gateway
				held := func() (reserved, left int64) {
					for _, b := range g.BucketStates() {
						if b.Scope == "client_key" && b.Limit.Name == "usd_per_month" {
							return b.Reserved, 1000*prices.NanoUSD - b.Level
						}
					}
					t.Error("no limit in dollars is held")
					return 0, 0
				}
				told := &attempts{}
				var during int64
				g = serveStored(t, told, priced, d, func(r *http.Request) (*http.Response, error) {
					during, _ = held()
					resp, err := answer(r, c.answer)
					resp.StatusCode = c.status
					return resp, err
				})
				as(g.Handler(), secretOf("a"), `{"model":"m","max_tokens":2,"messages":[{"role":"user","content":[`+c.content+`]}]}`)
				synctest.Wait()
				reserved, spent := held()
				if during < c.least || reserved != 0 || spent != c.spent {
					t.Errorf("%d were reserved, at least %d expected; then %d, and %d spent, not %d", during, c.least, reserved, spent, c.spent)
				}
				if a := told.told[0]; a.EstimatedCost != during || a.Cost != c.spent || told.records[0].Cost != c.spent {
					t.Errorf("told: %+v, %d", a, told.records[0].Cost)
				}
			})
		})
	}
}

// A refusal tells what it is about: what the call would cost, and when there is room again,
// in the configured zone.
func TestARefusalForMoneyTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock begins in the year 2000
		d := auth.NewDirectory()
		putKey(t, d, storedKey("a", map[string]string{"usd_per_day": "0.08"}))
		g := serveStored(t, telemetry.Nop{}, priced, d, func(r *http.Request) (*http.Response, error) { return answer(r, wholeAnswer) })
		h := g.Handler()
		ask := func(most, picture string) string {
			return `{"model":"m","max_tokens":` + most + `,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}` + picture + `]}]}`
		}
		if w := as(h, secretOf("a"), ask("1", "")); w.Code != 200 {
			t.Fatal(w.Body)
		}
		w := as(h, secretOf("a"), ask("1", ""))
		if codeOf(w) != "429 insufficient_quota insufficient_quota" || w.Header().Get("X-Should-Retry") != "false" ||
			!strings.Contains(w.Body.String(), "this request is expected to cost $0.0") || !strings.Contains(w.Body.String(), "begins anew at 2000-01-02T00:00:00+01:00.") {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
		w = as(h, secretOf("a"), ask("1000", ""))
		if codeOf(w) != "429 insufficient_quota insufficient_quota" || !strings.Contains(w.Body.String(), "allows at all") {
			t.Errorf("%s", w.Body)
		}
		time.Sleep(time.Until(time.Date(2000, 1, 1, 23, 0, 0, 0, time.UTC))) // midnight in Berlin
		if w := as(h, secretOf("a"), ask("1", "")); w.Code != 200 {
			t.Fatal(w.Body)
		}
	})
}

func TestDollars(t *testing.T) {
	for nano, want := range map[int64]string{0: "$0.00", 1: "$0.000000001", 1_200_000_000: "$1.20", 12_345_000_000: "$12.345", 5e18: "$5000000000.00"} {
		if got := dollars(nano); got != want {
			t.Errorf("%d: %s, want %s", nano, got, want)
		}
	}
}
