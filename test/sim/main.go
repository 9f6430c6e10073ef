// Command sim runs the studies of docs/zero-429.md: recorded traffic against every way
// in which providers count, in virtual time, over several seeds, beside what other
// designs come to. `make sim` prints the tables as they stand there.
package main

import (
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

func main() {
	seeds := flag.Int("seeds", 5, "how many seeds each study is run with")
	only := flag.String("only", "", "run only the studies whose group or name contains this")
	short := flag.Bool("short", false, "one seed, one preset, and exit 1 when a goal is missed that is not known to be")
	timeline := flag.Bool("timeline", false, "print each study's first run minute by minute")
	from := flag.String("trace", "simulation/testdata/azure-llm-2023-conv.csv.gz", "the recording, gzipped CSV or JSONL")
	flag.Parse()
	rec, err := load(*from)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &suite{rec: rec, seeds: *seeds, short: *short, timeline: *timeline, only: *only}
	if s.short {
		s.seeds = 1
	}
	ok := s.limits()
	s.designs()
	ok = s.queues() && ok
	if s.short && !ok {
		os.Exit(1)
	}
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
	rec      *trace.Trace
	seeds    int
	short    bool
	timeline bool
	only     string
}

func (s *suite) wanted(name string) bool { return strings.Contains(name, s.only) }

// parallel does n things on all processors, and calls done in order.
func parallel(n int, do func(i int) error, done func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	ready := make([]chan struct{}, n)
	for i := range n {
		ready[i] = make(chan struct{})
	}
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots; close(ready[i]) }()
			if err := do(i); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		})
		if i >= runtime.NumCPU() {
			<-ready[i-runtime.NumCPU()]
			done(i - runtime.NumCPU())
		}
	}
	for i := max(n-runtime.NumCPU(), 0); i < n; i++ {
		<-ready[i]
		done(i)
	}
	wg.Wait()
}

// mean, least and most of some numbers.
func spread(v []float64) (mean, least, most float64) {
	if len(v) == 0 {
		return 0, 0, 0
	}
	least, most = v[0], v[0]
	for _, x := range v {
		mean += x / float64(len(v))
		least, most = min(least, x), max(most, x)
	}
	return mean, least, most
}

func percent(x float64, digits int) string { return fmt.Sprintf("%.*f %%", digits, 100*x) }

// run is one simulation; its error ends the program.
func run(o simulation.Options) (*simulation.Result, error) { return simulation.Run(o) }
