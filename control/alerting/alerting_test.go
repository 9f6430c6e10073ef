package alerting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/shedding"
	"github.com/sluice-gateway/sluice/telemetry"
	"github.com/sluice-gateway/sluice/web/api"
)

// plane is a gateway that says what it is told to.
type plane struct {
	mu      sync.Mutex
	depth   int
	down    map[string]bool
	buckets []telemetry.Bucket
}

func (p *plane) set(change func(*plane)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *plane) QueueDepth() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]int{"normal": p.depth}
}

func (p *plane) QueueOldest() map[string]float64 { return map[string]float64{"normal": 1, "low": 2} }

func (p *plane) Keys() (out []telemetry.KeyUp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range []string{"k1", "k2"} {
		out = append(out, telemetry.KeyUp{Provider: "up", Account: "a", Fingerprint: k, Up: !p.down[k]})
	}
	return out
}

func (p *plane) Buckets() []telemetry.Bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buckets
}

// hooks is where webhooks arrive.
type hooks struct {
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	answer func(n int, r *http.Request) (int, error)
}

func (h *hooks) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.got, h.bodies = append(h.got, r), append(h.bodies, string(body))
	n := len(h.got)
	h.mu.Unlock()
	status := 200
	if h.answer != nil {
		var err error
		if status, err = h.answer(n, r); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (h *hooks) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got)
}

