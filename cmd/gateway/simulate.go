package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/report"
	"github.com/sluice-gateway/sluice/simulation/scenario"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// simulateFlags are the command's flags as they were written.
type simulateFlags struct {
	config, trace, report string
	json                  bool
	scenario              scenario.Scenario
}

func simulateCommand(env environment) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate --config FILE --trace FILE",
		Short: "Play recorded traffic against a configuration, in virtual time",
		Long: `Simulate tells what would have happened: which calls would have been served, queued,
shed, moved to another model or refused by the upstream, by the very code that
serves. Time is virtual: an hour of traffic takes about a second, and a seed gives
the same answer every time. Nothing is sent anywhere.

The trace is CSV with a header (TIMESTAMP,ContextTokens,GeneratedTokens and, where
there are, Model,Priority,Client,MaxTokens) or JSONL with Mooncake's fields
(timestamp in ms, input_length, output_length, hash_ids). It may be gzipped.

Variables of the configuration that are not set stand for themselves: no key is
needed. What the upstreams really do is told by the flags named upstream, by --foreign,
--failures, --retry-after and --limit-change; without them they do what the configuration
believes. One provider that is different is told by --upstream, after its name and a colon:
algorithm, charging, slice, phase, burst, ramp, rpm, rps, tpm (its true limits), headers,
retry-after, foreign, failures, limit-change, delay (5ms..50ms), first-token, speed.

Calls of a client that is named as a client key of the configuration have that key's
limits, priority and weight.

  # Is one account enough for half as much traffic again?
  gateway simulate --config sluice.yaml --trace calls.csv --load 1.5

  # The limit is halved after ten minutes and nobody tells; compare with no limiter.
  gateway simulate --config sluice.yaml --trace calls.csv --limit-change 10m=0.5 \
      --engine sluice,none --report halved.html

  # The first provider counts in slices and is shared; the second one is as configured.
  gateway simulate --config sluice.yaml --trace calls.csv \
      --upstream 'dashscope:algorithm=slices,foreign=30%,headers=true'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(env, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.define(cmd)
	return cmd
}

func (f *simulateFlags) define(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.config, "config", "", "the configuration `FILE`")
	s.StringVar(&f.trace, "trace", "", "the recorded traffic, a `FILE` of CSV or JSONL, also gzipped")
	f.scenario.Define(s)
	s.BoolVar(&f.json, "json", false, "print JSON instead of tables")
	s.StringVar(&f.report, "report", "", "also write a page with charts to `FILE`")
}

func (f *simulateFlags) run(env environment, out, errs io.Writer) error {
	if f.config == "" || f.trace == "" {
		return errors.New("--config and --trace are needed; see gateway simulate --help")
	}
	cfg, err := config.LoadWith(f.config, config.Options{Env: placeholders(env), Run: placeholder})
	if err != nil {
		sayProblems(errs, f.config, err)
		return errSaid
	}
	options, traffic, err := f.scenario.Build(cfg)
	if err != nil {
		return err
	}
	rec, err := f.read(errs)
	if err != nil {
		return err
	}
	options.Calls = traffic.Play(rec)
	options.Progress = progress(errs)
	var results []*simulation.Result
	for _, options.Engine = range f.scenario.Engines() {
		r, err := simulation.Run(options)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if err := f.write(results); err != nil {
		return err
	}
	if f.json {
		return report.JSON(out, results)
	}
	return report.Table(out, results)
}

// placeholders stands in for variables that are not set: a simulation needs no keys.
func placeholders(env environment) environment {
	return func(name string) (string, bool) {
		if v, ok := env(name); ok {
			return v, true
		}
		return "not-set-" + name + "-for-a-simulation", true
	}
}

// placeholder stands in for what a command would print.
func placeholder(context.Context, string, []string) (string, error) {
	return "not-asked-for-a-simulation", nil
}

// write writes the page, if one is wanted.
func (f *simulateFlags) write(results []*simulation.Result) error {
	if f.report == "" {
		return nil
	}
	page, err := os.Create(f.report)
	if err != nil {
		return err
	}
	err = report.HTML(page, "Simulation of "+f.trace+" with "+f.config, results)
	return errors.Join(err, page.Close())
}

// read reads the trace and says what of it could not be used.
func (f *simulateFlags) read(errs io.Writer) (*trace.Trace, error) {
	file, err := os.Open(f.trace)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(f.trace, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: %w", f.trace, err)
		}
	}
	rec, err := trace.Read(r, trace.Options{From: f.scenario.From, Length: f.scenario.Length})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.trace, err)
	}
	for _, p := range rec.Problems {
		fmt.Fprintf(errs, "%s: line %d left out: %s\n", f.trace, p.Line, p.Reason)
	}
	if more := rec.Skipped - len(rec.Problems); more > 0 {
		fmt.Fprintf(errs, "%s: and %d more rows left out\n", f.trace, more)
	}
	return rec, nil
}

// progress tells on a terminal how far a long run is.
func progress(errs io.Writer) func(float64) {
	file, ok := errs.(*os.File)
	if !ok {
		return nil
	}
	if st, err := file.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	begun, last := time.Now(), time.Now()
	return func(share float64) {
		if now := time.Now(); now.Sub(begun) > time.Second && now.Sub(last) > 200*time.Millisecond {
			last = now
			fmt.Fprintf(file, "\r%3.0f %%", 100*share)
		}
		if share >= 1 && time.Since(begun) > time.Second {
			fmt.Fprint(file, "\r      \r")
		}
	}
}
