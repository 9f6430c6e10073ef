// Command sim runs the studies of docs/zero-429.md: recorded traffic against every way
// in which providers count, in virtual time, over several seeds, beside what other
// designs come to. `make sim` prints the tables.
package main

import (
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

func main() {
	seeds := flag.Int("seeds", 5, "how many seeds each study is run with")
	only := flag.String("only", "", "run only the studies whose group or name contains this")
	preset := flag.String("preset", "", "adaptive preset: balanced or conservative; empty: both columns")
	from := flag.String("trace", "simulation/testdata/azure-llm-2023-conv.csv.gz", "the recording, gzipped CSV or JSONL")
	timeline := flag.Bool("timeline", false, "print each study's first run minute by minute")
	flag.Parse()
	rec, err := load(*from)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = preset
	s := &suite{rec: rec, seeds: *seeds, timeline: *timeline}
	for _, st := range studies() {
		if strings.Contains(st.group+" "+st.name, *only) {
			s.add(st)
		}
	}
	s.run()
}

func load(path string) (*trace.Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return trace.Read(z, trace.Options{})
}

type suite struct {
	rec   *trace.Trace
	seeds int
	rows  []*row

	timeline bool
}

type row struct {
	s       study
	results []*simulation.Result
	mirrors []*simulation.Result
	took    time.Duration
}

func (s *suite) add(st study) { s.rows = append(s.rows, &row{s: st}) }

func (s *suite) run() {
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	done := make([]chan struct{}, len(s.rows))
	for i, r := range s.rows {
		done[i] = make(chan struct{})
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots; close(done[i]) }()
			for seed := range s.seeds {
				res, mir, err := s.one(r.s, uint64(seed+1))
				if err != nil {
					fmt.Fprintln(os.Stderr, r.s.name, err)
					os.Exit(1)
				}
				r.results = append(r.results, res)
				if mir != nil {
					r.mirrors = append(r.mirrors, mir)
				}
			}
		})
	}
	group := ""
	for i, r := range s.rows {
		<-done[i]
		if r.s.group != group {
			group = r.s.group
			fmt.Printf("\n### %s\n", group)
		}
		r.print()
		if s.timeline {
			r.minutes()
		}
	}
	wg.Wait()
}

func (s *suite) one(st study, seed uint64) (*simulation.Result, *simulation.Result, error) {
	o, err := st.options(s.rec, seed)
	if err != nil {
		return nil, nil, err
	}
	r, err := simulation.Run(o)
	if err != nil || !st.goal.mirror {
		return r, nil, err
	}
	m, err := st.options(s.rec, seed)
	if err != nil {
		return nil, nil, err
	}
	m.Engine = simulation.Mirror
	for name, u := range m.Upstreams { // the same part of the limit is left unused
		u.TPM, u.RPM = int64(float64(st.limitTPM())*(1-st.margin)), int64(float64(st.limitRPM())*(1-st.margin))
		m.Upstreams[name] = u
	}
	mir, err := simulation.Run(m)
	return r, mir, err
}

func (st *study) limitTPM() int64 {
	switch {
	case st.tpm < 0:
		return 0
	case st.tpm == 0:
		return studyTPM
	}
	return st.tpm
}

func (st *study) limitRPM() int64 {
	if st.rpm == 0 {
		return studyRPM
	}
	return st.rpm
}

func (st *study) options(rec *trace.Trace, seed uint64) (simulation.Options, error) {
	limits := ""
	if !st.learn {
		limits = fmt.Sprintf("limits: [{models: [m], rpm: %d, margin: %g", st.limitRPM(), st.margin)
		if st.limitTPM() > 0 {
			limits += fmt.Sprintf(", tpm: %d", st.limitTPM())
		}
		limits += "}]"
	}
	window := st.window
	preset := st.preset
	if preset == "" {
		preset = "balanced"
	}
	yaml := fmt.Sprintf(`
providers:
  p:
    dialect: openai
    preset: generic
    base_url: https://example.com/v1
    charging: %s
    window: %s
    straddle: 60ms
    slice: %s
    accounts: [{name: a, keys: [sk-simulated-key-000000], %s}]
routes: {m: {targets: [p/m], max_wait: 30s}}
adaptive: {preset: %s}
`, st.charging, window, max(st.upstream.Slice, time.Second), limits, preset)
	cfg, err := config.Parse("study", []byte(yaml), os.LookupEnv)
	if err != nil {
		return simulation.Options{}, err
	}
	t := simulation.Traffic{Route: "m", Routes: []string{"m"}, MaxTokens: 1024, Clients: 10, Bursty: 4, Seed: seed}
	if st.recorded {
		t.Bursty = 0
	}
	calls := t.Play(rec)
	offered := simulation.Offered(calls)
	quota := float64(st.limitTPM())
	if st.limitTPM() == 0 {
		offered = float64(len(calls)) / calls[len(calls)-1].At.Minutes()
		quota = float64(st.limitRPM())
	}
	t.Load = st.load * quota / offered
	o := simulation.Options{
		Config: cfg, Calls: t.Play(rec), Seed: seed, Warmup: 5 * time.Minute,
		Upstreams: map[string]simulation.Upstream{"p": st.upstream},
	}
	if st.tune != nil {
		st.tune(&o)
	}
	return o, nil
}
