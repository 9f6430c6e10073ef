package gateway

import (
	"slices"
	"sync"
	"time"
)

// recentKept is how many of an account's last attempts are remembered.
const recentKept = 256

// recent is an account's last attempts. It is safe for concurrent use.
type recent struct {
	mu       sync.Mutex
	attempts []recentAttempt
	next     int
	failures map[string]Failing // by kind; kinds are few
}

type recentAttempt struct {
	firstByte, whole time.Duration
	ok               bool
}

// Failing is how often an account's attempts have failed in one way since the start.
type Failing struct {
	Count   int64
	Last    time.Time
	Status  int // of the last one; 0: no answer
	Message string
}

// Latency is how long an account's last attempts took that went well.
type Latency struct {
	// Attempts were looked at, OK of them went well.
	Attempts, OK               int
	FirstByteP50, FirstByteP95 time.Duration
	WholeP50, WholeP95         time.Duration
}

func (r *recent) add(a recentAttempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.attempts) < recentKept {
		r.attempts = append(r.attempts, a)
		return
	}
	r.attempts[r.next] = a
	r.next = (r.next + 1) % recentKept
}

func (r *recent) failed(kind string, status int, message string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == nil {
		r.failures = map[string]Failing{}
	}
	r.failures[kind] = Failing{Count: r.failures[kind].Count + 1, Last: now, Status: status, Message: clip(message, 200)}
}

// view answers what is remembered.
func (r *recent) view() (Latency, map[string]Failing) {
	r.mu.Lock()
	attempts := slices.Clone(r.attempts)
	failures := make(map[string]Failing, len(r.failures))
	for k, f := range r.failures {
		failures[k] = f
	}
	r.mu.Unlock()
	l := Latency{Attempts: len(attempts)}
	var first, whole []time.Duration
	for _, a := range attempts {
		if a.ok {
			first, whole = append(first, a.firstByte), append(whole, a.whole)
		}
	}
	l.OK = len(whole)
	slices.Sort(first)
	slices.Sort(whole)
	l.FirstByteP50, l.FirstByteP95 = quantile(first, 50), quantile(first, 95)
	l.WholeP50, l.WholeP95 = quantile(whole, 50), quantile(whole, 95)
	return l, failures
}

// quantile is the smallest value that so many percent do not exceed; zero of none.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
