package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/budget/tokens"
	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/gateway/admission"
	"github.com/sluice-gateway/sluice/providers"
	"github.com/sluice-gateway/sluice/providers/openai"
)

// keyedUpstream is an upstream that knows keys. It is safe for concurrent use.
type keyedUpstream struct {
	mu     sync.Mutex
	refuse map[string]string // key → the error's code; empty: accepted
	open   bool              // /models answers everybody
	shut   bool              // /models refuses everybody
	calls  []string          // method, path, key, host
	hold   chan struct{}     // nil: answers at once
}

func (u *keyedUpstream) set(key, code string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refuse == nil {
		u.refuse = map[string]string{}
	}
	u.refuse[key] = code
}

func (u *keyedUpstream) made() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.calls)
}

// count answers how many calls of a kind a key has made.
func (u *keyedUpstream) count(method, key string) (n int) {
	for _, c := range u.made() {
		if strings.HasPrefix(c, method+" ") && strings.Contains(c, " "+key+" ") {
			n++
		}
	}
	return n
}

func (u *keyedUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	u.mu.Lock()
	u.calls = append(u.calls, r.Method+" "+r.URL.Path+" "+key+" "+r.URL.Host)
	code, hold := u.refuse[key], u.hold
	if r.Method == http.MethodGet && u.open {
		code = ""
	}
	if r.Method == http.MethodGet && u.shut {
		code = "invalid_api_key"
	}
	u.mu.Unlock()
	if r.Method == http.MethodPost && hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	status := map[string]int{"": 200, "invalid_api_key": 401, "insufficient_quota": 429, "forbidden": 403, "server_error": 500}[code]
	if status == 200 && r.Method == http.MethodPost {
		return answer(r, wholeAnswer)
	}
	body := `{"data":[]}`
	if code != "" {
		body = `{"error":{"message":"refused for ` + code + `","type":"` + code + `","code":"` + code + `"}}`
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

const twoKeys = `
providers:
  up: {base_url: "http://upstream.invalid/v1", preset: %s, accounts: [{name: a, keys: [key-a, key-b], limits: [{rpm: 100G, tpm: 100G}]}]}
  other: {base_url: "http://other.invalid/v1", preset: openai, accounts: [{name: o, keys: [key-o]}]}
routes:
  m: {targets: [up/m], max_wait: 5s}
client_keys:
  - {name: test, key: ` + testKey + `, limits: {rpm: 100G, tpm: 100G}}
`

// keyEvents collects what happens to keys. It is safe for concurrent use.
type keyEvents struct {
	mu  sync.Mutex
	all []KeyEvent
}

func (e *keyEvents) add(k KeyEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, k)
}

func (e *keyEvents) list() []KeyEvent {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// keyed makes a gateway on an upstream that knows keys.
func keyed(t *testing.T, text string, u *keyedUpstream, o Options) (*Gateway, *logged) {
	t.Helper()
	log := &logged{}
	o.Config = parsed(t, text)
	o.Tokens, o.Embeddings = tokens.New(tokens.Options{}), openai.ConvertEmbeddings
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	o.Connect = func(p *config.Provider, preset providers.Preset) (providers.Dialect, *http.Client, error) {
		d, err := openai.New(openai.Options{BaseURL: p.BaseURL, Preset: preset})
		return d, &http.Client{Transport: u}, err
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, log
}

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running looks after the gateway's keys in the background until the test ends.
func running(t *testing.T, g *Gateway) {
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { g.watchKeys(ctx) })
	all.Go(func() { g.watchExpiry(ctx) })
	t.Cleanup(func() { stop(); all.Wait() })
}

func askUp(g *Gateway) *httptest.ResponseRecorder {
	return chat(g.Handler(), []byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`))
}

func keyState(t *testing.T, g *Gateway, account, secret string) KeyState {
	t.Helper()
	for _, a := range g.AccountStates() {
		for _, k := range a.Keys {
			if a.Account == account && k.Fingerprint == Fingerprint(secret) {
				return k
			}
		}
	}
	t.Fatalf("no key %s in %s", secret, account)
	return KeyState{}
}

func wish(account, secret string, s admission.KeyState) Wish {
	w := Wish{Provider: "up", Account: account, State: s, Since: time.Now()}
	if secret != "" {
		w.Fingerprint = Fingerprint(secret)
	}
	return w
}

func TestKeysAreProbedAtTheStartAndInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{}
		u.set("key-b", "invalid_api_key")
		var told keyEvents
		g, log := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{KeyEvents: told.add})
		running(t, g)
		synctest.Wait()
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-b"); a.Health != HealthWorks || b.Health != HealthInvalid || b.Usable || !a.Usable {
			t.Fatalf("a %+v, b %+v", a, b)
		}
		if events := told.list(); len(events) != 1 || events[0].Kind != KeyTakenOut || events[0].Fingerprint != Fingerprint("key-b") || !strings.Contains(log.String(), "upstream key taken out") {
			t.Fatalf("events %+v, log %s", told.list(), log)
		}
		for range 4 {
			askUp(g)
		}
		if n := u.count("POST", "key-b"); n != 0 {
			t.Fatalf("a key that was taken out was used %d times", n)
		}
		u.set("key-b", "")
		u.set("key-a", "invalid_api_key")
		time.Sleep(70 * time.Second) // under synctest: b's turn has come, a's has not
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-b"); a.Health != HealthWorks || b.Health != HealthWorks || !b.Usable {
			t.Fatalf("a %+v, b %+v", a, b)
		}
		time.Sleep(5 * time.Minute)
		if a := keyState(t, g, "a", "key-a"); a.Health != HealthInvalid || a.HealthSince.IsZero() || a.Why == "" {
			t.Fatalf("a %+v", a)
		}
		if u.count("POST", "key-a")+u.count("POST", "key-b") != 4 {
			t.Fatalf("a probe made a call: %v", u.made())
		}
		if strings.Contains(log.String(), "key-a") || strings.Contains(log.String(), "key-b") {
			t.Fatalf("the log tells a key: %s", log)
		}
	})
}

func TestAKeyIsNeverSentToAnotherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{}
		g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{})
		running(t, g)
		time.Sleep(time.Hour)
		for _, c := range u.made() {
			if strings.Contains(c, "key-o") != strings.HasSuffix(c, "other.invalid") {
				t.Fatalf("%s", c)
			}
		}
		if u.count("GET", "key-o") < 10 {
			t.Fatalf("the other provider was probed %d times", u.count("GET", "key-o"))
		}
	})
}

// An endpoint that answers everybody neither brings a refused key back nor takes a good
// one out.
func TestAProbeThatAnswersEverybodyIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{open: true}
		u.set("key-b", "invalid_api_key")
		g, _ := keyed(t, fmt.Sprintf(twoKeys, "generic"), u, Options{})
		running(t, g)
		synctest.Wait()
		if b := keyState(t, g, "a", "key-b"); b.Health != HealthUnknown {
			t.Fatalf("b %+v", b)
		}
		askUp(g)
		askUp(g) // one of them meets b, and goes on to a
		time.Sleep(10 * time.Minute)
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-b"); a.Health != HealthWorks || b.Health != HealthInvalid {
			t.Fatalf("a %+v, b %+v", a, b)
		}
		calls := u.count("POST", "key-b")
		if calls < 3 || calls > 8 {
			t.Fatalf("%d calls of one token in ten minutes", calls)
		}
		u.set("key-b", "")
		time.Sleep(longestRetry + time.Minute)
		if b := keyState(t, g, "a", "key-b"); b.Health != HealthWorks {
			t.Fatalf("b %+v", b)
		}
	})
}

func TestAProbeThatRefusesEverybodyIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{shut: true}
		g, _ := keyed(t, fmt.Sprintf(twoKeys, "generic"), u, Options{})
		running(t, g)
		time.Sleep(time.Hour)
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-b"); !a.Usable || !b.Usable {
			t.Fatalf("a %+v, b %+v", a, b)
		}
		if n := u.count("POST", "key-a") + u.count("POST", "key-b"); n > 4 {
			t.Fatalf("%d calls of one token to find it out", n)
		}
	})
}

func TestAnExhaustedKeyComesBackByACallAndNotByAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{open: true} // the list of models knows nothing of quota
		u.set("key-a", "insufficient_quota")
		g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{})
		running(t, g)
		synctest.Wait()
		for range 2 {
			if w := askUp(g); w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		a := keyState(t, g, "a", "key-a")
		if a.Health != HealthExhausted || a.Usable || !strings.Contains(a.Why, "quota") {
			t.Fatalf("a %+v", a)
		}
		time.Sleep(5 * time.Minute)
		if a := keyState(t, g, "a", "key-a"); a.Health != HealthExhausted {
			t.Fatalf("a %+v", a)
		}
		u.set("key-a", "")
		time.Sleep(longestRetry + time.Minute)
		if a := keyState(t, g, "a", "key-a"); a.Health != HealthWorks || !a.Usable {
			t.Fatalf("a %+v", a)
		}
	})
}

func TestAKeyIsTakenOutAtItsMomentAndWarnedOfAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(8 * 24 * time.Hour).UTC().Truncate(time.Second)
		text := strings.Replace(fmt.Sprintf(twoKeys, "openai"), "[key-a, key-b]", "[{value: key-a, expires_at: "+end.Format(time.RFC3339)+"}, key-b]", 1)
		var told keyEvents
		g, log := keyed(t, text, &keyedUpstream{}, Options{KeyEvents: told.add})
		running(t, g)
		for _, step := range []struct {
			at     time.Duration // before the end
			health Health
			events int
		}{
			{7*24*time.Hour + time.Minute, HealthWorks, 0}, {7*24*time.Hour - time.Second, HealthWorks, 1}, {25 * time.Hour, HealthWorks, 1},
			{24*time.Hour - time.Second, HealthWorks, 2}, {time.Second, HealthWorks, 2}, {-time.Millisecond, HealthExpired, 3},
		} {
			time.Sleep(time.Until(end.Add(-step.at)))
			synctest.Wait()
			if a := keyState(t, g, "a", "key-a"); a.Health != step.health || a.Usable != (step.health == HealthWorks) || len(told.list()) != step.events {
				t.Fatalf("%v before its end: %+v, %d events", step.at, a, len(told.list()))
			}
		}
		events := told.list()
		if n := strings.Count(log.String(), "expires soon"); n != 2 || events[0].Kind != KeyExpiresSoon || events[2].Kind != KeyTakenOut {
			t.Fatalf("%d warnings, %+v", n, events)
		}
		time.Sleep(time.Hour) // a probe does not bring it back
		if a := keyState(t, g, "a", "key-a"); a.Health != HealthExpired {
			t.Fatalf("a %+v", a)
		}
		if err := g.Apply(parsed(t, fmt.Sprintf(twoKeys, "openai"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a := keyState(t, g, "a", "key-a"); a.Health != HealthWorks || !a.Usable {
			t.Fatalf("with another end: %+v", a)
		}
	})
}

func TestWhatAnOperatorWantsIsApartFromHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{}
		u.set("key-b", "invalid_api_key")
		g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{Overlay: Overlay{Wishes: []Wish{wish("a", "key-b", admission.KeyDisabled)}}})
		running(t, g)
		synctest.Wait()
		if b := keyState(t, g, "a", "key-b"); b.Health != HealthUnknown || b.State != admission.KeyDisabled || b.Since.IsZero() || u.count("GET", "key-b") != 0 {
			t.Fatalf("b %+v: a key that is switched off is left alone", b)
		}
		g.SetOverlay(Overlay{})
		synctest.Wait()
		if b := keyState(t, g, "a", "key-b"); b.Health != HealthInvalid || b.State != admission.KeyEnabled || b.Usable {
			t.Fatalf("b %+v", b)
		}
		g.SetOverlay(Overlay{Wishes: []Wish{wish("a", "key-a", admission.KeyDraining)}})
		if err := g.Apply(parsed(t, fmt.Sprintf(twoKeys, "openai"))); err != nil { // a reload forgets neither
			t.Fatal(err)
		}
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-b"); a.State != admission.KeyDraining || !a.Drained || b.Health != HealthInvalid {
			t.Fatalf("a %+v, b %+v", a, b)
		}
		if w := askUp(g); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no_upstream_available") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, w := range []Wish{{Provider: "up", State: admission.KeyDisabled}, {Provider: "up", Account: "a", State: admission.KeyDraining}} {
			g.SetOverlay(Overlay{Wishes: []Wish{w, wish("a", "key-a", admission.KeyEnabled)}})
			if a := keyState(t, g, "a", "key-a"); a.State != admission.KeyEnabled || a.Usable {
				t.Fatalf("under %+v: %+v", w, a)
			}
			if w := askUp(g); w.Code != http.StatusServiceUnavailable {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		g.SetOverlay(Overlay{})
		if w := askUp(g); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

// Draining lets what is in flight end and takes nothing new; a new key takes over in
// the same act, for calls that wait too.
func TestAKeyIsReplacedLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{hold: make(chan struct{})}
		text := strings.Replace(fmt.Sprintf(twoKeys, "openai"), "[key-a, key-b], limits: [{rpm: 100G, tpm: 100G}]", "[key-a], limits: [{concurrency: 1}]", 1)
		g, _ := keyed(t, text, u, Options{})
		answers := make(chan int, 2)
		go func() { answers <- askUp(g).Code }()
		synctest.Wait()
		go func() { answers <- askUp(g).Code }() // waits for the one slot
		synctest.Wait()
		if a := keyState(t, g, "a", "key-a"); a.InFlight != 1 {
			t.Fatalf("a %+v", a)
		}
		g.SetOverlay(Overlay{
			Keys:   []StoredKey{{Provider: "up", Account: "a", Secret: "key-new"}},
			Wishes: []Wish{wish("a", "key-a", admission.KeyDraining)},
		})
		if a, b := keyState(t, g, "a", "key-a"), keyState(t, g, "a", "key-new"); a.Drained || a.InFlight != 1 || !b.Usable || !b.Stored {
			t.Fatalf("a %+v, new %+v", a, b)
		}
		close(u.hold)
		if one, two := <-answers, <-answers; one != 200 || two != 200 {
			t.Fatalf("%d, %d", one, two)
		}
		if a := keyState(t, g, "a", "key-a"); !a.Drained || a.InFlight != 0 || u.count("POST", "key-a") != 1 || u.count("POST", "key-new") != 1 {
			t.Fatalf("a %+v, calls %v", a, u.made())
		}
	})
}

// A call that waits is refused at once when its last key goes, and not at its deadline.
func TestWaitingCallsLearnAtOnceThatNoKeyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &keyedUpstream{hold: make(chan struct{})}
		text := strings.Replace(fmt.Sprintf(twoKeys, "openai"), "limits: [{rpm: 100G, tpm: 100G}]", "limits: [{concurrency: 1}]", 1)
		g, _ := keyed(t, text, u, Options{})
		first, second := make(chan int, 1), make(chan int, 1)
		go func() { first <- askUp(g).Code }()
		synctest.Wait()
		go func() { second <- askUp(g).Code }()
		synctest.Wait()
		begin := time.Now()
		g.SetOverlay(Overlay{Wishes: []Wish{{Provider: "up", State: admission.KeyDisabled}}})
		if code := <-second; code != http.StatusServiceUnavailable || time.Since(begin) > 0 {
			t.Fatalf("%d after %v", code, time.Since(begin))
		}
		close(u.hold)
		if code := <-first; code != 200 {
			t.Fatalf("the call in flight ended in %d", code)
		}
	})
}

func TestTheSameKeyCountsOnceAndStoredKeysOutliveAReload(t *testing.T) {
	u := &keyedUpstream{}
	overlay := Overlay{Keys: []StoredKey{{"up", "a", "key-a", time.Time{}}, {"up", "a", "key-c", time.Time{}}, {"up", "gone", "key-d", time.Time{}}}}
	g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{Overlay: overlay})
	for range 2 {
		var got []string
		for _, k := range g.AccountStates()[1].Keys {
			got = append(got, k.Fingerprint+fmt.Sprint(k.Stored))
		}
		want := []string{Fingerprint("key-a") + "false", Fingerprint("key-b") + "false", Fingerprint("key-c") + "true"}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if err := g.Apply(parsed(t, fmt.Sprintf(twoKeys, "openai"))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		askUp(g)
	}
	if u.count("POST", "key-c") != 1 {
		t.Fatalf("calls %v", u.made())
	}
}

func TestTestKey(t *testing.T) {
	u := &keyedUpstream{open: true}
	g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{})
	ctx := context.Background()
	f, err := g.TestKey(ctx, "up", "a", Fingerprint("key-a"), false)
	if err != nil || !f.Told || f.Health != HealthWorks || f.Status != 200 || f.Model != "" {
		t.Fatalf("%+v, %v", f, err)
	}
	u.set("key-a", "insufficient_quota")
	f, err = g.TestKey(ctx, "up", "a", Fingerprint("key-a"), true)
	if err != nil || f.Health != HealthExhausted || f.Model != "m" || keyState(t, g, "a", "key-a").Usable {
		t.Fatalf("%+v, %v", f, err)
	}
	u.set("key-a", "server_error")
	if f, err = g.TestKey(ctx, "up", "a", Fingerprint("key-a"), true); err != nil || f.Told || keyState(t, g, "a", "key-a").Health != HealthExhausted {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := g.TestKey(ctx, "up", "b", Fingerprint("key-a"), false); err != ErrNoSuchKey {
		t.Fatalf("%v", err)
	}
	l, fails := g.AccountStates()[1].Latency, g.AccountStates()[1].Failures
	if l.Attempts != 0 || len(fails) != 0 {
		t.Fatalf("tests count as calls: %+v, %+v", l, fails)
	}
}

func TestWhatAnAccountRemembers(t *testing.T) {
	u := &keyedUpstream{}
	g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{})
	askUp(g)
	u.set("key-b", "invalid_api_key")
	askUp(g)
	a := g.AccountStates()[1]
	if a.Latency.Attempts != 3 || a.Latency.OK != 2 || a.Latency.WholeP95 <= 0 || a.Failures["invalid_key"].Count != 1 || a.Failures["invalid_key"].Status != 401 {
		t.Fatalf("%+v", a)
	}
	if len(a.Breakers) != 1 || a.Breakers[0] != (BreakerState{"m", "closed"}) || !a.Routed || g.AccountStates()[0].Routed {
		t.Fatalf("%+v", a)
	}
	var r recent
	for i := range 2 * recentKept {
		r.add(recentAttempt{whole: time.Duration(i + 1), firstByte: 1, ok: true})
	}
	if l, _ := r.view(); l.Attempts != recentKept || l.WholeP50 != recentKept+recentKept/2 || l.WholeP95 != recentKept+(recentKept*95+99)/100 {
		t.Fatalf("%+v", l)
	}
}

// States, reloads, probes and calls all at once: nothing is left in flight, and no key
// is used that is switched off.
func TestKeysUnderContention(t *testing.T) {
	u := &keyedUpstream{}
	g, _ := keyed(t, fmt.Sprintf(twoKeys, "openai"), u, Options{})
	running(t, g)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 60 {
				switch (i + j) % 4 {
				case 0:
					g.SetOverlay(Overlay{Wishes: []Wish{wish("a", "key-a", admission.KeyState(j%3))}, Keys: []StoredKey{{"up", "a", fmt.Sprint("key-", j%3), time.Time{}}}})
				case 1:
					if err := g.Apply(parsed(t, fmt.Sprintf(twoKeys, "openai"))); err != nil {
						t.Error(err)
					}
				case 2:
					_, _ = g.TestKey(context.Background(), "up", "a", Fingerprint("key-b"), j%2 == 0)
					g.AccountStates()
				default:
					if w := askUp(g); w.Code != 200 {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				}
			}
		})
	}
	all.Wait()
	for _, a := range g.AccountStates() {
		for _, k := range a.Keys {
			if k.InFlight != 0 {
				t.Errorf("%+v", k)
			}
		}
	}
}
