package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/sluice-gateway/sluice/simulation"
)

// HTML writes the runs side by side as one page that needs nothing else.
func HTML(w io.Writer, title string, results []*simulation.Result) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"percent": percent, "human": human, "share": share, "classes": classes, "byTokens": byTokens,
		"permille": func(x float64) string { return fmt.Sprintf("%.3f %%", 100*x) },
	}).Parse(page)
	if err != nil {
		return err
	}
	type run struct {
		Report
		Charts []Chart
	}
	var runs []run
	for _, res := range results {
		r := Of(res)
		runs = append(runs, run{r, r.charts()})
	}
	return t.Execute(w, struct {
		Title string
		Runs  []run
	}{title, runs})
}

// Chart is lines over the run's time.
type Chart struct {
	Title, Unit string
	Lines       []Line
	Top         string // the highest value, with its unit
	End         string // the run's length
}

// Line is one series, its points in the chart's own coordinates (600 by 120).
type Line struct {
	Name, Class, Points string
}

const chartWidth, chartHeight = 600.0, 120.0

func (r *Report) charts() []Chart {
	perSecond := func(f func(p *Point) float64) func(i int, p *Point) float64 {
		return func(i int, p *Point) float64 { return f(p) / r.step(i) }
	}
	plain := func(f func(p *Point) float64) func(int, *Point) float64 {
		return func(_ int, p *Point) float64 { return f(p) }
	}
	type series struct {
		name string
		of   func(i int, p *Point) float64
	}
	var out []Chart
	for _, c := range []struct {
		title, unit string
		series      []series
	}{
		{"Calls", "/s", []series{
			{"arrived", perSecond(func(p *Point) float64 { return float64(p.Arrived) })},
			{"served", perSecond(func(p *Point) float64 { return float64(p.Served) })},
			{"refused", perSecond(func(p *Point) float64 { return float64(p.Refused) })},
		}},
		{"Tokens served", "/s", []series{{"tokens", perSecond(func(p *Point) float64 { return float64(p.Tokens) })}}},
		{"Upstream 429s", "/s", []series{{"429", perSecond(func(p *Point) float64 { return float64(p.Upstream429) })}}},
		{"Queue", "calls", []series{
			{"critical", plain(func(p *Point) float64 { return float64(p.Queued["critical"]) })},
			{"high", plain(func(p *Point) float64 { return float64(p.Queued["high"]) })},
			{"normal", plain(func(p *Point) float64 { return float64(p.Queued["normal"]) })},
			{"low", plain(func(p *Point) float64 { return float64(p.Queued["low"]) })},
		}},
		{"Rate in force", "of the configured", []series{{"ratio", plain(func(p *Point) float64 { return p.Ratio })}}},
	} {
		most := 0.0
		for _, s := range c.series {
			for i := range r.Timeline {
				most = max(most, s.of(i, &r.Timeline[i]))
			}
		}
		chart := Chart{Title: c.title, Unit: c.unit, Top: fmt.Sprintf("%.4g %s", most, c.unit), End: human(r.span())}
		for n, s := range c.series {
			chart.Lines = append(chart.Lines, Line{s.name, fmt.Sprintf("l%d", n), r.points(most, s.of)})
		}
		out = append(out, chart)
	}
	return out
}

// span is the length of the timeline in seconds.
func (r *Report) span() float64 {
	if len(r.Timeline) == 0 {
		return 0
	}
	last := len(r.Timeline) - 1
	return r.Timeline[last].AtS + r.step(last)
}

// step is the length of one of the timeline's steps in seconds.
func (r *Report) step(i int) float64 {
	switch {
	case i+1 < len(r.Timeline):
		return max(r.Timeline[i+1].AtS-r.Timeline[i].AtS, 1e-9)
	case i > 0:
		return max(r.Timeline[i].AtS-r.Timeline[i-1].AtS, 1e-9)
	}
	return max(r.MeasuredS, 1e-9)
}

func (r *Report) points(most float64, of func(i int, p *Point) float64) string {
	var b strings.Builder
	span := max(r.span(), 1e-9)
	for i := range r.Timeline {
		y := chartHeight
		if most > 0 {
			y -= chartHeight * of(i, &r.Timeline[i]) / most
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", chartWidth*r.Timeline[i].AtS/span, y)
	}
	return strings.TrimSpace(b.String())
}
