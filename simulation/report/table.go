package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluice-gateway/sluice/simulation"
)

// Table writes the runs for people.
func Table(w io.Writer, results []*simulation.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, res := range results {
		if i > 0 {
			fmt.Fprintln(t)
		}
		r := Of(res)
		r.summary(t)
		fmt.Fprintln(t, "\naccount\tattempts\t429s\trequests\ttokens\tquota used")
		for _, a := range r.Accounts {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\n", clean(a.Name), a.Attempts, a.Refused, a.Requests, a.Tokens, percent(a.Used))
		}
		r.groups(t, "class", classes(r.Classes), r.Classes)
		r.groups(t, "client", byTokens(r.Clients), r.Clients)
		if hidden := len(r.Clients) - shownClients; hidden > 0 {
			fmt.Fprintf(t, "and %d more clients\n", hidden)
		}
	}
	return t.Flush()
}

func (r *Report) summary(w io.Writer) {
	fmt.Fprintf(w, "engine %s, seed %d: %s of traffic in %s\n", r.Engine, r.Seed, human(r.MeasuredS), human(r.TookS))
	fmt.Fprintf(w, "calls\t%d arrived, %d served (%s), %d refused, %d failed, %d fell back\n", r.Arrived, r.Served, share(r.Served, r.Arrived), r.Refused, r.Failed, r.FellBack)
	fmt.Fprintf(w, "upstream 429s\t%d of %d attempts (%.3f %%)\n", r.Upstream429, r.Attempts, 100*r.Share429)
	fmt.Fprintf(w, "tokens served\t%d of %d offered (%s)\n", r.Goodput, r.OfferedTokens, share(int(r.Goodput), int(r.OfferedTokens)))
	fmt.Fprintf(w, "wait\tp50 %s, p99 %s, at most %s\n", human(r.Wait.P50), human(r.Wait.P99), human(r.Wait.Max))
	fmt.Fprintf(w, "fairness\t%.3f (Jain's index over clients' tokens; 1 is even)\n", r.Jain)
	for _, name := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(w, "refused: %s\t%d calls\n", clean(name), r.Reasons[name])
	}
}

func (r *Report) groups(w io.Writer, what string, names []string, m map[string]Group) {
	fmt.Fprintf(w, "\n%s\tarrived\tserved\tqueued\tfell back\trefused\tshed\tfailed\ttokens\twait p50\twait p99\n", what)
	for _, n := range names {
		g := m[n]
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", clean(n), g.Arrived, share(g.Served, g.Arrived), g.Waited, g.FellBack,
			g.Refused, g.Shed, g.Failed, g.Tokens, human(g.Wait.P50), human(g.Wait.P99))
	}
}

// clean keeps a name from a trace from writing anything but itself.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return percent(float64(n) / float64(of))
}

// human writes seconds as a duration.
func human(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
