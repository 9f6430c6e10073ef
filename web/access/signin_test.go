package access_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/sluice-gateway/sluice/web/access"
)

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address + ":9" }
}

// tries signs in with a wrong password until it is told to wait, and answers after how
// many and for how long.
func (h *house) tries(name, address string, most int) (n int, wait time.Duration) {
	h.t.Helper()
	for n = range most {
		_, _, err := h.SignIn(request(http.MethodPost, from(address)), name, "wrong wrong wrong")
		switch status(err) {
		case 401:
		case 429:
			return n, retryAfter(err)
		default:
			h.t.Fatalf("%v", err)
		}
	}
	return most, 0
}

func TestWrongPasswordsCostGrowingDelays(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	n, wait := h.tries("ada", "198.51.100.1", 100)
	if n != 5 || wait != time.Second {
		t.Fatalf("after %d: %s", n, wait)
	}
	if _, again := h.tries("ada", "198.51.100.1", 100); again != wait {
		t.Errorf("a try that was not taken counts: %s", again)
	}
	if _, elsewhere := h.tries("ada", "198.51.100.2", 100); elsewhere != wait {
		t.Errorf("another address may try the name: %s", elsewhere)
	}
	var waits []time.Duration
	for range 8 {
		h.now = h.now.Add(wait)
		if n, wait = h.tries("ada", fmt.Sprintf("198.51.100.%d", 10+len(waits)), 100); n != 1 {
			t.Fatalf("%d tries after waiting", n)
		}
		waits = append(waits, wait)
	}
	s := time.Second
	if want := []time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s, 30 * s}; !slices.Equal(waits, want) {
		t.Errorf("%v, want %v", waits, want)
	}
	h.now = h.now.Add(wait)
	if _, _, err := h.SignIn(request(http.MethodPost, from("198.51.100.99")), "ada", password); err != nil {
		t.Errorf("the right one, after the wait: %v", err)
	}
	if n, _ := h.tries("ada", "198.51.100.98", 100); n != 5 {
		t.Errorf("the right one did not begin anew: %d", n)
	}
	h.now = h.now.Add(15 * time.Minute)
	if n, _ := h.tries("ada", "198.51.100.97", 100); n != 5 {
		t.Errorf("a quarter of an hour did not begin anew: %d", n)
	}
}

// An unknown name is slowed like a known one, or the difference would tell them apart.
func TestUnknownNamesAreSlowedAlike(t *testing.T) {
	h := newHouse(t)
	if n, wait := h.tries("nobody", "198.51.100.1", 100); n != 5 || wait != time.Second {
		t.Errorf("after %d: %s", n, wait)
	}
}

// An address that goes through many names is slowed by itself; its neighbours in IPv6
// are it.
func TestAnAddressIsSlowedByItself(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"IPv4": func(int) string { return "198.51.100.1" },
		"IPv6": func(i int) string { return fmt.Sprintf("[2001:db8:1:2::%x]", i+1) },
	} {
		h := newHouse(t)
		h.person("ada", access.Admin)
		taken := 0
		for i := range 100 {
			n, _ := h.tries(fmt.Sprintf("name-%d", i), address(i), 1)
			taken += n
		}
		if taken != 10 {
			t.Errorf("%s: %d tries", name, taken)
		}
		if _, _, err := h.SignIn(request(http.MethodPost, from(address(7))), "ada", password); status(err) != 429 {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := h.SignIn(request(http.MethodPost, from("203.0.113.5")), "ada", password); err != nil {
			t.Errorf("%s: somebody else: %v", name, err)
		}
		h.now = h.now.Add(time.Hour)
		if _, _, err := h.SignIn(request(http.MethodPost, from(address(7))), "ada", password); err != nil {
			t.Errorf("%s: later: %v", name, err)
		}
	}
}

// Somebody else's tries under a name never keep its owner out where the owner has been
// before, and for at most half a minute where not.
func TestNobodyLocksSomebodyOut(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	if _, _, err := h.SignIn(request(http.MethodPost, from("203.0.113.5")), "ada", password); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		h.tries("ada", fmt.Sprintf("198.51.%d.%d", i/200, i%200), 1)
		h.now = h.now.Add(time.Second)
	}
	if _, wait := h.tries("ada", "198.51.100.250", 1); wait <= 0 || wait > 30*time.Second {
		t.Errorf("from elsewhere: %s", wait)
	}
	if _, _, err := h.SignIn(request(http.MethodPost, from("203.0.113.5")), "ada", password); err != nil {
		t.Errorf("where the owner has been: %v", err)
	}
	// The known address is no way around the throttle either.
	if n, _ := h.tries("ada", "203.0.113.5", 100); n != 5 {
		t.Errorf("%d tries from a known address", n)
	}
}

// Many tries at once win nothing: each counts from its beginning.
func TestTriesAtOnceCount(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, _, err := h.SignIn(request(http.MethodPost), "ada", "wrong wrong wrong"); status(err) != 429 {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 5 {
		t.Errorf("%d tries", n)
	}
}

// An account of one's own buys no tries at others.
func TestRightPasswordsBuyNoWrongOnes(t *testing.T) {
	h := newHouse(t)
	h.person("ada", access.Admin)
	h.person("eve", access.Viewer)
	taken := 0
	for i := range 40 {
		n, _ := h.tries(fmt.Sprintf("name-%d", i), "198.51.100.1", 1)
		taken += n
		_, _, _ = h.SignIn(request(http.MethodPost, from("198.51.100.1")), "eve", password)
	}
	if taken != 10 {
		t.Errorf("%d tries", taken)
	}
}

// An unknown name takes as long as a wrong password: both cost one hash.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	h := newHouse(t, func(o *access.Options) {
		o.Cost = argon2id.Params{Memory: 4 << 10, Iterations: 8, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	})
	h.person("ada", access.Admin)
	took := func(name string) time.Duration {
		h.now = h.now.Add(time.Hour) // nothing is throttled
		begin := time.Now()
		if _, _, err := h.SignIn(request(http.MethodPost), name, "wrong wrong wrong"); status(err) != 401 {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	known, unknown := time.Hour, time.Hour
	for range 20 { // in turns, and the best of them, since the machine has other work
		known, unknown = min(known, took("ada")), min(unknown, took("nobody"))
	}
	if unknown < known/4 || known < unknown/4 {
		t.Errorf("known %s, unknown %s", known, unknown)
	}
}
