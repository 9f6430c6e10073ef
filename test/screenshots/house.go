package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/ledger"
	"github.com/sluice-gateway/sluice/providers/simulated"
	"github.com/sluice-gateway/sluice/store/sqlite"
	"github.com/sluice-gateway/sluice/test/browser"
)

// configuration is what the pictures show. OpenAI's limits are not in it: they are learned
// from what that provider's answers say.
const configuration = `# Everything that is not here has its default.
server:
  admin_token: "{{token}}"

providers:
  dashscope:
    dialect: simulated
    simulated: {first_token: 400ms, tokens_per_second: 160, output_tokens: 260}
    accounts:
      - name: team-search
        keys: [sk-demo-search-1, sk-demo-search-2]
        limits: &tier
          - {models: [qwen3-max], rpm: 120, tpm: 54k}
          - {models: [qwen-plus, qwen-flash], rpm: 300, tpm: 250k}
      - {name: team-assist, keys: [sk-demo-assist-1], limits: *tier}
      - {name: team-batch, keys: [sk-demo-batch-1], limits: *tier}
  openai:
    base_url: {{openai}}/v1
    accounts:
      - {name: main, keys: [sk-demo-openai-1, sk-demo-openai-2]}

routes:
  assistant: {targets: [dashscope/qwen3-max, dashscope/qwen-plus, openai/gpt-4.1-mini]}
  search: {targets: [dashscope/qwen3-max]}
  summaries: {targets: [dashscope/qwen-plus, openai/gpt-4.1-mini]}
  classify: {targets: [openai/gpt-4.1-mini, dashscope/qwen-flash]}

owners:
  search: {limits: {tpm: 400k, usd_per_day: 120}}
  assistant: {limits: {tpm: 600k}}
  analytics: {limits: {tpm: 200k, usd_per_month: 900}}

client_keys:
  - {name: playground, key: "{{key}}"}
`

// team is a stored client key and the calls that it makes.
type team struct {
	name, owner, priority, route string
	every                        time.Duration // between two calls
	words                        int           // of a prompt
	limits                       string
	id, key                      string
}

func teams() []*team {
	return []*team{
		{name: "search-frontend", owner: "search", priority: "critical", route: "search", every: 900 * time.Millisecond, words: 320, limits: `{"rpm":240,"tpm":"150k"}`},
		{name: "search-suggest", owner: "search", priority: "normal", route: "classify", every: 700 * time.Millisecond, words: 60, limits: `{"rpm":600}`},
		{name: "assistant-web", owner: "assistant", priority: "high", route: "assistant", every: 450 * time.Millisecond, words: 420, limits: `{"tpm":"300k"}`},
		{name: "assistant-mobile", owner: "assistant", priority: "high", route: "assistant", every: 800 * time.Millisecond, words: 300, limits: `{"tpm":"200k"}`},
		{name: "support-bot", owner: "assistant", priority: "normal", route: "search", every: 650 * time.Millisecond, words: 380, limits: `{"rpm":200,"tpm":"120k"}`},
		{name: "weekly-report", owner: "analytics", priority: "low", route: "search", every: 1100 * time.Millisecond, words: 900, limits: `{"tpm":"60k","usd_per_day":20}`},
		{name: "ticket-summaries", owner: "analytics", priority: "normal", route: "summaries", every: 600 * time.Millisecond, words: 500, limits: `{"tpm":"150k"}`},
		{name: "nightly-labels", owner: "analytics", priority: "low", route: "classify", every: 1500 * time.Millisecond, words: 120, limits: `{"rpm":60}`},
		{name: "staging", owner: "assistant", priority: "low", route: "assistant"},
		{name: "intern-notebook", owner: "analytics", priority: "low", route: "assistant", limits: `{"usd_per_day":2}`},
	}
}

// openai is a provider that tells its limits with every answer.
func openai() *httptest.Server {
	return httptest.NewServer(simulated.New(simulated.Options{
		Headers: true, FirstToken: 300 * time.Millisecond, TokensPerSecond: 220, OutputTokens: 160,
		Accounts: []simulated.Account{{Name: "main", Keys: []string{"sk-demo-openai-1", "sk-demo-openai-2"}, Limits: []simulated.Limit{{Models: []string{"*"}, RPM: 240, TPM: 120_000}}}},
	}))
}

