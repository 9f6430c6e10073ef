package main

import (
	"fmt"

	"github.com/sluice-gateway/sluice/simulation"
)

// row is a study's runs with one preset.
type row struct {
	s       study
	results []*simulation.Result
	mirrors []*simulation.Result
}

// limits runs the studies of limits with both presets and prints their tables. False: a
// goal was missed for a reason that is not known.
func (s *suite) limits() bool {
	presets := []string{"balanced", "conservative"}
	if s.short {
		presets = presets[:1]
	}
	var rows []*row
	for _, st := range studies() {
		if !s.wanted(st.group + " " + st.name) {
			continue
		}
		for _, p := range presets {
			st.preset = p
			rows = append(rows, &row{s: st})
		}
	}
	ok, group := true, ""
	parallel(len(rows), func(i int) error { return s.study(rows[i], presets[0]) }, func(i int) {
		if rows[i].s.preset != presets[len(presets)-1] {
			return
		}
		first := rows[i+1-len(presets)]
		if first.s.group != group {
			group = first.s.group
			heading(group)
		}
		ok = first.print(rows[i]) && ok
		if s.timeline {
			first.minutes()
		}
	})
	return ok
}

// study runs one row; the mirror's part does not depend on the preset.
func (s *suite) study(r *row, mirrorWith string) error {
	for seed := range s.seeds {
		o, err := r.s.options(s.rec, uint64(seed+1))
		if err != nil {
			return fmt.Errorf("%s: %w", r.s.name, err)
		}
		res, err := run(o)
		if err != nil {
			return fmt.Errorf("%s: %w", r.s.name, err)
		}
		r.results = append(r.results, res)
		if !r.s.goal.mirror || r.s.preset != mirrorWith {
			continue
		}
		m, err := r.s.mirrored(s.rec, uint64(seed+1))
		if err != nil {
			return err
		}
		r.mirrors = append(r.mirrors, m)
	}
	return nil
}

func heading(group string) {
	fmt.Printf("\n### %s\n\n", group)
	fmt.Println("| case | 429 / attempts, mean (worst seed) | goal | used, mean (worst seed) | goal | within reach | `conservative`: 429, used | |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
}

// print writes the line of a study; other is the same study with the other preset.
func (r *row) print(other *row) bool {
	refused, _, worst := spread(r.refusals())
	used, least, _ := spread(r.uses(r.mirrors))
	met := refused <= r.s.goal.refused && used >= r.s.goal.used
	verdict := "met"
	if !met {
		verdict = "**missed**"
		if r.s.goal.known != "" {
			verdict += ": " + r.s.goal.known
		}
	}
	reach, second := "", ""
	if len(r.mirrors) > 0 {
		m, _, _ := spread(r.reaches(r.mirrors))
		reach = percent(m, 1)
	}
	if other != r {
		a, _, _ := spread(other.refusals())
		b, _, _ := spread(other.uses(r.mirrors))
		second = percent(a, 3) + ", " + percent(b, 1)
	}
	fmt.Printf("| %s | %s (%s) | ≤ %s | %s (%s) | ≥ %s | %s | %s | %s |\n", r.s.name, percent(refused, 3), percent(worst, 3), percent(r.s.goal.refused, 2),
		percent(used, 1), percent(least, 1), percent(r.s.goal.used, 1), reach, second, verdict)
	return met || r.s.goal.known != ""
}

func (r *row) refusals() (out []float64) {
	for _, res := range r.results {
		out = append(out, res.Share429())
	}
	return out
}

// reaches is what the mirror used of the limit less its margin.
func (r *row) reaches(mirrors []*simulation.Result) (out []float64) {
	for _, m := range mirrors {
		out = append(out, float64(m.Accounts[0].Tokens)/m.Measured.Minutes()/float64(r.s.limitTPM())/(1-r.s.margin))
	}
	return out
}

// uses is what was used of what the goal speaks of.
func (r *row) uses(mirrors []*simulation.Result) (out []float64) {
	reach := r.reaches(mirrors)
	for i, res := range r.results {
		u := res.Accounts[0].Used / (1 - r.s.margin)
		switch {
		case r.s.goal.offered && !r.s.goal.mirror:
			u = float64(res.Goodput) / float64(res.Offered)
		case i < len(reach):
			u /= min(reach[i], 1) // what a window lets through beyond its limit is no goal
		}
		out = append(out, u)
	}
	return out
}

// minutes prints the first run's timeline.
func (r *row) minutes() {
	for _, p := range r.results[0].Timeline {
		fmt.Printf("    %6s arrived %4d served %4d refused %4d 429 %3d tokens %7d queued %v ratio %.3f\n",
			p.At, p.Arrived, p.Served, p.Refused, p.Upstream429, p.Tokens, p.Queued, p.Ratio)
	}
}
