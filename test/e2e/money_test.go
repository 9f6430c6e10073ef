package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/web/api"
)

// A new user's way: a key of so many dollars a month is used until it is refused, the
// refusal tells why, and what was spent is read by key, owner, model and day, through the
// API and on the command line; all of them agree to the nano-dollar.
func TestAMonthsMoney(t *testing.T) {
	_, url := upstream(t, open("a"))
	g := start(t, one(url, "")+"time_zone: Asia/Seoul\nprices: [{model: m, input: 1, output: 2, request: 0.001, image: 0.01}]\n")
	if a := g.manage(http.MethodPost, "/owners", `{"name":"acme"}`, nil); a.status != 201 {
		t.Fatal(a.body)
	}
	k := g.create(`{"name":"app","owner":"acme","limits":{"rpm":60,"tpm":"10k","usd_per_month":0.015}}`)
	picture := `{"model":"m","max_tokens":64,"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"https://example.com/x.png","detail":"low"}}]}]}`
	paid := []answer{g.post("/v1/chat/completions", picture, "Authorization", "Bearer "+k.Key)}
	var last answer
	for last.status != http.StatusTooManyRequests {
		if last = g.as(k.Key, `"max_tokens":64`); last.status == http.StatusOK {
			paid = append(paid, last)
		} else if last.status != http.StatusTooManyRequests {
			t.Fatal(last.status, last.body)
		}
	}
	kind, code, message := last.errorCode()
	if kind != "insufficient_quota" || code != "insufficient_quota" || last.header.Get("X-Sluice-Limited-By") != "client_key" || last.header.Get("X-Should-Retry") != "false" ||
		!strings.Contains(message, "spend limit of this API key (app)") || !strings.Contains(message, "-01T00:00:00+09:00") {
		t.Fatalf("%v %s", last.header, last.body)
	}
	want, input := int64(10_000_000), int64(0) // the picture
	for _, a := range paid {
		var got struct {
			Usage struct {
				Prompt     int64 `json:"prompt_tokens"`
				Completion int64 `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Usage.Prompt == 0 {
			t.Fatal(a.status, a.body)
		}
		want += 1000*got.Usage.Prompt + 2000*got.Usage.Completion + 1_000_000
		input += got.Usage.Prompt
	}
	if len(paid) < 3 {
		t.Fatalf("only %d calls were paid for", len(paid))
	}

	group := func() api.Usage {
		var sums api.List[api.Usage]
		g.manage(http.MethodGet, "/usage?group_by=key,owner,model,day&zone=Asia/Seoul", "", &sums)
		i := slices.IndexFunc(sums.Data, func(u api.Usage) bool { return u.Group["model"] == "m" })
		if i < 0 {
			return api.Usage{}
		}
		return sums.Data[i]
	}
	eventually(t, "the ledger has all", func() bool { return group().Attempts == int64(len(paid)) })
	if u := group(); u.Cost != want || u.Input != input || u.Group["key"] != "app" || u.Group["owner"] != "acme" || len(u.Group["day"]) != 10 {
		t.Errorf("%+v, want %d", u, want)
	}
	var shown api.KeyDetail
	g.manage(http.MethodGet, "/keys/"+k.ID, "", &shown)
	if i := slices.IndexFunc(shown.Usage, func(b api.Budget) bool { return b.Limit == "usd_per_month" }); i < 0 || shown.Usage[i].Amount-shown.Usage[i].Level != want {
		t.Errorf("%+v", shown.Usage)
	}
	var attempt api.RequestDetail
	g.manage(http.MethodGet, "/requests/"+paid[0].header.Get("X-Request-Id"), "", &attempt)
	if len(attempt.Attempts) != 1 || attempt.Attempts[0].EstimatedNanoUSD < 11_000_000 || attempt.Attempts[0].CostNanoUSD < 11_000_000 || attempt.Attempts[0].EstimatedInput == 0 {
		t.Errorf("estimate beside actual: %+v", attempt.Attempts)
	}
	for want, args := range map[string][]string{
		"app m acme": {"--by", "key,model,owner", "--key", "app"}, "acme ": {"--by", "owner", "--owner", "acme"},
		"total": {}, `"cost_nano_usd":`: {"--json"}, "key,day,requests": {"--by", "key,day", "--csv"},
	} {
		out, err := runBinary(append([]string{"usage", "--admin", g.admin, "--token", adminToken}, args...)...)
		if err != nil || !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	if out, err := runBinary("usage", "--admin", g.admin, "--token", adminToken, "--by", "colour"); err == nil || !strings.Contains(out, "group_by: must be some of key, owner") {
		t.Errorf("%v %s", err, out)
	}
}
