package jobs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/simulation/report"
	"github.com/sluice-gateway/sluice/simulation/trace"
	"github.com/sluice-gateway/sluice/web/api"
)

// refused wants an error of a status that says something.
func refused(t *testing.T, what string, err error, status int, says string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Status != status || !strings.Contains(fmt.Sprint(e.Message, e.Fields), says) {
		t.Errorf("%s: %#v, want %d with %q", what, err, status, says)
	}
	if status == http.StatusTooManyRequests && e != nil && e.RetryAfter <= 0 {
		t.Errorf("%s: it is not told when to come back", what)
	}
}

func zipped(r io.Reader) *bytes.Buffer {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.Copy(z, r)
	_ = z.Close()
	return &b
}

// endless is a file that never ends.
type endless struct{ line string }

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
	}
	if n == 0 {
		n = copy(p, e.line)
	}
	return n, nil
}

// What is wrong with a trace is told in words, none leaves a job, and none takes the room
// of the next one.
func TestBadTraces(t *testing.T) {
	s := newJobs(t, Options{MaxCalls: 1000, MaxUnpacked: 1 << 20})
	half := zipped(recording(500)).Bytes()
	named := `{"timestamp":1,"input_length":1,"output_length":1,"client":"%s%d"}` + "\n"
	for name, c := range map[string]struct {
		trace io.Reader
		says  string
	}{
		"nothing":            {strings.NewReader(""), "empty"},
		"another table":      {strings.NewReader("a,b\n1,2\n"), "column"},
		"no usable row":      {strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\nsoon,1,1\n"), "line 2"},
		"binary":             {bytes.NewReader([]byte{0, 1, 2, 0xff, 0xfe, '\n', 0}), "column"},
		"too many calls":     {recording(1001), "more than 1000 calls"},
		"without an end":     {endless{"1,1,1\n"}, "column"},
		"one endless line":   {io.MultiReader(strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\n"), io.LimitReader(endless{"x"}, 3<<20)), "longer than"},
		"gzip that is none":  {bytes.NewReader([]byte{0x1f, 0x8b, 9, 9, 9}), "gzip"},
		"half of a gzip":     {bytes.NewReader(half[:len(half)/2]), "unexpected EOF"},
		"a bomb":             {zipped(io.LimitReader(endless{"\n"}, 1<<20+1)), "unpacks to more than 1 MiB"},
		"a failing upload":   {io.MultiReader(recording(3), failing{errors.New("reset by peer")}), "reset by peer"},
		"an upload too long": {io.MultiReader(recording(3), failing{&http.MaxBytesError{Limit: api.MaxTrace}}), "larger than 50 MiB"},
		"names without end":  {strings.NewReader(names(named, 200_000)), "1000 calls"},
	} {
		status := http.StatusUnprocessableEntity
		if name == "an upload too long" {
			status = http.StatusRequestEntityTooLarge
		}
		_, err := s.Simulate(call(), api.SimulationRequest{}, c.trace)
		refused(t, name, err, status, c.says)
	}
	if len(s.Simulations()) != 0 || s.memory != 0 || s.reading != 0 {
		t.Errorf("%d jobs, %d bytes and %d readings are left", len(s.Simulations()), s.memory, s.reading)
	}
	x, err := s.Simulate(call(), api.SimulationRequest{}, io.MultiReader(recording(3), strings.NewReader("soon,1,1\nlater,1,1\n")))
	if err != nil || x.Calls != 3 || x.Skipped != 2 || len(x.Problems) != 2 || x.Problems[0].Line != 5 {
		t.Errorf("rows that cannot be used: %v %+v", err, x)
	}
	if x, err = s.Simulate(call(), api.SimulationRequest{}, zipped(recording(3))); err != nil || x.Calls != 3 {
		t.Errorf("gzip: %v %+v", err, x)
	}
}

// failing fails at once.
type failing struct{ err error }

func (r failing) Read([]byte) (int, error) { return 0, r.err }

func names(form string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form, "client-of-a-long-name-", i)
	}
	return b.String()
}

// All jobs together stay below the bound, by estimate: what does not fit now may come
// later, and what never fits is told how it would.
func TestMemoryIsBounded(t *testing.T) {
	const calls = 1000
	s := newJobs(t, Options{MaxCalls: calls, MaxWaiting: 100, MaxMemory: 2 * calls * (recordedSize + playedSize)})
	_, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"load": 50.0}}, recording(calls))
	refused(t, "a load beyond all memory", err, http.StatusUnprocessableEntity, "use less load")
	var taken []string
	for range 20 {
		x, err := s.Simulate(call(), api.SimulationRequest{}, recording(calls))
		if s.memory > s.o.MaxMemory {
			t.Fatalf("%d bytes of %d are taken", s.memory, s.o.MaxMemory)
		}
		if err != nil {
			refused(t, "a job too many", err, http.StatusTooManyRequests, "all the memory")
			break
		}
		taken = append(taken, x.ID)
	}
	if len(taken) < 1 || len(taken) > 2 {
		t.Fatalf("%d jobs are taken in", len(taken))
	}
	for _, id := range taken {
		await(t, s, id)
	}
	if x, err := s.Simulate(call(), api.SimulationRequest{}, recording(calls)); err != nil {
		t.Errorf("what has ended still takes room: %v", err)
	} else {
		s.Cancel(x.ID)
	}
	for _, x := range s.Simulations() {
		s.Cancel(x.ID)
	}
	if s.memory != 0 || len(s.traces) != 0 {
		t.Errorf("%d bytes and %d traces are left when nothing is", s.memory, len(s.traces))
	}
}

