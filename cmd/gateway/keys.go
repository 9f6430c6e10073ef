package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluice-gateway/sluice/web/api"
)

func keysCommand(env environment) *cobra.Command {
	a := &adminClient{}
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, show, change and revoke client keys of a running gateway",
		Long: `Keys works on the client keys that a running gateway keeps in its store, through its
admin API. What is changed counts at once, and on other nodes of the same store
within a second. Keys of the configuration file are shown, and changed in the file.

KEY is a key's ID or its name. The token of the admin API is taken from the
environment:

  export SLUICE_ADMIN_TOKEN=…
  gateway keys create web-app --limit rpm=60 --limit tpm=10k --limit usd_per_month=5
  gateway keys list
  gateway keys show web-app
  gateway keys edit web-app --limit rpm=120
  gateway keys rotate web-app --grace 1h
  gateway keys revoke web-app`,
		Args: cobra.NoArgs,
	}
	a.define(cmd)
	cmd.AddCommand(createKeyCommand(a), listKeysCommand(a), showKeyCommand(a), editKeyCommand(a), rotateKeyCommand(a), revokeKeyCommand(a))
	for _, c := range cmd.Commands() {
		run := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			if token, ok := env("SLUICE_ADMIN_TOKEN"); ok && a.token == "" {
				a.token = token
			}
			return run(c, args)
		}
	}
	return cmd
}

// keyFlags are what may be chosen about a key.
type keyFlags struct {
	owner, priority, expires string
	name                     string
	weight                   int
	maxTokens                int64
	models, limits, ips      []string
	tags                     []string
	disable, enable          bool
}

const limitHelp = "a limit as `NAME=AMOUNT`, repeatable: rps rpm rpd tps tpm tpd input_tpm output_tpm concurrency usd_per_day usd_per_month; 100k and 25% (of the owner's) are amounts too"

func (k *keyFlags) define(f *pflag.FlagSet) {
	f.StringVar(&k.owner, "owner", "", "`NAME` of the owner whose limits count too")
	f.StringVar(&k.priority, "priority", "", "`CLASS` of its calls and the highest it may ask for: critical, high, normal or low (default normal)")
	f.IntVar(&k.weight, "weight", 0, "its share of its class's turns while there is not enough for all (default 1)")
	f.StringArrayVar(&k.models, "model", nil, "a `ROUTE` it may use, repeatable; * stands for any text (default *)")
	f.StringArrayVar(&k.limits, "limit", nil, limitHelp)
	f.Int64Var(&k.maxTokens, "max-tokens", 0, "what one call may ask for as output (default no cap)")
	f.StringArrayVar(&k.ips, "allow-ip", nil, "a `NETWORK` it may be used from, repeatable (default everywhere)")
	f.StringArrayVar(&k.tags, "tag", nil, "a `TAG` for people, repeatable")
	f.StringVar(&k.expires, "expires", "", "`WHEN` it ends: 2027-01-31, 2027-01-31T18:00:00Z, or from now on 720h or 30d (default never)")
}

// limitsBody reads NAME=AMOUNT; an amount that is missing removes the limit.
func limitsBody(flags []string) (map[string]any, error) {
	out := map[string]any{}
	for _, f := range flags {
		name, amount, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--limit %q is not NAME=AMOUNT, such as rpm=60", f)
		}
		out[name] = amount
		if amount == "" {
			out[name] = nil
		}
	}
	return out, nil
}

// when reads a moment, or a time from now on.
func when(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	var days int
	if n, err := fmt.Sscanf(text, "%dd", &days); err == nil && n == 1 && text == fmt.Sprintf("%dd", days) && days > 0 {
		return now.AddDate(0, 0, days), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d).Truncate(time.Second), nil
	}
	return time.Time{}, fmt.Errorf("--expires %q is not a date such as 2027-01-31, a time, or a duration such as 720h or 30d", text)
}

func createKeyCommand(a *adminClient) *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a client key; the credential is shown once", Args: cobra.ExactArgs(1),
		Long: `Create makes a client key and prints its credential, which nobody can show again: only
its hash is stored. With --json, it is the field "key".`,
		Example: `  gateway keys create web-app --owner acme --priority high --limit rpm=600 --limit tpm=25%
  gateway keys create batch --priority low --model 'qwen*' --max-tokens 2000 --expires 30d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := api.NewKey{Name: args[0], Owner: k.owner, Priority: k.priority, Weight: k.weight, Models: k.models, MaxTokens: k.maxTokens, AllowedIPs: k.ips, Tags: k.tags}
			var err error
			if body.Limits, err = limitsBody(k.limits); err != nil {
				return err
			}
			if k.expires != "" {
				t, err := when(k.expires, time.Now())
				if err != nil {
					return err
				}
				body.ExpiresAt = &t
			}
			var made api.MadeKey
			raw, err := a.call(cmd.Context(), http.MethodPost, "/keys", body, &made)
			if err != nil {
				return err
			}
			return a.sayMade(cmd, raw, &made)
		},
	}
	k.define(cmd.Flags())
	return cmd
}

// sayMade prints a new credential.
func (a *adminClient) sayMade(cmd *cobra.Command, raw []byte, made *api.MadeKey) error {
	for _, w := range made.Warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
	}
	if a.json {
		return printRaw(cmd.OutOrStdout(), raw)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "ID    %s\nName  %s\nKey   %s\n", made.ID, made.Name, made.Key)
	if made.OldKeyUntil != nil {
		fmt.Fprintf(out, "The old credential works until %s.\n", made.OldKeyUntil.Format(time.RFC3339))
	}
	fmt.Fprintln(out, "The key is shown this once.")
	return nil
}

func printRaw(w io.Writer, raw []byte) error {
	_, err := w.Write(raw)
	return err
}

func editKeyCommand(a *adminClient) *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use: "edit KEY", Short: "Change a client key; what is not named stays", Args: cobra.ExactArgs(1),
		Long: `Edit changes what its flags name and leaves the rest. Limits are changed by name, and