// furnish makes the keys, and two weeks that the ledger remembers. It answers the program
// that serves afterwards.
func furnish(binary, dir, yaml string, all []*team) (*browser.Program, error) {
	p, err := browser.Start(binary, dir, yaml)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		limits := t.limits
		if limits == "" {
			limits = "{}"
		}
		status, answer, err := p.Ask(http.MethodPost, "/keys", fmt.Sprintf(`{"name":%q,"owner":%q,"priority":%q,"limits":%s,"tags":["prod"]}`, t.name, t.owner, t.priority, limits))
		if err != nil || status != http.StatusCreated {
			p.Stop()
			return nil, fmt.Errorf("the key %s: %d %s %w", t.name, status, answer, err)
		}
		var made struct{ ID, Key string }
		if err := json.Unmarshal(answer, &made); err != nil {
			p.Stop()
			return nil, err
		}
		t.id, t.key = made.ID, made.Key
	}
	err = errors.Join(p.Account("mina", password, "admin", ""), p.Account("jun", password, "operator", ""))
	p.Stop()
	if err == nil {
		err = remember(filepath.Join(dir, "sluice.db"), all)
	}
	if err != nil {
		return nil, err
	}
	return browser.Start(binary, dir, yaml)
}

// remember writes two weeks of calls into the ledger: fewer at night and at weekends.
func remember(path string, all []*team) error {
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	defer store.Close()
	chance := rand.New(rand.NewPCG(7, 11))
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -14)
	for hour := begin; hour.Before(time.Now().Add(-time.Hour)); hour = hour.Add(time.Hour) {
		busy := .35
		if h := hour.Hour(); h >= 8 && h < 19 {
			busy = 1
		}
		if d := hour.Weekday(); d == time.Saturday || d == time.Sunday {
			busy *= .4
		}
		var entries []ledger.Entry
		for _, t := range all {
			if t.every == 0 {
				continue
			}
			for range int(busy*float64(4+t.words/100) + chance.Float64()) {
				entries = append(entries, past(t, hour.Add(time.Duration(chance.Int64N(int64(time.Hour)))), chance))
			}
		}
		if err := store.Append(context.Background(), entries); err != nil {
			return err
		}
	}
	return nil
}

// past is a call of long ago, which stands for a thousand: the pictures want sums, not
// rows.
func past(t *team, at time.Time, chance *rand.Rand) ledger.Entry {
	served := map[string]struct {
		provider, model string
		in, out         int64 // nano-dollars per token
	}{
		"search": {"dashscope", "qwen3-max", 1200, 6000}, "assistant": {"dashscope", "qwen3-max", 1200, 6000},
		"summaries": {"dashscope", "qwen-plus", 400, 1200}, "classify": {"openai", "gpt-4.1-mini", 400, 1600},
	}[t.route]
	account := []string{"team-search", "team-assist", "team-batch"}[chance.IntN(3)]
	if served.provider == "openai" {
		account = "main"
	}
	input, output := int64(t.words)*1300+chance.Int64N(60_000), 180_000+chance.Int64N(140_000)
	id := fmt.Sprintf("req_%024X", chance.Uint64())
	cost := input*served.in + output*served.out
	r := ledger.Request{
		ID: id, At: at, Endpoint: "chat.completions", KeyID: t.id, Key: t.name, Owner: t.owner, Model: t.route, Route: t.route, Priority: t.priority,
		Outcome: "ok", Status: 200, Provider: served.provider, Account: account, ServedModel: served.model, Attempts: 1,
		FirstByte: 480 * time.Millisecond, Duration: 2300 * time.Millisecond, EstimatedInput: input, EstimatedOutput: output, Input: input, Output: output, Cost: cost, Known: true,
	}
	return ledger.Entry{Request: &r, Attempts: []ledger.Attempt{{
		RequestID: id, At: at, KeyID: t.id, Key: t.name, Owner: t.owner, Route: t.route, Provider: served.provider, Account: account, Model: served.model,
		Status: 200, Duration: 2200 * time.Millisecond, EstimatedInput: input, EstimatedOutput: output, EstimatedCost: cost, Input: input, Output: output, Cost: cost, Known: true,
	}}}
}

// work makes a team's calls until the context ends.
func (t *team) work(ctx context.Context, p *browser.Program) {
	if t.every == 0 {
		return
	}
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			text := fmt.Sprintf("%d: %s", i, strings.Repeat("What did customers ask for this week? ", t.words/7+i%5))
			go t.call(ctx, p, text)
		}
	}
}

// call makes one call; what becomes of it is in the pictures.
func (t *team) call(ctx context.Context, p *browser.Program, text string) {
	body := fmt.Sprintf(`{"model":%q,"max_tokens":400,"messages":[{"role":"user","content":%q}]}`, t.route, text)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.API+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+t.key)
	req.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
