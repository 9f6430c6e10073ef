package jobs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

const yaml = `
providers:
  p: {dialect: simulated, accounts: [{name: a, limits: [{rpm: 60, tpm: 100k}]}]}
routes: {m: {targets: [p/m]}}
client_keys: [{name: k, key: sk-client-0123456789abcd}]
`

func parse(text []byte) (*config.Config, error) { return config.Parse("test", text, nil) }

func newJobs(t *testing.T, o Options) *Jobs {
	t.Helper()
	cfg, err := parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	if o.Config == nil {
		o.Config = func(context.Context, string) (*config.Config, string, error) { return cfg, "file-0123", nil }
	}
	o.Parse = parse
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recording is a CSV trace of so many calls, one a second.
func recording(n int) io.Reader {
	var b strings.Builder
	b.WriteString("TIMESTAMP,ContextTokens,GeneratedTokens\n")
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "%s,100,20\n", at.Add(time.Duration(i)*time.Second).Format("2006-01-02 15:04:05.000"))
	}
	return strings.NewReader(b.String())
}

func call() *api.Call {
	r := httptest.NewRequest(http.MethodPost, "/simulate", nil)
	return &api.Call{Who: access.Identity{Name: "ada", Role: access.Operator}, Request: r}
}

// await lets the jobs run until one has ended.
func await(t *testing.T, s *Jobs, id string) *api.Simulation {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.Run(ctx)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if x := s.Simulation(id); x == nil || x.Ended != nil {
			return x
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it never ended")
		}
	}
}

func TestASimulationRunsToItsEnd(t *testing.T) {
	s := newJobs(t, Options{})
	made, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"load": 2.0}}, recording(120))
	if err != nil || made.State != "waiting" || made.Calls != 120 {
		t.Fatalf("%+v %#v", made, err)
	}
	x := await(t, s, made.ID)
	if x.State != "done" || x.Progress != 1 || x.Results == nil || x.By != "ada" || !strings.Contains(string(s.Report(x.ID)), "<svg") {
		t.Fatalf("%+v", x)
	}
	if !s.Cancel(x.ID) || s.Simulation(x.ID) != nil {
		t.Error("it is not forgotten")
	}
}

func TestWhatCannotBeSimulatedIsSaid(t *testing.T) {
	s := newJobs(t, Options{MaxCalls: 10, MaxWaiting: 1})
	for name, q := range map[string]api.SimulationRequest{
		"an option": {Options: map[string]any{"magic": 1}}, "a configuration": {Config: "routes: ["}, "no recording": {Trace: "last_hour"},
	} {
		var up io.Reader
		if q.Trace == "" {
			up = recording(5)
		}
		if _, err := s.Simulate(call(), q, up); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := s.Simulate(call(), api.SimulationRequest{}, recording(11)); err == nil {
		t.Error("a trace above the bound is accepted")
	}
	if _, err := s.Simulate(call(), api.SimulationRequest{}, strings.NewReader("nonsense")); err == nil {
		t.Error("a trace that is none is accepted")
	}
	if n := len(s.Simulations()); n != 0 {
		t.Errorf("%d jobs are left of what was refused", n)
	}
}

func TestFewWaitAndTheyCanBeCancelled(t *testing.T) {
	s := newJobs(t, Options{MaxWaiting: 1})
	var ids []string
	for range 2 {
		x, err := s.Simulate(call(), api.SimulationRequest{}, recording(5))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	if _, err := s.Simulate(call(), api.SimulationRequest{}, recording(5)); err == nil {
		t.Error("a third one is taken in")
	}
	if !s.Cancel(ids[0]) || s.Cancel("sim_nobody") {
		t.Error("cancelling")
	}
	if x := s.Simulation(ids[0]); x != nil && x.State != "cancelled" {
		t.Errorf("%+v", x)
	}
}
