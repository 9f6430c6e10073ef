package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

// house is how much there is to show.
type house struct {
	accounts, owners, keys int
}

// models are what every account serves; each has a limit group of its own, but for the
// last two, which share one.
func models() []string { return []string{"qwen3-max", "qwen-plus", "qwen-turbo", "qwen-flash"} }

// providers are as many as there are in a large house.
func providers() []string {
	return []string{"dashscope", "dashscope-intl", "azure-kr", "azure-jp", "spare"}
}

// yaml is the house's configuration. Accounts are spread evenly over the providers, and
// every route may use all of them.
func (h house) yaml() string {
	var b strings.Builder
	b.WriteString("server: {admin_token: \"{{token}}\"}\nproviders:\n")
	all := providers()
	for p, name := range all {
		fmt.Fprintf(&b, "  %s:\n    dialect: simulated\n    simulated: {first_token: 120ms, tokens_per_second: 300}\n    accounts:\n", name)
		for i := p; i < h.accounts; i += len(all) {
			fmt.Fprintf(&b, "      - {name: team-%03d, keys: [sk-upstream-%03d-a, sk-upstream-%03d-b], limits: [{models: [qwen3-max], rpm: 120, tpm: 200k}, "+
				"{models: [qwen-plus], rpm: 600, tpm: 500k}, {models: [qwen-turbo, qwen-flash], rpm: 1200, tpm: 1M}]}\n", i, i, i)
		}
	}
	b.WriteString("routes:\n")
	for _, m := range models() {
		targets := make([]string, len(all))
		for i, p := range all {
			targets[i] = p + "/" + m
		}
		fmt.Fprintf(&b, "  %s: {targets: [%s]}\n", m, strings.Join(targets, ", "))
	}
	b.WriteString("client_keys: [{name: app, key: \"{{key}}\"}]\n")
	return b.String()
}

// makers is how many keys are made at a time.
const makers = 8

// fill makes the owners and the keys through the admin API, and answers some of the
// credentials.
func (h house) fill(p *browser.Program, wanted int) (credentials []string, err error) {
	for i := range h.owners {
		if _, err := made(p, "/owners", fmt.Sprintf(`{"name":"team-%03d","kind":"team","limits":{"rpm":6000,"tpm":"5M"}}`, i)); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan int)
	problems := make([]error, makers)
	for m := range makers {
		wg.Go(func() {
			for i := range turns {
				secret, err := made(p, "/keys", h.key(i))
				mu.Lock()
				if problems[m] = errors.Join(problems[m], err); len(credentials) < wanted && err == nil {
					credentials = append(credentials, secret)
				}
				mu.Unlock()
			}
		})
	}
	for i := range h.keys {
		turns <- i
	}
	close(turns)
	wg.Wait()
	return credentials, errors.Join(problems...)
}

// key is one key as the admin API takes it: every third has limits.
func (h house) key(i int) string {
	limits := ""
	if i%3 == 0 {
		limits = `,"limits":{"rpm":300,"tpm":"200k"}`
	}
	return fmt.Sprintf(`{"name":"service-%05d","owner":"team-%03d","tags":["%s"]%s}`, i, i%max(h.owners, 1), []string{"prod", "staging", "batch"}[i%3], limits)
}

// made creates something and answers its credential, if it has one.
func made(p *browser.Program, path, body string) (string, error) {
	status, answer, err := p.Ask(http.MethodPost, path, body)
	if err != nil || status != http.StatusCreated {
		return "", fmt.Errorf("POST %s: %d %s %w", path, status, answer, err)
	}
	var row struct{ Key string }
	err = json.Unmarshal(answer, &row)
	return row.Key, err
}

// traffic calls the gateway so often per second until it is stopped.
type traffic struct {
	stop          chan struct{}
	wg            sync.WaitGroup
	mu            sync.Mutex
	calls, failed int
}

// drive begins calls, each with the next credential and model, whether earlier ones are
// back or not.
func drive(p *browser.Program, credentials []string, perSecond int) *traffic {
	t := &traffic{stop: make(chan struct{})}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	t.wg.Go(func() {
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-t.stop:
				return
			case <-tick.C:
				t.wg.Go(func() { t.call(client, p.API, credentials[i%len(credentials)], models()[i%len(models())], i) })
			}
		}
	})
	return t
}

func (t *traffic) call(client *http.Client, api, key, model string, i int) {
	body := fmt.Sprintf(`{"model":%q,"max_tokens":200,"messages":[{"role":"user","content":"%d: %s"}]}`, model, i, strings.Repeat("What do the numbers of this week say? ", 12))
	req, _ := http.NewRequest(http.MethodPost, api+"/v1/chat/completions", strings.NewReader(body)) // it is well-formed
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err == nil {
		defer resp.Body.Close()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls++; err != nil || resp.StatusCode != http.StatusOK {
		t.failed++
	}
}

// end waits for the calls that are on their way, and tells how many there were.
func (t *traffic) end() (calls, failed int) {
	close(t.stop)
	t.wg.Wait()
	return t.calls, t.failed
}