// A job that takes too long is ended, and says what to do.
func TestTimeIsBounded(t *testing.T) {
	s := newJobs(t, Options{Timeout: time.Millisecond})
	made, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"load": 10.0}}, recording(20_000))
	if err != nil {
		t.Fatal(err)
	}
	x := await(t, s, made.ID)
	if x.State != "failed" || !strings.Contains(x.Error, "longer than 1ms") || x.Results != nil || s.Report(x.ID) != nil {
		t.Errorf("%+v", x)
	}
}

// A job that runs ends soon after it was cancelled, and the next one has its turn.
func TestARunningJobIsCancelled(t *testing.T) {
	s := newJobs(t, Options{})
	long, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"load": 2.0, "engine": "sluice,fifo,mirror"}}, recording(20_000))
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.Simulate(call(), api.SimulationRequest{Trace: long.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.Run(ctx)
	until(t, func() bool { x := s.Simulation(long.ID); return x.State == "running" && x.Progress > 0 })
	if x := s.Simulation(next.ID); x.State != "waiting" {
		t.Errorf("two run at once: %+v", x)
	}
	if !s.Cancel(long.ID) {
		t.Fatal("it is not known")
	}
	until(t, func() bool { return s.Simulation(long.ID).Ended != nil })
	if x := s.Simulation(long.ID); x.State != "cancelled" || x.Progress >= 1 || x.Results != nil {
		t.Errorf("%+v", x)
	}
	until(t, func() bool { return s.Simulation(next.ID).Ended != nil })
}

// until waits for something that happens on another goroutine.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it never happened")
		}
	}
}

// When the program stops, the job that runs ends, and none begins after it.
func TestAStopEndsWhatRuns(t *testing.T) {
	s := newJobs(t, Options{})
	var ids []string
	for range 2 {
		x, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"load": 3.0}}, recording(20_000))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); s.Run(ctx) }()
	until(t, func() bool { return s.Simulation(ids[0]).State == "running" })
	stop()
	<-ran
	if a, b := s.Simulation(ids[0]), s.Simulation(ids[1]); a.State != "cancelled" || b.State != "waiting" {
		t.Errorf("%s and %s", a.State, b.State)
	}
}

// A job is of the configuration that was in force when it was asked for, whatever is
// loaded while it waits.
func TestAReloadDoesNotChangeAJob(t *testing.T) {
	now := yaml
	var mu sync.Mutex
	s := newJobs(t, Options{Config: func(context.Context, string) (*config.Config, string, error) {
		mu.Lock()
		defer mu.Unlock()
		cfg, err := parse([]byte(now))
		return cfg, fmt.Sprint("v", len(now)), err
	}})
	before, err := s.Simulate(call(), api.SimulationRequest{}, recording(600))
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = strings.Replace(yaml, "rpm: 60,", "rpm: 1,", 1)
	mu.Unlock()
	after, err := s.Simulate(call(), api.SimulationRequest{Trace: before.ID}, nil)
	if err != nil || after.ConfigVersion == before.ConfigVersion {
		t.Fatalf("%v %+v", err, after)
	}
	served := func(id string) int { return await(t, s, id).Results.([]report.Report)[0].Served }
	if a, b := served(before.ID), served(after.ID); a < 500 || b > 100 {
		t.Errorf("%d served before the reload, %d after it", a, b)
	}
}

