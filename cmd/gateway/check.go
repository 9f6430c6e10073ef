package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/vault"
)

func checkCommand(env environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a configuration: every problem at once, with its line",
		Long: `Check reads a configuration as serve would, reports every problem with its line,
and exits with status 1 if there is one. Certificates and files that it names are
read, and programs of ${command:…} run; nothing else is started and nothing is sent.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, env)
			if err == nil {
				err = checkBeyond(cfg)
			}
			if err != nil {
				sayProblems(cmd.ErrOrStderr(), file, err)
				return errSaid
			}
			for _, w := range cfg.Warnings() {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok: %d providers, %d routes, %d client keys\n",
				file, len(cfg.Providers), len(cfg.Routes), len(cfg.ClientKeys))
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "sluice.yaml", "the configuration `FILE`")
	return cmd
}

// sayProblems prints every problem of a configuration on a line of its own.
func sayProblems(w io.Writer, file string, err error) {
	var problems config.Problems
	if !errors.As(err, &problems) {
		fmt.Fprintf(w, "%s: %v\n", file, err)
		return
	}
	for _, p := range problems {
		fmt.Fprintln(w, p)
	}
	noun := "problems"
	if len(problems) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(w, "%d %s\n", len(problems), noun)
}

// checkBeyond finds what serve would stumble over beyond the text itself: certificates,
// authorities, encryption keys, alerts.
func checkBeyond(cfg *config.Config) error {
	var problems config.Problems
	add := func(path string, err error) {
		if err != nil {
			problems = append(problems, cfg.Problem(path, err.Error()))
		}
	}
	_, err := loadCertificate(cfg.Server.TLS)
	add("server.tls", err)
	_, err = loadCertificate(cfg.Server.AdminTLS)
	add("server.admin_tls", err)
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		_, err := clientOptions(p)
		add("providers."+p.Name, err)
	}
	if k := cfg.Store.EncryptionKey.Reveal(); k != "" {
		_, err := vault.ParseKey(k)
		add("store.encryption_key", err)
	}
	add("alerts", checkAlerts(cfg))
	if len(problems) > 0 {
		return problems
	}
	return nil
}
