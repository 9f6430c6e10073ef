package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/vault"
)

func secretsCommand(env environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Look after the secrets that are sealed in the database",
		Long: `Upstream keys that were given through the admin API, and configurations with literal
secrets, lie in the database sealed with AES-256-GCM. The key is store.encryption_key of
the configuration, or, with a SQLite file and no such key, the file <dsn>.key beside it,
which is made when it is first needed. Keep a copy of it: without it the sealed secrets
are lost.`,
		Args: cobra.NoArgs,
	}
	cmd.PersistentFlags().StringVar(&file, "config", "", "the configuration `FILE`; none: the store of the demo, ./sluice.db")
	cmd.AddCommand(secretsStatusCommand(env, &file), secretsRotateCommand(env, &file))
	return cmd
}

func secretsStatusCommand(env environment, file *string) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show with which keys secrets are sealed", Args: cobra.NoArgs,
		Long: `Status counts what is sealed by the key that sealed it. Keys are named by the first bytes
of their SHA-256, never shown. Nothing is changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withVault(cmd, env, *file, func(ctx context.Context, db database, box *vault.Box) error {
				return secretsStatus(ctx, cmd, db, box)
			})
		},
	}
}

func secretsRotateCommand(env environment, file *string) *cobra.Command {
	return &cobra.Command{
		Use: "rotate", Short: "Seal everything anew with a new key", Args: cobra.NoArgs,
		Long: `Rotate seals every secret anew. It may run while gateways serve, may be broken off and
run again, and changes nothing that is sealed with the current key already.

With a key file, a new key is made in it, and the old one is taken out at the end.

With store.encryption_key:
  1. put the new key there, and the old one into store.old_encryption_keys
       (openssl rand -base64 32 makes one)
  2. reload or restart every gateway: it opens with both from then on
  3. gateway secrets rotate --config FILE
  4. take the old key out of the configuration`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withVault(cmd, env, *file, func(ctx context.Context, db database, box *vault.Box) error {
				return secretsRotate(ctx, cmd, db, box)
			})
		},
	}
}

// withVault opens the configuration's database and what is sealed in it.
func withVault(cmd *cobra.Command, env environment, file string, do func(context.Context, database, *vault.Box) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), openTimeout)
	defer cancel()
	cfg, err := config.Demo(env, demoKey)
	if file != "" {
		cfg, err = config.Load(file, env)
	}
	if err != nil {
		sayProblems(cmd.ErrOrStderr(), file, err)
		return errSaid
	}
	db, err := openStore(ctx, &cfg.Store)
	if err != nil {
		return err
	}
	defer db.Close()
	box, err := openVault(ctx, &cfg.Store, db)
	if err != nil {
		return err
	}
	return do(cmd.Context(), db, box)
}

func secretsStatus(ctx context.Context, cmd *cobra.Command, db database, box *vault.Box) error {
	from, sealed, err := box.Status(ctx)
	if err != nil {
		return err
	}
	configs, err := sealedVersions(ctx, db)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	if from == "" {
		from = "there is none yet"
	}
	fmt.Fprintf(w, "encryption key from: %s\n\nKEY\tUPSTREAM KEYS\tCONFIGURATIONS\tSTATE\n", from)
	for _, k := range sealed {
		state := "old, still opens"
		switch {
		case k.Current:
			state = "current"
		case !k.AtHand:
			state = "NOT AT HAND"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", k.KeyID, k.UpstreamKeys, configs[k.KeyID], state)
		delete(configs, k.KeyID)
	}
	for id, n := range configs {
		fmt.Fprintf(w, "%s\t0\t%d\tNOT AT HAND\n", id, n)
	}
	return w.Flush()
}

// sealedVersions counts the sealed configurations by their key.
func sealedVersions(ctx context.Context, db database) (map[string]int, error) {
	latest, err := db.ConfigHistory(ctx, 1)
	if err != nil || len(latest) == 0 {
		return nil, err
	}
	count := map[string]int{}
	for n := latest[0].N; n > 0; n-- { // none is ever taken out
		whole, err := db.ConfigVersion(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("configuration %d: %w", n, err)
		}
		if !whole.Sealed {
			continue
		}
		if id, err := vault.SealedWith(whole.Text); err == nil {
			count[id]++
		}
	}
	return count, nil
}

func secretsRotate(ctx context.Context, cmd *cobra.Command, db database, box *vault.Box) error {
	r, err := box.BeginRotation(ctx)
	if err != nil {
		return err
	}
	keys, configs := 0, 0
	// A gateway that serves may have sealed something with the old key meanwhile.
	for again := true; again; {
		k, err := r.UpstreamKeys(ctx)
		keys += k
		if err != nil {
			return fmt.Errorf("broken off, run it again: %w", err)
		}
		c, err := settings.Reseal(ctx, db, r)
		configs += c
		if err != nil {
			return fmt.Errorf("broken off, run it again: configuration %w", err)
		}
		again = k+c > 0
	}
	if err := r.Finish(ctx); err != nil {
		return fmt.Errorf("broken off, run it again: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "sealed with key %s: %d upstream keys and %d configurations anew\n", r.KeyID(), keys, configs)
	return nil
}