// Many at once: each is taken in or refused, each that is taken in ends, and no more than
// is allowed are known. For the race detector.
func TestManyAtOnce(t *testing.T) {
	s := newJobs(t, Options{MaxWaiting: 3, Keep: 5})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.Run(ctx)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 5 {
				x, err := s.Simulate(call(), api.SimulationRequest{}, recording(50+n))
				if err != nil {
					continue
				}
				_ = s.Simulations()
				if n%2 == 0 {
					s.Cancel(x.ID)
				}
				_, _ = s.Simulation(x.ID), s.Report(x.ID)
			}
		})
	}
	wg.Wait()
	until(t, func() bool {
		for _, x := range s.Simulations() {
			if x.Ended == nil {
				return false
			}
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	held := int64(0)
	for _, k := range s.traces {
		held += k.size
	}
	if len(s.all) > 5 || s.memory != held || s.reading != 0 {
		t.Errorf("%d are known, %d bytes are taken of which %d are traces, %d are read", len(s.all), s.memory, held, s.reading)
	}
}

// Two jobs that are asked for with one trace play the same calls, and say so.
func TestTheSameTraceAgain(t *testing.T) {
	s := newJobs(t, Options{MaxCalls: 1000, Keep: 2})
	first, err := s.Simulate(call(), api.SimulationRequest{Name: " as it is ", Options: map[string]any{"from": "10s", "length": "1m"}}, recording(300))
	if err != nil || first.Calls != 60 || !first.TraceKept || first.Name != "as it is" || first.Options["from"] != "10s" {
		t.Fatalf("%v %+v", err, first)
	}
	slower := strings.Replace(yaml, "rpm: 60,", "rpm: 30,", 1)
	second, err := s.Simulate(call(), api.SimulationRequest{Trace: first.ID, Config: slower}, nil)
	if err != nil || second.TraceID != first.TraceID || second.Calls != 60 || second.Trace != "uploaded" || len(second.Diff) != 1 {
		t.Fatalf("%v %+v", err, second)
	}
	again, err := s.Simulate(call(), api.SimulationRequest{Options: map[string]any{"from": "10s", "length": "1m"}}, recording(300))
	if err != nil || again.TraceID != first.TraceID {
		t.Errorf("the same file is another trace: %v %+v", err, again)
	}
	if other, err := s.Simulate(call(), api.SimulationRequest{}, recording(299)); err != nil || other.TraceID == first.TraceID {
		t.Errorf("another file is the same trace: %v %+v", err, other)
	}
	if len(s.traces) != 2 {
		t.Errorf("%d traces are kept", len(s.traces))
	}
	_, err = s.Simulate(call(), api.SimulationRequest{Trace: first.ID, Options: map[string]any{"from": "1s"}}, nil)
	refused(t, "another part of a kept trace", err, http.StatusUnprocessableEntity, "leave them out")
	_, err = s.Simulate(call(), api.SimulationRequest{Trace: "sim_nobody"}, nil)
	refused(t, "nobody's trace", err, http.StatusUnprocessableEntity, "there is none of this id")
	for _, x := range []*api.Simulation{first, second, again} {
		await(t, s, x.ID)
	}
	await(t, s, s.Simulations()[0].ID)
	if len(s.all) != 2 {
		t.Fatalf("%d are known", len(s.all))
	}
	s.mu.Lock()
	s.makeRoom(s.o.MaxMemory)
	s.mu.Unlock()
	last := s.Simulations()[0]
	_, err = s.Simulate(call(), api.SimulationRequest{Trace: last.ID}, nil)
	if refused(t, "a trace that is gone", err, http.StatusUnprocessableEntity, "upload it again"); last.TraceKept {
		t.Errorf("%+v", last)
	}
}

// A configuration is told all that is wrong with it, by line and path; so are names and
// options, without a trace being read.
func TestCheck(t *testing.T) {
	s := newJobs(t, Options{Config: func(_ context.Context, name string) (*config.Config, string, error) {
		if name == "v9" {
			return nil, "", errors.New("there is no such version")
		}
		cfg, err := parse([]byte(yaml))
		return cfg, "v1", err
	}})
	bad := s.Check(call(), api.SimulationRequest{Config: "providers:\n  p: {dialect: magic}\nroutes: {m: {targets: [q/m], max_wait: soon}}\n", Name: strings.Repeat("x", 101), Options: map[string]any{"load": 0.0}})
	if bad.Valid || len(bad.Problems) < 3 || bad.Problems[0].Line != 2 || bad.Problems[0].Path == "" || bad.Fields["name"] == "" || !strings.Contains(bad.Fields["config"], "line 2: ") || !strings.Contains(bad.Fields["config"], " more") {
		t.Errorf("%+v", bad)
	}
	if x := s.Check(call(), api.SimulationRequest{Options: map[string]any{"load": 0.0, "magic": 1.0}}); x.Valid || x.Fields["options.magic"] == "" {
		t.Errorf("%+v", x)
	}
	if x := s.Check(call(), api.SimulationRequest{Config: "v9"}); x.Valid || x.Fields["config"] != "there is no such version" {
		t.Errorf("%+v", x)
	}
	if x := s.Check(call(), api.SimulationRequest{Options: map[string]any{"upstream": []any{strings.Repeat("x", maxOptions)}}}); x.Valid || x.Fields["options"] == "" {
		t.Errorf("%+v", x)
	}
	if x := s.Check(call(), api.SimulationRequest{Config: strings.Replace(yaml, "rpm: 60", "rpm: 90", 1)}); !x.Valid || len(x.Diff) != 1 || !strings.Contains(x.Diff[0], "60 → 90") {
		t.Errorf("%+v", x)
	}
	var e *api.Error
	if _, err := s.Simulate(call(), api.SimulationRequest{Config: "routes: ["}, recording(3)); !errors.As(err, &e) || e.Detail.([]api.ConfigProblem)[0].Line == 0 {
		t.Errorf("%#v", err)
	}
	if all := s.Options(); len(all) < 20 || all[0].About == "" {
		t.Errorf("%+v", all)
	}
}

// The last hour is what was served in it, and can be cut.
func TestTheLastHour(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	tape := fixed{}
	s := newJobs(t, Options{Recording: &tape, Now: func() time.Time { return now }})
	_, err := s.Simulate(call(), api.SimulationRequest{Trace: "last_hour"}, nil)
	refused(t, "an hour without calls", err, http.StatusUnprocessableEntity, "nothing was served")
	for i := range 60 {
		tape.calls = append(tape.calls, Recorded{now.Add(time.Duration(i-60) * time.Minute), trace.Call{Model: "m", Input: 10, Output: 5, Client: "k"}})
	}
	x, err := s.Simulate(call(), api.SimulationRequest{Trace: "last_hour", Options: map[string]any{"from": "10m", "length": "20m"}}, nil)
	if err != nil || x.Calls != 20 || x.Trace != "last_hour" || !x.Since.Equal(now.Add(-time.Hour)) {
		t.Errorf("%v %+v", err, x)
	}
	_, err = s.Simulate(call(), api.SimulationRequest{Trace: "last_hour", Options: map[string]any{"from": "2h"}}, nil)
	refused(t, "after its end", err, http.StatusUnprocessableEntity, "no call of the last hour is left")
	tape.err = errors.New("the disk is gone")
	if _, err = s.Simulate(call(), api.SimulationRequest{Trace: "last_hour"}, nil); !errors.Is(err, tape.err) {
		t.Errorf("%v", err)
	}
	if s.reading != 0 {
		t.Errorf("%d are still read", s.reading)
	}
}

// fixed is a recording of given calls.
type fixed struct {
	calls []Recorded
	err   error
}

func (f *fixed) Recorded(context.Context, time.Time, time.Time, int) ([]Recorded, error) {
	return f.calls, f.err
}
