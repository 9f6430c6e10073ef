package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/web/api"
)

func usageCommand(env environment) *cobra.Command {
	a := &adminClient{}
	var by, key string
	csv, q := false, map[string]*string{}
	cmd := &cobra.Command{
		Use: "usage", Short: "Show requests, tokens and cost of a running gateway's ledger", Args: cobra.NoArgs,
		Long: `Usage sums up what was called and what it cost, from the ledger, through the admin API of
a running gateway. The token is taken from SLUICE_ADMIN_TOKEN.

  gateway usage                             each day of the last 30
  gateway usage --by key,day                what each client key spends
  gateway usage --by owner --from 2027-01-01 --to 2027-02-01
  gateway usage --by model,provider --key web-app
  gateway usage --by key,model,day --csv > usage.csv

Sums are kept by the hour. REFUSED are requests that the gateway refused itself; tokens are
as the providers count them, and input includes what a prompt cache served.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if token, ok := env("SLUICE_ADMIN_TOKEN"); ok && a.token == "" {
				a.token = token
			}
			ask := url.Values{"group_by": {by}}
			for name, v := range q {
				if *v != "" {
					ask.Set(name, *v)
				}
			}
			if key != "" {
				id, err := a.find(cmd.Context(), key)
				if err != nil {
					return err
				}
				ask.Set("key_id", id)
			}
			if csv {
				ask.Set("format", "csv")
			}
			return a.usage(cmd, ask, csv)
		},
	}
	a.define(cmd)
	f := cmd.Flags()
	f.StringVar(&by, "by", "day", "the `GROUPS`, with commas between: key, owner, route, model, provider, hour, day")
	f.StringVar(&key, "key", "", "only this client `KEY`, by its name or ID")
	f.BoolVar(&csv, "csv", false, "print comma separated values, cost in dollars")
	for _, o := range []struct{ name, help string }{
		{"from", "the first `MOMENT`: 2027-01-31 or 2027-01-31T18:00:00Z (default 30 days ago)"}, {"to", "the `MOMENT` after the last (default now)"},
		{"zone", "whose days and hours, such as `Asia/Seoul` (default UTC)"}, {"owner", "only this `OWNER`"}, {"route", "only this `ROUTE`"},
		{"model", "only this upstream `MODEL`"}, {"provider", "only this `PROVIDER`"},
	} {
		q[o.name] = f.String(o.name, "", o.help)
	}
	return cmd
}

// usage prints sums as a table with their total, or as the API has them.
func (a *adminClient) usage(cmd *cobra.Command, ask url.Values, csv bool) error {
	var sums api.List[api.Usage]
	answer := any(&sums)
	if csv {
		answer = nil
	}
	raw, err := a.call(cmd.Context(), http.MethodGet, "/usage?"+ask.Encode(), nil, answer)
	if err != nil {
		return err
	}
	if csv || a.json {
		return printRaw(cmd.OutOrStdout(), raw)
	}
	return usageTable(cmd.OutOrStdout(), strings.Split(ask.Get("group_by"), ","), sums.Data)
}

func usageTable(out io.Writer, by []string, sums []api.Usage) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tREQUESTS\tREFUSED\tINPUT\tCACHED\tOUTPUT\tCOST\n", strings.ToUpper(strings.Join(by, "\t")))
	row := func(groups []string, u *api.Usage) {
		fmt.Fprint(w, strings.Join(groups, "\t"))
		for _, n := range []int64{u.Requests, u.Refused, u.Input, u.Cached, u.Output} {
			fmt.Fprint(w, "\t", strconv.FormatInt(n, 10))
		}
		fmt.Fprintf(w, "\t%s\n", amount("cost", u.Cost))
	}
	var total api.Usage
	for i := range sums {
		u := &sums[i]
		groups := make([]string, len(by))
		for j, d := range by {
			groups[j] = orDash(u.Group[d])
		}
		row(groups, u)
		total.Requests += u.Requests
		total.Refused += u.Refused
		total.Input += u.Input
		total.Cached += u.Cached
		total.Output += u.Output
		total.Cost += u.Cost
	}
	row(append([]string{"total"}, make([]string, len(by)-1)...), &total)
	return w.Flush()
}
