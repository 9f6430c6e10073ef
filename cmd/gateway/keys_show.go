package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/web/api"
)

func listKeysCommand(a *adminClient) *cobra.Command {
	var search, owner, tag string
	var most int
	cmd := &cobra.Command{
		Use: "list", Short: "List client keys, the latest first", Args: cobra.NoArgs,
		Long: "List shows the client keys of the configuration file and of the store. With --json it prints one key per line.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for name, v := range map[string]string{"search": search, "owner": owner, "tag": tag} {
				if v != "" {
					q.Set(name, v)
				}
			}
			return a.list(cmd, q, most)
		},
	}
	f := cmd.Flags()
	f.StringVar(&search, "search", "", "a part of the name, the owner, a tag, the ID or the hint")
	f.StringVar(&owner, "owner", "", "only keys of this owner")
	f.StringVar(&tag, "tag", "", "only keys with this tag")
	f.IntVar(&most, "most", 1000, "how many at most; 0: all")
	return cmd
}

func (a *adminClient) list(cmd *cobra.Command, q url.Values, most int) error {
	out := cmd.OutOrStdout()
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	for n := 0; ; {
		q.Set("limit", "500")
		var page api.List[json.RawMessage]
		if _, err := a.call(cmd.Context(), http.MethodGet, "/keys?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		if n == 0 && !a.json {
			fmt.Fprintln(w, "ID\tNAME\tOWNER\tPRIORITY\tLIMITS\tMODELS\tSTATE\tEXPIRES")
		}
		for _, raw := range page.Data {
			if n++; most > 0 && n > most {
				fmt.Fprintf(cmd.ErrOrStderr(), "there are more than %d: narrow it down, or give --most 0\n", most)
				return nil
			}
			if a.json {
				if err := printRaw(out, append(raw, '\n')); err != nil {
					return err
				}
				continue
			}
			var k api.ClientKey
			if err := json.Unmarshal(raw, &k); err != nil {
				return fmt.Errorf("%s does not answer like an admin API: %w", a.url, err)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, orDash(k.Owner), k.Priority, orDash(limitWords(k.Limits)),
				strings.Join(k.Models, " "), k.State, expiry(k.ExpiresAt))
		}
		if page.Next == nil {
			return nil
		}
		q.Set("after", *page.Next)
	}
}

func showKeyCommand(a *adminClient) *cobra.Command {
	return &cobra.Command{
		Use: "show KEY", Short: "Show one client key, what is used of its limits now, and what it has spent", Args: cobra.ExactArgs(1),
		Long: `Show prints a key, its limits and its owner's as they are now, and the requests, tokens
and cost of the last 30 days. USED is what calls that have ended took, HELD is promised
to calls in flight. A limit per minute fills up all the time; one per day or month begins
anew at midnight.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var k api.KeyDetail
			raw, err := a.call(cmd.Context(), http.MethodGet, "/keys/"+url.PathEscape(id), nil, &k)
			if err != nil {
				return err
			}
			if a.json {
				return printRaw(cmd.OutOrStdout(), raw)
			}
			describe(cmd.OutOrStdout(), &k.ClientKey)
			showUsage(cmd.OutOrStdout(), k.Usage)
			return a.showSpend(cmd, &k.ClientKey)
		},
	}
}

// describe prints a key line by line.
func describe(out io.Writer, k *api.ClientKey) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("ID", k.ID)
	row("Name", k.Name)
	row("State", k.State)
	row("Owner", k.Owner)
	row("Priority", k.Priority)
	row("Weight", fmt.Sprint(k.Weight))
	row("Models", strings.Join(k.Models, " "))
	row("Limits", limitWords(k.Limits))
	if k.MaxTokens > 0 {
		row("Max tokens", fmt.Sprint(k.MaxTokens))
	}
	row("Allowed IPs", strings.Join(k.AllowedIPs, " "))
	row("Tags", strings.Join(k.Tags, " "))
	row("Expires", expiry(k.ExpiresAt))
	if k.OldKeyUntil != nil {
		row("Old key until", k.OldKeyUntil.Format(time.RFC3339))
	}
	if k.Hint != "" {
		row("Credential", "…"+k.Hint)
	}
	row("Source", k.Source)
	if k.CreatedAt != nil {
		row("Created", k.CreatedAt.Format(time.RFC3339))
	}
	row("Version", fmt.Sprint(k.Version))
}

// showUsage prints live buckets.
func showUsage(out io.Writer, buckets []api.Budget) {
	if len(buckets) == 0 {
		return
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "OF\tLIMIT\tAMOUNT\tUSED\tHELD\tLEFT\tFULL AGAIN")
	for _, b := range buckets {
		full := "when calls end"
		if b.FullInMS >= 0 {
			full = "in " + span(time.Duration(b.FullInMS)*time.Millisecond)
		}
		if b.FullInMS == 0 {
			full = "now"
		}
		used := max(b.Capacity-b.Level-b.Reserved, 0)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Scope, b.Limit, amount(b.Dimension, b.Amount), amount(b.Dimension, used),
			amount(b.Dimension, b.Reserved), amount(b.Dimension, b.Level), full)
	}
}

// span writes a time as people read it: 900ms, 43.1s, 2h5m, 5d10h.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 24*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// showSpend prints what the ledger has of a key.
func (a *adminClient) showSpend(cmd *cobra.Command, k *api.ClientKey) error {
	var sums api.List[api.Usage]
	if _, err := a.call(cmd.Context(), http.MethodGet, "/usage?"+url.Values{"group_by": {"key"}, "key_id": {k.ID}}.Encode(), nil, &sums); err != nil {
		return err
	}
	var sum api.Usage // several, where the key had other names
	for _, u := range sums.Data {
		sum.Requests, sum.Refused, sum.Input, sum.Output, sum.Cost = sum.Requests+u.Requests, sum.Refused+u.Refused, sum.Input+u.Input, sum.Output+u.Output, sum.Cost+u.Cost
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\nLast 30 days: %d requests, %d of them refused; %d tokens in, %d out; %s.\n",
		sum.Requests, sum.Refused, sum.Input, sum.Output, amount("cost", sum.Cost))
	return nil
}

// amount writes a number of a dimension: money in dollars.
func amount(dimension string, n int64) string {
	if dimension == "cost" {
		return fmt.Sprintf("$%.6f", float64(n)/1e9)
	}
	return fmt.Sprint(n)
}

func limitWords(limits map[string]any) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		v := limits[name]
		if f, ok := v.(float64); ok {
			v = json.Number(strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.9f", f), "0"), "."))
		}
		words = append(words, fmt.Sprintf("%s=%v", name, v))
	}
	return strings.Join(words, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func expiry(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Format(time.RFC3339)
}
