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
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// simulateFlags are the command's flags as they were written.
type simulateFlags struct {
	config, trace, report      string
	engines, route, priorities string
	load, heavy, bursty        float64
	from, length, warmUp       time.Duration
	seed                       uint64
	maxTokens                  int64
	clients                    int
	json, oracle               bool
	foreign, failures          string
	inputError, outputError    string
	changes                    []string
	retryAfter                 string
	upstream                   simulation.Upstream // of all providers
	perProvider                []string
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
	s.Float64Var(&f.load, "load", 1, "play each call this often, on average")
	s.DurationVar(&f.from, "from", 0, "skip this much of the trace")
	s.DurationVar(&f.length, "length", 0, "play this much of the trace; 0: to its end")
	s.DurationVar(&f.warmUp, "warmup", 0, "leave this much at the beginning out of the result")
	s.Uint64Var(&f.seed, "seed", 1, "the seed of everything random")
	s.StringVar(&f.route, "route", "", "the `MODEL` that calls ask for which name no route of the configuration; default: its first route")
	s.Int64Var(&f.maxTokens, "max-tokens", 0, "what calls declare that declare nothing; 0: nothing")
	s.StringVar(&f.priorities, "priorities", "", "shares of classes among calls that name none, such as `critical=0.3,low=0.2`; the rest is normal")
	s.IntVar(&f.clients, "clients", 0, "spread calls without a client over this many")
	s.Float64Var(&f.heavy, "heavy", 1, "the first client makes this many times as many calls as each other")
	s.Float64Var(&f.bursty, "bursty", 0, "replace the moments by random ones with this squared coefficient of variation (1: Poisson); 0: as recorded")
	s.StringVar(&f.engines, "engine", "sluice", "who decides: sluice, fifo, no_refund, afterwards, none, mirror; several with commas")
	s.BoolVar(&f.oracle, "oracle", false, "tell the engine every exact length beforehand")
	s.StringVar(&f.inputError, "input-error", "0%", "estimates of input are wrong by up to this `SHARE`")
	s.StringVar(&f.outputError, "output-error", "0%", "estimates of output are wrong by up to this `SHARE`")
	u := &f.upstream
	s.StringVar(&u.Algorithm, "upstream-algorithm", "", "how upstreams count: bucket, fixed, sliding or slices")
	s.StringVar(&u.Charging, "upstream-charging", "", "what they charge: expected, reserve_sum, reserve_max, input_only or slot_only")
	s.DurationVar(&u.Slice, "upstream-slice", 0, "the length of their slices (default 1s)")
	s.DurationVar(&u.Phase, "upstream-phase", 0, "how far their windows begin off ours")
	s.DurationVar(&u.Burst, "upstream-burst", 0, "what their buckets hold, as time of the rate (default 1m)")
	s.Float64Var(&u.Ramp, "upstream-ramp", 0, "they refuse traffic that grows by more than this factor; 0: they do not")
	s.BoolVar(&u.Headers, "upstream-headers", false, "they send x-ratelimit-* headers")
	s.DurationVar(&u.FirstToken, "upstream-first-token", 0, "time to their first token (default 300ms)")
	s.Int64Var(&u.TokensPerSecond, "upstream-speed", 0, "tokens per second of an answer (default 50)")
	s.StringVar(&f.retryAfter, "retry-after", "exact", "what their 429s say: exact, none or lying")
	s.StringVar(&f.foreign, "foreign", "0%", "somebody else uses this `SHARE` of every limit")
	s.StringVar(&f.failures, "failures", "0%", "this `SHARE` of attempts fails with a 503")
	s.StringArrayVar(&f.changes, "limit-change", nil, "limits change without a word, such as `10m=0.5`; may be repeated")
	s.StringArrayVar(&f.perProvider, "upstream", nil, "what one provider really does, as `NAME:SETTING=VALUE,…` (see above); may be repeated")
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
	options, traffic, err := f.options(cfg)
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
	for _, name := range strings.Split(f.engines, ",") {
		options.Engine = simulation.Engine(strings.TrimSpace(name))
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
	rec, err := trace.Read(r, trace.Options{From: f.from, Length: f.length})
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
