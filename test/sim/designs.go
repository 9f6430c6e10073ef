package main

import (
	"fmt"

	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/simulation"
)

// designs compares the engine with what other gateways do.
func (s *suite) designs() {
	if !s.wanted("designs") {
		return
	}
	fmt.Print("\n### designs, 1.5× load, continuous upstream\n\n")
	fmt.Println("| design | actual tokens charged: 429 / attempts | used | served | max_tokens reserved: 429 / attempts | used | served |")
	fmt.Println("|---|---|---|---|---|---|---|")
	all := []struct {
		engine simulation.Engine
		name   string
	}{
		{simulation.NoLimiter, "no limiter, retries with full jitter"}, {simulation.Afterwards, "tokens counted after the answer"},
		{simulation.NoRefund, "reserved, never refunded"}, {simulation.FIFO, "this engine as one FIFO queue"}, {simulation.Sluice, "Sluice"},
	}
	cells := make([][]string, len(all))
	parallel(len(all), func(i int) error {
		for _, way := range []study{ways()[0], ways()[5]} {
			way.load = 1.5
			var refused, used, served []float64
			for seed := range s.seeds {
				r, err := s.with(way, uint64(seed+1), func(o *simulation.Options) { o.Engine = all[i].engine })
				if err != nil {
					return err
				}
				refused, used = append(refused, r.Share429()), append(used, r.Accounts[0].Used/(1-way.margin))
				served = append(served, float64(r.Served)/float64(r.Arrived))
			}
			for k, v := range [][]float64{refused, used, served} {
				m, _, _ := spread(v)
				cells[i] = append(cells[i], percent(m, []int{2, 1, 1}[k]))
			}
		}
		return nil
	}, func(i int) {
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", all[i].name, cells[i][0], cells[i][1], cells[i][2], cells[i][3], cells[i][4], cells[i][5])
	})
}

func (s *suite) with(st study, seed uint64, change func(o *simulation.Options)) (*simulation.Result, error) {
	o, err := st.options(s.rec, seed)
	if err != nil {
		return nil, err
	}
	change(&o)
	return run(o)
}

// queueCase is one line of the queue's study.
type queueCase struct {
	name string
	st   study
	// The goals: critical calls served, at least; their 99th percentile of waiting, in
	// seconds, at most. Zero: none.
	served, p99 float64
}

func queueCases() []queueCase {
	at := func(way int, load float64) study {
		s := ways()[way]
		s.load, s.classes = load, true
		return s
	}
	return []queueCase{
		{"continuous, 1×", at(0, 1), 0, 0}, {"continuous, 1.5×", at(0, 1.5), 0.999, 1}, {"continuous, 3×", at(0, 3), 0, 0},
		{"continuous, 10×", at(0, 10), 0, 0},
		{"fixed minute, 1.5×", at(1, 1.5), 0.999, 6}, {"sliding minute, 1.5×", at(2, 1.5), 0.999, 6}, {"1 s slices, 1.5×", at(3, 1.5), 0.999, 6},
		{"6 s slices, 1.5×", at(4, 1.5), 0.999, 6},
	}
}

// queues runs the study of classes: 30 % critical, the rest normal.
func (s *suite) queues() bool {
	if !s.wanted("queue") {
		return true
	}
	fmt.Print("\n### queue: 30 % critical, 70 % normal\n\n")
	fmt.Println("| case | critical served | wait p50, p99 | normal served | wait p50, p99 | goodput, of FIFO's | of the same engine told every length | FIFO: critical served, p99 | |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	cases := queueCases()
	lines := make([]string, len(cases))
	ok := true
	parallel(len(cases), func(i int) (err error) { lines[i], err = s.queue(cases[i]); return err }, func(i int) {
		fmt.Println(lines[i])
		ok = ok && lines[i][len(lines[i])-len("met |"):] == "met |"
	})
	return ok
}

// group is the mean of one class over the seeds.
type group struct{ served, p50, p99 []float64 }

func (g *group) add(r *simulation.GroupResult) {
	g.served = append(g.served, float64(r.Served)/float64(max(r.Arrived, 1)))
	g.p50, g.p99 = append(g.p50, r.Wait.P50), append(g.p99, r.Wait.P99)
}

func (g *group) String() string {
	served, _, _ := spread(g.served)
	p50, _, _ := spread(g.p50)
	p99, _, _ := spread(g.p99)
	return fmt.Sprintf("%s | %.2f s, %.2f s", percent(served, 2), p50, p99)
}

func (s *suite) queue(c queueCase) (string, error) {
	var critical, normal, fifoCritical group
	var ofFIFO, ofOracle []float64
	for seed := range s.seeds {
		var runs [3]*simulation.Result
		for k, change := range []func(o *simulation.Options){
			func(*simulation.Options) {},
			func(o *simulation.Options) { o.Engine = simulation.FIFO },
			func(o *simulation.Options) { o.Oracle = true },
		} {
			r, err := s.with(c.st, uint64(seed+1), change)
			if err != nil {
				return "", err
			}
			runs[k] = r
		}
		critical.add(runs[0].Classes[shedding.Critical.String()])
		normal.add(runs[0].Classes[shedding.Normal.String()])
		fifoCritical.add(runs[1].Classes[shedding.Critical.String()])
		ofFIFO = append(ofFIFO, float64(runs[0].Goodput)/float64(runs[1].Goodput))
		ofOracle = append(ofOracle, float64(runs[0].Goodput)/float64(runs[2].Goodput))
	}
	served, _, _ := spread(critical.served)
	p99, _, _ := spread(critical.p99)
	fifo, _, _ := spread(ofFIFO)
	oracle, _, _ := spread(ofOracle)
	fifoServed, _, _ := spread(fifoCritical.served)
	fifoWait, _, _ := spread(fifoCritical.p99)
	verdict := "met"
	if served < c.served || c.p99 > 0 && p99 > c.p99 || c.st.load >= 1.5 && fifo < 0.99 || oracle < 0.95 {
		verdict = "**missed**"
	}
	return fmt.Sprintf("| %s | %v | %v | %s | %s | %s, %.1f s | %s |", c.name, &critical, &normal, percent(fifo, 1), percent(oracle, 1),
		percent(fifoServed, 1), fifoWait, verdict), nil
}

// classes are the shares of critical and normal calls in the queue's study.
func classes() (c [shedding.Classes]float64) {
	c[shedding.Critical], c[shedding.Normal] = 0.3, 0.7
	return c
}
