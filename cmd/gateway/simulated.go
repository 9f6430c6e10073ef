package main

import (
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/providers/simulated"
)

// server answers the in-process simulated provider of a configuration. One whose
// settings have not changed keeps running over a reload, with what it has counted.
func (c *connector) server(p *config.Provider) *simulated.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.simulatedOptions(p)
	mark := fmt.Sprintf("%+v", o.Accounts) + fmt.Sprint(o.FirstToken, o.TokensPerSecond, o.OutputTokens)
	if s := c.simulated[p.Name]; s.server != nil && s.mark == mark {
		return s.server
	}
	s := simulated.New(o)
	c.simulated[p.Name] = simulatedServer{mark, s}
	return s
}

// simulatedServer is one in-process provider and the settings it was made of.
type simulatedServer struct {
	mark   string
	server *simulated.Server
}

func (c *connector) simulatedOptions(p *config.Provider) simulated.Options {
	s := &p.Simulated
	o := simulated.Options{
		FirstToken: s.FirstToken, TokensPerSecond: s.TokensPerSecond, OutputTokens: s.OutputTokens,
		Headers: true, Count: func(model, text string) int64 { return c.estimator.CountOutput(model, []byte(text)) },
	}
	for _, a := range p.Accounts {
		account := simulated.Account{Name: a.Name}
		for _, k := range a.Keys {
			account.Keys = append(account.Keys, k.Value.Reveal())
		}
		for _, l := range a.Limits {
			account.Limits = append(account.Limits, simulatedLimit(&l, s))
		}
		o.Accounts = append(o.Accounts, account)
	}
	return o
}

func simulatedLimit(l *config.AccountLimits, s *config.Simulated) simulated.Limit {
	amount := func(name string) int64 {
		if e := l.Find(name); e != nil {
			return e.Amount
		}
		return 0
	}
	return simulated.Limit{
		Models: l.Models, RPM: amount("rpm"), TPM: amount("tpm"), RPS: amount("rps"), Concurrency: amount("concurrency"),
		Algorithm: s.Algorithm, Charging: s.Charging,
	}
}

func simulatedCommand() *cobra.Command {
	var addr, file string
	cmd := &cobra.Command{
		Use:   "simulated-provider",
		Short: "Run the simulated upstream as a server of its own",
		Long: `Simulated-provider is an OpenAI-compatible upstream that enforces limits per
account, streams at a token rate and fails on request. Without a configuration it
has one account that takes any key and has no limits. What it has counted is at
GET /simulated/stats.

  accounts:
    - name: team-a
      keys: [key-a]
      limits: [{models: ["*"], rpm: 600, tpm: 1000000, algorithm: bucket}]
  first_token: 200ms
  tokens_per_second: 200
  output_tokens: 64
  headers: true`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := simulated.Options{Headers: true, Accounts: []simulated.Account{{Name: "default"}}, AnyKey: "default"}
			if file != "" {
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				o = simulated.Options{Headers: true}
				if err := yaml.UnmarshalWithOptions(data, &o, yaml.Strict()); err != nil {
					return fmt.Errorf("%s: %s", file, yaml.FormatError(err, false, true))
				}
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "simulated provider on http://%s/v1\n", addr)
			return simulated.ListenAndServe(cmd.Context(), addr, simulated.New(o))
		},
	}
	cmd.Flags().StringVar(&addr, "listen", "127.0.0.1:8090", "`ADDR` to serve on")
	cmd.Flags().StringVar(&file, "config", "", "`FILE` with accounts, limits and failures (YAML)")
	return cmd
}