// own reads alerts as the configuration's file has them.
func own(t testing.TB, text string) []config.Alert {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte("alerts: "+text+`
providers: {up: {base_url: "http://127.0.0.1/v1", accounts: [{name: a, keys: [key-a-0123456789]}]}}
routes: {m: {targets: [up/m]}}
client_keys: [{name: test, key: sk-client-0123456789}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Alerts
}

func start(t *testing.T, o Options, text string) (*Alerting, *plane) {
	t.Helper()
	p := &plane{down: map[string]bool{}}
	o.Sources.Gateway = p
	if o.Sources.Meter == nil {
		o.Sources.Meter = NewMeter()
	}
	a, err := New(o, own(t, text))
	if err != nil {
		t.Fatal(err)
	}
	go a.Run(t.Context())
	t.Cleanup(a.Close)
	return a, p
}

const hook = `{webhook: {url: "https://hooks.example.com/secret-path", secret: "a-secret-of-a-webhook"}}`

func TestAWebhookIsSignedAndTellsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		var logged bytes.Buffer
		a, p := start(t, Options{Transport: h, Log: slog.New(slog.NewTextHandler(&logged, nil)), Node: "one"},
			`[{name: queue, when: queue_depth > 100, do: [log, `+hook+`]}]`)
		p.set(func(p *plane) { p.depth = 150 })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if h.count() != 1 {
			t.Fatalf("%d webhooks", h.count())
		}
		r, body := h.got[0], h.bodies[0]
		stamp := strings.TrimPrefix(strings.Split(r.Header.Get("X-Sluice-Signature"), ",")[0], "t=")
		if want := Sign("a-secret-of-a-webhook", time.Now().Add(-time.Second), []byte(body)); r.Header.Get("X-Sluice-Signature") != want || stamp == "" {
			t.Errorf("signed %s, want %s", r.Header.Get("X-Sluice-Signature"), want)
		}
		var got struct {
			ID, Name, State, Message, Condition, Node string
			Value                                     float64
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Name != "queue" || got.State != "firing" || got.Value != 150 ||
			got.Condition != "queue_depth > 100" || got.Message != "queue_depth is 150, above 100" || got.Node != "one" {
			t.Errorf("%s: %+v", body, got)
		}
		if rows := a.Firing(); len(rows) != 1 || rows["queue"].(api.Alert).Message != got.Message {
			t.Errorf("%+v", rows)
		}
		p.set(func(p *plane) { p.depth = 90 })
		time.Sleep(5 * time.Second)
		if h.count() != 1 {
			t.Errorf("something was told inside the band: %s", h.bodies)
		}
		p.set(func(p *plane) { p.depth = 10 })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if h.count() != 2 || !strings.Contains(h.bodies[1], `"state":"resolved"`) || !strings.Contains(h.bodies[1], "queue_depth is 10 again") {
			t.Errorf("%s", h.bodies)
		}
		log := logged.String()
		if !strings.Contains(log, "level=WARN msg=alert rule=queue") || !strings.Contains(log, `msg="alert resolved" rule=queue`) {
			t.Errorf("%s", log)
		}
		all := a.Alerts()
		if len(all.History) != 2 || all.History[0].State != "resolved" || len(all.Webhooks) != 1 || all.Webhooks[0].Delivered != 2 {
			t.Errorf("%+v", all)
		}
		said, _ := json.Marshal(all)
		if strings.Contains(log+string(said), "secret") {
			t.Errorf("a secret is told: %s %s", log, said)
		}
	})
}

func TestAWebhookIsTriedAgainAndGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		answer            func(n int, r *http.Request) (int, error)
		sent              int
		delivered, failed int64
		took              time.Duration
	}{
		"taken at once":      {nil, 1, 1, 0, 0},
		"taken at last":      {func(n int, _ *http.Request) (int, error) { return map[bool]int{true: 204, false: 503}[n == 3], nil }, 3, 1, 0, 3 * time.Second},
		"never taken":        {func(int, *http.Request) (int, error) { return 429, nil }, 6, 0, 1, 31 * time.Second},
		"refused":            {func(int, *http.Request) (int, error) { return 401, nil }, 1, 0, 1, 0},
		"sent elsewhere":     {func(int, *http.Request) (int, error) { return 302, nil }, 1, 0, 1, 0},
		"nobody there":       {func(int, *http.Request) (int, error) { return 0, errors.New("connection refused") }, 6, 0, 1, 31 * time.Second},
		"somebody who waits": {func(_ int, r *http.Request) (int, error) { <-r.Context().Done(); return 0, r.Context().Err() }, 6, 0, 1, 91 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &hooks{answer: c.answer}
			a, p := start(t, Options{Transport: h}, `[{name: queue, when: queue_depth > 100, do: [`+hook+`]}]`)
			p.set(func(p *plane) { p.depth = 150 })
			time.Sleep(time.Second + c.took - time.Millisecond)
			if w := a.Alerts().Webhooks[0]; c.took > 0 && w.Delivered+w.Failed > 0 {
				t.Errorf("%s: too early: %+v", name, w)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			if w := a.Alerts().Webhooks[0]; h.count() != c.sent || w.Delivered != c.delivered || w.Failed != c.failed || (w.LastError == "") != (c.failed == 0) {
				t.Errorf("%s: sent %d times: %+v", name, h.count(), w)
			}
			ids := map[string]bool{}
			for _, r := range h.got {
				ids[r.Header.Get("X-Sluice-Delivery")] = true
			}
			if len(ids) != 1 {
				t.Errorf("%s: %d names of one delivery", name, len(ids))
			}
		})
	}
}

// A receiver that never answers holds up neither the looks nor another receiver, and
// what waits for it is bounded.
func TestADeadReceiverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{answer: func(_ int, r *http.Request) (int, error) {
			if r.URL.Host == "dead.example.com" {
				<-r.Context().Done()
				return 0, r.Context().Err()
			}
			return 200, nil
		}}
		dead := strings.Replace(hook, "hooks.example.com", "dead.example.com", 1)
		a, p := start(t, Options{Transport: h}, `[{name: queue, when: queue_depth > 0, do: [`+dead+`, `+hook+`]}]`)
		time.Sleep(500 * time.Millisecond) // between two looks
		for i := range 400 {
			p.set(func(p *plane) { p.depth = i % 2 })
			time.Sleep(time.Second)
		}
		all := a.Alerts()
		var alive, gone api.Webhook
		for _, w := range all.Webhooks {
			if w.Host == "dead.example.com" {
				gone = w
			} else {
				alive = w
			}
		}
		if alive.Delivered < 395 || gone.Delivered != 0 || gone.Waiting > mostWaiting || gone.Dropped < 200 {
			t.Errorf("%+v and %+v", alive, gone)
		}
		if len(all.History) > mostHistory {
			t.Errorf("%d changes are remembered", len(all.History))
		}
	})
}

func TestSheddingLastsAsLongAsItsAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed []shedding.Class
		a, p := start(t, Options{Shed: func(c shedding.Class) { shed = append(shed, c) }},
			`[{name: queue, when: queue_depth > 100, do: [{shed: low}]}, {name: worse, when: queue_depth > 200, for: 3s, do: [{shed: normal}]}]`)
		at := func(depth int, wait time.Duration, want ...shedding.Class) {
			t.Helper()
			shed = nil
			p.set(func(p *plane) { p.depth = depth })
			time.Sleep(wait)
			synctest.Wait()
			if !slices.Equal(shed, want) {
				t.Errorf("a depth of %d sheds %v, want %v", depth, shed, want)
			}
		}
		at(150, 2*time.Second, shedding.Low)
		at(300, 2*time.Second)
		at(300, 4*time.Second, shedding.Normal)
		at(170, 2*time.Second) // in the band of worse
		at(150, 2*time.Second, shedding.Low)
		shed = nil
		a.Mute("queue", time.Now().Add(time.Minute))
		if !slices.Equal(shed, []shedding.Class{shedding.Classes}) {
			t.Errorf("a mute leaves %v", shed)
		}
		at(150, 30*time.Second)
		at(150, 40*time.Second, shedding.Low) // it fires still when the mute is over
		at(0, 2*time.Second, shedding.Classes)
		if a.Mute("nothing", time.Now()) {
			t.Error("a rule that is not there was muted")
		}
	})
}

func TestAKeyIsDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter()
		var disabled []string
		_, _ = start(t, Options{Sources: Sources{Meter: m}, DisableKey: func(provider, account, key, why string) error {
			disabled = append(disabled, provider+"/"+account+"/"+key+" "+why)
			return nil
		}}, `[{name: bad-key, when: key_error_rate > 50%, do: [disable_key]}]`)
		for i := range 20 {
			kind := ""
			if i%4 > 0 {
				kind = "server_error"
			}
			m.Attempt(nil, &telemetry.Attempt{Provider: "up", Account: "a", Key: "k1", Kind: kind, Start: time.Now()})
			m.Attempt(nil, &telemetry.Attempt{Provider: "up", Account: "a", Key: "k2", Kind: "rate_tokens", Status: 429, Start: time.Now()})
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if want := "up/a/k1 alert bad-key: key_error_rate of provider up, account a, key k1 is 75%, above 50%"; len(disabled) != 1 || disabled[0] != want {
			t.Errorf("%q", disabled)
		}
	})
}

func TestReconfiguring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooks{}
		var shed shedding.Class = shedding.Classes
		a, p := start(t, Options{Transport: h, Shed: func(c shedding.Class) { shed = c }}, `[{name: queue, when: queue_depth > 100, do: [`+hook+`, {shed: low}]}]`)
		p.set(func(p *plane) { p.depth = 150 })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		bad := own(t, `[{name: queue, when: queue_depth > 100, do: [disable_key]}]`)
		if _, err := a.Prepare(&config.Config{Alerts: bad}); err == nil || !strings.Contains(err.Error(), "alert queue: disable_key needs a condition about one key") {
			t.Errorf("%v", err)
		}
		if shed != shedding.Low || len(a.Alerts().Webhooks) != 1 {
			t.Error("what could not be used has changed something")
		}
		commit, err := a.Prepare(&config.Config{Alerts: own(t, `[{name: queue, disabled: true}]`)})
		if err != nil || len(a.Alerts().Webhooks) != 1 {
			t.Fatalf("%v, or it took place before it was to", err)
		}
		commit()
		all := a.Alerts()
		if shed != shedding.Classes || len(all.Webhooks) != 0 || all.History[0].State != "resolved" {
			t.Errorf("shed %v, %+v", shed, all)
		}
	})
}

func TestRulesReplaceShippedOnes(t *testing.T) {
	rules, err := Rules(own(t, `[{name: queue, when: queue_depth > 5, clear: 2}, {name: wait, disabled: true}, {name: mine, when: heap > 400MiB}, {name: soon, when: key_expires < 30, clear: 36d}]`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		got = append(got, fmt.Sprintf("%s: %s until %s %v", r.Name, r.When, alerts.FormatValue(r.When.Metric, r.ClearsAt()), r.Shipped))
	}
	want := []string{
		"key-down: keys_down > 0 until 0 true", "spend-80: spend >= 80% until 64% true", "spend-100: spend >= 100% until 80% true",
		"upstream-429: upstream_429 > 0 until 0 true", "key-expires: key_expires < 14d until 17.5d true",
		"queue: queue_depth > 5 until 2 false", "mine: heap > 400MiB until 320MiB false", "soon: key_expires < 30d until 36d false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	unsigned := []config.Alert{{Name: "x", When: config.Condition{Text: "heap > 1"}, Do: []config.Action{{Kind: "webhook", URL: "https://a.example"}}}}
	if _, err := Rules(unsigned); err == nil || !strings.Contains(err.Error(), "needs a secret") {
		t.Errorf("%v", err)
	}
	wrong := []config.Alert{{Name: "x", When: config.Condition{Text: "queue_depth > 10s"}}, {Name: "y", When: config.Condition{Text: "heap > 5"}, Clear: config.Bound{Given: true, Text: "6"}}}
	if _, err := Rules(wrong); err == nil || !strings.Contains(err.Error(), "alert x: ") || !strings.Contains(err.Error(), "alert y: clear (6) lies on the side") {
		t.Errorf("%v", err)
	}
}

// The configuration names what the engine reads.
func TestTheConfigurationKnowsEveryMetric(t *testing.T) {
	var names []string
	for _, m := range alerts.Metrics() {
		names = append(names, m.Name)
	}
	if !slices.Equal(names, config.Readings()) {
		t.Errorf("%v and %v", names, config.Readings())
	}
}

func moment(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestTheMeterKnowsTheLastMinute(t *testing.T) {
	m := NewMeter()
	for i := range 20 {
		r := &telemetry.Record{Start: moment(float64(i)), QueueWait: time.Duration(i) * time.Second, Attempts: make([]telemetry.Attempt, 1)}
		switch i % 4 {
		case 0:
			r.Fault = telemetry.FaultProvider
		case 1:
			r.ShedReason, r.Fault, r.Attempts = "shed", telemetry.FaultPolicy, nil
		}
		m.Record(r)
		m.Attempt(r, &telemetry.Attempt{Start: moment(float64(i)), Provider: "up", Account: "a", Key: "k", Status: 429 - i%2*229})
	}
	values := func(at float64) map[string]float64 {
		p := &plane{depth: 7, buckets: []telemetry.Bucket{
			{Scope: "client_key", Name: "web", Dimension: "cost", Amount: 100, Level: 10, Reserved: 5},
			{Scope: "client_key", Name: "web", Dimension: "cost", Amount: 1000, Level: 900},
			{Scope: "client_key", Name: "web", Dimension: "tokens", Amount: 100, Level: 0},
			{Scope: "owner", Name: "acme", Dimension: "cost", Amount: 100, Level: -20, InDebt: 20},
			{Scope: "upstream", Name: "up/a/*", Dimension: "cost", Amount: 100, Level: 0},
		}}
		r := reader{Sources: Sources{Gateway: p, Meter: m, LedgerLag: func() time.Duration { return 3 * time.Second }, Conflict: func() bool { return true },
			Expiries: func() []Expiry { return []Expiry{{"up", "a", "k", moment(at).Add(36 * time.Hour)}} }}}
		out := map[string]float64{}
		for _, x := range r.read(moment(at)) {
			id := x.Metric
			for _, name := range sortedKeys(x.Labels) {
				id += " " + x.Labels[name]
			}
			out[id] = x.Value
		}
		return out
	}
	got := values(20)
	for id, want := range map[string]float64{
		"queue_wait": (190. - 45) / 15, "error_rate": 5. / 20, "shed_rate": 5. / 20, "upstream_429 up a": 10, "key_error_rate up a k": 0,
		"queue_depth": 7, "queue_oldest": 2, "keys_down up a k1": 0, "spend client_key web": 0.85, "spend owner acme": 1.2,
		"ledger_lag": 3, "config_conflict": 1, "key_expires up a k": 1.5,
	} {
		if v, ok := got[id]; !ok || v-want > 1e-9 || want-v > 1e-9 {
			t.Errorf("%s is %v (%v), want %v", id, v, ok, want)
		}
	}
	if got["heap"] < 1e5 || len(got) != 15 {
		t.Errorf("%d readings: %v", len(got), got)
	}
	// What is older than a minute does not count, and a slot is used again.
	if got = values(66); got["upstream_429 up a"] != 5 {
		t.Errorf("%v", got)
	}
	if got = values(80); got["upstream_429 up a"] != 0 || got["queue_wait"] != 0 || got["error_rate"] != 0 {
		t.Errorf("%v", got)
	}
}

func TestWhereWebhooksMayGo(t *testing.T) {
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00:ec2::254/128")}
	for address, want := range map[string]error{
		"93.184.216.34:443": nil, "[2606:4700::1111]:443": nil, "10.1.2.3:80": nil, "[fd12::1]:80": nil, "[::ffff:10.1.2.3]:80": nil,
		"10.2.0.1:80": errPrivate, "127.0.0.1:9093": errPrivate, "[::1]:80": errPrivate, "[::ffff:127.0.0.1]:80": errPrivate, "192.168.1.1:80": errPrivate,
		"172.31.255.255:80": errPrivate, "100.64.0.1:80": errPrivate, "0.1.2.3:80": errPrivate, "198.19.0.1:80": errPrivate, "255.255.255.255:80": errPrivate,
		"[64:ff9b::a00:1]:80": errPrivate, "[2002:a00:1::]:80": errPrivate, "[2001:0:53aa::1]:80": errPrivate, "[fec0::1]:80": errPrivate, "[::a00:1]:80": errPrivate,
		"169.254.169.254:80": errForbidden, "[fe80::1%eth0]:80": errForbidden, "[::ffff:169.254.169.254]:80": errForbidden, "[fd00:ec2::254]:80": errForbidden,
		"0.0.0.0:80": errForbidden, "[::]:80": errForbidden, "224.0.0.1:80": errForbidden, "[ff02::1]:80": errForbidden, "example.com:80": errForbidden, "": errForbidden,
	} {
		if err := mayDial(address, allowed); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	none := func() []netip.Prefix { return nil }
	for url, want := range map[string]error{"http://169.254.169.254/latest/meta-data": errForbidden, "http://localhost:1/x": errPrivate, "http://0x7f.1:1/": errPrivate} {
		if _, err := newClient(none).Get(url); !errors.Is(err, want) {
			var dns *net.DNSError
			if errors.As(err, &dns) && !strings.Contains(url, "localhost") { // a spelling that this system does not resolve
				continue
			}
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A receiver on this machine hears nothing until its network is allowed, and nothing
// any more once it is not, kept connections included.
func TestPrivateReceiversAreAllowedByTheConfiguration(t *testing.T) {
	var heard atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer receiver.Close()
	a, err := New(Options{Sources: Sources{Gateway: &plane{down: map[string]bool{}}, Meter: NewMeter()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r := newReceiver(destination{config.Secret(receiver.URL), "a-secret-of-a-webhook"}, a.client, func(string, error) {})
	loopback := &config.Config{Server: config.Server{WebhookNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	for i, step := range []struct {
		cfg   *config.Config
		heard int64
		err   error
	}{{nil, 0, errPrivate}, {loopback, 1, nil}, {loopback, 2, nil}, {&config.Config{}, 2, errPrivate}} {
		if step.cfg != nil {
			commit, err := a.Prepare(step.cfg)
			if err != nil {
				t.Fatal(err)
			}
			commit()
		}
		if err := r.try(t.Context(), delivery{id: "x", body: []byte("{}")}); !errors.Is(err, step.err) || (err == nil) != (step.err == nil) || heard.Load() != step.heard {
			t.Errorf("%d: %v, and %d were heard", i, err, heard.Load())
		}
	}
}

func TestTheAPIOfAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, p := start(t, Options{}, `[]`)
		p.set(func(p *plane) { p.down["k2"] = true })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		all := a.Alerts()
		i := slices.IndexFunc(all.Data, func(r api.AlertRule) bool { return r.Name == "key-down" })
		if i < 0 || all.Data[i].State != "firing" || len(all.Data[i].Alerts) != 1 || all.Data[i].Alerts[0].ID != "key-down{provider up, account a, key k2}" ||
			!all.Data[i].Shipped || all.Data[i].About == "" || !slices.Equal(all.Data[i].Do, []string{"log"}) {
			t.Fatalf("%+v", all.Data)
		}
		for _, r := range all.Data {
			if r.Name != "key-down" && r.State != "ok" {
				t.Errorf("%+v", r)
			}
		}
	})
}
