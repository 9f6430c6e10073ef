package main

import (
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/simulation"
)

func (r *row) print() {
	var refused, used, mirror []float64
	for i, res := range r.results {
		refused = append(refused, res.Share429())
		u := r.used(res)
		if r.s.goal.mirror {
			m := r.mirrors[i].Accounts[0].Tokens
			reach := float64(m) / minutes(res) / float64(r.s.limitTPM()) / (1 - r.s.margin)
			mirror = append(mirror, reach)
			if !r.s.goal.offered {
				u = r.used(res) / min(reach, 1) // what a window lets through beyond its limit is no goal
			}
		}
		used = append(used, u)
	}
	verdict := "ok"
	if slices.Max(refused) > r.s.goal.refused || slices.Min(used) < r.s.goal.used {
		verdict = "MISSED"
	}
	fmt.Printf("%-40s 429: %.3f %% (max %.3f, goal %.2f)  used: %.2f %% (min %.2f, goal %.1f)", r.s.name, 100*mean(refused), 100*slices.Max(refused), 100*r.s.goal.refused,
		100*mean(used), 100*slices.Min(used), 100*r.s.goal.used)
	if len(mirror) > 0 {
		fmt.Printf("  mirror: %.1f %%", 100*mean(mirror))
	}
	last := r.results[0]
	fmt.Printf("  [%d attempts, wait p50 %.1f p99 %.1f, refused %v] %s\n", last.Attempts, last.Wait.P50, last.Wait.P99, last.Reasons, verdict)
}

func minutes(r *simulation.Result) float64 { return r.Measured.Minutes() }

// used is the share that was used of what the goal speaks of.
func (r *row) used(res *simulation.Result) float64 {
	if r.s.goal.offered {
		return float64(res.Goodput) / float64(res.Offered)
	}
	return res.Accounts[0].Used / (1 - r.s.margin)
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// minutes prints the first run's timeline.
func (r *row) minutes() {
	for _, p := range r.results[0].Timeline {
		fmt.Printf("    %6s arrived %4d served %4d refused %4d 429 %3d tokens %7d queued %v ratio %.3f\n",
			p.At, p.Arrived, p.Served, p.Refused, p.Upstream429, p.Tokens, p.Queued, p.Ratio)
	}
}
