package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sluice-gateway/sluice/simulation"
)

// Scenario is a simulation's options as they were written. Define gives them their
// defaults.
type Scenario struct {
	// From and Length choose a part of the trace; zero: all of it.
	From, Length time.Duration

	engines, route, priorities string
	load, heavy, bursty        float64
	warmUp                     time.Duration
	seed                       uint64
	maxTokens                  int64
	clients                    int
	oracle                     bool
	foreign, failures          string
	inputError, outputError    string
	changes                    []string
	retryAfter                 string
	upstream                   simulation.Upstream // of all providers
	perProvider                []string
}

// Define adds the options to a set of flags.
func (f *Scenario) Define(s *pflag.FlagSet) {
	s.Float64Var(&f.load, "load", 1, "play each call this often, on average")
	s.DurationVar(&f.From, "from", 0, "skip this much of the trace")
	s.DurationVar(&f.Length, "length", 0, "play this much of the trace; 0: to its end")
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
}

// Problem is one option that cannot be used.
type Problem struct{ Option, Message string }

// Problems are all that is wrong with a scenario.
type Problems []Problem

// Error tells each on a line, as the command does.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = "--" + x.Option + ": " + x.Message
	}
	return strings.Join(lines, "\n")
}

// add notes a problem.
func (p *Problems) add(option, format string, args ...any) {
	*p = append(*p, Problem{option, fmt.Sprintf(format, args...)})
}

// err is the problems as an error, nil without any.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Of makes a scenario of options by name, as JSON has them: texts, numbers, true and
// false, and lists of texts for what may be repeated. The error is Problems.
func Of(options map[string]any) (*Scenario, error) {
	f := &Scenario{}
	set := pflag.NewFlagSet("scenario", pflag.ContinueOnError)
	f.Define(set)
	var bad Problems
	for _, name := range slices.Sorted(maps.Keys(options)) {
		flag := set.Lookup(name)
		if flag == nil {
			bad.add(name, "there is no such option; there are %s", strings.Join(Names(), ", "))
			continue
		}
		texts, ok := texts(options[name])
		if !ok || len(texts) != 1 && flag.Value.Type() != "stringArray" {
			bad.add(name, "has to be one text, number or truth")
			continue
		}
		for _, text := range texts {
			if err := flag.Value.Set(text); err != nil {
				bad.add(name, "%.100q is no %s", text, flag.Value.Type())
			}
		}
	}
	return f, bad.err()
}

// texts turns a JSON value into what a flag reads.
func texts(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case bool:
		return []string{strconv.FormatBool(v)}, true
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}, true
	case []any:
		var out []string
		for _, x := range v {
			one, ok := x.(string)
			if !ok {
				return nil, false
			}
			out = append(out, one)
		}
		return out, true
	}
	return nil, false
}

// Names are the options that there are.
func Names() (names []string) {
	set := pflag.NewFlagSet("scenario", pflag.ContinueOnError)
	new(Scenario).Define(set)
	set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// Option is an option as people are told of it.
type Option struct {
	Name string
	// Kind is number, text, duration, truth or list (of texts).
	Kind string
	// Default is its value where it is not given; empty: none.
	Default string
	About   string
}

// Options are all options, in the order of their names.
func Options() (out []Option) {
	set := pflag.NewFlagSet("scenario", pflag.ContinueOnError)
	new(Scenario).Define(set)
	kinds := map[string]string{"float64": "number", "int": "number", "int64": "number", "uint64": "number", "duration": "duration", "bool": "truth", "stringArray": "list"}
	set.VisitAll(func(f *pflag.Flag) {
		o := Option{Name: f.Name, Kind: "text", Default: f.DefValue}
		if kind := kinds[f.Value.Type()]; kind != "" {
			o.Kind = kind
		}
		if o.Kind == "list" {
			o.Default = ""
		}
		_, o.About = pflag.UnquoteUsage(f)
		out = append(out, o)
	})
	return out
}

// Engines are who decides, one run for each.
func (f *Scenario) Engines() []simulation.Engine {
	var out []simulation.Engine
	for name := range strings.SplitSeq(f.engines, ",") {
		out = append(out, simulation.Engine(strings.TrimSpace(name)))
	}
	return out
}

// Load is how often each call is played, on average.
func (f *Scenario) Load() float64 { return f.load }
