package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/store/postgres/pgtest"
	"github.com/sluice-gateway/sluice/web/api"
)

// newcomersLimits are those of the first key that anybody makes.
const newcomersLimits = `"limits":{"rpm":60,"tpm":"10k","usd_per_month":5}`

// priced is a configuration with one model that costs next to nothing and one that costs
// a dollar per thousand tokens, so that five dollars are spent within ten thousand tokens.
func priced(url, store string) string {
	return one(url, "  dear: {targets: [up/dear]}\n") + `
store: ` + store + `
prices:
  - {provider: up, model: m, input: 0.001, output: 0.002}
  - {provider: up, model: dear, input: 1000, output: 1000}
`
}

// Somebody new makes keys with 60 requests and 10,000 tokens a minute and $5 a month, by
// the command and by the API, uses each until it is refused, sees why and reads the spend.
func TestANewcomersKeys(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		newcomer(t, `{driver: sqlite, dsn: "`+filepath.Join(t.TempDir(), "sluice.db")+`"}`)
	})
	t.Run("postgres", func(t *testing.T) {
		server, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		})
		newcomer(t, `{driver: postgres, dsn: "`+server.Database(t)+`"}`)
	})
}

func newcomer(t *testing.T, store string) {
	o := open("a")
	o.OutputTokens = 4
	_, url := upstream(t, o)
	n := &visit{gateway: start(t, priced(url, store))}
	eventually(t, "prompts are counted exactly", func() bool { return strings.Contains(n.log.String(), "encodings loaded") })
	made := n.keys("create", "by-command", "--limit", "rpm=60", "--limit", "tpm=10k", "--limit", "usd_per_month=5")
	credential := regexp.MustCompile(`sk-sluice-\S+`).FindString(made)
	if credential == "" || strings.Count(made, credential) != 1 || !strings.Contains(made, "shown this once") {
		t.Fatalf("%s", made)
	}
	n.requestsPerMinute("by-command", credential)
	n.tokensPerMinute("by-api", n.create(`{"name":"by-api",`+newcomersLimits+`}`).Key)
	n.dollarsPerMonth("spender", n.create(`{"name":"spender",`+newcomersLimits+`}`))
}

// visit is a newcomer at a gateway.
type visit struct{ *gateway }