one without an amount is removed. What was used of a limit stays used.`,
		Example: `  gateway keys edit web-app --limit rpm=120 --limit tpd=
  gateway keys edit web-app --disable
  gateway keys edit web-app --expires never --owner ''`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := k.edit(cmd.Flags())
			if err != nil {
				return err
			}
			id, err := a.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var edited api.EditedKey
			raw, err := a.call(cmd.Context(), http.MethodPatch, "/keys/"+url.PathEscape(id), body, &edited)
			if err != nil {
				return err
			}
			for _, w := range edited.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
			}
			if a.json {
				return printRaw(cmd.OutOrStdout(), raw)
			}
			describe(cmd.OutOrStdout(), &edited.ClientKey)
			return nil
		},
	}
	f := cmd.Flags()
	k.define(f)
	f.StringVar(&k.name, "name", "", "a new `NAME`")
	f.BoolVar(&k.disable, "disable", false, "refuse the key, until it is enabled")
	f.BoolVar(&k.enable, "enable", false, "let a disabled key in again")
	return cmd
}

// edit makes the body of an edit of the flags that were given.
func (k *keyFlags) edit(f *pflag.FlagSet) (map[string]any, error) {
	body := map[string]any{}
	for flag, field := range map[string]string{"name": "name", "owner": "owner", "priority": "priority", "weight": "weight", "model": "models",
		"max-tokens": "max_tokens", "allow-ip": "allowed_ips", "tag": "tags"} {
		if f.Changed(flag) {
			body[field] = map[string]any{"name": k.name, "owner": k.owner, "priority": k.priority, "weight": k.weight, "model": k.models,
				"max-tokens": k.maxTokens, "allow-ip": withoutEmpty(k.ips), "tag": withoutEmpty(k.tags)}[flag]
		}
	}
	if f.Changed("limit") {
		limits, err := limitsBody(k.limits)
		if err != nil {
			return nil, err
		}
		body["limits"] = limits
	}
	switch {
	case k.expires == "never":
		body["expires_at"] = nil
	case k.expires != "":
		t, err := when(k.expires, time.Now())
		if err != nil {
			return nil, err
		}
		body["expires_at"] = t
	}
	switch {
	case k.disable && k.enable:
		return nil, errors.New("--disable and --enable: which?")
	case k.disable || k.enable:
		body["disabled"] = k.disable
	}
	if len(body) == 0 {
		return nil, errors.New("nothing to change: name it with a flag (see --help)")
	}
	return body, nil
}

// withoutEmpty lets an empty --tag clear the list.
func withoutEmpty(list []string) []string {
	out := []string{}
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func rotateKeyCommand(a *adminClient) *cobra.Command {
	var grace string
	cmd := &cobra.Command{
		Use: "rotate KEY", Short: "Give a client key a new credential; it is shown once", Args: cobra.ExactArgs(1),
		Long: `Rotate prints a new credential. The old one works for the grace, so that it can be
replaced without a refused call; --grace 0 ends it now.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var made api.MadeKey
			raw, err := a.call(cmd.Context(), http.MethodPost, "/keys/"+url.PathEscape(id)+"/rotate", api.Rotation{Grace: &grace}, &made)
			if err != nil {
				return err
			}
			return a.sayMade(cmd, raw, &made)
		},
	}
	cmd.Flags().StringVar(&grace, "grace", "24h", "how long the old credential works; at most 30d")
	return cmd
}

func revokeKeyCommand(a *adminClient) *cobra.Command {
	return &cobra.Command{
		Use: "revoke KEY", Short: "End a client key for good", Args: cobra.ExactArgs(1),
		Long: "Revoke ends a key for good: the next call with it is refused. To end it for a while, use edit --disable.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if _, err := a.call(cmd.Context(), http.MethodDelete, "/keys/"+url.PathEscape(id), nil, nil); err != nil {
				return err
			}
			if !a.json {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked.\n", args[0])
			}
			return nil
		},
	}
}

// find answers the ID of a key that is named by its ID or its name.
func (a *adminClient) find(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "key_") || strings.HasPrefix(name, "file:") {
		return name, nil
	}
	for after := ""; ; {
		var page api.List[api.ClientKey]
		q := url.Values{"search": {name}, "limit": {"1000"}}
		if after != "" {
			q.Set("after", after)
		}
		if _, err := a.call(ctx, http.MethodGet, "/keys?"+q.Encode(), nil, &page); err != nil {
			return "", err
		}
		for _, k := range page.Data {
			if k.Name == name {
				return k.ID, nil
			}
		}
		if page.Next == nil {
			return "", fmt.Errorf("there is no key named %q; gateway keys list shows them", name)
		}
		after = *page.Next
	}
}
