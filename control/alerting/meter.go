package alerting

import (
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/alerts"
	"github.com/sluice-gateway/sluice/telemetry"
)

// The meter's window: twelve slots of five seconds.
const (
	slotLength = 5 * time.Second
	slots      = 12
	mostKeys   = 10_000 // per slot; there are as many as the configuration has
	fewCalls   = 10     // below this number a share says nothing
)

// account and upstreamKey are who an attempt was made with.
type account struct{ provider, account string }

type upstreamKey struct {
	account
	fingerprint string
}

type slot struct {
	at                             int64 // which piece of time; an older one is empty
	requests, failed, shed, waited int
	wait                           time.Duration
	refused                        map[account]int
	keys                           map[upstreamKey]tries
	overspent                      map[holder]bool // calls were refused for a spend limit
}

// holder is whose limits a call met.
type holder struct{ scope, name string }

type tries struct{ all, failed int }

// Meter counts the last minute. It is a telemetry.Sink and AttemptSink, safe for
// concurrent use.
type Meter struct {
	mu    sync.Mutex
	slots [slots]slot
}

// NewMeter makes a meter that has seen nothing.
func NewMeter() *Meter { return &Meter{} }

// slot is the one of a moment, emptied if it still holds another; the lock is held.
func (m *Meter) slot(t time.Time) *slot {
	at := t.UnixNano() / int64(slotLength)
	s := &m.slots[at%slots]
	if s.at < at {
		*s = slot{at: at, refused: map[account]int{}, keys: map[upstreamKey]tries{}, overspent: map[holder]bool{}}
	}
	return s
}

// Record counts a finished request.
func (m *Meter) Record(r *telemetry.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slot(r.Start.Add(r.Duration))
	s.requests++
	if r.ShedReason != "" {
		s.shed++
	} else if r.Fault == telemetry.FaultProvider || r.Fault == telemetry.FaultGateway {
		s.failed++
	}
	if len(r.Attempts) > 0 {
		s.waited++
		s.wait += r.QueueWait
	}
	if r.ErrorCode == spendLimit && len(s.overspent) < mostKeys {
		s.overspent[holderOf(r)] = true
	}
}

// spendLimit is the error code of calls that a spend limit refuses.
const spendLimit = "insufficient_quota"

// holderOf is whose limit refused a call.
func holderOf(r *telemetry.Record) holder {
	switch r.LimitedBy {
	case "client_key":
		return holder{r.LimitedBy, r.Key}
	case "owner":
		return holder{r.LimitedBy, r.Owner}
	}
	return holder{r.LimitedBy, r.Route}
}

// Attempt counts an upstream call when it is settled.
func (m *Meter) Attempt(_ *telemetry.Record, a *telemetry.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slot(a.Start.Add(a.Duration))
	who := account{a.Provider, a.Account}
	if rateLimited(a) {
		s.refused[who]++
	}
	k := upstreamKey{who, a.Key}
	t, known := s.keys[k]
	if !known && len(s.keys) >= mostKeys {
		return
	}
	t.all++
	if keyFailed(a) {
		t.failed++
	}
	s.keys[k] = t
}

func rateLimited(a *telemetry.Attempt) bool {
	switch a.Kind {
	case "rate_requests", "rate_tokens", "rate_unknown", "burst_ramp", "daily":
		return true
	}
	return a.Status == 429
}

// keyFailed says that an attempt failed for a reason that may lie in its key or upstream,
// and neither in the request nor in a rate.
func keyFailed(a *telemetry.Attempt) bool {
	switch a.Kind {
	case "invalid_key", "forbidden", "quota_exhausted", "overloaded", "server_error", "timeout", "connection", "malformed", "unclassified":
		return true
	}
	return false
}

// minute is what the meter knows of the last one.
type minute struct {
	requests, failed, shed, waited int
	wait                           time.Duration
	refused                        map[account]int
	keys                           map[upstreamKey]tries
	overspent                      map[holder]bool
}

func (m *Meter) last(now time.Time) minute {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := now.UnixNano() / int64(slotLength)
	sum := minute{refused: map[account]int{}, keys: map[upstreamKey]tries{}, overspent: map[holder]bool{}}
	for i := range m.slots {
		s := &m.slots[i]
		if s.at <= at-slots || s.at > at+1 { // a little ahead: clocks of two readers
			continue
		}
		sum.requests += s.requests
		sum.failed += s.failed
		sum.shed += s.shed
		sum.waited += s.waited
		sum.wait += s.wait
		for who, n := range s.refused {
			sum.refused[who] += n
		}
		for h := range s.overspent {
			sum.overspent[h] = true
		}
		for k, t := range s.keys {
			all := sum.keys[k]
			sum.keys[k] = tries{all.all + t.all, all.failed + t.failed}
		}
	}
	return sum
}

// readings turn the last minute into what alerts watch.
func (m *minute) readings() []alerts.Reading {
	average := 0.0
	if m.waited > 0 {
		average = m.wait.Seconds() / float64(m.waited)
	}
	out := []alerts.Reading{
		{Metric: alerts.QueueWait, Value: average},
		{Metric: alerts.ErrorRate, Value: share(m.failed, m.requests)},
		{Metric: alerts.ShedRate, Value: share(m.shed, m.requests)},
	}
	for k, t := range m.keys {
		out = append(out, alerts.Reading{Metric: alerts.KeyErrorRate, Labels: k.labels(), Value: share(t.failed, t.all)})
	}
	return out
}

// share is a part of a whole that is large enough to have parts.
func share(part, whole int) float64 {
	if whole < fewCalls {
		return 0
	}
	return float64(part) / float64(whole)
}

func (a account) labels() map[string]string {
	return map[string]string{"provider": a.provider, "account": a.account}
}

func (k upstreamKey) labels() map[string]string {
	return map[string]string{"provider": k.provider, "account": k.account.account, "key": k.fingerprint}
}