// keys runs gateway keys.
func (v *visit) keys(args ...string) string {
	v.t.Helper()
	out, err := runBinary(append(append([]string{"keys"}, args...), "--admin", v.admin, "--token", adminToken)...)
	if err != nil {
		v.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// until calls until the answer has another status than 200, and answers it with how many
// went through before.
func (v *visit) until(credential, body string, most int) (refusal answer, passed int) {
	v.t.Helper()
	for ; passed <= most; passed++ {
		a := v.post("/v1/chat/completions", body, "Authorization", "Bearer "+credential)
		if a.status != http.StatusOK {
			return a, passed
		}
		refusal = a
	}
	v.t.Fatalf("%d calls went through, and the last said %d %v", passed, refusal.status, refusal.header)
	return refusal, passed
}

// refused checks what a refusal tells: its code, whose limit it was and which, and the
// same again in the request's row, in its trail and in what would become of the next one.
func (v *visit) refused(a answer, status int, code, says, name, body string) {
	v.t.Helper()
	_, got, message := a.errorCode()
	if a.status != status || got != code || a.header.Get("X-Sluice-Limited-By") != "client_key" || !strings.Contains(message, says) || !strings.Contains(message, "("+name+")") {
		v.t.Fatalf("%d %v %s: want %d %s: %s", a.status, a.header, a.body, status, code, says)
	}
	id := a.header.Get("X-Request-Id")
	eventually(v.t, "the request is in the ledger", func() bool {
		return v.ask(http.MethodGet, "/requests/"+id, "").status == http.StatusOK
	})
	var row struct {
		Key, Outcome, Error string
		LimitedBy           string `json:"limited_by"`
	}
	for _, path := range []string{"/requests/", "/explain/"} {
		v.manage(http.MethodGet, path+id, "", &row)
		if row.Key != name || row.Outcome != "limited" || row.LimitedBy != "client_key" || row.Error != message {
			v.t.Errorf("%s%s says %+v", path, id, row)
		}
	}
	var next struct {
		Verdict string
		Door    []struct{ Scope, Name, Says, Short string }
	}
	question := v.manage(http.MethodPost, "/explain", `{"key":"`+name+`","request":`+body+`}`, &next)
	if len(next.Door) == 0 || next.Door[0].Scope != "client_key" || next.Door[0].Says == "room" || next.Door[0].Short == "" {
		v.t.Errorf("explain says %d %s", question.status, question.body)
	}
}

func (v *visit) requestsPerMinute(name, credential string) {
	v.t.Helper()
	body := chatBody("m", "Hello!", `"max_tokens":5`)
	a, passed := v.until(credential, body, 400)
	if passed < 60 {
		v.t.Errorf("%d calls went through of 60", passed)
	}
	for header, want := range map[string]string{"X-Ratelimit-Limit-Requests": "60", "X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Limit-Tokens": "10000"} {
		if got := a.header.Get(header); got != want {
			v.t.Errorf("%s is %q", header, got)
		}
	}
	if a.header.Get("Retry-After") != "1" && a.header.Get("Retry-After") != "2" {
		v.t.Errorf("a request comes back every second, and Retry-After says %q", a.header.Get("Retry-After"))
	}
	v.refused(a, http.StatusTooManyRequests, "rate_limit_exceeded", "60 requests per minute (rpm)", name, body)
}

func (v *visit) tokensPerMinute(name, credential string) {
	v.t.Helper()
	large := chatBody("m", strings.Repeat("word ", 11000), `"max_tokens":5`)
	a, passed := v.until(credential, large, 1)
	if passed != 0 {
		v.t.Errorf("%d calls of 11,000 tokens went through", passed)
	}
	v.refused(a, http.StatusBadRequest, "tokens_exceed_limit", "larger than the limit of 10000 tokens per minute (tpm)", name, large)
	body := chatBody("m", strings.Repeat("word ", 2000), `"max_tokens":5`)
	a, passed = v.until(credential, body, 30)
	if passed < 3 {
		v.t.Errorf("%d calls of 2,000 words went through", passed)
	}
	if kind, _, _ := a.errorCode(); kind != "tokens" {
		v.t.Errorf("the kind is %s", kind)
	}
	v.refused(a, http.StatusTooManyRequests, "rate_limit_exceeded", "10000 tokens per minute (tpm)", name, body)
}

func (v *visit) dollarsPerMonth(name string, k api.MadeKey) {
	v.t.Helper()
	body := chatBody("dear", strings.Repeat("word ", 900), `"max_tokens":5`)
	a, passed := v.until(k.Key, body, 10)
	if passed < 4 {
		v.t.Errorf("%d calls of a dollar went through", passed)
	}
	if a.header.Get("X-Should-Retry") != "false" {
		v.t.Error("SDKs are not told that trying again is vain")
	}
	if _, _, message := a.errorCode(); !strings.Contains(message, "It begins anew at ") {
		v.t.Errorf("%s", message)
	}
	v.refused(a, http.StatusTooManyRequests, "insufficient_quota", "$5.00 per month (usd_per_month), is reached", name, body)
	v.spend(name, k.ID, passed)
}

// spend checks that the sums, the rows and the key's own words agree on what was spent.
func (v *visit) spend(name, id string, passed int) {
	v.t.Helper()
	var sums, rows struct {
		Data []struct {
			Outcome           string
			Requests, Refused int64
			Cost              int64 `json:"cost_nano_usd"`
			Input             int64 `json:"input_tokens"`
			Output            int64 `json:"output_tokens"`
		}
	}
	eventually(v.t, "all calls are summed", func() bool {
		v.manage(http.MethodGet, "/usage?group_by=key&key_id="+id, "", &sums)
		return len(sums.Data) == 1 && sums.Data[0].Requests == int64(passed)+1 && sums.Data[0].Refused == 1
	})
	sum := sums.Data[0]
	v.manage(http.MethodGet, "/requests?key_id="+id, "", &rows)
	var cost int64
	for _, r := range rows.Data {
		if want := (r.Input + r.Output) * 1_000_000; r.Cost != want {
			v.t.Errorf("a call of %d + %d tokens costs %d, not %d", r.Input, r.Output, r.Cost, want)
		}
		cost += r.Cost
	}
	if sum.Cost != cost || cost == 0 {
		v.t.Errorf("the sum is %d, the rows are %d together", sum.Cost, cost)
	}
	var shown struct{ Usage []api.Budget }
	v.manage(http.MethodGet, "/keys/"+id, "", &shown)
	for _, b := range shown.Usage {
		if b.Limit == "usd_per_month" && b.Capacity-b.Level != cost {
			v.t.Errorf("the key has spent %d by its bucket and %d by the ledger", b.Capacity-b.Level, cost)
		}
	}
	text := v.keys("show", name)
	spent, _ := json.Marshal(float64(cost) / 1e9)
	for _, want := range []string{"usd_per_month  $5.000000  $" + string(spent), "Last 30 days: ", "1 of them refused", "; $" + string(spent)} {
		if !strings.Contains(text, want) {
			v.t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
