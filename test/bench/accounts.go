package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/providers/simulated"
)

const (
	accountRPM = 600
	accountTPM = 100_000
	perCall    = 500 // tokens of a call, so tokens run out long before requests do
	answer     = 64
)

// accountConfigs are the same n accounts, as the upstream and as the gateway know them.
func accountConfigs(n int) (upstream, gateway string) {
	var u, g strings.Builder
	fmt.Fprintf(&u, "output_tokens: %d\nheaders: true\naccounts:\n", answer)
	for i := range n {
		fmt.Fprintf(&u, "  - {name: a%d, keys: [key-%d], limits: [{models: ['*'], rpm: %d, tpm: %d, algorithm: bucket, burst: 6s, charging: expected}]}\n", i, i, accountRPM, accountTPM)
		fmt.Fprintf(&g, "      - {name: a%d, keys: [key-%d], limits: [{models: ['*'], rpm: %d, tpm: %d}]}\n", i, i, accountRPM, accountTPM)
	}
	return u.String(), g.String()
}

func manyConfig(upstream, accounts string) string {
	return fmt.Sprintf(`
server: {admin_token: bench-admin-token-0123456789}
shedding: {max_queue: 2000}
providers:
  up:
    dialect: openai
    preset: generic
    charging: expected
    base_url: %s/v1
    accounts:
%sroutes:
  m: {targets: [up/m], max_wait: 2s}
client_keys:
  - {name: hot, key: %s}
`, upstream, accounts, clientKey)
}

// counted is what the upstream says that it has seen.
type counted struct{ tokens, attempts, refused int64 }

func (b *bench) stats(up *process) (c counted, err error) {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, up.url()+"/simulated/stats", nil)
	if err != nil {
		return c, err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	var list struct{ Data []simulated.Stats }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return c, fmt.Errorf("/simulated/stats: %w", err)
	}
	for _, s := range list.Data {
		c.tokens += s.InputTokens + s.OutputTokens
		c.attempts += s.Attempts
		c.refused += s.Refused429
	}
	return c, nil
}

// offer sends n accounts twice what they can take, and answers the tokens per second
// of the measured time and the counts of the whole run.
func (b *bench) offer(p plan, n int) (perSecond float64, total counted, err error) {
	upstreamConfig, accounts := accountConfigs(n)
	up, err := b.upstream(upstreamConfig)
	if err != nil {
		return 0, total, err
	}
	defer b.stop(up)
	gw, err := b.gateway(manyConfig(up.url(), accounts))
	if err != nil {
		return 0, total, err
	}
	defer b.stop(gw)
	time.Sleep(p.loading) // until the vocabularies are read
	// The upstream counts four bytes as a token.
	body := &bodies{text: corpus(), size: 4 * (perCall - answer)}
	finished := make(chan loaded, 1)
	go func() {
		finished <- b.load(gw.url(), 2*float64(n)*accountTPM/60/perCall, p.warmUp+p.measured, body.next)
	}()
	time.Sleep(p.warmUp) // the bursts are spent
	first, err1 := b.stats(up)
	start := time.Now()
	time.Sleep(p.measured)
	last, err2 := b.stats(up)
	took := time.Since(start)
	l := <-finished
	switch total, err = b.stats(up); {
	case err1 != nil:
		return 0, total, err1
	case err2 != nil:
		return 0, total, err2
	case err != nil:
		return 0, total, err
	case l.dropped > 0:
		return 0, total, gw.failed(fmt.Sprintf("%d requests were not sent", l.dropped))
	}
	return float64(last.tokens-first.tokens) / took.Seconds(), total, nil
}

func measureAccounts(b *bench, p plan) error {
	one := 0.0
	for _, n := range p.accounts {
		perSecond, total, err := b.offer(p, n)
		if err != nil {
			return err
		}
		if one == 0 {
			one = perSecond
		}
		share := 0.0
		if total.attempts > 0 {
			share = float64(total.refused) / float64(total.attempts)
		}
		used := perSecond / (float64(n) * accountTPM / 60)
		b.row(fmt.Sprintf("%d × %d RPM, %dk TPM, offered twice that", n, accountRPM, accountTPM/1000),
			fmt.Sprintf("%.0f tokens/s, %.2f × one account; %.1f %% of the quota; %d of %d upstream calls refused (%.2f %%)", perSecond, perSecond/one, 100*used, total.refused, total.attempts, 100*share),
			"95 to 101 % used, ≤ 0.1 % refused", used >= 0.95 && used <= 1.01 && share <= 0.001)
	}
	return nil
}
