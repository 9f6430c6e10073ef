package main

import (
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
)

// ways are the manners of counting.
func ways() []study {
	var out []study
	for _, c := range []string{"expected", "reserve_sum"} {
		for _, w := range []struct {
			name, algorithm, window string
			slice                   time.Duration
		}{
			{"continuous", "bucket", "continuous", 0}, {"fixed minute", "fixed", "fixed", 0}, {"sliding minute", "sliding", "sliding", 0},
			{"1 s slices", "slices", "slices", 0}, {"6 s slices", "slices", "slices", 6 * time.Second},
		} {
			s := study{name: w.name + ", actual", charging: c, window: w.window, margin: config.DefaultMargin}
			if c == "reserve_sum" {
				s.name = w.name + ", reserved"
			}
			s.upstream = simulation.Upstream{Algorithm: w.algorithm, Charging: c, Slice: w.slice}
			if w.algorithm == "bucket" {
				s.upstream.Burst = 6 * time.Second
			}
			s.goal = goal{refused: 0.001, used: 0.97, mirror: true}
			if w.name == "1 s slices" {
				s.goal.known = "what is charged within 100 ms is heard of afterwards, and a slice has no room for doubt"
			}
			if w.algorithm == "bucket" {
				s.goal = goal{refused: 0.001, used: 0.99}
			}
			out = append(out, s)
		}
	}
	return out
}

func each(group string, from []study, change func(s *study)) []study {
	out := make([]study, 0, len(from))
	for _, s := range from {
		s.group = group
		change(&s)
		out = append(out, s)
	}
	return out
}

// studies are all rows.
func studies() []study {
	var out []study
	for _, load := range []float64{1.5, 3} {
		out = append(out, each(fmt.Sprintf("own keys, %g× load", load), ways(), func(s *study) { s.load = load })...)
	}
	out = append(out, each("own keys, 1.5× load, the recording's own moments", ways(), func(s *study) { s.load, s.recorded = 1.5, true })...)
	wrong := func(s *study) {
		s.load, s.goal.refused, s.goal.used = 1.5, 0.002, 0.95
		if !s.goal.mirror {
			s.goal.used = 0.98
		}
	}
	out = append(out, each("estimates wrong by up to ±50 %", ways(), func(s *study) {
		wrong(s)
		s.tune = func(o *simulation.Options) { o.InputError, o.OutputError = 0.5, 0.5 }
		if s.window == "slices" {
			s.goal.known = "a slice holds a few calls, whose errors do not average out"
		}
	})...)
	for _, bias := range []float64{0.5, 1.5} {
		out = append(out, each(fmt.Sprintf("all estimates × %g", bias), ways(), func(s *study) {
			wrong(s)
			s.tune = func(o *simulation.Options) { o.InputBias, o.OutputBias = bias, bias }
		})...)
	}
	out = append(out, each("0.9× load", ways(), func(s *study) {
		s.load, s.goal = 0.9, goal{refused: 0.001, used: 0.995, offered: true}
		if s.window == "slices" && s.charging == "reserve_sum" {
			s.goal.mirror = true // more than such an upstream can serve
		}
	})...)
	plain := []study{ways()[0], ways()[5]}
	for _, headers := range []bool{true, false} {
		out = append(out, each("30 % taken by someone else, headers: "+yes(headers), plain, func(s *study) {
			s.load, s.goal = 1.5, goal{refused: 0.005, used: 0.98}
			if !headers {
				s.goal = goal{refused: 0.01, used: 0.90}
			}
			s.upstream.Foreign, s.upstream.Headers = 0.3, headers
		})...)
	}
	for _, cut := range []float64{0.5, 0.4} {
		out = append(out, each(fmt.Sprintf("limit cut to %g, nobody told", cut), plain, func(s *study) {
			s.load, s.goal = 1.5, goal{refused: 0.005, used: 0.95}
			s.upstream.Changes = []simulation.Change{{At: cutAt, Factor: cut}}
			s.tune = func(o *simulation.Options) { o.Warmup = cutAt + 30*time.Second }
		})...)
	}
	out = append(out, each("limits not configured, headers present", plain, func(s *study) {
		s.load, s.learn, s.goal = 1.5, true, goal{refused: 0.005, used: 0.97}
		s.upstream.Headers, s.upstream.RPM, s.upstream.TPM = true, studyRPM, studyTPM
	})...)
	for _, margin := range []float64{0.02, 0.05} {
		refused := 0.0015
		if margin == 0.05 {
			refused = 0
		}
		for _, phase := range []time.Duration{0, 500 * time.Millisecond, 980 * time.Millisecond} {
			known := ""
			if phase > 900*time.Millisecond {
				known = "the provider's seconds begin 20 ms off ours, and nothing tells"
			}
			out = append(out, study{
				group: "10 RPS slices", name: fmt.Sprintf("margin %g %%, clock off by %v", margin*100, phase), charging: "expected", window: "slices", margin: margin,
				load: 1.5, rpm: 600, tpm: -1, upstream: simulation.Upstream{Algorithm: "slices", Charging: "expected", Phase: phase},
				goal: goal{refused: refused, used: 0.97, known: known},
			})
		}
	}
	for _, rpm := range []int64{3, 20} {
		out = append(out, study{
			group: "slow accounts", name: fmt.Sprintf("%d RPM", rpm), charging: "expected", window: "continuous", margin: config.DefaultMargin,
			load: 1.5, rpm: rpm, tpm: -1, upstream: simulation.Upstream{Algorithm: "bucket", Charging: "expected", Burst: 6 * time.Second},
			goal: goal{refused: 0, used: 0.95},
			tune: func(o *simulation.Options) { o.Config.Routes[0].MaxWait = 5 * time.Minute },
		})
	}
	minutes := 0
	out = append(out, each("calls above the burst", []study{ways()[0], ways()[0], ways()[3]}, func(s *study) {
		s.load, s.tpm, s.rpm, s.goal = 1.5, 20_000, 600, goal{refused: 0, used: 0.95, mirror: true}
		s.goal.known = "a call above the burst goes when the bucket is full, and such buckets are full for a moment only"
		if minutes == 0 {
			s.name, s.upstream.Burst = "calls above our burst, a minute's upstream", time.Minute
		}
		minutes++
		s.tune = func(o *simulation.Options) { o.Config.Routes[0].MaxWait = 2 * time.Minute }
	})...)
	return out
}

const cutAt = 20 * time.Minute

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
