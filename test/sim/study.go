package main

import (
	"fmt"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation"
	"github.com/sluice-gateway/sluice/simulation/trace"
)

// goal is what a case has to reach: at most so many 429s per attempt, at least so much
// of the quota that is within reach.
type goal struct {
	refused, used float64
	// mirror: used is measured against the best schedule that a perfect mirror of the
	// provider's own algorithm reaches, where that is below the limit less its margin.
	mirror bool
	// offered: what is served is compared with what was offered, not with the limit.
	offered bool
	// known says why the goal is missed; empty: it is not.
	known string
}

// study is one row of the table.
type study struct {
	group, name string
	upstream    simulation.Upstream
	charging    string // what the gateway believes
	window      string
	load        float64 // of the quota
	rpm, tpm    int64   // zero: studyRPM, studyTPM; tpm below zero: no limit on tokens
	margin      float64
	preset      string // adaptive; empty: balanced
	tune        func(o *simulation.Options)
	goal        goal
	learn       bool // no limits configured
	recorded    bool // the recording's own moments, not random ones
	classes     bool // 30 % critical
}

const (
	studyTPM = 600_000
	studyRPM = 6_000
)

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

// config is what the gateway believes.
func (st *study) config() (*config.Config, error) {
	limits := ""
	if !st.learn {
		limits = fmt.Sprintf("limits: [{models: [m], rpm: %d, margin: %g", st.limitRPM(), st.margin)
		if st.limitTPM() > 0 {
			limits += fmt.Sprintf(", tpm: %d", st.limitTPM())
		}
		limits += "}]"
	}
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
`, st.charging, st.window, max(st.upstream.Slice, time.Second), limits, preset)
	return config.Parse("study", []byte(yaml), os.LookupEnv)
}

// options are one run of the study.
func (st *study) options(rec *trace.Trace, seed uint64) (simulation.Options, error) {
	cfg, err := st.config()
	if err != nil {
		return simulation.Options{}, err
	}
	t := simulation.Traffic{Route: "m", Routes: []string{"m"}, MaxTokens: 1024, Clients: 10, Bursty: 4, Seed: seed}
	if st.recorded {
		t.Bursty = 0
	}
	if st.classes {
		t.Classes = classes()
	}
	calls := t.Play(rec)
	offered, quota := simulation.Offered(calls), float64(st.limitTPM())
	if st.limitTPM() == 0 {
		offered, quota = float64(len(calls))/calls[len(calls)-1].At.Minutes(), float64(st.limitRPM())
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

// mirrored is the best that can be reached: a run of the perfect mirror on the limits
// less the margin.
func (st *study) mirrored(rec *trace.Trace, seed uint64) (*simulation.Result, error) {
	o, err := st.options(rec, seed)
	if err != nil {
		return nil, err
	}
	o.Engine = simulation.Mirror
	u := o.Upstreams["p"]
	u.TPM, u.RPM = int64(float64(st.limitTPM())*(1-st.margin)), int64(float64(st.limitRPM())*(1-st.margin))
	o.Upstreams["p"] = u
	return run(o)
}
